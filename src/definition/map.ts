/** Maps: a job for each item of an iterable, as one job. */

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
 * The items of a map. A function is called with the number of items already taken (0 at first) and
 * returns the items from there. Of any other iterable, that number of items is skipped.
 */
export type ItemSource<Item> = Items<Item> | ((from: number) => Items<Item>);

type Items<Item> = Iterable<Item> | AsyncIterable<Item>;

/** Options of `map`. */
export interface MapOptions<Result, Whole> {
  /**
   * Gets the outcomes of the items, in order, after its given arguments. Its outcome is that of the
   * map.
   */
  readonly postprocess?: Callable<[CompletedItems<Result>], Whole>;
  /** The most items that are taken and not done at any time. 1,000 by default. */
  readonly concurrency?: number;
}

/** A map to put. */
export class Mapping<Result = unknown> {
  readonly items: ItemSource<unknown>;
  readonly toJob: (item: unknown) => Part;
  readonly postprocess: Callable<[CompletedItems<never>], unknown> | undefined;
  readonly concurrency: number;
  readonly options: JobOptions;
  readonly callbacks: readonly CallbackSides[];
  /** Does not exist at run time. It carries the type of the result. */
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
   * Returns this map with these options over those that it has. `timeoutMs` counts for the
   * postprocess only.
   */
  with(options: JobOptions): Mapping<Result> {
    checkOptions('options', options, jobOptions);
    return new Mapping({ ...this, options: { ...this.options, ...options } });
  }

  /** Returns this map with one more callback, for either outcome. */
  onBoth(callback: CallbackLike<Result>): Mapping<Result> {
    return new Mapping({ ...this, callbacks: [...this.callbacks, { both: callback as CallbackLike<never> }] });
  }

  /** Returns this map with one more pair of callbacks. Only the side of the outcome runs. */
  on(sides: { readonly success?: CallbackLike<Result>; readonly failure?: CallbackLike<Failure> }): Mapping<Result> {
    return new Mapping({ ...this, callbacks: [...this.callbacks, checkSides(sides as CallbackSides)] });
  }
}

const defaultConcurrency = 1000;

/**
 * Makes one job of an iterable: a job for each item, made when the item is taken. Items are taken
 * as others are done, so any number of them needs bounded memory, in this process and in the
 * postprocess. A failed item does not stop the others.
 *
 * The iterable stays in this process. If the process ends before the iterable does, the taken items
 * go on at the next `open`, and the map waits for the rest. Put the map again under the same
 * `unique` key to continue behind the last taken item, end it with `Job.endInput`, or cancel it.
 *
 * If the iterable throws, or an item makes no job, the map fails with that error and its unfinished
 * jobs are cancelled. If the map or the runtime ends before the iterable, the iterator's `return()`
 * is called.
 *
 * @param items The items; see {@link ItemSource}.
 * @param toJob Makes a job of an item: a callable, which gets the item after its given arguments,
 * or any function that returns a job.
 * @returns A job. Its result is that of the postprocess, or without one the outcomes of the items.
 * @example
 * const report = map(orders(), shop.total, { postprocess: shop.report });
 * queue.put(report, { unique: 'report of March' })
 * @throws {TypeError | RangeError} INVALID_OPTION: an argument is wrong.
 */
export function map<Item, P, Whole = CompletedItems<PartResult<P>>>(
  items: ItemSource<Item>,
  // Not `P extends Part`: the compiler would infer the constraint for a job with `with()`.
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
