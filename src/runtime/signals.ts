/**
 * Closes runtimes on a signal, then lets the signal end the process as it would have done.
 *
 * All runtimes share one listener for each signal; there is none if no runtime asked for it. A
 * second signal ends the process at once.
 */

import { constants } from 'node:os';
import { checkArray } from '../definition/arguments.js';
import { invalidOption } from '../errors.js';

type Close = () => Promise<unknown>;

const closers = new Map<NodeJS.Signals, Set<Close>>();
const listeners = new Map<NodeJS.Signals, () => void>();

/** Checks that this system knows the signals. */
export function checkSignals(signals: readonly NodeJS.Signals[] = []): void {
  checkArray('signals', signals, 'names of signals');
  for (const [index, signal] of signals.entries()) {
    if (Object.hasOwn(constants.signals, signal) && signal !== 'SIGKILL' && signal !== 'SIGSTOP') continue;
    const rule = 'must be the name of a signal that a process can listen to';
    throw invalidOption(`signals[${index}]`, rule, signal, typeof signal === 'string' ? RangeError : TypeError);
  }
}

/** Calls `close` when one of these signals arrives. Returns a function that undoes this. */
export function closeOn(signals: readonly NodeJS.Signals[], close: Close): () => void {
  for (const signal of signals) {
    const there = closers.get(signal);
    if (there !== undefined) there.add(close);
    else listen(signal, close);
  }
  return () => {
    for (const signal of signals) {
      const left = closers.get(signal);
      left?.delete(close);
      if (left?.size === 0) silence(signal);
    }
  };
}

function listen(signal: NodeJS.Signals, first: Close): void {
  const all = new Set([first]);
  const listener = async () => {
    const closing = [...all];
    silence(signal);
    await Promise.allSettled(closing.map((close) => close()));
    // If others listen too, they decide how the process ends.
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  };
  closers.set(signal, all);
  listeners.set(signal, listener);
  process.on(signal, listener);
}

function silence(signal: NodeJS.Signals): void {
  const listener = listeners.get(signal);
  if (listener !== undefined) process.off(signal, listener);
  listeners.delete(signal);
  closers.delete(signal);
}
