/**
 * What becomes of a job that failed, was interrupted, or could not be stored.
 *
 * A policy answers no, at once (in front of the line) or at a time. It is named by text that is stored with the job:
 *
 *   default   own errors are final; interrupted up to nine times; store trouble is waited out
 *   forever   interruptions and store trouble without end; own errors are final (the default of callbacks)
 *   never     begun once at most, whatever happens
 *   {...}     `retryErrors` as JSON: own errors too, up to a limit, with a growing delay; otherwise as default
 */
import { JobExpiredError, JobInterruptedError } from '../errors.js';
import type { InterruptionCause } from './commands.js';
import { tellJob } from './events.js';
import { conclude, type Decision, putBack } from './job.js';
import type { JobRecord, Payload } from './records.js';

/** Own errors are retried, up to a limit, after a delay that grows. */
export interface RetryErrors {
  /** How many times at most. */
  readonly limit: number;
  readonly initialMs: number;
  /** Each delay is this many times the one before. */
  readonly factor: number;
  readonly maxMs: number;
  /** From 0 to 1: how much of the delay is left to chance, so that many do not come back at once. */
  readonly jitter: number;
  /** Only errors with one of these names, their own or of a class of theirs; empty: all. */
  readonly only: readonly string[];
}

const interruptionLimit = 9;
/** Store trouble is waited out in steps of this size, growing up to the largest. */
const storeTrouble: RetryErrors = {
  limit: Number.POSITIVE_INFINITY,
  initialMs: 1000,
  factor: 2,
  maxMs: 3_600_000,
  jitter: 0.2,
  only: [],
};

/** The job threw. */
export function failed(decision: Decision, job: JobRecord, failure: Payload, names: readonly string[]): void {
  const policy = errorPolicy(job.policy);
  const retried = policy !== undefined && job.errors < policy.limit && applies(policy, names);
  if (!retried) conclude(decision, job, 'failure', failure);
  else retryAfter(decision, job, delayMs(policy, job.errors, decision.random()), failure);
}

/** The job's outcome, or what it asked for with it, could not be stored: what it asked for is dropped. */
export function couldNotCommit(decision: Decision, job: JobRecord, error: Error): void {
  const failure = decision.failure(error);
  if (job.policy === 'never') conclude(decision, job, 'failure', failure);
  else retryAfter(decision, job, delayMs(storeTrouble, job.errors, decision.random()), failure);
}

/**
 * A begun job lost its thread or its process. An interruption by a clean close is the runtime's doing, not the job's, and does not
 * count; but what must not begin twice does not, whoever's doing it was.
 */
export function interrupted(decision: Decision, job: JobRecord, cause: InterruptionCause): void {
  const interruptions = job.interruptions + (cause === 'close' ? 0 : 1);
  decision.state.change(job, (row) => {
    row.interruptions = interruptions;
  });
  tellJob(decision, 'interrupted', job);
  if (job.policy !== 'never' && (job.policy === 'forever' || interruptions <= interruptionLimit))
    return again(decision, job, cause);
  const how = { close: 'the runtime was closed', thread: 'its thread died', process: 'its process died' }[cause];
  conclude(decision, job, 'failure', decision.failure(new JobInterruptedError(`the job was interrupted: ${how}`)));
}

/** What kills its process goes on running alone, so that nobody else is blamed for it. */
function again(decision: Decision, job: JobRecord, cause: InterruptionCause): void {
  const alone = job.alone && cause === 'process';
  putBack(decision, job, (row) => {
    row.alone = alone;
    row.suspect = alone;
  });
}

/** Later, unless that would be after the deadline: then the last error is the outcome. */
function retryAfter(decision: Decision, job: JobRecord, ms: number, failure: Payload): void {
  const dueAt = decision.now + ms;
  if (job.deadline !== 0 && dueAt > job.deadline) return conclude(decision, job, 'failure', failure);
  putBack(decision, job, (row) => {
    row.errors++;
    if (ms > 0) row.dueAt = dueAt;
  });
  tellJob(decision, 'retried', job);
}

/** The job was not begun in time. */
export function expire(decision: Decision, job: JobRecord): void {
  conclude(
    decision,
    job,
    'failure',
    decision.failure(new JobExpiredError('the job was not begun before its deadline')),
  );
}

function applies({ only }: RetryErrors, names: readonly string[]): boolean {
  return only.length === 0 || only.some((name) => names.includes(name));
}

function delayMs({ initialMs, factor, maxMs, jitter }: RetryErrors, retries: number, random: number): number {
  const full = Math.min(maxMs, initialMs * factor ** retries);
  return Math.round(full * (1 - jitter * random));
}

const parsed = new Map<string, RetryErrors>();

/** Undefined: own errors are final. */
function errorPolicy(policy: string): RetryErrors | undefined {
  if (!policy.startsWith('{')) return undefined;
  let found = parsed.get(policy);
  if (found === undefined) {
    found = JSON.parse(policy) as RetryErrors;
    if (parsed.size >= 1000) parsed.clear();
    parsed.set(policy, found);
  }
  return found;
}
