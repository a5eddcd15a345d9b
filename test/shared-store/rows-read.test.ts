/** The rows that a process reads, and its commits: those of its own work, and no others. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { Database } from '../../src/store/shared/database.js';
import { parkedAtOnce } from '../../src/store/shared/partial-state.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import { allJobs, inside, work } from '../contract/jobs/all.js';
import { forget, openGate, seen } from '../contract/jobs/work.js';
import { MemoryDatabase } from './database.js';
import { openBeside } from './kits.js';
import { Site } from './site.js';

/** A way to a database. It counts the rows of jobs that are read. */
class CountedWay {
  rows = 0;
  readonly #database: MemoryDatabase;

  constructor(database: MemoryDatabase) {
    this.#database = database;
  }

  readonly connect = (): Database => {
    const way = this.#database.connect();
    const begin = way.begin.bind(way);
    way.begin = (purpose) => {
      const transaction = begin(purpose);
      const load = transaction.load.bind(transaction);
      transaction.load = async (wants) => {
        const rows = await load(wants);
        this.rows += rows.jobs.length;
        return rows;
      };
      return transaction;
    };
    return way;
  };
}

class Hosts {
  readonly clock = new VirtualClock(Date.UTC(2030, 0));
  readonly #database = new MemoryDatabase();
  readonly #t: TestContext;

  constructor(t: TestContext) {
    forget();
    this.#t = t;
  }

  async open(options: Partial<Parameters<typeof openBeside>[0]> = {}) {
    const way = new CountedWay(this.#database);
    const beside = { database: way.connect, clock: this.clock };
    const kit = await openBeside({ jobs: allJobs, threads: 1, ...options }, beside);
    this.#t.after(() => kit.close());
    return { kit, way, queue: kit.runtime.queue() };
  }

  get commits(): number {
    return this.#database.commits;
  }
}

const marks = (count: number) => Array.from({ length: count }, (_, index) => work.mark(`${index}`));

describe('a process on a shared database', () => {
  it('reads no row of a job that others put and run', async (t) => {
    const hosts = new Hosts(t);
    const idle = await hosts.open({ agent: false });
    const putting = await hosts.open({ agent: false });
    const { kit } = await hosts.open();
    const jobs = await putting.queue.putAll(marks(50));
    await kit.untilIdle();
    await idle.kit.untilIdle();
    assert.equal(await jobs[49]!.status(), 'completed');
    assert.equal(idle.way.rows, 0);
  });

  it('[3.4] commits nothing, and wakes no other, where all is refused', async (t) => {
    const hosts = new Hosts(t);
    const { kit, queue } = await hosts.open();
    await kit.untilIdle();
    const before = hosts.commits;
    const refused = queue.put(work.mark('a'), { quotas: ['unknown'] });
    await assert.rejects(refused, { code: 'UNKNOWN_QUOTA' });
    await kit.untilIdle();
    assert.equal(hosts.commits, before);
  });

  it('reads few rows to learn that a queue is drained, however many jobs are remembered', async (t) => {
    const hosts = new Hosts(t);
    const { kit, way, queue } = await hosts.open();
    await queue.putAll(marks(50));
    await kit.untilIdle();
    const before = way.rows;
    const drained = queue.drain();
    await kit.untilIdle();
    await drained;
    assert.ok(way.rows - before <= 3, `${way.rows - before} rows`);
  });

  it('[4.7] reads no jobs of full lanes to claim those behind them', async (t) => {
    const hosts = new Hosts(t);
    const { kit, way, queue } = await hosts.open({ threads: 4 });
    await queue.setQuota('tenant', { size: 1 });
    const of = (key: string) => ({ quotas: [{ name: 'tenant', key }] });
    await queue.put(work.hold('a'), of('a'));
    await queue.put(work.hold('b'), of('b'));
    await kit.untilIdle();
    await queue.putAll([...marks(50).map((job) => job.with(of('a'))), ...marks(50).map((job) => job.with(of('b')))]);
    await kit.untilIdle();
    const before = way.rows;
    await queue.put(work.mark('free'));
    await kit.untilIdle();
    assert.deepEqual(seen, ['a', 'b', 'free']);
    assert.ok(way.rows - before <= 6, `${way.rows - before} rows`);
    openGate('b');
    await kit.untilIdle();
    assert.deepEqual(
      seen.slice(3),
      marks(50).map((_, n) => `${n}`),
    );
  });

  it('reads no jobs of functions that it does not have', async (t) => {
    const hosts = new Hosts(t);
    const putting = await hosts.open({ agent: false });
    await putting.queue.putAll(marks(50));
    const { kit, way, queue } = await hosts.open({ jobs: [inside] });
    await kit.untilIdle();
    const before = way.rows;
    const job = await queue.put(inside.whoAmI());
    await kit.untilIdle();
    assert.equal(await job.status(), 'completed');
    assert.ok(way.rows - before <= 3, `${way.rows - before} rows`);
  });

  it('goes on behind more full lanes than one claim parks', async (t) => {
    const usual = parkedAtOnce.lanes;
    parkedAtOnce.lanes = 2;
    t.after(() => {
      parkedAtOnce.lanes = usual;
    });
    const hosts = new Hosts(t);
    const { kit, queue } = await hosts.open({ threads: 4 });
    const keys = Array.from({ length: 300 }, (_, n) => `${n}`);
    await queue.setQuota('all', { size: 1 });
    await queue.setQuota('each', { size: 1 });
    await queue.put(work.hold('first'), { quotas: ['all'] });
    await kit.untilIdle();
    await queue.putAll(keys.map((key) => work.mark(key).with({ quotas: ['all', { name: 'each', key }] })));
    await queue.put(work.mark('free'));
    await kit.untilIdle();
    assert.deepEqual(seen, ['first', 'free']);
    openGate('first');
    await kit.untilIdle();
    assert.deepEqual(seen.slice(2), keys);
  });

  it('[4.8] wakes at the time of a rate that another found used up', async (t) => {
    const site = new Site(t);
    const a = await site.open();
    const queue = a.runtime.queue();
    await queue.setQuota('api', { size: 9, rate: { count: 1, periodMs: 60_000 } });
    const limited = () => work.mark('limited').with({ quotas: ['api'] });
    await queue.putAll([limited(), limited()]);
    await site.quiet(a);
    const b = await site.open();
    await site.quiet(b);
    await a.close();
    assert.deepEqual(seen, ['limited']);
    await site.pass(60_000, b);
    assert.deepEqual(seen, ['limited', 'limited']);
  });

  it('[4.7] goes on with a lane that another, which claims no more, has freed', async (t) => {
    const site = new Site(t);
    const a = await site.open();
    const queue = a.runtime.queue();
    await queue.setQuota('one', { size: 1 });
    await queue.put(work.hold('first'), { quotas: ['one'] });
    await site.quiet(a);
    const b = await site.open();
    await queue.put(work.mark('second'), { quotas: ['one'] });
    await site.quiet(a, b);
    const closed = a.runtime.close({ graceMs: 60_000 });
    await site.quiet(a, b);
    openGate('first');
    await site.quiet(a, b);
    await closed;
    await site.quiet(b);
    assert.deepEqual(seen, ['first', 'second']);
  });
});
