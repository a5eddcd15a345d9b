/**
 * Completed jobs in columns: what of them is packed, when a row is made again, and that
 * both hold the same.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decide } from '../../../src/core/decide.js';
import type { JobRecord } from '../../../src/core/records.js';
import { State } from '../../../src/core/state/state.js';
import { HeldPayloads } from '../../../src/store/held-payloads.js';
import {
  call,
  idOf,
  keeping,
  Machine,
  main,
  nameOf,
  outsideAt,
  payload,
  recordOf,
  snapshotOf,
  thrown,
} from '../making.js';

const owner = idOf('owner');

/** A machine whose store packs each completed job with the next group. */
class Packing extends Machine {
  constructor() {
    super(new State(new HeldPayloads()));
  }

  /** Names the jobs that are packed: each walk makes a record of its own for them. */
  packed(): string[] {
    const again = [...this.state.jobs()];
    return [...this.state.jobs()].filter((job, at) => job !== again[at]).map(({ id }) => nameOf(id));
  }

  run(name: string, options = {}, extra = {}): void {
    this.put(call(name, options, extra));
    this.claim(name);
    this.settle(name);
    this.pack();
  }

  /** Packs what can be packed, as a store does when all changes are safe. */
  pack(): void {
    this.state.pack([...this.state.jobs()]);
  }

  names(jobs: Iterable<JobRecord>): string[] {
    return Array.from(jobs, ({ id }) => nameOf(id));
  }
}

/** A machine with completed jobs of these names, packed, in this order. */
function completed(...names: string[]): Packing {
  const machine = new Packing();
  for (const name of names) machine.run(name);
  assert.deepEqual(machine.packed(), names);
  return machine;
}

