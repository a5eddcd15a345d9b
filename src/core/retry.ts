/**
 * What becomes of a job that failed, was interrupted, or asked for what was refused.
 *
 * Its policy (`policy.ts`) answers no, at once (in front of the line) or at a time. Those that ship
 * answer here. An own policy is asked: the job waits for its answer in the stage `policy`, with the
 * failure in question as its result, claimed by nobody, in the places of its quotas. The question
 * can be derived from that again: whoever opens next asks again, and where the process that asked
 * is gone another does after a while. Where no usable answer comes nothing is guessed: the job is
 * held, and its policy asked again later.
 */

import { type CallsheetError, JobInterruptedError } from '../errors.js';
import { levelGate, type PolicyAnswer } from './commands.js';
import { type Decision, tellInterrupted, tellJob } from './decision.js';
import { conclude, holdForPolicy, putBack } from './job.js';
import { errorPolicy, isOwnPolicy, policyOf, type RetryErrors } from './policy.js';
import type { InterruptionCause, JobRecord, Payload, PolicyQuestion } from './records.js';
import type { JobRow } from './state/job-row.js';

const interruptionLimit = 9;
/**
 * The first rerun after an interruption is at once; the later ones wait so long, and leave the jobs
 * behind them their turn.
 */
const laterReruns = { initialMs: 1000, factor: 2, maxMs: 60_000, jitter: 0.2 };
/** A job whose policy has no answer waits in steps of this size, growing up to the largest. */
const noAnswer = { initialMs: 1000, factor: 2, maxMs: 600_000, jitter: 0.2 };
/** Whoever asks has told by then what was answered, or that nothing was. */
const askedForMs = 60_000;
/** What is kept of what was wrong with an answer. */
const problemLength = 500;

/** Whether a job may be what killed its process; see `recovery.ts`. */
export interface Suspicion {
  readonly suspect: boolean;
  readonly alone: boolean;
}

const unsuspected: Suspicion = { suspect: false, alone: false };

/** The job threw. */
export function failed(
  decision: Decision,
  job: JobRecord,
  failure: Payload,
  names: readonly string[],
  question: 'jobError' | 'commitError' = 'jobError',
): void {
  const name = policyOf(decision.state, job);
  if (isOwnPolicy(name)) return ask(decision, job, name, question, failure);
  const policy = errorPolicy(name);
  const retried = policy !== undefined && job.errors < policy.limit && applies(policy, names);
  if (!retried) conclude(decision, job, 'failure', failure);
  else retryError(decision, job, failure, decision.now + delayMs(policy, job.errors, decision.random()));
}

/**
 * The job's outcome, or what it asked for with it, was refused, and what it asked for is dropped.
 * That is no trouble of the store, which the store itself waits out: it would be refused again, so
 * it is an error of the job's own.
 */
export function couldNotCommit(decision: Decision, job: JobRecord, error: CallsheetError): void {
  const message = `the outcome of the job could not be stored: ${error.message}`;
  decision.effects.push({ type: 'log', gate: 'decided', level: 'error', message, job: job.id });
  failed(decision, job, decision.failure(error), [error.name, 'CallsheetError', 'Error'], 'commitError');
}

/**
 * A begun job lost its thread or its process. An interruption by a clean close is the runtime's
 * doing, not the job's, and does not count; but what must not begin twice does not, whoever's doing
 * it was.
 */
export function interrupted(decision: Decision, job: JobRecord, cause: InterruptionCause, error?: Error): void {
  const interruptions = job.interruptions + (cause === 'close' ? 0 : 1);
  decision.state.change(job, (row) => {
    row.interruptions = interruptions;
  });
  tellInterrupted(decision, job, cause, error);
  // What kills its process goes on running alone, so that nobody else is blamed for it.
  const alone = job.alone && cause === 'process';
  const suspicion = { suspect: alone, alone };
  const policy = policyOf(decision.state, job);
  const failure = interruption(decision, cause, error);
  if (isOwnPolicy(policy)) return ask(decision, job, policy, cause, failure, suspicion);
  const isRerun = policy === 'forever' || (policy !== 'never' && interruptions <= interruptionLimit);
  const dueAt = cause === 'close' ? 0 : rerunAt(decision, interruptions + (alone ? uncountedDeaths : 0));
  if (isRerun && !isTooLate(job, dueAt)) runAgain(decision, job, suspicion, dueAt);
  else conclude(decision, job, 'failure', failure);
}

