/** Retry policies of users: functions of a job module. */

import type { Failure } from '../codec/failure.js';
import type { AskedJob } from '../protocol/asked-job.js';
import type { Callable } from './callable.js';

/** The argument of a policy. */
export type RetryQuestion = {
  readonly job: AskedJob;
  /** The data that the policy gave last for this job. Undefined at first. */
  readonly data: unknown;
  /** The failure of the job if it is not retried. */
  readonly failure: Failure;
} & (
  | {
      /** The job failed by itself, or commands that it gave with its outcome were refused. */
      readonly kind: 'jobError' | 'commitError';
    }
  | {
      readonly kind: 'interrupted';
      /** The runtime was closed while the job ran, its thread died, or its process died. */
      readonly cause: 'close' | 'thread' | 'process';
    }
);

/** `false`: no retry. `true`: at once, in front of the line. An object: see its fields. */
export type RetryAnswer =
  | boolean
  | {
      readonly retry: boolean;
      /** Milliseconds until the retry. 0 by default. */
      readonly afterMs?: number;
      /** The time of the retry. A time in the past means at once. */
      readonly at?: Date;
      /**
       * Data to keep with the job, at most 2 KiB encoded. By default the data from before stays.
       */
      readonly data?: unknown;
    };

/**
 * A function of a registered module that returns its answer, or a promise of it, within five
 * seconds.
 */
export type OwnPolicy = Callable<[question: RetryQuestion], RetryAnswer> | Callable<[], RetryAnswer>;
