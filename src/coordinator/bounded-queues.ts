/**
 * Queues with a bound: what is put into a full one waits here, in the order of the puts, until there is room.
 */
import { queueOf } from '../core/queue.js';
import type { Store } from '../store/store.js';
import { Waiters } from './waiters.js';

export class BoundedQueues {
  readonly #store: Store;
  /** What is to be called when its turn has come, by queue. */
  readonly #waiting = new Waiters<() => void>();

  constructor(store: Store) {
    this.#store = store;
  }

  isBounded(queue: string): boolean {
    return (queueOf(this.#store.state, queue)?.bound ?? 0) > 0;
  }

  /** Whether a put has to wait: the queue is full, or others wait already. */
  keepsOut(queue: string): boolean {
    return this.#isFull(queue) || this.#waiting.has(queue);
  }

  /** Calls back when there is room. */
  wait(queue: string, put: () => void): void {
    this.#waiting.add(queue, put);
  }

  /** How many puts wait. */
  count(queue: string): number {
    return this.#waiting.count(queue);
  }

  /** Lets in those for whom there is room by now; all of them, to be refused, where nothing is put any more. */
  letIn(all: boolean): void {
    for (const queue of this.#waiting.keys()) {
      const waiting = this.#waiting.take(queue);
      let put = 0;
      while (put < waiting.length && (all || !this.#isFull(queue))) waiting[put++]!();
      for (const left of waiting.slice(put)) this.#waiting.add(queue, left);
    }
  }

  #isFull(queue: string): boolean {
    const bound = queueOf(this.#store.state, queue)?.bound ?? 0;
    return bound > 0 && this.#store.state.queued(queue) >= bound;
  }
}
