/**
 * Own retry policies: functions of a job module that say what becomes of a job.
 */

import type { Failure } from '../codec/failure.js';
import type { AskedJob } from '../protocol/asked-job.js';
import type { Callable } from './callable.js';

/** What a policy is asked. */
export type RetryQuestion = {
  readonly job: AskedJob;
  /** What the policy has kept with this job, as it gave it last; undefined at first. */
  readonly data: unknown;
  /** What the job fails with if it is not retried. */
  readonly failure: Failure;
} & (
  | {
      /** The job failed by itself; or what it asked for with its outcome was refused. */
      readonly kind: 'jobError' | 'commitError';
    }
  | {
      readonly kind: 'interrupted';
      /** The runtime was closed while the job ran; or its thread, or its process, died. */
      readonly cause: 'close' | 'thread' | 'process';
    }
);

/** No; at once, in front of the line; or as the object says. */
export type RetryAnswer =
  | boolean
  | {
      readonly retry: boolean;
      /** So many milliseconds later. */
      readonly afterMs?: number;
      /** At this time; in the past: at once. */
      readonly at?: Date;
      /**
       * What the policy keeps with the job from now on: 2 KiB at most when it is encoded. Not
       * given: what it kept before.
       */
      readonly data?: unknown;
    };

/**
 * A function of a registered module that answers, or gives a promise of its answer, within five
 * seconds.
 */
export type OwnPolicy = Callable<[question: RetryQuestion], RetryAnswer> | Callable<[], RetryAnswer>;
