/**
 * Feeds a map from an iterable of this process: takes items as others are done, makes jobs of them
 * and sends them on.
 *
 * The coordinator knows how many items were taken and done; this knows the iterable. Whatever ends
 * one of the two ends the other.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { encodeFailure, failureFrom } from '../codec/failure.js';
import { newId } from '../codec/id.js';
import { chunkItems, type Id, type Level } from '../core/records.js';
import { asJob } from '../definition/compose.js';
import { encodeMember } from '../definition/encode.js';
import { isIterable, type Mapping } from '../definition/map.js';
import { ClosedError, JobForgottenError, JobStatusError, StorageFullError } from '../errors.js';
import type { Fed, WireJob } from '../protocol/messages.js';
import type { Client } from './client.js';

type Next = IteratorResult<unknown> | PromiseLike<IteratorResult<unknown>>;

/** An iterator of either kind. */
interface ItemIterator {
  next(): Next;
  return?(): unknown;
}

/** Items that take longer to come than this are not waited for by those that are there. */
const takeMs = 5;
/** Where the disk is full, the same items are sent again after so long. */
const storageFullMs = 1000;

/**
 * Begins to feed a map; resolves when it is known how far it has come. One that is being fed here
 * already goes on as it does.
 *
 * @throws {JobStatusError} the job is no map.
 */
export async function feedMap(client: Client, job: Id, mapping: Mapping, level: Level): Promise<void> {
  if (client.feeders.has(job)) return;
  const feeder = new Feeder(client, job, mapping, level);
  client.feeders.set(job, feeder);
  try {
    await feeder.begin();
  } catch (error) {
    client.feeders.delete(job);
    throw error;
  }
  void feeder.run().finally(() => client.feeders.delete(job));
}

export class Feeder {
  readonly #client: Client;
  readonly #job: Id;
  readonly #mapping: Mapping;
  readonly #level: Level;
  /** So many are to be done before more are taken, so that they are taken in batches. */
  readonly #atOnce: number;
  #taken = 0;
  #done = 0;
  #open = true;
  /** Undefined before it is made, and after it has ended by itself. */
  #iterator: ItemIterator | undefined;
  /** An item that was asked for and is still to come. */
  #coming: PromiseLike<IteratorResult<unknown>> | undefined;
  /** The last items that were sent; rejects if they were refused. */
  #sent: Promise<void> = Promise.resolve();
  #stopped = false;
  #wake: (() => void) | undefined;

  constructor(client: Client, job: Id, mapping: Mapping, level: Level) {
    this.#client = client;
    this.#job = job;
    this.#mapping = mapping;
    this.#level = level;
    this.#atOnce = Math.max(1, Math.floor(mapping.concurrency / 4));
  }

