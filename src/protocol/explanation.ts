/** Why a job does not run, as data. */
import type { JobStatus } from '../core/records.js';
import type { CountedOutcome } from './monitor.js';

/** A running job, and its thread. */
export interface OnThread {
  readonly thread: number;
  readonly job: string;
}

/**
 * A reason why a job does not run now; `code` distinguishes them, and is stable. Jobs and
 * dispatchers are ids. At most ten jobs are named; `count` counts all.
 *
 * Of the job: `held`: it was put as held, or removed. `not-due`: it waits for its date or its
 * retry. `policy`: its retry policy is asked. `waits-for`: for other jobs (see `Waiting`).
 * `no-input`: the map waits for items. `not-needed`: the other side of its pair runs. `claimed`: it
 * begins as soon as its thread is free, or its claim is stored. `only`: one dispatcher alone may
 * run it, and that is another one. `unknown-callable`: this build does not have its function.
 *
 * Of its queue: `paused`, `no-agent`. Of its quotas: `quota-full`, and `rate`, which limits starts.
 *
 * Of an agent: `not-taken`: the data of its filter refuse the job. `refused`, `not-asked`: the
 * function of its filter has refused it, or has not answered. `not-chosen`: its chooser has not
 * chosen it. `agent-full`: it has as many jobs as its size. `behind`: another job of its queue
 * comes first. `threads-busy`: no thread is idle.
 *
 * Of the runtime: `runs-alone`: a job that may have killed a process runs alone. `quiet`: this is
 * such a job, and the others must end first. `store-full`: the disk is full. `closing`, `inactive`:
 * the runtime is closed, or runs no jobs now.
 */
export type ReasonCode = WireReason['code'];

/** For which jobs a job waits. `call`: for the end of the call that its callback belongs to. */
export type Waiting = 'whole' | 'turn' | 'parts' | 'call' | 'returned' | 'callbacks' | 'inside';

/** Times are ISO texts. */
interface ReasonTimes {
  /** Since when, if that is known. */
  readonly since?: string;
  /** When it ends, if that is known. */
  readonly until?: string;
  /** When it may end, by the usual duration of the jobs that it waits for. */
  readonly estimate?: string;
}

/** A reason without its sentence. */
export type WireReason = ReasonTimes &
  (
    | {
        readonly code: 'held' | 'no-input' | 'not-needed' | 'quiet' | 'store-full' | 'closing' | 'inactive';
      }
    | { readonly code: 'paused' | 'no-agent'; readonly queue: string }
    | { readonly code: 'unknown-callable'; readonly callable: string }
    | { readonly code: 'not-due'; readonly because: 'date' | 'retry' }
    | { readonly code: 'policy'; readonly callable: string; readonly problem: string | undefined }
    | {
        readonly code: 'quota-full';
        readonly quota: string;
        readonly key: string | undefined;
        readonly size: number;
        readonly jobs: readonly string[];
        readonly count: number;
      }
    | { readonly code: 'rate'; readonly quota: string; readonly key: string | undefined }
    | { readonly code: 'only'; readonly dispatcher: string; readonly active: boolean }
    | { readonly code: 'not-taken'; readonly agent: string; readonly term: string }
    | {
        readonly code: 'refused' | 'not-asked' | 'not-chosen';
        readonly agent: string;
        readonly callable: string;
        readonly problem: string | undefined;
      }
    | {
        readonly code: 'agent-full';
        readonly agent: string;
        readonly size: number;
        readonly running: readonly OnThread[];
        readonly count: number;
      }
    | { readonly code: 'threads-busy'; readonly threads: number; readonly running: readonly OnThread[] }
    | { readonly code: 'behind'; readonly agent: string; readonly first: string }
    | { readonly code: 'runs-alone'; readonly by: string }
    | { readonly code: 'claimed'; readonly agent: string; readonly dispatcher: string }
    | {
        readonly code: 'waits-for';
        readonly what: Waiting;
        readonly jobs: readonly string[];
        readonly count: number;
      }
  );

/** A reason why a job does not run now, with a sentence for people. */
export type Reason = WireReason & { readonly text: string };

/** `waits`: it is in line, or something else must happen first. `starts`: it is claimed. */
export type ExplainedState = 'waits' | 'starts' | 'runs' | 'callbacks' | 'completed';

/** The state of a job at one moment, and what keeps it there. */
export interface WireExplanation {
  /** A UUID. */
  readonly job: string;
  readonly status: JobStatus;
  readonly state: ExplainedState;
  readonly outcome: CountedOutcome;
  /** The thread in which it runs; `undefined` if it runs elsewhere, or not. */
  readonly thread: number | undefined;
  /** Times, as ISO texts; `undefined` for not yet. */
  readonly started: string | undefined;
  readonly ended: string | undefined;
  readonly completed: string | undefined;
  /** Must end before it runs on. Empty if the next turn claims it, and while it runs. */
  readonly reasons: readonly WireReason[];
  /** The number of jobs before it in line, at most 10,000; `undefined` if it is not in line. */
  readonly position: number | undefined;
  /** The time of the answer, as an ISO text. */
  readonly asOf: string;
}

/** The state of a job at one moment, and what keeps it there, with sentences for people. */
export interface Explanation extends Omit<WireExplanation, 'reasons'> {
  readonly summary: string;
  readonly reasons: readonly Reason[];
}
