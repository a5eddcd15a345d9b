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

/** Cancels the jobs when the signal aborts. Stops listening when all of them have an outcome. */
export function cancelOn(signal: AbortSignal, jobs: readonly Cancellable[]): void {
  const cancel = () => {
    // A job that has ended, or that cannot be reached, needs no cancelling.
    for (const job of jobs) job.cancel().catch(() => {});
  };
  if (signal.aborted) return cancel();
  signal.addEventListener('abort', cancel, { once: true });
  void Promise.allSettled(jobs.map((job) => job.failure())).then(() => signal.removeEventListener('abort', cancel));
}
