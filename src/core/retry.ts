/**
 * Decides about jobs that failed, were interrupted, or whose commands were refused.
 *
 * The job's policy (`policy.ts`) answers no, now (in front of the line) or at a time. The policies
 * of callsheet answer here. An own policy is asked: the job waits for the answer in the stage
 * `policy`, unclaimed, with the failure in question as its result, and keeps its quotas' places.
 * The question can be derived from that record: the next process to open the store asks again, and
 * so does another process after a while if the asking one is gone. Without a usable answer nothing
 * is guessed: the job is held, and its policy is asked again later.
 */

import { type CallsheetError, JobInterruptedError } from '../errors.js';
import { levelGate, type PolicyAnswer } from './commands.js';
import { askedForMs, type Decision, tellInterrupted, tellJob } from './decision.js';
import { conclude, holdForPolicy, putBack } from './job.js';
import { type Failed, failureIn, failureOf, ownFailure } from './outcome.js';
import { errorPolicy, isOwnPolicy, policyOf, type RetryErrors } from './policy.js';
import type { InterruptionCause, JobRecord, Payload, PolicyQuestion } from './records.js';
import type { JobRow } from './state/job-row.js';

const interruptionLimit = 9;
/**
 * The first rerun after an interruption is at once. The delay of later ones lets the jobs behind
 * have their turn.
 */
const laterReruns = { initialMs: 1000, factor: 2, maxMs: 60_000, jitter: 0.2 };
/** The delays before a policy without a usable answer is asked again. */
const noAnswer = { initialMs: 1000, factor: 2, maxMs: 600_000, jitter: 0.2 };
/** Characters kept of the problem with an answer. */
const problemLength = 500;

/** Whether a job may have killed its process; see `recovery.ts`. */
export interface Suspicion {
  readonly suspect: boolean;
  readonly alone: boolean;
}

const unsuspected: Suspicion = { suspect: false, alone: false };

/** Retries a job that threw, or concludes it. */
export function failed(
  decision: Decision,
  job: JobRecord,
  payload: Payload,
  names: readonly string[],
  question: 'jobError' | 'commitError' = 'jobError',
): void {
  const failure = failureOf(payload, names);
  const name = policyOf(decision.state, job);
  if (isOwnPolicy(name)) return ask(decision, job, name, question, failure);
  const policy = errorPolicy(name);
  const retried = policy !== undefined && job.errors < policy.limit && applies(policy, names);
  if (!retried) conclude(decision, job, failure);
  else retryError(decision, job, failure, decision.now + delayMs(policy, job.errors, decision.random()));
}

/**
 * Drops the commands of a job whose outcome or commands were refused. They would be refused again,
 * so this is an own error of the job, not a failure that the store waits out.
 */
export function couldNotCommit(decision: Decision, job: JobRecord, error: CallsheetError): void {
  const message = `the outcome of the job could not be stored: ${error.message}`;
  decision.effects.push({ type: 'log', gate: 'decided', level: 'error', message, job: job.id });
  failed(decision, job, decision.failure(error), [error.name, 'CallsheetError', 'Error'], 'commitError');
}

/**
 * Interrupts a job that lost its thread or process. The runtime causes the interruption by a clean
 * close, so that is not counted; but a job that must not begin twice fails in any case.
 */
export function interrupted(decision: Decision, job: JobRecord, cause: InterruptionCause, error?: Error): void {
  const interruptions = job.interruptions + (cause === 'close' ? 0 : 1);
  decision.state.change(job, (row) => {
    row.interruptions = interruptions;
  });
  tellInterrupted(decision, job, cause, error);
  // A job that kills its process keeps running alone, so that no other is blamed for it.
  const alone = job.alone && cause === 'process';
  const suspicion = { suspect: alone, alone };
  const policy = policyOf(decision.state, job);
  const failure = interruption(decision, cause, error);
  if (isOwnPolicy(policy)) return ask(decision, job, policy, cause, failure, suspicion);
  const isRerun = policy === 'forever' || (policy !== 'never' && interruptions <= interruptionLimit);
  const dueAt = cause === 'close' ? 0 : rerunAt(decision, interruptions + (alone ? uncountedDeaths : 0));
  if (isRerun && !isTooLate(job, dueAt)) runAgain(decision, job, suspicion, dueAt);
  else conclude(decision, job, failure);
}

/** Deaths that a job was claimed at before it ran alone. Its interruptions do not count these. */
const uncountedDeaths = 2;

/** Returns the time of the run after this many interruptions; 0 for at once. */
function rerunAt(decision: Decision, interruptions: number): number {
  return interruptions < 2 ? 0 : decision.now + delayMs(laterReruns, interruptions - 2, decision.random());
}

/** Returns the time of the first run alone. The job may be innocent: its deadline must not pass. */
export function aloneAt(decision: Decision, { deadline }: JobRecord): number {
  const dueAt = rerunAt(decision, uncountedDeaths);
  return deadline === 0 ? dueAt : Math.min(dueAt, deadline);
}

