/**
 * A store that loads the records of each decision reads few of them: the jobs that it writes and
 * three more, however many a composition, a quota or a queue has.
 *
 * Some decisions may read more. `forget` looks for the roots that completed first, 256 at a time
 * unless it says how many exceed a limit. `putAgain` checks the quotas of all members. A job that
 * returns another walks it if the other may lead back (`endsAfter`), or if places of quotas are
 * shared with its parts (`share`). A retry of a whole without postprocess looks for a part that
 * failed. A tick that finds several live jobs of its schedule, a hundred at most, looks for one
 * that was not lost.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Command, JobSpec, Settled } from '../../src/core/commands.js';
import { chunkItems, type OverlapPolicy } from '../../src/core/records.js';
import { CountedDecisions, cancel, claim, goOn, put } from './counted-decisions.js';
import { call, idOf, keeping, us, whole } from './making.js';

const sizes = [1, 1000, Number(process.env.CALLSHEET_JOBS ?? 10_000)];
/** Decisions that write all jobs are only counted up to this size. */
const mostWritten = 1000;

/** A story with `size` jobs of one kind in it. Its decisions are counted by `count`. */
type Story = (
  size: number,
  world: CountedDecisions,
  count: (name: string, command: Command) => Promise<void>,
) => Promise<void>;

const names = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `${prefix}${index}`);
const calls = (prefix: string, count: number): JobSpec[] => names(prefix, count).map((name) => call(name));
const post = { callable: 'm#post' };
const returned = (name: string): Settled => ({ kind: 'job', job: idOf(name) });

