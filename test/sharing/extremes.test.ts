/**
 * Each call of the public API with extreme values, on an owner and on a client: the same is
 * answered or refused by both, and the client stays connected.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { type Job, type Queue, type Runtime, retryErrors, retryNever, type Schedule } from 'callsheet';
import { type Kit, openVirtual } from 'callsheet/testing';
import { allJobs, work } from '../contract/jobs/all.js';
import { openThroughSocket } from './kits.js';

const texts = ['', 'x'.repeat(201), 'x'.repeat(1001), 'x'.repeat(70_000), '*'.repeat(1001), 'a\0b', '\ud800'];
const numbers = [-1, 0, 1.5, 5e-324, 2 ** 50 + 1, 2 ** 51 + 1, 2 ** 53, 1e300, -1e300, Infinity, -Infinity, NaN];
const dates = [new Date(NaN), new Date(8.64e15), new Date(-8.64e15), new Date(0)];
const lists = [[], Array(3), Array(1001).fill('x'), Array.from({ length: 1001 }, (_, index) => `n${index}`)];
const extremes: readonly unknown[] = [...texts, ...numbers, ...dates, ...lists, undefined, null, true, {}, Symbol('s')];

/** Yields the value with one part of it replaced by an extreme one, for each part. */
function* variants(value: unknown): Generator<unknown> {
  yield* extremes;
  if (Array.isArray(value)) {
    yield Array(1001).fill(value[0]);
    for (const [index, part] of value.entries()) for (const other of variants(part)) yield value.with(index, other);
  } else if (Object.getPrototypeOf(value ?? 0) === Object.prototype) {
    for (const [key, part] of Object.entries(value as object))
      for (const other of variants(part)) yield { ...(value as object), [key]: other };
  }
}

const id = '01890a5d-ac96-774b-bcce-b302099a8057';
const interval = { from: new Date(0), to: new Date(1e12) };
const kinds = { queue: ['q'], callable: ['work#*'] };
const filter = {
  ...{ ...kinds, id: '01', status: ['pending'], outcome: 'failure', role: 'root', error: ['Error'], parent: id },
  ...{ agent: 'a', dispatcher: id, quota: { name: 'n', key: 'k' }, unique: 'u', retried: true },
  ...{ annotation: { name: 'a', value: 1 }, put: interval, completed: interval },
};
/** For the methods that check it as `monitor.jobs` does. */
const shortFilter = { ...kinds, unique: 'u', quota: 'n' };
const jobOptions = {
  ...{
    priority: 1,
    beginAfter: 1e9,
    beginByMs: 1e10,
    timeoutMs: 1,
    log: 'info',
    quotas: ['zz', { name: 'zz', key: 'k' }],
  },
  ...{ unique: 'u', replace: false, held: true, retry: retryNever },
};
const { priority, beginAfter, beginByMs, timeoutMs, quotas } = jobOptions;
const changes = { priority, beginAfter, beginByMs, timeoutMs, quotas, args: [1] };
const bulk = { dryRun: true, expect: 0 };
const schedule = {
  ...{ every: '15m', anchor: new Date(0), from: new Date(0), until: new Date(8e15), missed: 'one', windowMs: 1 },
  ...{ overlap: 'skip', jitterMs: 1, pauseOnFailure: false },
};

interface Side {
  readonly kit: Kit;
  readonly runtime: Runtime;
  readonly queue: Queue;
  readonly job: Job;
  readonly schedule: Schedule;
}

type Calls = Readonly<Record<string, readonly (readonly unknown[])[]>>;

