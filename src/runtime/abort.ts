/**
 * Signals of users: a job that is put with one is cancelled when it aborts.
 */
import { invalidOption } from '../errors.js';

interface Cancellable {
  cancel(): Promise<unknown>;
  failure(): Promise<unknown>;
}

/** @throws its reason where it is aborted already; {@link TypeError} where it is no signal. */
export function checkSignal(signal: AbortSignal): void {
  if (typeof signal?.addEventListener !== 'function' || typeof signal.throwIfAborted !== 'function')
    throw invalidOption('signal', 'must be an AbortSignal', signal);
  signal.throwIfAborted();
}

/** Cancels the jobs when the signal aborts; listens no longer than one of them has no outcome. */
export function cancelOn(signal: AbortSignal, jobs: readonly Cancellable[]): void {
  const cancel = () => {
    // What is over, or cannot be asked for any more, needs no cancelling.
    for (const job of jobs) job.cancel().catch(() => {});
  };
  if (signal.aborted) return cancel();
  signal.addEventListener('abort', cancel, { once: true });
  void Promise.allSettled(jobs.map((job) => job.failure())).then(() => signal.removeEventListener('abort', cancel));
}
