/**
 * Who waits, here or in a running job, for something to be said about a job under some name.
 */
import type { AnnotationRecord, Id } from '../../core/records.js';
import type { Store } from '../../store/store.js';
import type { Timer } from '../long-timeout.js';
import { Waiters } from './waiters.js';

export type AnnotationWaiter = (value: Uint8Array | null) => void;

export class AnnotationWaiters {
  readonly #store: Store;
  readonly #after: (delayMs: number, callback: () => void) => Timer;
  readonly #waiters = new Waiters<AnnotationWaiter>();

  constructor(store: Store, after: (delayMs: number, callback: () => void) => Timer) {
    this.#store = store;
    this.#after = after;
  }

  /** Calls back with what is said, at once if it is there; with null after so long. */
  waitFor(job: Id, name: string, timeoutMs: number, then: AnnotationWaiter): void {
    const there = this.#store.state.annotation(job, name);
    if (there !== undefined) return then(this.#store.bytes(there.value));
    const key = keyOf(job, name);
    const waiter: AnnotationWaiter = (value) => {
      timer.clear();
      then(value);
    };
    const timer = this.#after(timeoutMs, () => {
      this.#waiters.remove(key, waiter);
      then(null);
    });
    this.#waiters.add(key, waiter);
  }

  /** Something was said here. */
  tell(job: Id, name: string, value: Uint8Array): void {
    for (const tell of this.#waiters.take(keyOf(job, name))) tell(value);
  }

  /** Something was said elsewhere. */
  tellStored({ job, name, value }: AnnotationRecord): void {
    for (const tell of this.#waiters.take(keyOf(job, name))) tell(this.#store.bytes(value));
  }
}

const keyOf = (job: Id, name: string) => `${job}${name}`;
