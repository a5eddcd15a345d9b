/**
 * What happens, told to whoever listens: effects like any other, so that nobody hears of what is
 * not kept.
 *
 * While nobody listens none is made, but of what is logged.
 */
import type { Id, InterruptionCause } from './records.js';

/**
 * `put`: it stands in its queue's line, or waits for its date. `started`: its call has begun, or
 * its parts were put. `completed` and `failed`: its call is over, without or with a failure.
 * `retried`: its error is not its outcome, it is to run again. `interrupted`: it lost what it ran
 * on, whether that counts or not.
 */
export type JobEventType = 'put' | 'started' | 'completed' | 'failed' | 'retried' | 'interrupted';
/** `refused`: it cannot begin to work, since its id is at work elsewhere. */
export type DispatcherEventType =
  | 'registered'
  | 'unregistered'
  | 'activated'
  | 'deactivated'
  | 'reactivated'
  | 'refused';

/** What a job lost, and what ended it, where that is known. */
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
      /** As in the job's record. */
      readonly agent: string;
      readonly attempts: number;
      /** Of an interruption only. */
      readonly interruption?: Interruption;
    }
  | { readonly type: `dispatcher.${DispatcherEventType}`; readonly at: number; readonly dispatcher: Id }
  | { readonly type: 'queue.added'; readonly at: number; readonly queue: string };
