/** Signals of callers: a job that is put with one is cancelled when the signal aborts. */
import { invalidOption } from '../errors.js';

interface Cancellable {
  cancel(): Promise<unknown>;
  failure(): Promise<unknown>;
}

/**
 * Checks a signal.
 *
 * @throws its reason, if it has aborted.
 * @throws {TypeError} it is not a signal.
 */
export function checkSignal(signal: AbortSignal): void {
  if (typeof signal?.addEventListener !== 'function' || typeof signal.throwIfAborted !== 'function')
    throw invalidOption('signal', 'must be an AbortSignal', signal);
  signal.throwIfAborted();
}

/** The callbacks of signals that have not aborted. */
const waiting = new WeakMap<AbortSignal, { readonly callbacks: Set<() => void>; readonly listener: () => void }>();

/**
 * Calls back when the signal aborts, unless the returned function was called before. All callbacks
 * of a signal share one listener, because Node takes more than ten for a leak.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  let there = waiting.get(signal);
  if (there === undefined) {
    const callbacks = new Set<() => void>();
    const listener = () => {
      waiting.delete(signal);
      for (const each of callbacks) each();
    };
    there = { callbacks, listener };
    waiting.set(signal, there);
    signal.addEventListener('abort', listener, { once: true });
  }
  const { callbacks, listener } = there;
  callbacks.add(callback);
  return () => {
    if (!callbacks.delete(callback) || callbacks.size > 0) return;
    waiting.delete(signal);
    signal.removeEventListener('abort', listener);
  };
}

/** Cancels the jobs when the signal aborts. Stops listening when all of them have an outcome. */
export function cancelOn(signal: AbortSignal, jobs: readonly Cancellable[]): void {
  const cancel = () => {
    // A job that has ended, or that cannot be reached, needs no cancelling.
    for (const job of jobs) job.cancel().catch(() => {});
  };
  if (signal.aborted) return cancel();
  const stop = onAbort(signal, cancel);
  void Promise.allSettled(jobs.map((job) => job.failure())).then(stop);
}
