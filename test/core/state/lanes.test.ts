/**
 * Compares lanes with a sorted list: the order of claiming, while jobs are refused, held back,
 * added and removed.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Lane, Lanes, type Queued } from '../../../src/core/state/lanes.js';
import { seedOf } from '../../harness/randomness.js';

/** The fields of a job that lanes read. */
interface Standing {
  readonly queue: string;
  readonly callable: string;
  readonly priority: number;
  readonly front: boolean;
  readonly eligible: number;
  readonly quotas: readonly string[];
}

function queued(of: Partial<Standing>): Queued {
  const plain = { queue: '', callable: 'm#a', priority: 0, front: false, eligible: 0, quotas: [] };
  return { ...plain, ...of, lane: undefined, lanePosition: -1 } as unknown as Queued;
}

/** Sorts jobs into the order of [3.2]. */
const inOrder = (jobs: readonly Queued[]) =>
  jobs.toSorted((a, b) => b.priority - a.priority || Number(b.front) - Number(a.front) || a.eligible - b.eligible);

/** Walks a line at once. */
const walked = (lanes: Lanes, queue: string, after?: Queued) =>
  [...lanes.walk(queue, after)].filter((job) => job !== undefined);

const any = () => true;
const noneFull = () => undefined;

const step = fc.record({
  add: fc.boolean(),
  which: fc.nat({ max: 1000 }),
  priority: fc.integer({ min: -1, max: 1 }),
  front: fc.boolean(),
  callable: fc.constantFrom('m#a', 'm#b', 'm#c'),
  quotas: fc.constantFrom([], [], ['q'], ['q', 'r']),
  queue: fc.constantFrom('', 'other'),
});

describe('the lanes', () => {
  it('[3.2] return the first job of the lanes that are accepted and not held back', (t) => {
    const property = fc.property(fc.array(step, { maxLength: 80, size: 'max' }), fc.boolean(), (steps, full) => {
      const lanes = new Lanes();
      let line: Queued[] = [];
      let isFull = full;
      const fullAt = ({ gates }: Lane) => (isFull && gates.includes('q') ? 'q' : undefined);
      for (const [eligible, { add, which, ...of }] of steps.entries()) {
        if (add || line.length === 0) {
          const job = queued({ ...of, eligible });
          lanes.add(job, job.quotas);
          line.push(job);
        } else {
          const out = line[which % line.length]!;
          lanes.remove(out);
          line = line.filter((job) => job !== out);
        }
        if (which % 7 === 0) {
          isFull = !isFull;
          if (!isFull) for (const queue of ['', 'other']) lanes.unpark(queue, 'q');
        }
        for (const queue of ['', 'other']) {
          const here = inOrder(line.filter((job) => job.queue === queue));
          assert.equal(lanes.count(queue), here.length);
          assert.equal([...lanes.openQueues()].includes(queue) || isFull, here.length > 0 || isFull);
          for (const refused of ['none', 'm#a', 'm#b']) {
            const first = here.find((job) => job.callable !== refused && !(isFull && job.quotas.includes('q')));
            assert.equal(
              lanes.first(queue, (lane) => lane.callable !== refused, fullAt, 0),
              first,
            );
          }
          assert.deepEqual(walked(lanes, queue), here, 'parked lanes too');
          for (const at of [0, here.length >> 1, here.length - 1])
            if (here[at] !== undefined) assert.deepEqual(walked(lanes, queue, here[at]), here.slice(at + 1));
        }
      }
    });
    fc.assert(property, { seed: seedOf(t), numRuns: 400 });
  });

  it('[3.3] show a walk each job that keeps its place once, and in order, while others come and go', (t) => {
    const property = fc.property(fc.array(step, { minLength: 20, maxLength: 120, size: 'max' }), (steps) => {
      const lanes = new Lanes();
      let line: Queued[] = [];
      let eligible = 0;
      const add = (of: Partial<Standing>) => {
        const job = queued({ ...of, eligible: eligible++, queue: '' });
        lanes.add(job, job.quotas);
        line.push(job);
      };
      for (const { which: _, add: __, ...of } of steps) add(of);
      let stayed = [...line];
      const met: Queued[] = [];
      const walk = lanes.walk('');
      for (const { which, add: comes, ...of } of steps) {
        for (let left = which % 5; left > 0; left--) {
          const { done, value } = walk.next();
          if (!done && value !== undefined) met.push(value);
        }
        if (comes) add(of);
        else {
          const out = line[which % line.length]!;
          lanes.remove(out);
          line = line.filter((job) => job !== out);
          stayed = stayed.filter((job) => job !== out);
          // Half of them come back with another place.
          if (which % 2 === 0) add(of);
        }
        if (which % 7 === 0) lanes.first('', any, ({ gates }) => (gates.includes('q') ? 'q' : undefined), 0);
        if (which % 11 === 0) lanes.unpark('', 'q');
      }
      for (const job of walk) if (job !== undefined) met.push(job);
      assert.deepEqual(met, inOrder(met));
      assert.equal(new Set(met).size, met.length);
      assert.deepEqual(
        met.filter((job) => stayed.includes(job)),
        inOrder(stayed),
      );
    });
    fc.assert(property, { seed: seedOf(t), numRuns: 400 });
  });

  it('[3.2] return jobs in the order of the contract', () => {
    const lanes = new Lanes();
    const jobs = [
      queued({ eligible: 1 }),
      queued({ eligible: 2, callable: 'm#b' }),
      queued({ eligible: 3, priority: 5 }),
      queued({ eligible: 4, front: true, callable: 'm#c' }),
      queued({ eligible: 5, priority: -5, front: true }),
    ];
    for (const job of jobs) lanes.add(job, []);
    const claimed: number[] = [];
    const next = () => lanes.first('', any, noneFull, 0);
    for (let first = next(); first !== undefined; first = next()) {
      claimed.push(first.eligible);
      lanes.remove(first);
    }
    assert.deepEqual(claimed, [3, 4, 1, 2, 5]);
    assert.deepEqual([...lanes.openQueues()], []);
  });

  it('[4.7] ask once about all jobs that a full quota holds back', () => {
    const lanes = new Lanes();
    for (let n = 0; n < 10_000; n++) lanes.add(queued({ eligible: n, quotas: ['q'] }), ['q']);
    lanes.add(queued({ eligible: 10_000, callable: 'm#b' }), []);
    let asked = 0;
    const first = () =>
      lanes.first(
        '',
        any,
        (lane) => {
          asked++;
          return lane.gates.includes('q') ? 'q' : undefined;
        },
        0,
      );
    for (let n = 0; n < 100; n++) assert.equal(first()?.callable, 'm#b');
    assert.equal(asked, 1);
    lanes.unpark('', 'q');
    assert.equal(lanes.first('', any, noneFull, 0)?.eligible, 0);
  });
});