/**
 * Before a job runs alone, and its interruptions count, it was claimed at the death of two
 * processes.
 */
const uncountedDeaths = 2;

/** When a job runs again that was interrupted this many times; 0: at once. */
function rerunAt(decision: Decision, interruptions: number): number {
  return interruptions < 2 ? 0 : decision.now + delayMs(laterReruns, interruptions - 2, decision.random());
}

/**
 * When a job runs alone for the first time. It may be innocent: its deadline does not pass
 * meanwhile.
 */
export function aloneAt(decision: Decision, { deadline }: JobRecord): number {
  const dueAt = rerunAt(decision, uncountedDeaths);
  return deadline === 0 ? dueAt : Math.min(dueAt, deadline);
}

/** Goes back to its line: in front, or, with a date, when that comes. */
export function runAgain(decision: Decision, job: JobRecord, suspicion: Suspicion, dueAt: number): void {
  putBack(decision, job, (row) => {
    suspected(suspicion)(row);
    row.dueAt = dueAt;
  });
}

/**
 * A job that had begun when its process died, and is not counted for that: its own policy is asked
 * all the same.
 */
export function interruptedUncounted(decision: Decision, job: JobRecord, policy: string, suspicion: Suspicion): void {
  tellInterrupted(decision, job, 'process');
  ask(decision, job, policy, 'process', interruption(decision, 'process'), suspicion);
}

/**
 * The job's own policy has answered. `data` is what it keeps from now on; undefined: what it kept
 * before.
 */
export function answered(
  decision: Decision,
  job: JobRecord,
  answer: PolicyAnswer,
  data: Uint8Array | null | undefined,
): void {
  const asked = job.asked!;
  const failure = job.result!;
  if (data !== undefined) {
    decision.state.change(job, (row) => {
      row.asked = { ...asked, data };
    });
  }
  if (answer.type === 'no') return conclude(decision, job, 'failure', failure);
  const dueAt = answer.type === 'at' ? answer.at : decision.now + (answer.type === 'after' ? answer.ms : 0);
  if (asked.question === 'jobError' || asked.question === 'commitError')
    return retryError(decision, job, failure, dueAt);
  const { suspect, alone } = job;
  const later = dueAt > decision.now;
  if (later && isTooLate(job, dueAt)) return conclude(decision, job, 'failure', failure);
  runAgain(decision, job, { suspect, alone }, later ? dueAt : 0);
}

/** It threw, is not in this build, answered nonsense, or not in time. */
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

/** Its answer is still to come, and whoever was to get it is gone; or it is time to try again. */
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
  failure: Payload,
  suspicion: Suspicion = unsuspected,
): void {
  holdForPolicy(decision, job, failure, (row) => {
    suspected(suspicion)(row);
    const data = row.asked?.policy === policy ? row.asked.data : null;
    row.asked = { policy, question, askedAt: decision.now, misses: 0, problem: '', data };
  });
  askAgain(decision, job);
}

/**
 * After an error: later, unless that would be after the deadline. Then the error is the outcome.
 */
function retryError(decision: Decision, job: JobRecord, failure: Payload, dueAt: number): void {
  if (isTooLate(job, dueAt)) return conclude(decision, job, 'failure', failure);
  putBack(decision, job, (row) => {
    row.errors++;
    if (dueAt > decision.now) row.dueAt = dueAt;
  });
  tellJob(decision, 'retried', job, decision.now, undefined, failure);
}

const isTooLate = ({ deadline }: JobRecord, dueAt: number) => deadline !== 0 && dueAt > deadline;

const suspected =
  ({ suspect, alone }: Suspicion) =>
  (row: JobRow): void => {
    row.suspect = suspect;
    row.alone = alone;
  };

function interruption(decision: Decision, cause: InterruptionCause, error?: Error): Payload {
  const how = { close: 'the runtime was closed', thread: 'its thread died', process: 'its process died' }[cause];
  const message = `the job was interrupted: ${how}`;
  return decision.failure(
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
