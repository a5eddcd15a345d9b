/**
 * Dispatchers as others look them up: nothing here changes one. Their transitions are in
 * `dispatcher.ts`.
 */
import { CallsheetError } from '../errors.js';
import type { Decision } from './decision.js';
import { agentDispatcher, agentKey, type DispatcherRecord, dispatcherKey, type Id, type JobRecord } from './records.js';
import type { State } from './state/state.js';

/** In whose name callbacks are claimed while no dispatcher is active. */
export const nobody: Id = '\u0000'.repeat(16);

export function dispatcherOf(state: State, id: Id): DispatcherRecord | undefined {
  return state.setting(dispatcherKey(id)) as DispatcherRecord | undefined;
}

/** It has not been heard of for so long that it is taken for dead. */
export function isSilent({ lastPingAt, deathMs }: DispatcherRecord, now: number): boolean {
  return now - lastPingAt > deathMs;
}

export function requireDispatcher(state: State, id: Id): DispatcherRecord {
  const there = dispatcherOf(state, id);
  if (there === undefined) throw new CallsheetError('UNKNOWN_DISPATCHER', 'there is no such dispatcher');
  return there;
}

/** A job for this dispatcher alone is put only while that is active. */
export function requireActive(state: State, id: Id): void {
  if (!state.isActive(id))
    throw new CallsheetError('DISPATCHER_INACTIVE', 'the dispatcher that it is for is not active');
}

/** In whose name a callback of this job runs, as the key of an agent. */
export function runnerOf({ state, dispatcher }: Decision, { agent, queue }: JobRecord): string {
  if (state.isActive(agentDispatcher(agent))) return agent;
  const runner = state.isActive(dispatcher) ? dispatcher : (state.activeDispatchers().next().value ?? nobody);
  return agentKey(runner, queue, '');
}
