/** A decision, as every transition receives it, and the events that it emits. */
import { type Effect, levelGate, type Outside } from './commands.js';
import type { DispatcherEventType, Event, Interruption, JobEventType, ScheduleEventType } from './events.js';
import type { Id, InterruptionCause, JobRecord, Payload } from './records.js';
import type { State } from './state/state.js';

/**
 * After this time a process that was asked for something, in an effect, is taken to be gone, and
 * the next process that looks is asked.
 */
export const askedForMs = 60_000;

/**
 * The parts that one decision puts or cancels. The rest of a large whole follows in others. Tests
 * with few jobs make it smaller.
 */
export const atOnce = { parts: 1000 };

/** The state that a decision reads and changes, its outside, and its effects. */
export interface Decision extends Outside {
  readonly state: State;
  readonly effects: Effect[];
  /** The parts that it may still put or cancel. */
  partsLeft: number;
}

/**
 * Emits an event at the gate of the job's level: no listener hears of a change that can be lost.
 */
export function tellJob(
  decision: Decision,
  type: JobEventType,
  job: JobRecord,
  at = decision.now,
  interruption?: Interruption,
  failure?: Payload,
): void {
  // Chunks are internal to maps.
  if (job.form === 'chunk' || !(decision.listening || isLogged(type) || job.log !== '')) return;
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

/** The log needs these events even without a listener. They are rare. */
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

export function tellSchedule(
  decision: Decision,
  type: ScheduleEventType,
  schedule: string,
  tick: number,
  count = 1,
): void {
  if (decision.listening) tell(decision, { type: `schedule.${type}`, at: decision.now, schedule, tick, count });
}

function tell({ effects }: Decision, event: Event): void {
  effects.push({ type: 'event', gate: 'synced', event });
}
