/**
 * Clients that wait until a queue is drained, or until a map can take more items. No effect
 * announces either, so both are checked after each turn.
 */
import { countItems } from '../../core/map.js';
import { queueNames } from '../../core/queue.js';
import type { Id } from '../../core/records.js';
import type { View } from '../../core/state/view.js';
import type { Fed, LeftJobs } from '../../protocol/messages.js';
import type { Records } from '../../store/store.js';
import type { Build } from '../claiming/build.js';
import type { Context } from '../context.js';
import type { Caller } from './caller.js';
import { replyTo } from './replies.js';
import { Waiters } from './waiters.js';

interface DrainWaiter {
  readonly caller: Caller;
  readonly request: number;
}

/** The feeder of a map. It continues when at most `most` items are under way. */
interface FedWaiter extends DrainWaiter {
  readonly most: number;
}

const nothingFed = { taken: 0, done: 0 };

export class DrainWaiters {
  readonly #context: Context;
  readonly #build: Build;
  /** By queue; null for all queues together. */
  readonly #drainWaiters = new Waiters<DrainWaiter, string | null>();
  readonly #fedWaiters = new Waiters<FedWaiter>();

  constructor(context: Context, build: Build) {
    this.#context = context;
    this.#build = build;
  }

  waitUntilDrained(queue: string | null, waiter: DrainWaiter): void {
    this.#drainWaiters.add(queue, waiter);
  }

  waitUntilFed(map: Id, waiter: FedWaiter): void {
    this.#fedWaiters.add(map, waiter);
    this.#answerFed(map);
  }

  /** Ends the waits of a caller that is gone. */
  leave(caller: Caller): void {
    this.#drainWaiters.removeAll((waiter) => waiter.caller === caller);
    this.#fedWaiters.removeAll((waiter) => waiter.caller === caller);
  }

  /** Answers the waiters whose condition holds. */
  answer(): void {
    for (const queue of this.#drainWaiters.keys()) this.#answerDrained(queue);
    for (const map of this.#fedWaiters.keys()) this.#answerFed(map);
  }

  /** A queue is drained when nothing in it is due or running, apart from jobs for another build. */
  #answerDrained(queue: string | null): void {
    const left = ({ view }: Records) => this.#left(view, queue === null ? queueNames(view) : [queue]);
    const tell = (found: readonly LeftJobs[] | undefined) => {
      if (found === undefined) return;
      for (const waiter of this.#drainWaiters.take(queue)) {
        const { caller, request } = waiter;
        this.#context.store.read(left, (error, stillLeft) => {
          if (caller.isGone) return;
          if (error !== undefined) caller.post(replyTo(request, error));
          else if (stillLeft === undefined) this.#drainWaiters.add(queue, waiter);
          else caller.post(['answer', request, stillLeft]);
        });
      }
    };
    this.#context.store.read(left, (_, found) => tell(found), 'decided');
  }

  /** The jobs that are left in drained queues; `undefined` if one of them is not drained. */
  #left(view: View, queues: readonly string[]): readonly LeftJobs[] | undefined {
    const left: LeftJobs[] = [];
    for (const queue of queues) {
      const found = this.#build.left(view, queue);
      if (found === undefined) return undefined;
      left.push(...found);
    }
    return left;
  }

  /** Answers the feeders with the progress of the map. */
  #answerFed(map: Id): void {
    const look = ({ view }: Records): Fed => {
      const job = view.job(map);
      const { taken, done } = job === undefined ? nothingFed : countItems(view, job);
      return [taken, done, job?.open === true && job.outcome === 'none'];
    };
    const tell = (_: unknown, fed?: Fed) => {
      if (fed === undefined) return;
      const [taken, done, open] = fed;
      for (const waiter of this.#fedWaiters.take(map)) {
        if (open && taken - done > waiter.most) this.#fedWaiters.add(map, waiter);
        else waiter.caller.post(['answer', waiter.request, fed]);
      }
    };
    this.#context.store.read(look, tell, 'decided');
  }
}
