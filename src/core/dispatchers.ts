/** Look-ups of dispatchers. The transitions of a dispatcher are in `dispatcher.ts`. */
import { DispatcherInactiveError, UnknownDispatcherError } from '../errors.js';
import type { Decision } from './decision.js';
import {
  agentDispatcher,
  agentKey,
  type DispatcherRecord,
  dispatcherKey,
  type Id,
  type JobRecord,
  type PingRecord,
  pingKey,
} from './records.js';
import type { State } from './state/state.js';

/** The holder of callbacks while no dispatcher is active. */
export const nobody: Id = '\u0000'.repeat(16);

export function dispatcherOf(state: State, id: Id): DispatcherRecord | undefined {
  return state.setting(dispatcherKey(id)) as DispatcherRecord | undefined;
}

export function pingsOf(state: State, id: Id): PingRecord | undefined {
  return state.setting(pingKey(id)) as PingRecord | undefined;
}

export function requireDispatcher(state: State, id: Id): DispatcherRecord {
  const there = dispatcherOf(state, id);
  if (there === undefined) throw new UnknownDispatcherError('the dispatcher is not registered');
  return there;
}

/** Refuses a put of a job bound to a dispatcher that is not active. */
export function requireActive(state: State, id: Id): void {
  if (!state.isActive(id)) throw new DispatcherInactiveError('the only dispatcher that may run the job is not active');
}

/** Returns the key of the agent under which a callback of this job runs. */
export function runnerOf({ state, dispatcher }: Decision, { agent, queue }: JobRecord): string {
  if (state.isActive(agentDispatcher(agent))) return agent;
  const runner = state.isActive(dispatcher) ? dispatcher : (state.activeDispatchers().next().value ?? nobody);
  return agentKey(runner, queue, '');
}
