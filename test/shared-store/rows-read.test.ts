/** The rows that a process reads, and its commits: those of its own work, and no others. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { Database } from '../../src/store/shared/database.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import { allJobs, work } from '../contract/jobs/all.js';
import { forget } from '../contract/jobs/work.js';
import { MemoryDatabase } from './database.js';
import { openBeside } from './kits.js';

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
});
