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
  nobody,
  type PingRecord,
  pingKey,
} from './records.js';
import type { SettingsView } from './state/view.js';

export function dispatcherOf(view: SettingsView, id: Id): DispatcherRecord | undefined {
  return view.setting(dispatcherKey(id)) as DispatcherRecord | undefined;
}

export function pingsOf(view: SettingsView, id: Id): PingRecord | undefined {
  return view.setting(pingKey(id)) as PingRecord | undefined;
}

export function requireDispatcher(view: SettingsView, id: Id): DispatcherRecord {
  const there = dispatcherOf(view, id);
  if (there === undefined) throw new UnknownDispatcherError('the dispatcher is not registered');
  return there;
}

/**
 * Returns `PingRecord.holdsFrom` of the active dispatchers but one.
 */
export function othersHold(view: SettingsView, dispatcher: Id): ReadonlyMap<Id, Id> {
  const held = new Map<Id, Id>();
  for (const id of view.activeDispatchers()) {
    const holdsFrom = id === dispatcher ? undefined : pingsOf(view, id)?.holdsFrom;
    if (holdsFrom !== undefined) held.set(id, holdsFrom);
  }
  return held;
}

/** Refuses a put of a job bound to a dispatcher that is not active. */
export function requireActive(view: SettingsView, id: Id): void {
  if (!view.isActive(id)) throw new DispatcherInactiveError('the only dispatcher that may run the job is not active');
}

/** Returns the key of the agent under which a callback of this job runs. */
export function runnerOf({ state, dispatcher }: Decision, { agent, queue }: JobRecord): string {
  if (state.isActive(agentDispatcher(agent))) return agent;
  const runner = state.isActive(dispatcher) ? dispatcher : (state.activeDispatchers().next().value ?? nobody);
  return agentKey(runner, queue, '');
}
