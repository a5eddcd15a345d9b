/**
 * The completed parts of a composition, for a postprocess or for whoever waits for the whole.
 */

import { decodeFailure, type Failure, JobFailedError } from '../codec/failure.js';
import { idToText } from '../codec/id.js';
import { type DecodeOptions, decodePayload } from '../codec/payload.js';
import { CallsheetError } from '../errors.js';
import {
  type CompletedItem,
  listLimitBytes,
  type OutcomeForm,
  unpackCompleted,
  unpackReference,
} from './completed-list.js';

/** How outcomes are decoded, and how parts are had that are not at hand. */
export interface OutcomeOptions extends DecodeOptions {
  readonly pieces?: CompletedPieces | undefined;
}

/** Where lists are had piece by piece, each from one part on, as `packCompleted` makes them. */
export interface CompletedPieces {
  /** The thread sleeps until it is there. Missing where it must not. */
  readonly now?: (whole: string, from: number) => Uint8Array;
  readonly later: (whole: string, from: number) => Promise<Uint8Array>;
}

/** One completed part. Nothing of it is decoded before it is asked for. */
export class CompletedJob<Result = unknown> {
  readonly #item: CompletedItem;
  readonly #options: OutcomeOptions | undefined;
  #result: Result | undefined;
  #failure: Failure | undefined;
  #decoded = false;

  /** @internal */
  constructor(item: CompletedItem, options?: OutcomeOptions) {
    this.#item = item;
    this.#options = options;
  }

  /** The job's id, a UUID. */
  get id(): string {
    return idToText(this.#item.id);
  }

  /** What the part returned. Throws a {@link JobFailedError} if it failed. */
  get result(): Result {
    this.#decode();
    if (this.#failure !== undefined) throw new JobFailedError(this.#failure);
    return this.#result as Result;
  }

  /** What it failed with; undefined if it did not. */
  get failure(): Failure | undefined {
    this.#decode();
    return this.#failure;
  }

  #decode(): void {
    if (this.#decoded) return;
    const { kind, payload } = this.#item;
    if (kind === 'failure') this.#failure = decodeFailure(payload);
    else this.#result = decodeValue(kind, payload, this.#options) as Result;
    this.#decoded = true;
  }
}

/** Parts that follow each other, decoded one by one as they are asked for. */
class Piece<Result> {
  readonly from: number;
  readonly #jobs: (CompletedItem | CompletedJob<Result>)[];
  readonly #options: OutcomeOptions | undefined;

  constructor(packed: Uint8Array, from: number, options: OutcomeOptions | undefined) {
    this.from = from;
    this.#jobs = unpackCompleted(packed);
    this.#options = options;
  }

  get end(): number {
    return this.from + this.#jobs.length;
  }

  at(index: number): CompletedJob<Result> {
    const job = this.#jobs[index - this.from]!;
    if (job instanceof CompletedJob) return job;
    const made = new CompletedJob<Result>(job, this.#options);
    this.#jobs[index - this.from] = made;
    return made;
  }
}

/** Whoever goes through a list backwards gets so many parts at a time, too. */
const backwards = 256;

/**
 * The parts of a serial or parallel, in order. Decoded part by part, as they are asked for. In a
 * running job a list of more than 1 MiB is not in memory either: a piece of it is fetched when a
 * part in it is asked for, and the last piece is kept.
 */
export class CompletedJobs<Result = unknown> implements Iterable<CompletedJob<Result>> {
  readonly length: number;
  readonly #fetch: ((from: number) => Piece<Result>) | undefined;
  #piece: Piece<Result>;

  /** @internal Of all parts in one piece, or of where they are had. */
  constructor(packed: Uint8Array, options?: OutcomeOptions, form: 'list' | 'pages' = 'list') {
    if (form === 'list') {
      this.#piece = new Piece(packed, 0, options);
      this.length = this.#piece.end;
      return;
    }
    const { whole, length } = unpackReference(packed);
    const now = options?.pieces?.now;
    if (now === undefined) {
      const most = `${listLimitBytes / 1024 / 1024} MiB, the most that is handed over`;
      throw new CallsheetError(
        'PAYLOAD_TOO_LARGE',
        `the list of ${length} completed parts is longer than ${most}: give the whole a postprocess, which gets them one by one`,
      );
    }
    this.length = length;
    this.#fetch = (from) => new Piece(now(whole, from), from, options);
    this.#piece = this.#fetch(0);
  }

  /** The part at this index, counted from the end if negative; undefined where there is none. */
  at(index: number): CompletedJob<Result> | undefined {
    const at = index < 0 ? this.length + index : index;
    if (!(Number.isInteger(at) && at >= 0 && at < this.length)) return undefined;
    if (at < this.#piece.from) this.#piece = this.#fetch!(at - (at % backwards));
    if (at < this.#piece.from || at >= this.#piece.end) this.#piece = this.#fetch!(at);
    return this.#piece.at(at);
  }

  *[Symbol.iterator](): IterableIterator<CompletedJob<Result>> {
    for (let index = 0; index < this.length; index++) yield this.at(index)!;
  }
}

/**
 * What became of a map's items, in their order. They are fetched piece by piece, the next one while
 * one is gone through.
 */
export class CompletedItems<Result = unknown> implements AsyncIterable<CompletedJob<Result>> {
  readonly length: number;
  readonly #fetch: (from: number) => Promise<Piece<Result>>;

  /** @internal */
  constructor(packed: Uint8Array, options: OutcomeOptions | undefined) {
    const { whole, length } = unpackReference(packed);
    const later = options?.pieces?.later;
    if (later === undefined) throw new TypeError('what became of a map is to be had from a runtime alone');
    this.length = length;
    this.#fetch = async (from) => new Piece(await later(whole, from), from, options);
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<CompletedJob<Result>> {
    for (let next = this.#next(0); next !== undefined; ) {
      const piece = await next;
      next = this.#next(piece.end);
      for (let index = piece.from; index < piece.end; index++) yield piece.at(index);
    }
  }

  /** Undefined where all have been. */
  #next(from: number): Promise<Piece<Result>> | undefined {
    if (from >= this.length) return undefined;
    const piece = this.#fetch(from);
    // Whoever stops in the middle never comes to it.
    piece.catch(() => {});
    return piece;
  }
}

/** A payload that is not a failure, as a value. */
export function decodeValue(kind: OutcomeForm, payload: Uint8Array, options?: OutcomeOptions): unknown {
  switch (kind) {
    case 'list':
    case 'pages':
      return new CompletedJobs(payload, options, kind);
    case 'items':
      return new CompletedItems(payload, options);
    default:
      return decodePayload(payload, options);
  }
}