/** The arguments of each method. One part at a time is replaced. */
const calls: Readonly<Record<string, { readonly of: (side: Side) => object; readonly methods: Calls }>> = {
  Runtime: {
    of: ({ runtime }) => runtime,
    methods: {
      queue: [['q']],
      queues: [[]],
      createQueue: [['q2']],
      removeQueue: [['q3']],
      putTogether: [[[{ queue: 'q', job: work.echo(1), options: jobOptions }], {}]],
      schedule: [['daily']],
      schedules: [[]],
      // Internal, and no requests.
      log: [],
      trace: [],
      dispatchers: [[]],
      drain: [[]],
      unregister: [[id]],
      events: [[{ limit: 1 }]],
      stats: [[]],
      job: [[id]],
      retry: [[id, { ...changes, parts: 'all', callbacks: 'none' }]],
      retryAll: [
        [shortFilter, { ...bulk, priority, quotas, beginAfter, beginByMs, timeoutMs, parts: 'all', callbacks: 'none' }],
      ],
      cancelAll: [[shortFilter, bulk]],
      forgetAll: [[shortFilter, bulk]],
      // Ends the runtime.
      close: [],
    },
  },
  Monitor: {
    of: ({ runtime }) => runtime.monitor,
    methods: {
      counts: [
        [kinds, { by: ['queue'] }],
        [{}, { by: Array(20).fill('queue') }],
      ],
      jobs: [
        [filter, { limit: 1, cursor: 'x', order: 'oldest' }],
        [{ queue: 'q' }, { order: 'claim' }],
      ],
      job: [[id, { arguments: true, result: true, log: true }]],
      parts: [[id, { cells: 100 }]],
      explain: [[id]],
      traceback: [[id]],
      active: [[]],
      queues: [[{ queue: ['q'], limit: 1 }]],
      threads: [[{ since: new Date(0) }]],
      status: [[]],
      functions: [[]],
      failures: [
        [{ by: ['error'], since: new Date(0), filter: shortFilter, limit: 1 }],
        [{ by: Array(20).fill('error') }],
      ],
      next: [['q', { limit: 1 }]],
      last: [[{ limit: 1, queue: 'q', outcome: 'value' }]],
      stats: [
        [kinds, { by: ['queue'], ...interval, stepMs: 60_000 }],
        [{}, { by: Array(20).fill('queue') }],
      ],
      totals: [[]],
    },
  },
  Queue: {
    of: ({ queue }) => queue,
    methods: {
      put: [[work.echo(1), jobOptions]],
      putAll: [[[work.echo(1)], jobOptions]],
      broadcast: [[work.echo(1), { priority: 1 }]],
      schedule: [
        ['often', work.echo(1), schedule],
        ['daily', work.echo(1), { cron: '0 0 * * *', zone: 'UTC' }],
        ['daily', work.echo(1), { cron: `0 0 * * ${Array(600).fill(1).join()}` }],
      ],
      length: [[]],
      details: [[]],
      at: [[0], [2 ** 52]],
      pull: [[1000]],
      remove: [['no job']],
      pause: [[]],
      resume: [[]],
      drain: [[]],
      setBound: [[0]],
      setQuota: [['zz', { size: 1, rate: { count: 1, periodMs: 1 } }]],
      removeQuota: [['yy']],
      quotas: [[]],
      agents: [[]],
      setAgent: [
        [
          'a',
          {
            size: 1,
            filter: { callables: ['work#echo'], modules: ['work'], quotas: ['zz'], minPriority: 0, maxPriority: 1 },
            dispatcher: id,
            retry: { jobs: retryErrors({ limit: 1e300 }), callbacks: retryNever },
          },
        ],
      ],
      removeAgent: [['a', { dispatcher: id }]],
      completedBy: [['a', { ...interval, limit: 1, dispatcher: id }]],
    },
  },
  Job: {
    of: ({ job }) => job,
    methods: {
      details: [[]],
      status: [[]],
      arguments: [[]],
      result: [[{ timeoutMs: 1 }]],
      failure: [[{ timeoutMs: 1 }]],
      progress: [[]],
      addCallback: [[work.echo]],
      addCallbacks: [[{ success: work.echo, failure: work.echo }]],
      addParts: [[[work.echo(1)]]],
      endInput: [[]],
      change: [[changes]],
      fail: [...texts.map((name) => [Object.assign(new Error(name), { name })]), ['x']],
      cancel: [[]],
    },
  },
  Annotations: {
    of: ({ job }) => job.annotations,
    methods: {
      set: [['a', 1]],
      delete: [['b']],
      get: [['a']],
      all: [[]],
      waitFor: [['c', { timeoutMs: 0, default: 1 }]],
    },
  },
  Schedule: {
    of: ({ schedule }) => schedule,
    methods: {
      details: [[]],
      pause: [[]],
      resume: [[]],
      trigger: [[]],
      backfill: [[new Date(0), new Date(1)]],
      next: [[1]],
      history: [[1]],
      remove: [[]],
    },
  },
};

async function sideOf(open: typeof openVirtual): Promise<Side> {
  const kit = await open({ jobs: allJobs, threads: 1, seed: 1 });
  const { runtime } = kit;
  const queue = await runtime.createQueue('q');
  await queue.setQuota('zz');
  await queue.pause();
  const job = await queue.put(work.echo(1));
  return { kit, runtime, queue, job, schedule: await queue.schedule('daily', work.echo(1), { every: '1d' }) };
}

/** Calls the method. Returns how it went: `answered`, `waits` or the code of its refusal. */
async function callAll(side: Side, made: readonly ((side: Side) => unknown)[]): Promise<string[]> {
  const went = made.map(() => 'waits');
  for (const [index, make] of made.entries()) {
    const failed = (error: unknown) => {
      went[index] = String((error as { code?: unknown }).code ?? error);
    };
    try {
      Promise.resolve(make(side)).then(() => {
        went[index] = 'answered';
      }, failed);
    } catch (error) {
      failed(error);
    }
  }
  await answers(side, went);
  for (let left = 3; left > 0; left--) await turn();
  await answers(side, went);
  return went;
}