const stories: Record<string, Story> = {
  'a parallel': async (size, world, count) => {
    const spec = { ...whole('parallel', 'w', calls('p', size)), ...post, callbacks: [call('c')] };
    await count('put of all', put(spec));
    await count('claim', claim('w'));
    await count('more parts put', goOn('w'));
    world.goOn('w');
    await count('claim of a part', claim('p0'));
    await count('settle of a part', world.settle('p0'));
    await count('callback added to a part', { type: 'addCallbacks', job: idOf('p0'), callbacks: [call('d')] });
    world.run(['d', ...names('p', size).slice(1)]);
    await count('claim of the postprocess', claim('w'));
    await count('settle of the postprocess', world.settle('w'));
    await count('settle of its callback', world.settle('c'));
  },
  'a parallel that is cancelled': async (size, world, count) => {
    world.pass([put(whole('parallel', 'w', calls('p', size + 1))), claim('w')]);
    world.goOn('w');
    world.run(names('p', size));
    await count('part added', { type: 'addParts', job: idOf('w'), parts: [call('q')] });
    await count('cancel of two parts', cancel('w'));
  },
  'a serial': async (size, world, count) => {
    await count('put of all', put({ ...whole('serial', 'w', calls('p', size + 1)), ...post }));
    await count('claim', claim('w'));
    await count('claim of a part', claim('p0'));
    await count('cancel of a part before its turn', cancel(`p${size}`));
    await count('settle of a part', world.settle('p0'));
    await count('part added', { type: 'addParts', job: idOf('w'), parts: [call('q')] });
    await count('cancel', cancel('w'));
    await count('more parts cancelled', goOn('w'));
  },
  callbacks: async (size, world, count) => {
    await count('put of all', put(call('a', {}, { callbacks: calls('c', size + 1) })));
    await count('claim', claim('a'));
    await count('settle', world.settle('a'));
    await count('settle of a callback', world.settle('c0'));
    await count('callback added', { type: 'addCallbacks', job: idOf('a'), callbacks: [call('d')] });
    await count('cancel of a callback before its turn', cancel('d'));
  },
  'items of a map': async (size, world, count) => {
    const feed = (from: number, items: readonly string[]): Command => {
      const chunk = idOf(`c${Math.floor(from / chunkItems)}`);
      return { type: 'feed', job: idOf('m'), from, chunk, parts: items.map((name) => call(name)) };
    };
    const items = names('i', size);
    const starts = items.flatMap((_, index) => (index % chunkItems === 0 ? [index] : []));
    world.pass([put(call('m', {}, { form: 'map', callable: '' })), claim('m')]);
    world.pass(starts.map((from) => feed(from, items.slice(from, from + chunkItems))));
    await count('feed', feed(size, ['last']));
    await count('claim of an item', claim('i0'));
    await count('settle of an item', world.settle('i0'));
    await count('end of the input', { type: 'endInput', job: idOf('m'), failure: null });
    world.run([...items.slice(1), 'last']);
    await count('fold of a chunk', { type: 'fold', job: idOf('c0'), list: new Uint8Array(1) });
  },
  'parts of a returned job': async (size, world, count) => {
    world.pass([
      put(whole('parallel', 'w', calls('p', size)), whole('serial', 'v', [call('a')]), call('b'), call('c')),
    ]);
    world.pass([claim('v'), claim('a'), claim('b'), claim('c')]);
    await count('settle that returns it', world.settle('b', returned('w')));
    world.pass([claim('w')]);
    await count('settle of a part that returns it', world.settle('a', returned('w')));
    await count('cancel of a job that waits', cancel('b'));
    await count('settle that returns a part', world.settle('c', returned('p0')));
  },
  'jobs that returned the same': async (size, world, count) => {
    world.pass([put(call('i'), call('x'), ...calls('a', size))]);
    world.run(names('a', size), returned('i'));
    await count('cancel of a job that waits', cancel('a0'));
    await count('remove', { type: 'remove', job: idOf('i'), queue: '' });
    world.pass([claim('i')]);
    await count('settle for all', world.settle('i'));
  },
  'holders of a quota': async (size, world, count) => {
    const inQuota = (name: string) => call(name, { quotas: ['q'] });
    const holders = names('h', size);
    const quota = { type: 'setQuota', queue: '', name: 'q', size: size + 1, rate: 0, ratePeriodMs: 0 } as const;
    world.pass([quota, put(...[...holders, 'a', 'b'].map(inQuota)), ...holders.map(claim)]);
    await count('claim of the last place', claim('a'));
    await count('claim without a place', claim('b'));
    await count('settle', world.settle('a'));
  },
  'jobs of an agent': async (size, world, count) => {
    const agent = { type: 'installAgent', dispatcher: us, queue: '', name: 'main', size: 1, wins: false } as const;
    world.pass([agent, put(...calls('a', size)), ...names('a', size).map(claim)]);
    world.pass([
      { type: 'createQueue', name: 'mail' },
      { ...put(...calls('b', size)), queue: 'mail' },
    ]);
    await count('removeQueue', { type: 'removeQueue', name: 'mail' });
    await count('removeAgent', { type: 'removeAgent', dispatcher: us, queue: '', name: 'main' });
    await count('rescue of all', { type: 'rescue', dispatcher: us, pings: 1 });
  },
  'jobs at their time': async (size, world, count) => {
    world.pass([put(...names('a', size).map((name) => call(name, { beginAfter: 2000 })))]);
    world.now = 3000;
    await count('tick', { type: 'tick' });
  },
  'ticks of a schedule': async (size, world, count) => {
    // A schedule remembers a hundred live jobs.
    const live = Math.min(size, 100);
    let at = 2000;
    let names = 0;
    const set = (overlap: OverlapPolicy): Command => ({
      type: 'setSchedule',
      settings: {
        ...{ name: 's', queue: '', spec: { everyMs: 1000, anchor: 0 }, missed: 'one', windowMs: 1e9, jitterMs: 0 },
        ...{ overlap, pauseOnFailure: false, declared: false, digest: overlap },
      },
      template: { id: idOf(`t${names++}`), args: new Uint8Array(1) },
      ...{ sample: call('sample'), nextAt: at, zones: '', owner: idOf('owner'), level: 'full' },
    });
    const fire = (): Command => {
      const tick = { at, job: call(`j${names++}`) };
      const times = { at, last: at, next: at + 1000 };
      at += 1000;
      return { type: 'fire', name: 's', ...times, zones: '', missed: 0, tick, owner: idOf('owner') };
    };
    await count('setSchedule', set('allow'));
    world.pass(Array.from({ length: live }, fire));
    await count('fire beside others', fire());
    await count('setSchedule that changes it', set('replace'));
    await count('fire that replaces others', fire());
    world.pass([set('skip')]);
    await count('fire that is skipped', fire());
    world.pass([set('queue')]);
    await count('fire that waits', fire());
  },
  'parts of a failed job': async (size, world, count) => {
    const parts = calls('p', size);
    const spec = { ...whole('parallel', 'w', parts), ...post, callbacks: [call('c')] };
    world.pass([put(spec), claim('w')]);
    world.goOn('w');
    world.run(names('p', size));
    world.run(['w'], { kind: 'failure', payload: new Uint8Array(1), names: ['Error'] });
    world.run(['c']);
    const ids = Array.from({ length: size + 2 }, (_, index) => idOf(`r${index}`));
    const again = { type: 'retry', job: idOf('w'), owner: idOf('owner'), options: {}, callbacks: 'again' } as const;
    await count('retry of all', { ...again, ids, parts: 'failed' });
    await count('retry that is refused', { ...again, ids: [], parts: 'failed' });
  },
  'completed jobs': async (size, world, count) => {
    world.pass([put(...calls('a', size))]);
    world.run(names('a', size));
    await count('forget of one', { type: 'forget', keep: keeping(size - 1), most: 1 });
    await count('forget', { type: 'forget', keep: keeping(0) });
  },
  'jobs of a process that has ended': async (size, world, count) => {
    world.pass([{ ...put(...calls('a', size)), level: 'memory' }]);
    await count('forgetMemory', { type: 'forgetMemory', owner: idOf('owner'), until: world.now });
  },
  'parts of a stronger level': async (size, world, count) => {
    const spec = { ...whole('parallel', 'w', calls('p', size)), options: { unique: 'u' } };
    world.pass([{ ...put(spec), level: 'memory' }]);
    await count('put that raises all', put({ ...call('x'), options: { unique: 'u' } }));
    await count('cancel', cancel('w'));
    await count('more parts cancelled', goOn('w'));
  },
};

describe('the jobs that a decision reads', () => {
  for (const [title, story] of Object.entries(stories)) {
    it(`are those that it writes and at most three more, in a story of ${title}`, async (t) => {
      const tooMany: string[] = [];
      for (const size of sizes) {
        const world = new CountedDecisions();
        await story(size, world, async (name, command) => {
          if (name.endsWith(' all') && size > mostWritten) return world.pass([command]);
          const { read, written } = await world.count(command);
          const counted = `${name}, ${size}: ${read} read, ${written} written`;
          t.diagnostic(counted);
          if (read > written + 3) tooMany.push(counted);
        });
      }
      assert.deepEqual(tooMany, []);
    });
  }
});
