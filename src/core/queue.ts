/** Queues: named lines of jobs, and their settings. */

import { QueueNotEmptyError, UnknownQueueError } from '../errors.js';
import { type Decision, tellQueue } from './decision.js';
import { type QueueRecord, queueKey, settingKey } from './records.js';
import type { SettingsView } from './state/view.js';

/** Exists without being created. */
export const defaultQueue = '';

/** The record of a queue without settings. */
const plain = (name: string): QueueRecord => ({ kind: 'queue', name, paused: false, pausedAt: 0, bound: 0 });
const plainDefault = plain(defaultQueue);
const defaultKey = queueKey(defaultQueue);

/** Returns undefined if the queue does not exist. */
export function queueOf(view: SettingsView, name: string): QueueRecord | undefined {
  // Every put and claim asks, so nothing is made for the default queue.
  if (name === defaultQueue) return (view.setting(defaultKey) as QueueRecord | undefined) ?? plainDefault;
  return view.setting(queueKey(name)) as QueueRecord | undefined;
}

export function requireQueue(view: SettingsView, name: string): QueueRecord {
  const found = queueOf(view, name);
  if (found === undefined) throw new UnknownQueueError(`there is no queue named ${JSON.stringify(name)}`);
  return found;
}

/** A queue that is paused again keeps the time of its pause. */
export function pauseQueue(decision: Decision, name: string, paused: boolean): void {
  const { pausedAt } = requireQueue(decision.state, name);
  changeQueue(decision, name, { paused, pausedAt: paused ? pausedAt || decision.now : 0 });
}

/** Does nothing if the queue exists. */
export function createQueue(decision: Decision, name: string): void {
  const { state } = decision;
  if (queueOf(state, name) !== undefined) return;
  state.set(queueKey(name), plain(name));
  tellQueue(decision, name);
}

export function removeQueue({ state }: Decision, name: string): void {
  requireQueue(state, name);
  if (name === defaultQueue) throw new QueueNotEmptyError("the queue named '' cannot be removed");
  if (!state.isEmpty(name)) throw new QueueNotEmptyError(`the queue ${JSON.stringify(name)} is not empty`);
  for (const setting of [...state.settingsOf(name)]) state.set(settingKey(setting), undefined);
  state.set(queueKey(name), undefined);
}

export function changeQueue({ state }: Decision, name: string, patch: Partial<QueueRecord>): void {
  state.set(queueKey(name), { ...requireQueue(state, name), ...patch });
}

/** Returns the default queue, which always exists, and all others. */
export function queueNames(view: SettingsView): string[] {
  const names = [''];
  for (const setting of view.settings()) if (setting.kind === 'queue' && setting.name !== '') names.push(setting.name);
  return names;
}
