/**
 * What the coordinator asks functions of job modules beside running jobs: what becomes of a job,
 * whether an agent takes it. One message each way; what only the function is to see travels as
 * bytes.
 */
import type { PolicyAnswer } from '../core/commands.js';
import type { Id, PolicyQuestion } from '../core/records.js';

/** A job as it is when the question is put. */
export interface WireAskedJob {
  readonly id: Id;
  readonly queue: string;
  readonly callable: string;
  readonly args: Uint8Array | null;
  readonly priority: number;
  readonly quotas: readonly string[];
  readonly attempts: number;
  readonly errors: number;
  readonly interruptions: number;
  readonly putAt: number;
  readonly deadline: number;
}

/** `callable` is who is asked. */
export type Question =
  | {
      readonly type: 'policy';
      readonly callable: string;
      readonly job: WireAskedJob;
      readonly question: PolicyQuestion;
      readonly failure: Uint8Array;
      readonly data: Uint8Array | null;
    }
  /** Which of these jobs an agent takes. */
  | { readonly type: 'filter'; readonly callable: string; readonly jobs: readonly WireAskedJob[] }
  /** Which of these jobs an agent is to take now, and in which order. */
  | {
      readonly type: 'chooser';
      readonly callable: string;
      readonly agent: string;
      readonly size: number;
      readonly waiting: readonly WireAskedJob[];
      readonly running: readonly WireAskedJob[];
    };

/** Yes; no; or it threw, or said something else. */
export type Verdict = '+' | '-' | '!';

export type Answer =
  /** `data` is there where the policy says what it keeps from now on. */
  | { readonly type: 'policy'; readonly answer: PolicyAnswer; readonly data?: Uint8Array }
  /**
   * Of the first of the jobs, as far as it came in its time; and what was wrong with the last that
   * it could not tell.
   */
  | { readonly type: 'filter'; readonly verdicts: readonly Verdict[]; readonly problem: string }
  | { readonly type: 'chooser'; readonly chosen: readonly Id[] }
  /** It threw, is not there, answered what is no answer, or not in time. */
  | { readonly type: 'none'; readonly problem: string };
