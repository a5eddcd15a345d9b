/** Clients and running jobs that wait for an annotation of a job. */
import type { AnnotationRecord, Id } from '../../core/records.js';
import type { Records } from '../../store/store.js';
import type { Context } from '../context.js';
import type { Timer } from '../long-timeout.js';
import type { Caller } from './caller.js';
import { Waiters } from './waiters.js';

export type AnnotationWaiter = (value: Uint8Array | null) => void;

interface Waiting {
  readonly then: AnnotationWaiter;
  readonly timer: Timer;
  /** Undefined for a running job. */
  readonly caller: Caller | undefined;
}

export class AnnotationWaiters {
  readonly #context: Context;
  readonly #waiters = new Waiters<Waiting>();

  constructor(context: Context) {
    this.#context = context;
  }

  /** Calls back with the annotation's value, at once if it exists; with null after `timeoutMs`. */
  waitFor(job: Id, name: string, timeoutMs: number, then: AnnotationWaiter, caller?: Caller): void {
    const { store, after } = this.#context;
    const key = keyOf(job, name);
    const timer = after(timeoutMs, () => {
      this.#waiters.remove(key, waiting);
      then(null);
    });
    const waiting: Waiting = { then, timer, caller };
    this.#waiters.add(key, waiting);
    const look = (records: Records) => {
      const there = records.view.annotation(job, name);
      return there && records.bytes(there.value);
    };
    const tell = (error: Error | undefined, value?: Uint8Array | undefined) => {
      // Any error of reading but damage has ended the store. A damaged value is not waited for.
      if ((value === undefined && error === undefined) || !this.#waiters.remove(key, waiting)) return;
      timer.clear();
      then(value ?? null);
    };
    store.read(look, tell, 'decided');
  }

  /** Ends the waits of a caller that is gone. */
  leave(caller: Caller): void {
    this.#waiters.removeAll((waiting) => {
      if (waiting.caller !== caller) return false;
      waiting.timer.clear();
      return true;
    });
  }

  /** Returns the jobs for whose annotations clients or jobs wait. */
  awaited(): Iterable<Id> {
    return new Set(this.#waiters.keys().map((key) => key.slice(0, 16)));
  }

  /** Resolves the waiters for an annotation that was made here. */
  resolve(job: Id, name: string, value: Uint8Array): void {
    for (const { then, timer } of this.#waiters.take(keyOf(job, name))) {
      timer.clear();
      then(value);
    }
  }

  /** Resolves the waiters for an annotation that another process made. */
  resolveStored({ job, name, value }: AnnotationRecord): void {
    if (!this.#waiters.has(keyOf(job, name))) return;
    const tell = (_: unknown, bytes?: Uint8Array) => bytes && this.resolve(job, name, bytes);
    this.#context.store.read((records: Records) => records.bytes(value), tell, 'decided');
  }
}

const keyOf = (job: Id, name: string) => `${job}${name}`;
