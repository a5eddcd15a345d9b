/**
 * Feeds a map from an iterable of this process: takes items while others are being done, makes jobs
 * of them and sends the jobs.
 *
 * The coordinator counts the items that were taken and done; the feeder has the iterable. The end
 * of one ends the other.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { encodeFailure, failureFrom } from '../codec/failure.js';
import { newId } from '../codec/id.js';
import { chunkItems, type Id, type Level } from '../core/records.js';
import { asJob } from '../definition/compose.js';
import { contextOfPart, type EncodeContext, encodeMember } from '../definition/encode.js';
import { isIterable, type Mapping } from '../definition/map.js';
import { ClosedError, invalidOption, JobForgottenError, JobStatusError, StorageFullError } from '../errors.js';
import type { Fed, WireJob } from '../protocol/messages.js';
import type { Client } from './client.js';

type Next = IteratorResult<unknown> | PromiseLike<IteratorResult<unknown>>;

/** A synchronous or asynchronous iterator. */
interface ItemIterator {
  next(): Next;
  return?(): unknown;
}

/** Milliseconds after which a batch is sent without waiting for more items. */
const takeMs = 5;
/** Milliseconds before the same items are sent again after the disk was full. */
const storageFullMs = 1000;

/**
 * Begins to feed a map. Resolves when the coordinator has sent how many items the map has taken.
 * Does nothing if this process already feeds the map.
 *
 * @throws {JobStatusError} the job is not a map.
 */
export async function feedMap(
  client: Client,
  job: Id,
  mapping: Mapping,
  level: Level,
  trace: EncodeContext['trace'],
): Promise<void> {
  if (client.feeders.has(job)) return;
  const feeder = new Feeder(client, job, mapping, level, trace);
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
  /** The trace of the map's put, for its items. */
  readonly #trace: EncodeContext['trace'];
  /**
   * Number of items that must be done before more are taken, so that items are taken in batches.
   */
  readonly #atOnce: number;
  #taken = 0;
  #done = 0;
  #open = true;
  /** `undefined` before it is made, and after it has ended by itself. */
  #iterator: ItemIterator | undefined;
  /** The next item, if it was requested but has not arrived. */
  #coming: PromiseLike<IteratorResult<unknown>> | undefined;
  /** The last items that were sent; rejects if they were rejected. */
  #sent: Promise<void> = Promise.resolve();
  #stopped = false;
  #wake: (() => void) | undefined;

  constructor(client: Client, job: Id, mapping: Mapping, level: Level, trace?: EncodeContext['trace']) {
    this.#client = client;
    this.#job = job;
    this.#mapping = mapping;
    this.#level = level;
    this.#trace = trace;
    this.#atOnce = Math.max(1, Math.floor(mapping.concurrency / 4));
  }

  /** Fetches how many items the map has taken and done. */
  async begin(): Promise<void> {
    [this.#taken, this.#done, this.#open] = await this.#fed(Number.MAX_SAFE_INTEGER);
  }

  /**
   * Feeds the map until the map or the iterable ends. Never rejects: an error becomes the outcome
   * of the map.
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

  /** Stops feeding: the map or the runtime has ended. */
  stop(): void {
    this.#stopped = true;
    this.#wake?.();
  }

  /** Makes the iterator, and advances it to the first item that was not taken. */
  async #start(): Promise<void> {
    if (!this.#open) return this.stop();
    const { items } = this.#mapping;
    this.#iterator = input(() => iteratorOf(typeof items === 'function' ? items(this.#taken) : items));
    if (typeof items === 'function') return;
    for (let left = this.#taken; left > 0 && this.#iterator !== undefined && !this.#stopped; )
      left -= (await this.#take(left)).length;
  }

  /**
   * Takes as many items as there is room for, and sends them. Returns `false` if the iterable has
   * ended, or the map takes no more.
   */
  async #feedSome(): Promise<boolean> {
    const room = await this.#room();
    if (room === 0 || this.#stopped) return false;
    const items = await this.#take(Math.min(room, chunkItems - (this.#taken % chunkItems)));
    if (items.length > 0) {
      const parts = this.#encode(items);
      await this.#sent;
      this.#sent = this.#send(this.#taken, parts);
      // The next send, or the end, awaits the rejection.
      this.#sent.catch(() => {});
      this.#taken += items.length;
    }
    return this.#iterator !== undefined && !this.#stopped;
  }

  /** Waits until there is room for items. Returns their number; 0 if the map takes no more. */
  async #room(): Promise<number> {
    const { concurrency } = this.#mapping;
    if (concurrency - (this.#taken - this.#done) < this.#atOnce) {
      await this.#sent;
      const [taken, done, open] = await this.#fed(concurrency - this.#atOnce);
      if (!open) this.stop();
      if (taken !== this.#taken) throw new JobStatusError('the map is fed from elsewhere too');
      this.#done = done;
    }
    return this.#stopped ? 0 : concurrency - (this.#taken - this.#done);
  }

  /**
   * Returns up to `most` items: waits for the first, then takes those that arrive without delay.
   */
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
   * Returns the next item; `undefined` if the iterable has ended, feeding has stopped, or the item
   * has not arrived before `by`. Drops an iterator that has ended or thrown.
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

  /** Returns the item; `undefined` if feeding has stopped, or it has not arrived before `by`. */
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
    const encoding: EncodeContext = { ...this.#client.encoding(), trace: this.#trace };
    return items.map((item, index) => {
      const at = this.#taken + index;
      const where = `items[${at}]`;
      return input(() =>
        encodeMember(contextOfPart(encoding, at), asJob(this.#mapping.toJob(item), where), `${where}.`),
      );
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
    const end = { type: 'endInput', job: this.#job } as const;
    if (reason === null) return void (await this.#client.do({ ...end, failure: null }, this.#level));
    const failure = failureFrom(reason);
    const { names } = failure;
    await this.#client.do({ ...end, failure: encodeFailure(failure), names }, this.#level);
  }

  async #fed(most: number): Promise<Fed> {
    return (await this.#client.link.request(['fed', this.#job, most])) as Fed;
  }

  /**
   * `true` if the error means that the map takes no more items from here; `false` if it is about an
   * item.
   */
  #isOver(error: unknown): boolean {
    return [ClosedError, JobForgottenError, JobStatusError].some((over) => error instanceof over);
  }

  /** Closes an iterator that has not ended. */
  #close(): void {
    try {
      const returned = this.#iterator?.return?.();
      if (isThenable(returned)) returned.then(undefined, () => {});
    } catch {
      // The map has its outcome already: an error of the iterator cannot change it.
    }
  }
}

/** An error of the iterable or of an item: the map fails with its `cause`. */
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
  if (!isIterable(source)) throw invalidOption('items', 'must return an iterable', source);
  return Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
}

/** Returns the result of an iterator, which must be an object, as `for … of` demands too. */
function resultFrom<Result>(result: Result): Result {
  if (Object(result) !== result)
    throw invalidOption('items', 'must have an iterator whose next() returns an object', result);
  return result;
}

function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