describe('a packed job', () => {
  it('has the same record as before', () => {
    const machine = new Packing();
    machine.put(call('a', {}, { args: { byteLength: 7 } }));
    machine.pass(70_000);
    machine.claim('a');
    machine.pass(3);
    machine.settle('a');
    const before = recordOf(machine.job('a'));
    const snapshot = snapshotOf(machine.state);
    machine.pack();
    assert.deepEqual(machine.packed(), ['a']);
    assert.deepEqual(recordOf([...machine.state.jobs()][0]!), before);
    assert.deepEqual(snapshotOf(machine.state), snapshot);
    assert.deepEqual(recordOf(machine.job('a')), before, 'as a row, too');
  });

  it('becomes a row for those who look at it, until the next group is kept', () => {
    const machine = completed('a', 'b');
    const row = machine.job('a');
    assert.equal(machine.job('a'), row);
    assert.deepEqual(machine.packed(), ['b']);
    machine.put(call('c'));
    assert.deepEqual(machine.packed(), ['a', 'b']);
  });

  it('is one that succeeded and has nothing of its own beside times and payloads', () => {
    const machine = new Packing();
    const others = {
      unique: [{ unique: 'u' }, {}],
      callback: [{}, { callbacks: [call('of callback')] }],
      date: [{ beginAfter: 1001 }, {}],
      deadline: [{ beginByMs: 1e9 }, {}],
    } as const;
    for (const [name, [options, extra]] of Object.entries(others)) {
      machine.put(call(name, options, extra));
      machine.pass(2);
      machine.claim(name);
      machine.settle(name);
    }
    machine.put(call('failed'));
    machine.claim('failed');
    machine.settle('failed', thrown);
    machine.put(call('annotated'), call('plain'), call('running'));
    machine.do({ type: 'annotate', job: idOf('annotated'), name: 'n', value: { byteLength: 1 } });
    for (const name of ['annotated', 'plain']) {
      machine.claim(name);
      machine.settle(name);
    }
    machine.claim('running');
    machine.pack();
    assert.deepEqual(machine.packed(), ['plain']);
  });

  it('[2.12] stays a row while a command that changed it is not kept', () => {
    const machine = new Packing();
    machine.put(call('a'));
    machine.claim('a');
    const row = machine.job('a');
    const before = snapshotOf(machine.state);
    const outcome = { kind: 'value', payload: payload() } as const;
    const { fence } = row;
    const settle = { type: 'settle', job: row.id, fence, outcome, startedAt: machine.now, inner: [] } as const;
    decide(machine.state, settle, outsideAt(9e6));
    machine.state.pack([row]);
    assert.deepEqual(machine.packed(), []);
    machine.state.rollback(0);
    assert.deepEqual(snapshotOf(machine.state), before);
  });

  it('[2.12] can get a callback late, also through a record that was read before', () => {
    const machine = completed('a');
    const [stale] = machine.state.jobs();
    machine.do({ type: 'addCallbacks', job: idOf('a'), callbacks: [call('c')] });
    assert.deepEqual(machine.names(machine.state.callbacks(stale!)), ['c']);
    machine.pack();
    assert.deepEqual(machine.packed(), [], 'it has a callback');
    assert.throws(() => machine.do({ type: 'forgetJob', job: idOf('a') }), /callbacks/);
  });

  it('[2.12] is forgotten in its turn, and comes back if that is undone', () => {
    const machine = completed('a', 'b', 'c', 'd');
    machine.job('b');
    const before = snapshotOf(machine.state);
    const { effects } = decide(machine.state, { type: 'forget', keep: keeping(1) }, outsideAt(9e6));
    assert.deepEqual(
      effects.map(({ type }) => type),
      ['forgotten', 'forgotten', 'forgotten'],
    );
    const { forgotten, droppedSeats } = machine.state.changes();
    assert.deepEqual(forgotten.map(nameOf).sort(), ['a', 'b', 'c']);
    assert.equal(droppedSeats.length, 2, 'the other one is a row');
    assert.equal(machine.state.job(idOf('a')), undefined);
    machine.state.rollback(0);
    assert.deepEqual(snapshotOf(machine.state), before);
    machine.do({ type: 'forget', keep: keeping(3) });
    assert.equal(machine.state.kept('succeeded').oldest?.id, idOf('b'));
    machine.do({ type: 'forget', keep: keeping(0) });
    assert.deepEqual([machine.state.size, machine.state.kept('succeeded').bytes], [0, 0]);
    assert.deepEqual([...machine.state.tallies()], []);
  });

  it('causes no record when it is forgotten and no client has its handle', () => {
    const machine = completed('a');
    const outside = { ...outsideAt(9e6), holding: false };
    assert.deepEqual(decide(machine.state, { type: 'forget', keep: keeping(0) }, outside).effects, []);
  });

  it('[2.12] is forgotten on request', () => {
    const machine = completed('a', 'b', 'c');
    machine.do({ type: 'forgetJob', job: idOf('b') });
    assert.deepEqual(machine.names(machine.state.lastCompleted('succeeded')), ['c', 'a']);
    machine.do({ type: 'forget', keep: keeping(1) });
    assert.deepEqual(machine.names(machine.state.jobs()), ['c']);
  });

  it('[2.12] is listed for its agent, and in the order of completion, while others come and go', () => {
    const names = Array.from({ length: 40 }, (_, index) => `j${index}`);
    const machine = completed(...names);
    assert.deepEqual(machine.names(machine.state.completedBy(main)), [...names].reverse());
    assert.equal(machine.packed().length, 40, 'a list makes no rows');
    const walk = machine.state.lastCompleted('succeeded');
    const seen = [walk.next(), walk.next()].map(({ value }) => nameOf((value as JobRecord).id));
    machine.do({ type: 'forgetJob', job: idOf('j20') });
    machine.do({ type: 'forget', keep: keeping(30) });
    machine.run('later');
    for (const { id } of walk) seen.push(nameOf(id));
    assert.deepEqual(
      seen,
      [...names]
        .reverse()
        .filter((name) => name !== 'j20')
        .slice(0, 30),
    );
  });

  it('[2.12] keeps the order of completion when thousands were forgotten meanwhile', () => {
    const machine = new Packing();
    const keepJobs = (from: number, to: number) => {
      const names = Array.from({ length: to - from }, (_, index) => `j${from + index}`);
      for (const name of names) machine.run(name);
      return names;
    };
    const first = keepJobs(0, 500);
    const walk = machine.state.lastCompleted('succeeded');
    const seen = Array.from({ length: 100 }, () => nameOf((walk.next().value as JobRecord).id));
    for (const name of first.slice(410, 420)) machine.do({ type: 'forgetJob', job: idOf(name) });
    machine.do({ type: 'forget', keep: keeping(200) });
    machine.do({ type: 'forget', keep: keeping(200) });
    // The seats of the forgotten ones are taken by others.
    const later = keepJobs(500, 900);
    for (const { id } of walk) seen.push(nameOf(id));
    const isLeft = (name: string) => !first.slice(410, 420).includes(name) || seen.indexOf(name) < 100;
    assert.deepEqual(seen, first.slice(290).reverse().filter(isLeft));
    const kept = [...first.slice(290).filter((name) => !first.slice(410, 420).includes(name)), ...later];
    assert.deepEqual(machine.names(machine.state.jobs()), kept);
    assert.deepEqual(machine.names(machine.state.lastCompleted('succeeded')), kept.reverse());
  });

  it('is found again when the state is loaded', () => {
    const machine = completed('a', 'b');
    const opened = new State(new HeldPayloads());
    for (const job of machine.state.jobs()) opened.load(recordOf(job));
    opened.loaded();
    assert.deepEqual([...opened.jobs()].map(recordOf), [...machine.state.jobs()].map(recordOf));
    assert.notEqual([...opened.jobs()][0], [...opened.jobs()][0], 'it is packed');
  });

  it('shares its fields with at most a thousand kinds of others; more stay rows', () => {
    const machine = new Packing();
    machine.now = 0;
    const jobs = Array.from({ length: 1100 }, (_, index) => call(`k${index}`, { priority: index }));
    machine.do({ type: 'put', queue: '', owner, level: 'full', jobs });
    for (const { id } of jobs) {
      machine.do({ type: 'claim', job: id, agent: main });
      const { fence } = machine.state.job(id)!;
      machine.do({
        type: 'settle',
        job: id,
        fence,
        outcome: { kind: 'value', payload: payload() },
        startedAt: machine.now,
        inner: [],
      });
    }
    machine.pack();
    assert.equal(machine.packed().length, 1024);
    machine.do({ type: 'forget', keep: keeping(0) });
    machine.do({ type: 'forget', keep: keeping(0) });
    machine.do({ type: 'forget', keep: keeping(0) });
    machine.do({ type: 'forget', keep: keeping(0) });
    machine.do({ type: 'forget', keep: keeping(0) });
    assert.equal(machine.state.size, 0);
    machine.run('another');
    assert.deepEqual(machine.packed(), ['another'], 'kinds without jobs are free again');
  });
});
