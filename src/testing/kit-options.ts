/** The options and results of the test kit. */
import type { Level } from '../core/records.js';
import type { RetryDefaults } from '../definition/options.js';
import type { RetentionOptions } from '../runtime/open.js';
import type { DeclaredSchedule } from '../runtime/schedules.js';

/** Options of `openVirtual`. */
export interface VirtualOptions {
  /**
   * The modules whose functions can run, each from `defineJobs`. They are imported into the thread
   * of the test.
   */
  readonly jobs: readonly unknown[];
  /**
   * Imports a job module. Needed in a test runner that replaces `import` (vitest; jest with ES
   * modules): an `import` written in the test is the runner's, so jobs use its mocks and its
   * compiled `.ts` files. Node's `import` by default.
   *
   * @example await openVirtual({ jobs: [bill], importModule: (url) => import(url) })
   */
  readonly importModule?: (url: string) => Promise<unknown>;
  /** The most jobs that run at a time. 2 by default. */
  readonly threads?: number;
  /** As in `open`. */
  readonly extraThreads?: number;
  /** The first time of the clock. 2030-01-01T00:00:00Z by default. */
  readonly start?: Date;
  /**
   * An integer from which all randomness is derived, such as the jitter of retries: the same seed
   * gives the same sequence. Random by default.
   */
  readonly seed?: number;
  /** As in `open`. `full` by default. Jobs of level `memory` do not survive a `crash`. */
  readonly durability?: Level;
  /** As in `open`. */
  readonly payloadLimitBytes?: number;
  /** As in `open`. */
  readonly retention?: RetentionOptions;
  /**
   * As in `open`: milliseconds on the virtual clock that a cancelled or timed out job may go on.
   * 2,000 by default.
   */
  readonly stopGraceMs?: number;
  /** As in `open`. A size of `threads` by default. */
  readonly agent?: { readonly size: number } | false;
  /** As in `open`. */
  readonly dispatcher?: boolean;
  /** As in `open`. */
  readonly pingMs?: number;
  /** As in `open`. */
  readonly deathMs?: number;
  /** As in `open`. */
  readonly retry?: RetryDefaults;
  /** As in `open`. */
  readonly schedules?: Readonly<Record<string, DeclaredSchedule>>;
  /** As in `open`. */
  readonly pruneSchedules?: boolean;
}

/** Limits of a wait. */
export interface WaitLimits {
  /** The most milliseconds by which the wait moves the clock. A day by default. */
  readonly withinMs?: number;
}

/** The clock of a virtual runtime. It stands still until it is moved. */
export interface KitClock {
  /** The current time. */
  readonly now: Date;
  /**
   * Moves the clock forward by `ms`. Everything that comes due on the way happens at its time.
   *
   * @throws RangeError: `ms` is negative or not finite.
   */
  advance(ms: number): Promise<void>;
  /**
   * Moves the clock forward to this moment. Everything that comes due on the way happens at its
   * time.
   *
   * @throws RangeError: `moment` is no valid `Date`, or lies before `now`.
   */
  advanceTo(moment: Date): Promise<void>;
  /** Moves the clock to the next event, and lets it happen. Returns `false` if there is none. */
  next(): Promise<boolean>;
  /**
   * Sets the clock to this moment, which may be earlier, like setting the clock of a machine. Dates
   * that the clock passes come due; delays, deadlines and rates are not affected. While the runtime
   * is closed, this counts as time passing.
   *
   * @throws RangeError: `moment` is no valid `Date`.
   */
  set(moment: Date): Promise<void>;
}

/** The result of `close`. */
export interface KitClosed {
  /** The jobs whose handlers did not end within `graceMs`, each as `module#export ID`. */
  readonly stillRunning: readonly string[];
}
