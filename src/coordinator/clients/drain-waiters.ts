/**
 * Clients that wait until a queue is drained, or until a map can take more items. No effect
 * announces either, so both are checked after each turn.
 */
import { countItems } from '../../core/map.js';
import type { Id } from '../../core/records.js';
import type { Fed } from '../../protocol/messages.js';
import type { Build } from '../claiming/build.js';
import type { Context } from '../context.js';
import { replyTo } from './replies.js';
import { Waiters } from './waiters.js';

/** The feeder of a map. It continues when at most `most` items are under way. */
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
    this.#answerFed(map);
  }

  /** Answers the waiters whose condition holds. */
  answer(): void {
    for (const queue of this.#drainWaiters.keys()) this.#answerDrained(queue);
    for (const map of this.#fedWaiters.keys()) this.#answerFed(map);
  }

  /** A queue is drained when nothing in it is due or running, apart from jobs for another build. */
  #answerDrained(queue: string): void {
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

  /** Answers the feeders with the progress of the map. */
  #answerFed(map: Id): void {
    const job = this.#context.store.state.job(map);
    const { taken, done } = job === undefined ? nothingFed : countItems(this.#context.store.state, job);
    const open = job?.open === true && job.outcome === 'none';
    for (const waiter of this.#fedWaiters.take(map)) {
      if (open && taken - done > waiter.most) this.#fedWaiters.add(map, waiter);
      else this.#context.post(['answer', waiter.request, [taken, done, open] satisfies Fed]);
    }
  }
}
