/**
 * A decision, as all transitions have it in hand, and the events that it has as effects.
 */
import { type Effect, levelGate, type Outside } from './commands.js';
import type { DispatcherEventType, Event, Interruption, JobEventType } from './events.js';
import type { Id, InterruptionCause, JobRecord, Payload } from './records.js';
import type { State } from './state/state.js';

/** One decision: what it reads and changes, what it is handed from outside, the effects it has. */
export interface Decision extends Outside {
  readonly state: State;
  readonly effects: Effect[];
}

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