  /** Learns how far the map has come. */
  async begin(): Promise<void> {
    [this.#taken, this.#done, this.#open] = await this.#fed(Number.MAX_SAFE_INTEGER);
  }

  /**
   * Feeds the map to its end, or to that of the iterable. Never rejects: whatever goes wrong is the
   * map's outcome.
   */
  async run(): Promise<void> {
    const stop = () => this.stop();
    this.#client.link.request(['outcome', this.#job]).then(stop, stop);
    try {
      await this.#start();
      while (await this.#feedSome());
      await this.#sent;
      if (!this.#stopped) await this.#endInput(null);
    } catch (error) {
      const reason = error instanceof BadInput ? error.cause : error;
      const over = this.#stopped || (reason === error && this.#isOver(error));
      if (!over) await this.#endInput(reason).catch(() => {});
    }
    this.#close();
  }

  /** The map is over, or the runtime is. */
  stop(): void {
    this.#stopped = true;
    this.#wake?.();
  }

  /** The iterable, from the first item on that was not taken. */
  async #start(): Promise<void> {
    if (!this.#open) return this.stop();
    const { items } = this.#mapping;
    this.#iterator = input(() => iteratorOf(typeof items === 'function' ? items(this.#taken) : items));
    if (typeof items === 'function') return;
    for (let left = this.#taken; left > 0 && this.#iterator !== undefined && !this.#stopped; )
      left -= (await this.#take(left)).length;
  }

  /**
   * Takes as many items as there is room for and sends them on. False: there are no more, or no
   * more are wanted.
   */
  async #feedSome(): Promise<boolean> {
    const room = await this.#room();
    if (room === 0 || this.#stopped) return false;
    const items = await this.#take(Math.min(room, chunkItems - (this.#taken % chunkItems)));
    if (items.length > 0) {
      const parts = this.#encode(items);
      await this.#sent;
      this.#sent = this.#send(this.#taken, parts);
      // Whoever sends next, or ends, is told.
      this.#sent.catch(() => {});
      this.#taken += items.length;
    }
    return this.#iterator !== undefined && !this.#stopped;
  }

  /** How many items may be taken; waits until these are some. 0: the map takes no more. */
  async #room(): Promise<number> {
    const { concurrency } = this.#mapping;
    if (concurrency - (this.#taken - this.#done) < this.#atOnce) {
      await this.#sent;
      const [taken, done, open] = await this.#fed(concurrency - this.#atOnce);
      if (!open) this.stop();
      if (taken !== this.#taken) throw new JobStatusError('the map is fed by somebody else');
      this.#done = done;
    }
    return this.#stopped ? 0 : concurrency - (this.#taken - this.#done);
  }

  /** The next items, so many at most: those that are there now, after the first. */
  async #take(most: number): Promise<unknown[]> {
    const items: unknown[] = [];
    const until = performance.now() + takeMs;
    let turn: Promise<undefined> | undefined;
    while (items.length < most && !this.#stopped) {
      if (items.length > 0) turn ??= new Promise((resolve) => setImmediate(resolve, undefined));
      const result = await this.#next(turn);
      if (result === undefined) break;
      items.push(result.value);
      if (performance.now() > until) break;
    }
    return items;
  }

  /**
   * Undefined: there are no more, nobody wants more, or it is not there by then. An iterator that
   * is at its end, or throws, is left.
   */
  async #next(by: Promise<undefined> | undefined): Promise<IteratorYieldResult<unknown> | undefined> {
    const iterator = this.#iterator!;
    this.#iterator = undefined;
    const next = this.#coming ?? input(() => resultFrom(iterator.next()));
    this.#coming = undefined;
    const result = isThenable(next) ? await this.#orNot(next, by) : next;
    if (result?.done) return undefined;
    if (result === undefined) this.#coming = next as PromiseLike<IteratorResult<unknown>>;
    this.#iterator = iterator;
    return result;
  }

  /** Undefined when nobody wants it any more, or when it is not there by then. */
  #orNot(next: PromiseLike<IteratorResult<unknown>>, by: Promise<undefined> | undefined) {
    return new Promise<IteratorResult<unknown> | undefined>((resolve, reject) => {
      this.#wake = () => resolve(undefined);
      void by?.then(resolve);
      Promise.resolve(next)
        .then(resultFrom)
        .then(resolve, (cause) => reject(new BadInput(cause)));
    });
  }

  #encode(items: readonly unknown[]): WireJob[] {
    const encoding = this.#client.encoding();
    return items.map((item, index) => {
      const where = `items[${this.#taken + index}]`;
      return input(() => encodeMember(encoding, asJob(this.#mapping.toJob(item), where), `${where}.`));
    });
  }

  async #send(from: number, parts: WireJob[]): Promise<void> {
    const command = { type: 'feed', job: this.#job, from, chunk: newId(), parts } as const;
    for (;;) {
      try {
        await this.#client.do(command, this.#level);
        return;
      } catch (error) {
        if (!(error instanceof StorageFullError) || this.#stopped) throw error;
      }
      await delay(storageFullMs);
    }
  }

  async #endInput(reason: unknown): Promise<void> {
    const failure = reason === null ? null : encodeFailure(failureFrom(reason));
    await this.#client.do({ type: 'endInput', job: this.#job, failure }, this.#level);
  }

  async #fed(most: number): Promise<Fed> {
    return (await this.#client.link.request(['fed', this.#job, most])) as Fed;
  }

  /**
   * Whether what the coordinator says is that the map takes no more from here, rather than what is
   * wrong with an item.
   */
  #isOver(error: unknown): boolean {
    return [ClosedError, JobForgottenError, JobStatusError].some((over) => error instanceof over);
  }

  /** An iterable that has not come to its end is told that no more is wanted. */
  #close(): void {
    try {
      const returned = this.#iterator?.return?.();
      if (isThenable(returned)) returned.then(undefined, () => {});
    } catch {
      // It has nothing to say any more that would be heard.
    }
  }
}

/** What the iterable throws, or what is wrong with an item: the map fails with it. */
class BadInput extends Error {
  constructor(cause: unknown) {
    super('', { cause });
  }
}

function input<T>(of: () => T): T {
  try {
    return of();
  } catch (cause) {
    throw new BadInput(cause);
  }
}

function iteratorOf(source: unknown): ItemIterator {
  if (!isIterable(source)) throw new TypeError('map: the function gave no iterable');
  return Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
}

/** What an iterator gives is an object, of an item or of a promise: `for … of` asks for no less. */
function resultFrom<Result>(result: Result): Result {
  if (Object(result) !== result)
    throw new TypeError(`map: what the iterator's next() gave, ${String(result)}, is no object`);
  return result;
}

function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
