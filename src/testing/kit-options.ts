/** What the test kit takes and gives. */
import type { Retention } from '../core/commands.js';
import type { Level } from '../core/records.js';
import type { RetryDefaults } from '../definition/options.js';

/** What a virtual runtime is opened with. */
export interface VirtualOptions {
  /**
   * The modules whose functions can be run, each from `defineJobs`. They are imported into the
   * thread of the test.
   */
  readonly jobs: readonly unknown[];
  /**
   * How a job module is imported. To be given in a test runner that imports in its own way (vitest;
   * jest with ES modules), so that its mocks and its `.ts` files are those of the jobs, too:
   * written in the test, `import` is the runner's. Node's `import` by default.
   *
   * @example await openVirtual({ jobs: [bill], importModule: (url) => import(url) })
   */
  readonly importModule?: (url: string) => Promise<unknown>;
  /** How many jobs can run at a time. 2 by default. */
  readonly threads?: number;
  /** As `open` takes it. */
  readonly extraThreads?: number;
  /** What the clock shows at first. The beginning of 2030 by default. */
  readonly start?: Date;
  /**
   * What chance is made of, such as the jitter of retries: the same seed, the same chance. By
   * default another one each time.
   */
  readonly seed?: number;
  /** As `open` takes it; `full` by default. Jobs of level `memory` do not survive a `crash`. */
  readonly durability?: Level;
  /** As `open` takes it. */
  readonly payloadLimitBytes?: number;
  /** As `open` takes it. */
  readonly retention?: Partial<Retention>;
  /**
   * As `open` takes it: how long, on the virtual clock, a job that is to stop may go on. 2,000 by
   * default.
   */
  readonly stopGraceMs?: number;
  /** As `open` takes it. */
  readonly agent?: { readonly size: number } | false;
  /** As `open` takes it. */
  readonly dispatcher?: boolean;
  /** As `open` takes them. */
  readonly pingMs?: number;
  readonly deathMs?: number;
  /** As `open` takes it. */
  readonly retry?: RetryDefaults;
}

/** How long a wait goes on. */
export interface WaitLimits {
  /** How far the clock is moved at most, in milliseconds. A day by default. */
  readonly withinMs?: number;
}

/** The clock of a virtual runtime. It stands still until it is moved. */
export interface KitClock {
  /** What it shows. */
  readonly now: Date;
  /** Moves it on by so many milliseconds; whatever comes due on the way happens at its time. */
  advance(ms: number): Promise<void>;
  /** Moves it on to this moment; whatever comes due on the way happens at its time. */
  advanceTo(moment: Date): Promise<void>;
  /** Moves it on to what comes due next, and lets that happen. False: nothing will. */
  next(): Promise<boolean>;
  /**
   * Sets it to this moment, also an earlier one, as somebody sets the clock of a machine. Dates
   * that it passes come due; delays, deadlines and rates go on as if nothing had happened. While
   * nothing is open, it is time that passes.
   */
  set(moment: Date): Promise<void>;
}

/** What a `close` found. */
export interface KitClosed {
  /** Jobs whose handlers did not end within the grace, each as `module#export` and its id. */
  readonly stillRunning: readonly string[];
}
