/**
 * Maps: a job for each item of an iterable, as one job.
 */

import type { Failure } from '../codec/failure.js';
import { invalidOption } from '../errors.js';
import type { CompletedItems } from '../protocol/completed-jobs.js';
import { checkFunction, checkNumber } from './arguments.js';
import type { Callable } from './callable.js';
import { type CallbackLike, type CallbackSides, checkSides } from './callbacks.js';
import type { Part, PartResult } from './compose.js';
import { checkPostprocess } from './job-call.js';
import { checkOptions } from './known-options.js';
import { type JobOptions, jobOptions } from './options.js';

/**
 * Where a map's items come from. A function is called with how many items were taken already (0 the
 * first time), and gives those from there on; of any other iterable, so many are skipped.
 */
export type ItemSource<Item> = Items<Item> | ((from: number) => Items<Item>);

type Items<Item> = Iterable<Item> | AsyncIterable<Item>;

/** What `map` does with the items, and how many of them it takes at a time. */
export interface MapOptions<Result, Whole> {
  /**
   * Gets what became of the items, in their order, after arguments of its own; what it returns is
   * the map's result.
   */
  readonly postprocess?: Callable<[CompletedItems<Result>], Whole>;
  /** How many items are under way at a time, at most: taken, and not done. 1,000 by default. */
  readonly concurrency?: number;
}

/** A map that is to be put. */
export class Mapping<Result = unknown> {
  readonly items: ItemSource<unknown>;
  readonly toJob: (item: unknown) => Part;
  readonly postprocess: Callable<[CompletedItems<never>], unknown> | undefined;
  readonly concurrency: number;
  readonly options: JobOptions;
  readonly callbacks: readonly CallbackSides[];
  /** Never there; it carries the type of the result. */
  declare readonly result: Result;

  /** @internal */
  constructor(of: Omit<Mapping, 'result' | 'with' | 'on' | 'onBoth'>) {
    this.items = of.items;
    this.toJob = of.toJob;
    this.postprocess = of.postprocess;
    this.concurrency = of.concurrency;
    this.options = of.options;
    this.callbacks = of.callbacks;
    Object.freeze(this);
  }

  /**
   * The same map with these options; those it had stay where they are not given anew. `timeoutMs`
   * is the postprocess's alone.
   */
  with(options: JobOptions): Mapping<Result> {
    checkOptions('options', options, jobOptions);
    return new Mapping({ ...this, options: { ...this.options, ...options } });
  }

  /** The same map with one more callback, for either outcome. */
  onBoth(callback: CallbackLike<Result>): Mapping<Result> {
    return new Mapping({ ...this, callbacks: [...this.callbacks, { both: callback as CallbackLike<never> }] });
  }

  /** The same map with one more pair of callbacks, of which the one that applies is run. */
  on(sides: { readonly success?: CallbackLike<Result>; readonly failure?: CallbackLike<Failure> }): Mapping<Result> {
    return new Mapping({ ...this, callbacks: [...this.callbacks, checkSides(sides as CallbackSides)] });
  }
}

const defaultConcurrency = 1000;

/**
 * A job for each item, made when the item is taken. Items are taken as others are done, so that any
 * number of them takes bounded memory, here, in the journal's thread and in the postprocess. An
 * item that fails does not stop the others.
 *
 * The iterable stays in this process. When the process ends before the iterable, what was taken
 * goes on at the next `open`, and the map waits for the rest: put it again with the same `unique`
 * key, and it goes on behind the last item that was taken; end it with `Job.endInput`; or cancel
 * it. If the iterable throws, or makes what is no job, the map fails with that error, and what is
 * not done of it is cancelled. The iterator's `return()` is called when the map or the runtime ends
 * before it.
 *
 * @param items What to go through; see {@link ItemSource}.
 * @param toJob Makes a job of an item: a callable, called with the item after arguments of its own,
 * or any function that gives a job.
 * @returns A job to be put: its result is the postprocess's, or, without one, what became of the
 * items.
 * @example
 * const report = map(orders(), shop.total, { postprocess: shop.report });
 * await queue.put(report, { unique: 'report of March' });
 * @throws {TypeError | RangeError} naming the argument that is not what it should be.
 */
export function map<Item, P, Whole = CompletedItems<PartResult<P>>>(
  items: ItemSource<Item>,
  // Apart from P: as its constraint it would stand for what a `with()` written here gives.
  toJob: ((item: Item) => P) & ((item: never) => Part),
  options?: MapOptions<PartResult<P>, Whole>,
): Mapping<Whole>;
export function map(
  items: ItemSource<unknown>,
  toJob: (item: never) => Part,
  options: MapOptions<never, unknown> = {},
): Mapping {
  checkOptions('options', options, { postprocess: true, concurrency: true });
  const { postprocess, concurrency = defaultConcurrency } = options;
  if (typeof items !== 'function' && !isIterable(items))
    throw invalidOption('items', 'must be an iterable, or a function that returns one', items);
  checkFunction('toJob', toJob, 'must be a function that makes a job of an item');
  checkPostprocess(postprocess);
  checkNumber('concurrency', concurrency, { integer: true, least: 1 });
  return new Mapping({
    items,
    toJob: toJob as Mapping['toJob'],
    postprocess: postprocess as Mapping['postprocess'],
    concurrency,
    options: {},
    callbacks: [],
  });
}

/** @internal */
export function isIterable(value: unknown): value is Items<unknown> {
  if (value === null || value === undefined) return false;
  const { [Symbol.iterator]: sync, [Symbol.asyncIterator]: async } = value as Partial<
    Iterable<unknown> & AsyncIterable<unknown>
  >;
  return typeof sync === 'function' || typeof async === 'function';
}
