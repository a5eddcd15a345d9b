/** The details of a job as users read them, outside and inside of jobs. */
import { idToText } from '../codec/id.js';
import { type Id, type JobStatus, type Level, quotaFromKey } from '../core/records.js';
import type { AwaitedAnswer, JobInfo } from '../protocol/job-info.js';
import type { RetryPolicy } from './retry-policies.js';

/** The state of a job at one moment. */
export interface JobDetails {
  readonly status: JobStatus;
  /** `module#export`; empty for a composition without postprocess. */
  readonly callable: string;
  /** `true` if this build does not have its callable: the job waits for a build that has it. */
  readonly unknownCallable: boolean;
  readonly queue: string;
  /** The name of the agent that claimed it last. */
  readonly agent: string | undefined;
  /** The id of the dispatcher that claimed it last, a UUID. */
  readonly dispatcher: string | undefined;
  /** The id of the runtime that put it, a UUID. */
  readonly owner: string;
  /** The durability: whether the job survives its process, and a loss of power. */
  readonly durability: Level;
  readonly priority: number;
  /** Maximum duration of a run, in milliseconds; `undefined` for no limit. */
  readonly timeoutMs: number | undefined;
  /** The key by which a second put returns this job instead of a new one. */
  readonly unique: string | undefined;
  /**
   * The retry policy in force: the job's own, or the default of its agent or its runtime. A policy
   * function is shown as `module#export`.
   */
  readonly retry: RetryPolicy;
  readonly quotas: readonly { readonly name: string; readonly key?: string }[];
  /** The id of the job that its function returned, and whose outcome it takes. */
  readonly returned: string | undefined;
  /**
   * The id of the failed job that it runs again. Of a part that did not run again: the id of the
   * part that did.
   */
  readonly retryOf: string | undefined;
  /** The id of the last job that runs this failed one again. It may be forgotten. */
  readonly retriedBy: string | undefined;
  /** The functions whose answers the job waits for: its own policy, or filters of agents. */
  readonly awaits: readonly Awaited[];
  /**
   * Number of its parts; of a map, number of items that it has taken. `partsDone` of them are done.
   */
  readonly parts: number;
  readonly partsDone: number;
  /** `true` if it is a map that takes more items. */
  readonly open: boolean;
  readonly callbacks: number;
  readonly callbacksDone: number;
  /** Number of runs that have begun, including runs that may have begun when their process died. */
  readonly attempts: number;
  /** Number of errors of the job itself that were retried. */
  readonly errors: number;
  /**
   * Number of interruptions that count against the retry policy. A clean close does not count, nor
   * does the death of a process that another job may have caused.
   */
  readonly interruptions: number;
  readonly putAt: Date;
  /** The requested date, even if it was in the past. */
  readonly beginAfter: Date | undefined;
  /** When the job becomes eligible, if it waits for a date or for its retry. */
  readonly dueAt: Date | undefined;
  readonly deadline: Date | undefined;
  readonly firstStartAt: Date | undefined;
  readonly lastStartAt: Date | undefined;
  /** When the call ended, with success or failure. */
  readonly endAt: Date | undefined;
  /** When all callbacks had completed for the first time. */
  readonly completedAt: Date | undefined;
}

/** A function of a job module that was asked about a job and has not answered. */
export interface Awaited {
  /** `module#export`. */
  readonly callable: string;
  /** The agent whose filter it is; `undefined` for the policy of the job itself. */
  readonly agent: string | undefined;
  readonly since: Date;
  /** The problem with its last answer; `undefined` if there was none. */
  readonly problem: string | undefined;
  /** When the function is asked again if it does not answer before. */
  readonly againAt: Date | undefined;
}

/** @internal */
export function detailsOf(info: JobInfo): JobDetails {
  const {
    status,
    callable,
    unknownCallable,
    queue,
    priority,
    parts,
    partsDone,
    open,
    callbacks,
    callbacksDone,
    attempts,
    errors,
    interruptions,
  } = info;
  const quotas = info.quotas.map(quotaFromKey);
  const agent = info.agent === '' ? undefined : info.agent;
  const dispatcher = idOf(info.dispatcher);
  const asked = {
    durability: info.level,
    priority,
    timeoutMs: info.timeoutMs === 0 ? undefined : info.timeoutMs,
    unique: info.unique === '' ? undefined : info.unique,
    retry: info.policy as RetryPolicy,
    quotas,
  };
  const counts = { parts, partsDone, open, callbacks, callbacksDone, attempts, errors, interruptions };
  return {
    ...{ status, callable, unknownCallable, queue, agent, dispatcher, owner: idToText(info.owner) },
    ...asked,
    awaits: info.awaits.map(awaitedOf),
    returned: idOf(info.inner),
    retryOf: idOf(info.retryOf),
    retriedBy: idOf(info.retriedBy),
    ...counts,
    putAt: new Date(info.putAt),
    beginAfter: timeOf(info.beginAfter),
    dueAt: timeOf(info.dueAt),
    deadline: timeOf(info.deadline),
    firstStartAt: timeOf(info.firstStartAt),
    lastStartAt: timeOf(info.lastStartAt),
    endAt: timeOf(info.endAt),
    completedAt: timeOf(info.completedAt),
  };
}

function awaitedOf({ callable, agent, since, problem, againAt }: AwaitedAnswer): Awaited {
  return {
    callable,
    agent: agent === '' ? undefined : agent,
    since: new Date(since),
    problem: problem === '' ? undefined : problem,
    againAt: timeOf(againAt),
  };
}

const idOf = (id: Id) => (id === '' ? undefined : idToText(id));
const timeOf = (time: number) => (time === 0 ? undefined : new Date(time));
