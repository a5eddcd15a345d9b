/** Several runtimes in one test, on one database and one clock. */
import type { TestContext } from 'node:test';
import type { VirtualOptions } from 'callsheet/testing';
import type { Kit } from '../../src/testing/kit.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import { allJobs } from '../contract/jobs/all.js';
import { forget } from '../contract/jobs/work.js';
import { MemoryDatabase } from './database.js';
import { type Beside, openBeside } from './kits.js';

/** A database, a clock, and kits on them that are closed with the test. */
export class Site {
  readonly database = new MemoryDatabase();
  readonly clock = new VirtualClock(Date.UTC(2030, 0));
  readonly kits: Kit[] = [];
  readonly #t: TestContext;

  constructor(t: TestContext) {
    forget();
    this.#t = t;
    this.database.now = this.clock.now;
  }

  async open(options: Partial<VirtualOptions> = {}, beside: Partial<Beside> = {}): Promise<Kit> {
    const { database, clock } = this;
    const kit = await openBeside({ jobs: allJobs, threads: 1, ...options }, { database, clock, ...beside });
    this.kits.push(kit);
    this.#t.after(() => kit.close());
    return kit;
  }

  /** Waits until each of these kits has nothing left to do at this moment. */
  async quiet(...kits: readonly Kit[]): Promise<void> {
    for (let round = 0; round < 3; round++) for (const kit of kits) await kit.untilIdle();
  }

  /** Advances the clock; these kits handle all that comes due on the way. */
  async pass(ms: number, ...kits: readonly Kit[]): Promise<void> {
    const until = this.clock.now() + ms;
    while (this.clock.nextAt !== undefined && this.clock.nextAt <= until) {
      this.clock.fireNext(until);
      await this.quiet(...kits);
    }
    this.clock.moveTo(until);
    await this.quiet(...kits);
  }
}
