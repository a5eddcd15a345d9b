/**
 * What happens, told to whoever listens: effects like any other, so that nobody hears of what is
 * not kept.
 *
 * While nobody listens none is made, but of what is logged.
 */
import type { InterruptionCause } from './commands.js';
import type { Decision } from './job.js';
import { levelGate } from './job.js';
import type { Id, JobRecord, Payload } from './records.js';

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

/** Told when others may see what it tells of: at the gate of the job's level. */
export function tellJob(
  decision: Decision,
  type: JobEventType,
  job: JobRecord,
  at = decision.now,
  interruption?: Interruption,
  failure?: Payload,
): void {
  // Of chunks nobody but the map knows.
  if (job.form === 'chunk' || !(decision.listening || isLogged(type))) return;
  const { id, callable, queue, agent, attempts } = job;
  const event: Event = {
    type: `job.${type}`,
    at,
    job: id,
    callable,
    queue,
    agent,
    attempts,
    ...(interruption !== undefined && { interruption }),
  };
  decision.effects.push({ type: 'event', gate: levelGate(job.level), event, ...(failure && { failure }) });
}

/** What is logged is told in any case: it is rare. */
const isLogged = (type: JobEventType) => type === 'interrupted' || type === 'retried';

export function tellInterrupted(decision: Decision, job: JobRecord, cause: InterruptionCause, error?: Error): void {
  if (error === undefined) return tellJob(decision, 'interrupted', job, decision.now, { cause });
  const { name, message, stack, code } = error as Error & { code?: string | number };
  tellJob(decision, 'interrupted', job, decision.now, { cause, error: { name, message, stack, code } });
}

export function tellDispatcher(decision: Decision, type: DispatcherEventType, dispatcher: Id): void {
  if (decision.listening) tell(decision, { type: `dispatcher.${type}`, at: decision.now, dispatcher });
}

export function tellQueue(decision: Decision, queue: string): void {
  if (decision.listening) tell(decision, { type: 'queue.added', at: decision.now, queue });
}

function tell({ effects }: Decision, event: Event): void {
  effects.push({ type: 'event', gate: 'synced', event });
}
