/**
 * Who waits until a queue has nothing to do, or until a map can take more items. No effect tells of
 * either: it is looked at after each turn.
 */
import { countItems } from '../../core/map.js';
import type { Id } from '../../core/records.js';
import type { Fed } from '../../protocol/messages.js';
import type { Build } from '../claiming/build.js';
import type { Context } from '../context.js';
import { replyTo } from './replies.js';
import { Waiters } from './waiters.js';

/** Who feeds a map, and how few of its items are to be under way before it goes on. */
interface FedWaiter {
  readonly request: number;
  readonly most: number;
}

const nothingFed = { taken: 0, done: 0 };

export class DrainWaiters {
  readonly #context: Context;
  readonly #build: Build;
  readonly #drainWaiters = new Waiters<number>();
  readonly #fedWaiters = new Waiters<FedWaiter>();

  constructor(context: Context, build: Build) {
    this.#context = context;
    this.#build = build;
  }

  waitUntilDrained(queue: string, request: number): void {
    this.#drainWaiters.add(queue, request);
  }

  waitUntilFed(map: Id, waiter: FedWaiter): void {
    this.#fedWaiters.add(map, waiter);
    this.#tellFed(map);
  }

  /** Tells those for whom it is so by now. */
  tell(): void {
    for (const queue of this.#drainWaiters.keys()) this.#tellDrained(queue);
    for (const map of this.#fedWaiters.keys()) this.#tellFed(map);
  }

  /** Nothing in the queue is due or running, but for what waits for another build. */
  #tellDrained(queue: string): void {
    const left = () => this.#build.left(queue);
    if (left() === undefined) return;
    for (const request of this.#drainWaiters.take(queue)) {
      this.#context.store.read(left, (error, stillLeft) => {
        if (error !== undefined) this.#context.post(replyTo(request, error));
        else if (stillLeft === undefined) this.#drainWaiters.add(queue, request);
        else this.#context.post(['answer', request, stillLeft]);
      });
    }
  }

  /** How a map stands, for those who feed it. */
  #tellFed(map: Id): void {
    const job = this.#context.store.state.job(map);
    const { taken, done } = job === undefined ? nothingFed : countItems(this.#context.store.state, job);
    const open = job?.open === true && job.outcome === 'none';
    for (const waiter of this.#fedWaiters.take(map)) {
      if (open && taken - done > waiter.most) this.#fedWaiters.add(map, waiter);
      else this.#context.post(['answer', waiter.request, [taken, done, open] satisfies Fed]);
    }
  }
}
