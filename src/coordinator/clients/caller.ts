/**
 * The clients of a coordinator: the runtime in this process, and those in other processes. Each
 * connection of one is a caller of its own.
 *
 * Numbers of requests, readers and bulk actions, and the ids by which handles are held, mean
 * something only within one caller. A job names the caller that put it as its owner, so its outcome
 * finds the way back without a list of all callers.
 */

import { IdNumbers } from '../../core/collections/id-numbers.js';
import type { Event } from '../../core/events.js';
import type { Id } from '../../core/records.js';
import type { RunSpan } from '../../protocol/run-span.js';
import type { Bulk } from './bulk-jobs.js';
import type { Reader } from './feed.js';
import { HeldHandles } from './held-handles.js';
import type { Post } from './replies.js';

export class Caller {
  /** The owner of the jobs that it puts. */
  readonly owner: Id;
  readonly post: Post;
  /** Whether it takes no more outcomes at the moment. Undefined: it takes them always. */
  readonly isFull: (() => boolean) | undefined;
  /** The requests of its puts of one job, by job. It gets their outcomes without asking. */
  readonly puts = new IdNumbers();
  /**
   * The handles of its puts of several. Their outcomes are sent on request, and before a job is
   * forgotten.
   */
  readonly hands = new HeldHandles();
  readonly readers = new Map<number, Reader<Event> | Reader<RunSpan>>();
  readonly bulks = new Map<number, Bulk>();
  /** The maps that it feeds, or has fed. */
  readonly maps = new Set<Id>();
  /** `true` once its connection has ended. Its jobs go on. */
  isGone = false;

  constructor(owner: Id, post: Post, isFull?: () => boolean) {
    this.owner = owner;
    this.post = post;
    this.isFull = isFull;
  }
}

export class Callers {
  /** The client in this process. It is there as long as the coordinator. */
  readonly own: Caller;
  readonly #byOwner = new Map<Id, Caller>();

  constructor(owner: Id, post: Post) {
    this.own = new Caller(owner, post);
    this.add(this.own);
  }

  add(caller: Caller): void {
    this.#byOwner.set(caller.owner, caller);
  }

  remove(caller: Caller): void {
    caller.isGone = true;
    if (this.#byOwner.get(caller.owner) === caller) this.#byOwner.delete(caller.owner);
  }

  /** Returns the caller that owns a job, while it is connected. */
  of(owner: Id): Caller | undefined {
    return this.#byOwner.get(owner);
  }

  /** The number of clients in other processes. */
  get others(): number {
    return this.#byOwner.size - 1;
  }

  all(): IterableIterator<Caller> {
    return this.#byOwner.values();
  }
}