/** Returns a job to its line: in front, or, with a date, at that time. */
export function runAgain(decision: Decision, job: JobRecord, suspicion: Suspicion, dueAt: number): void {
  putBack(decision, job, (row) => {
    suspected(suspicion)(row);
    row.dueAt = dueAt;
  });
}

/** Asks the own policy of a job that had begun when its process died. The death is not counted. */
export function interruptedUncounted(decision: Decision, job: JobRecord, policy: string, suspicion: Suspicion): void {
  tellInterrupted(decision, job, 'process');
  ask(decision, job, policy, 'process', interruption(decision, 'process'), suspicion);
}

/** Applies the answer of the job's own policy. `data` is its new data; undefined keeps the old. */
export function answered(
  decision: Decision,
  job: JobRecord,
  answer: PolicyAnswer,
  data: Uint8Array | null | undefined,
): void {
  const asked = job.asked!;
  const failure = failureIn(job);
  if (data !== undefined) {
    decision.state.change(job, (row) => {
      row.asked = { ...asked, data };
    });
  }
  if (answer.type === 'no') return conclude(decision, job, failure);
  const dueAt = answer.type === 'at' ? answer.at : decision.now + (answer.type === 'after' ? answer.ms : 0);
  if (asked.question === 'jobError' || asked.question === 'commitError')
    return retryError(decision, job, failure, dueAt);
  const { suspect, alone } = job;
  const later = dueAt > decision.now;
  if (later && isTooLate(job, dueAt)) return conclude(decision, job, failure);
  runAgain(decision, job, { suspect, alone }, later ? dueAt : 0);
}

/** Holds a job whose policy threw, is not in this build, or gave no valid answer in time. */
export function unanswered(decision: Decision, job: JobRecord, problem: string): void {
  const { state, now, effects } = decision;
  const asked = job.asked!;
  state.change(job, (row) => {
    row.asked = { ...asked, misses: asked.misses + 1, problem: problem.slice(0, problemLength) };
    row.dueAt = now + delayMs(noAnswer, asked.misses, decision.random());
  });
  const message = `the retry policy ${asked.policy} gave no answer, so its job is held: ${job.asked!.problem}`;
  effects.push({ type: 'log', gate: 'decided', level: 'fatal', message, job: job.id });
}

/** Asks the job's policy, for the first time or again. */
export function askAgain(decision: Decision, job: JobRecord): void {
  decision.state.change(job, (row) => {
    row.dueAt = decision.now + askedForMs;
  });
  const gate = job.level === 'memory' ? 'decided' : levelGate('process');
  decision.effects.push({ type: 'ask', gate, job: job.id, fence: job.fence });
}

function ask(
  decision: Decision,
  job: JobRecord,
  policy: string,
  question: PolicyQuestion,
  failure: Failed,
  suspicion: Suspicion = unsuspected,
): void {
  holdForPolicy(decision, job, failure, (row) => {
    suspected(suspicion)(row);
    const data = row.asked?.policy === policy ? row.asked.data : null;
    row.asked = { policy, question, askedAt: decision.now, misses: 0, problem: '', data };
    row.dueAt = decision.now;
  });
  // A process that closes asks nothing: the next one that looks does.
  if (question !== 'close') askAgain(decision, job);
}

/** Retries a job after an error. If the deadline would be over, the error is the outcome. */
function retryError(decision: Decision, job: JobRecord, failure: Failed, dueAt: number): void {
  if (isTooLate(job, dueAt)) return conclude(decision, job, failure);
  putBack(decision, job, (row) => {
    row.errors++;
    if (dueAt > decision.now) row.dueAt = dueAt;
  });
  tellJob(decision, 'retried', job, decision.now, undefined, failure.result);
}

const isTooLate = ({ deadline }: JobRecord, dueAt: number) => deadline !== 0 && dueAt > deadline;

const suspected =
  ({ suspect, alone }: Suspicion) =>
  (row: JobRow): void => {
    row.suspect = suspect;
    row.alone = alone;
  };

function interruption(decision: Decision, cause: InterruptionCause, error?: Error): Failed {
  const how = { close: 'the runtime was closed', thread: 'its thread died', process: 'its process died' }[cause];
  const message = `the job was interrupted: ${how}`;
  return ownFailure(
    decision,
    error === undefined
      ? new JobInterruptedError(message)
      : new JobInterruptedError(`${message} (${error.name}: ${error.message})`, { cause: error }),
  );
}

function applies({ only }: RetryErrors, names: readonly string[]): boolean {
  return only.length === 0 || only.some((name) => names.includes(name));
}

type Backoff = Pick<RetryErrors, 'initialMs' | 'factor' | 'maxMs' | 'jitter'>;

function delayMs({ initialMs, factor, maxMs, jitter }: Backoff, retries: number, random: number): number {
  const full = Math.min(maxMs, initialMs * factor ** retries);
  return Math.round(full * (1 - jitter * random));
}
