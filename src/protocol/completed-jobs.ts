/**
 * The completed parts of a composition, for a postprocess or for whoever waits for the whole.
 */
import { type CompletedItem, unpackCompleted } from './completed-list.js';
import { decodeFailure, type Failure, JobFailedError } from './failure.js';
import { idToText } from './id.js';
import { type DecodeOptions, decodePayload } from './payload.js';

/** One completed part. Nothing of it is decoded before it is asked for. */
export class CompletedJob<Result = unknown> {
  readonly #item: CompletedItem;
  readonly #options: DecodeOptions | undefined;
  #result: Result | undefined;
  #failure: Failure | undefined;
  #decoded = false;

  /** @internal */
  constructor(item: CompletedItem, options?: DecodeOptions) {
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

/** The parts of a serial or parallel, in order. Decoded part by part, as they are asked for. */
export class CompletedJobs<Result = unknown> implements Iterable<CompletedJob<Result>> {
  readonly #jobs: (CompletedItem | CompletedJob<Result>)[];
  readonly #options: DecodeOptions | undefined;

  /** @internal */
  constructor(packed: Uint8Array, options?: DecodeOptions) {
    this.#jobs = unpackCompleted(packed);
    this.#options = options;
  }

  get length(): number {
    return this.#jobs.length;
  }

  /** The part at this index, counted from the end if negative; undefined where there is none. */
  at(index: number): CompletedJob<Result> | undefined {
    const at = index < 0 ? this.#jobs.length + index : index;
    const job = this.#jobs[at];
    if (job === undefined || job instanceof CompletedJob) return job;
    const made = new CompletedJob<Result>(job, this.#options);
    this.#jobs[at] = made;
    return made;
  }

  *[Symbol.iterator](): IterableIterator<CompletedJob<Result>> {
    for (let index = 0; index < this.#jobs.length; index++) yield this.at(index)!;
  }
}

/** A payload that is not a failure, as a value. */
export function decodeValue(kind: CompletedItem['kind'], payload: Uint8Array, options?: DecodeOptions): unknown {
  return kind === 'list' ? new CompletedJobs(payload, options) : decodePayload(payload, options);
}
