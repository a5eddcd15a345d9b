/**
 * The questions that the coordinator asks functions of job modules, apart from running jobs: a
 * retry policy decides about a job, a filter or chooser decides for an agent. One message each way.
 * Data that only the function reads travels as bytes.
 */
import type { PolicyAnswer } from '../core/commands.js';
import type { Id, PolicyQuestion } from '../core/records.js';

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

/** `callable` names the function that is asked. */
export type Question =
  | {
      readonly type: 'policy';
      readonly callable: string;
      readonly job: WireAskedJob;
      readonly question: PolicyQuestion;
      readonly failure: Uint8Array;
      readonly data: Uint8Array | null;
    }
  | { readonly type: 'filter'; readonly callable: string; readonly jobs: readonly WireAskedJob[] }
  /** Asks which of these jobs an agent takes now, and in which order. */
  | {
      readonly type: 'chooser';
      readonly callable: string;
      readonly agent: string;
      readonly size: number;
      readonly waiting: readonly WireAskedJob[];
      readonly running: readonly WireAskedJob[];
    };

/** `+`: yes. `-`: no. `!`: the filter threw or returned something else. */
export type Verdict = '+' | '-' | '!';

export type Answer =
  /** `data` is present if the policy changes its kept data. */
  | { readonly type: 'policy'; readonly answer: PolicyAnswer; readonly data?: Uint8Array }
  /**
   * Verdicts for the first jobs, as many as the filter decided in its time. `problem`: the last
   * error of a single job.
   */
  | { readonly type: 'filter'; readonly verdicts: readonly Verdict[]; readonly problem: string }
  | { readonly type: 'chooser'; readonly chosen: readonly Id[] }
  /** No answer: the function threw, is missing, returned something invalid, or took too long. */
  | { readonly type: 'none'; readonly problem: string };
