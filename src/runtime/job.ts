/**
 * Handles: a job as its users hold it.
 */

import type { Id, JobStatus } from '../core/records.js';
import { decodeValue } from '../protocol/completed-jobs.js';
import { decodeFailure, type Failure, JobFailedError } from '../protocol/failure.js';
import { idToText } from '../protocol/id.js';
import type { JobInfo } from '../protocol/messages.js';
import type { Link, Outcome } from './link.js';

/** What is known of a job at one moment. */
export interface JobDetails {
  readonly status: JobStatus;
  /** `module#export`; empty for a composition without postprocess. */
  readonly callable: string;
  readonly queue: string;
  /** How many parts the job has, and how many of them are completed. */
  readonly parts: number;
  readonly partsDone: number;
  /** Starts that are known to have happened. */
  readonly attempts: number;
  /** Interruptions that counted. */
  readonly interruptions: number;
  readonly putAt: Date;
  readonly firstStartAt: Date | undefined;
  readonly lastStartAt: Date | undefined;
  /** When the call was over. */
  readonly endAt: Date | undefined;
  readonly completedAt: Date | undefined;
}

/** A job that was put. The handle holds no state: it asks, and any number of handles of one job are the same. */
export class Job<Result = unknown> {
  readonly #link: Link;
  readonly #id: Id;

  /** @internal */
  constructor(link: Link, id: Id) {
    this.#link = link;
    this.#id = id;
  }

  /** The job's id, a UUID of version 7. */
  get id(): string {
    return idToText(this.#id);
  }

  /** `pending`, `assigned`, `active`, `callbacks` or `completed`; a part is `new` until its turn. */
  async status(): Promise<JobStatus> {
    return (await this.details()).status;
  }

  /** All that is known of the job now. */
  async details(): Promise<JobDetails> {
    const info = (await this.#link.request(['info', this.#id])) as JobInfo;
    const { status, callable, queue, parts, partsDone, attempts, interruptions } = info;
    return {
      status: status as JobStatus,
      callable,
      queue,
      parts,
      partsDone,
      attempts,
      interruptions,
      putAt: new Date(info.putAt),
      firstStartAt: timeOf(info.firstStartAt),
      lastStartAt: timeOf(info.lastStartAt),
      endAt: timeOf(info.endAt),
      completedAt: timeOf(info.completedAt),
    };
  }

  /**
   * What the job's function returned, as soon as its call is over and as safe as the job's durability asks.
   *
   * @throws {JobFailedError} if the job failed; its `failure` and `cause` say how.
   * @throws {JobForgottenError} if the job completed so long ago that it is remembered no more.
   */
  async result(): Promise<Result> {
    const [, , kind, payload] = await this.#outcome();
    if (kind === 'failure') throw new JobFailedError(decodeFailure(payload));
    return decodeValue(kind, payload) as Result;
  }

  /** How the job failed, as data, once its call is over; undefined if it did not fail. */
  async failure(): Promise<Failure | undefined> {
    const [, , kind, payload] = await this.#outcome();
    return kind === 'failure' ? decodeFailure(payload) : undefined;
  }

  #outcome(): Promise<Outcome> {
    return this.#link.request(['outcome', this.#id]) as Promise<Outcome>;
  }
}

const timeOf = (time: number) => (time === 0 ? undefined : new Date(time));
