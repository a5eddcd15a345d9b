/**
 * Events for listeners. They are effects like any other, so no listener hears of a change that can
 * be lost. Without a listener only events for the log are made, and all events of a job with a log
 * level of its own.
 */
import type { Id, InterruptionCause } from './records.js';

/**
 * `put`: joins its queue's line, or waits for its date. `started`: its call began, or its parts
 * were put. `completed`, `failed`: its call is over. `retried`: its error is not its outcome.
 * `interrupted`: it lost its runtime, thread or process, whether that counts or not.
 */
export type JobEventType = 'put' | 'started' | 'completed' | 'failed' | 'retried' | 'interrupted';
/** `refused`: it cannot be activated, because another process with its id is alive. */
export type DispatcherEventType =
  | 'registered'
  | 'unregistered'
  | 'activated'
  | 'deactivated'
  | 'reactivated'
  | 'refused';

/**
 * `missed`: no process was there at the tick. `skipped`: a job of the schedule was not completed.
 * `paused`: a job failed, and the schedule is to pause on a failure.
 */
export type ScheduleEventType = 'missed' | 'skipped' | 'paused';

/** The cause of an interruption, and the error that ended the thread, if known. */
export interface Interruption {
  readonly cause: InterruptionCause;
  readonly error?: {
    readonly name: string;
    readonly message: string;
    readonly stack?: string | undefined;
    readonly code?: string | number | undefined;
  };
}

/** Times are milliseconds since the epoch. */
export type Event =
  | {
      readonly type: `job.${JobEventType}`;
      readonly at: number;
      readonly job: Id;
      readonly callable: string;
      readonly queue: string;
      /** The agent's key, as in the job's record. */
      readonly agent: string;
      readonly attempts: number;
      /** For interruptions only. */
      readonly interruption?: Interruption;
    }
  | { readonly type: `dispatcher.${DispatcherEventType}`; readonly at: number; readonly dispatcher: Id }
  | {
      readonly type: `schedule.${ScheduleEventType}`;
      readonly at: number;
      readonly schedule: string;
      /** The tick; of several missed ones, the last. */
      readonly tick: number;
      /** Number of ticks that did not run. */
      readonly count: number;
    }
  | { readonly type: 'queue.added'; readonly at: number; readonly queue: string };
