/** Clients and running jobs that wait for an annotation of a job. */
import type { AnnotationRecord, Id } from '../../core/records.js';
import type { Context } from '../context.js';
import { Waiters } from './waiters.js';

export type AnnotationWaiter = (value: Uint8Array | null) => void;

export class AnnotationWaiters {
  readonly #context: Context;
  readonly #waiters = new Waiters<AnnotationWaiter>();

  constructor(context: Context) {
    this.#context = context;
  }

  /** Calls back with the annotation's value, at once if it exists; with null after `timeoutMs`. */
  waitFor(job: Id, name: string, timeoutMs: number, then: AnnotationWaiter): void {
    const there = this.#context.store.state.annotation(job, name);
    if (there !== undefined) return then(this.#context.store.bytes(there.value));
    const key = keyOf(job, name);
    const waiter: AnnotationWaiter = (value) => {
      timer.clear();
      then(value);
    };
    const timer = this.#context.after(timeoutMs, () => {
      this.#waiters.remove(key, waiter);
      then(null);
    });
    this.#waiters.add(key, waiter);
  }

  /** Resolves the waiters for an annotation that was made here. */
  resolve(job: Id, name: string, value: Uint8Array): void {
    for (const waiter of this.#waiters.take(keyOf(job, name))) waiter(value);
  }

  /** Resolves the waiters for an annotation that another process made. */
  resolveStored({ job, name, value }: AnnotationRecord): void {
    for (const waiter of this.#waiters.take(keyOf(job, name))) waiter(this.#context.store.bytes(value));
  }
}

const keyOf = (job: Id, name: string) => `${job}${name}`;
