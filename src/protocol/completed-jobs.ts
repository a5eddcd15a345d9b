/** The completed parts of a composition, for its postprocess and for clients that wait for it. */

import { decodeFailure, type Failure, JobFailedError } from '../codec/failure.js';
import { idToText } from '../codec/id.js';
import { type DecodeOptions, decodePayload } from '../codec/payload.js';
import { NotStorableError } from '../errors.js';
import {
  type CompletedItem,
  listLimitBytes,
  type OutcomeForm,
  unpackCompleted,
  unpackReference,
} from './completed-list.js';
import { decodeCall } from './stored-call.js';

/** Decoding options, and access to the parts that a list only refers to. */
export interface OutcomeOptions extends DecodeOptions {
  readonly pieces?: CompletedPieces | undefined;
}

/** Fetches a piece of a list, from one part on, in the format of `packCompleted`. */
export interface CompletedPieces {
  /** Fetches while the thread sleeps. Missing where the thread must not sleep. */
  readonly now?: (whole: string, from: number) => Uint8Array;
  readonly later: (whole: string, from: number) => Promise<Uint8Array>;
}

/** One completed part. Its result is decoded when it is first read. */
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

  /** The value that the part returned. Throws a {@link JobFailedError} if the part failed. */
  get result(): Result {
    this.#decode();
    if (this.#failure !== undefined) throw new JobFailedError(this.#failure);
    return this.#result as Result;
  }

  /** The part's failure; `undefined` if it succeeded. */
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

/** Consecutive parts, decoded one by one when they are read. */
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

/** Reading a list backwards fetches pieces that begin at a multiple of this number of parts. */
const backwards = 256;

/**
 * The parts of a serial or parallel, in order. Each part is decoded when it is read. In a running
 * job, a list of more than 1 MiB is not in memory: a piece is fetched when one of its parts is
 * read, and only the last piece is kept.
 */
export class CompletedJobs<Result = unknown> implements Iterable<CompletedJob<Result>> {
  readonly length: number;
  readonly #fetch: ((from: number) => Piece<Result>) | undefined;
  #piece: Piece<Result>;

  /** @internal Made from all parts in one piece, or from a reference to them. */
  constructor(packed: Uint8Array, options?: OutcomeOptions, form: 'list' | 'pages' = 'list') {
    if (form === 'list') {
      this.#piece = new Piece(packed, 0, options);
      this.length = this.#piece.end;
      return;
    }
    const { whole, length } = unpackReference(packed);
    const now = options?.pieces?.now;
    if (now === undefined) {
      const most = `${listLimitBytes / 1024 / 1024} MiB, the most that is passed whole`;
      throw new NotStorableError(
        'PAYLOAD_TOO_LARGE',
        'result',
        `is a list of ${length} completed parts, longer than ${most}: give the whole a postprocess, which gets them one by one`,
      );
    }
    this.length = length;
    this.#fetch = (from) => new Piece(now(whole, from), from, options);
    this.#piece = this.#fetch(0);
  }

  /**
   * Returns the part at an index, counted from the end if negative; `undefined` if the index is out
   * of range.
   */
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

/** The completed items of a map, in their order. Pieces are fetched one ahead of the iteration. */
export class CompletedItems<Result = unknown> implements AsyncIterable<CompletedJob<Result>> {
  readonly length: number;
  readonly #fetch: (from: number) => Promise<Piece<Result>>;

  /** @internal */
  constructor(packed: Uint8Array, options: OutcomeOptions | undefined) {
    const { whole, length } = unpackReference(packed);
    const later = options?.pieces?.later;
    if (later === undefined) throw new TypeError('the items of a map can be read only through a runtime');
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

  /** Starts fetching the next piece; `undefined` after the last one. */
  #next(from: number): Promise<Piece<Result>> | undefined {
    if (from >= this.length) return undefined;
    const piece = this.#fetch(from);
    // An iteration that is left early never awaits the piece.
    piece.catch(() => {});
    return piece;
  }
}

/** Decodes the payload of an outcome that is not a failure. */
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

/**
 * Decodes the stored arguments of a job.
 *
 * @throws {NotStorableError} buffers were moved to the job: only its run has them.
 */
export function decodeStored(bytes: Uint8Array | null, options?: OutcomeOptions): readonly unknown[] {
  const buffer = () => {
    throw new NotStorableError(
      'ARGUMENT_NOT_STORABLE',
      'arguments',
      'contain buffers that were moved to the job: only its run has them',
    );
  };
  return decodeCall(bytes, { ...options, buffer }).args;
}