/** Refusals that say that the message was not understood. */
const lost = ['COORDINATOR_DIED', 'NO_OWNER', 'CLOSED'];

/** Resolves when the runtime has answered, or a refusal says that it is lost. */
async function answers({ runtime }: Side, went: readonly string[]): Promise<void> {
  let isAnswered = false;
  const answered = runtime.monitor.status().then(() => {
    isAnswered = true;
  });
  while (!isAnswered && !went.some((how) => lost.includes(how))) await Promise.race([answered, turn()]);
}

const shown = (value: unknown) =>
  String(JSON.stringify(value, (_, part) => (typeof part === 'symbol' ? 'symbol' : part))).slice(0, 200);

describe('calls with extreme values', { timeout: 120_000 }, () => {
  let owner: Side;
  let client: Side;
  before(async () => {
    owner = await sideOf(openVirtual);
    client = await sideOf(openThroughSocket);
  });
  after(async () => {
    await owner.kit.close();
    await client.kit.close();
  });

  /** Makes the calls on both, and compares. */
  async function same(name: string, made: readonly ((side: Side) => unknown)[], told: (index: number) => string) {
    const [mine, theirs] = [await callAll(owner, made), await callAll(client, made)];
    for (const [index, went] of theirs.entries()) {
      const where = `${name}(${told(index)})`;
      assert.ok(/^(answered|waits|[A-Z_]+)$/.test(went) && !lost.includes(went), `${where}: ${went}`);
      assert.equal(went, mine[index], where);
    }
  }

  for (const [type, { of, methods }] of Object.entries(calls))
    it(`[15.1] ${type}: a client is refused what an owner is refused, and lives on`, async () => {
      const prototype = Object.getPrototypeOf(of(client)) as object;
      const all = Object.getOwnPropertyNames(prototype).filter((name) => {
        const { value } = Object.getOwnPropertyDescriptor(prototype, name)!;
        return typeof value === 'function' && name !== 'constructor';
      });
      assert.deepEqual(Object.keys(methods).sort(), all.sort(), 'each method has its arguments here');
      for (const [method, lists] of Object.entries(methods)) {
        const given = lists.flatMap((args) => [
          args,
          ...args.flatMap((arg, index) => [...variants(arg)].map((other) => args.with(index, other))),
        ]);
        const made = given.map((args) => (side: Side) => {
          const on = of(side) as Record<string, (...args: readonly unknown[]) => unknown>;
          return on[method]!(...args);
        });
        await same(`${type}.${method}`, made, (index) => shown(given[index]).slice(1, -1));
      }
    });

  it('[15.1] refuses a cursor that no page gave', async () => {
    const { runtime, queue } = client;
    for (let left = 2; left > 0; left--) await queue.put(work.echo(1));
    const { next } = await runtime.monitor.jobs({}, { limit: 1 });
    const [of, order, digest, place] = JSON.parse(Buffer.from(next!, 'base64url').toString()) as [...string[], object];
    const forged = (changed: object) =>
      Buffer.from(JSON.stringify([of, order, digest, { ...(place as object), ...changed }])).toString('base64url');
    await runtime.monitor.jobs({}, { limit: 1, cursor: forged({ other: 1 }) });
    for (const changed of [{ dueAt: -1 }, { putAt: 1e300 }, { eligible: 0.5 }, { front: 1 }, { id: 'f0'.repeat(16) }])
      await assert.rejects(runtime.monitor.jobs({}, { limit: 1, cursor: forged(changed) }), { code: 'INVALID_OPTION' });
    await runtime.monitor.status();
  });

  it('[15.1] accepts the longest quota, and refuses callbacks nested too deep', async () => {
    const key = 'k'.repeat(500);
    let deep = work.echo(0);
    const nested = [50, 100, 101, 150, 1000].map((levels) => {
      deep = work.echo(0);
      for (let level = 0; level < levels; level++) deep = work.echo(0).on({ success: deep });
      return deep;
    });
    const made = [
      ({ queue }: Side) => queue.setQuota(key.slice(300)),
      ({ queue }: Side) => queue.put(work.echo(1), { quotas: [{ name: key, key }] }),
      ({ runtime }: Side) => runtime.monitor.jobs({ quota: { name: key, key } }),
      ...nested.map(
        (job) =>
          ({ queue }: Side) =>
            queue.put(job, { held: true }),
      ),
    ];
    await same('long and deep', made, String);
    const refused = { code: 'INVALID_OPTION' };
    await client.queue.put(nested[1]!, { held: true });
    await assert.rejects(client.queue.put(nested[2]!, { held: true }), refused);
    await assert.rejects(client.queue.setQuota('zz', { size: 1e300 }), refused);
  });
});
