/** The public stream of events. */

import { idToText } from '../codec/id.js';
import type { DispatcherEventType, Event, Interruption, JobEventType, ScheduleEventType } from '../core/events.js';
import { highestNumber } from '../core/limits.js';
import { agentDispatcher, agentName } from '../core/records.js';
import { checkNumber } from '../definition/arguments.js';
import { checkOptions } from '../definition/known-options.js';
import { ClosedError } from '../errors.js';
import type { EventBatch } from '../protocol/messages.js';
import type { Client } from './client.js';

/**
 * An event of a job.
 *
 * - `job.put`: it is in its queue, or waits for its date.
 * - `job.started`: its call has begun.
 * - `job.completed`, `job.failed`: its call has ended.
 * - `job.retried`: it threw, and will run again.
 * - `job.interrupted`: it lost its thread or its process.
 */
export interface JobEvent {
  readonly type: `job.${JobEventType}`;
  readonly at: Date;
  /** The job's id. */
  readonly job: string;
  /** `module#export`; empty for a composition without postprocess. */
  readonly callable: string;
  readonly queue: string;
  /** Number of starts that are known to have happened. */
  readonly attempts: number;
  /** The name of the agent that claimed it last; `dispatcher` is the id of its dispatcher. */
  readonly agent: string | undefined;
  readonly dispatcher: string | undefined;
  /**
   * For `job.interrupted`: the cause (the runtime was closed, or its thread or process died), and
   * the error that ended its thread.
   */
  readonly interruption?: Interruption;
}

/**
 * An event of a dispatcher. `refused`: it cannot begin work, because a dispatcher with its id is
 * active elsewhere.
 */
export interface DispatcherEvent {
  readonly type: `dispatcher.${DispatcherEventType}`;
  readonly at: Date;
  readonly dispatcher: string;
}

/**
 * An event of a schedule.
 *
 * - `schedule.missed`: `count` ticks passed without a runtime, and did not run.
 * - `schedule.skipped`: a tick passed, because a job of the schedule was not completed.
 * - `schedule.paused`: the job of a tick failed, and `pauseOnFailure` paused the schedule.
 */
export interface ScheduleEvent {
  readonly type: `schedule.${ScheduleEventType}`;
  readonly at: Date;
  /** The name of the schedule. */
  readonly schedule: string;
  /** The tick; of several missed ones, the last. */
  readonly tick: Date;
  /** Number of ticks that did not run. */
  readonly count: number;
}

/** A queue was created. */
export interface QueueEvent {
  readonly type: 'queue.added';
  readonly at: Date;
  readonly queue: string;
}

/**
 * `count` events were dropped here, because they were not read in time. 0: an unknown number is
 * missing, because the connection to the owner of the directory was lost, or the database was away
 * for a minute.
 */
export interface DroppedEvents {
  readonly type: 'dropped';
  readonly count: number;
}

/** An event; `type` distinguishes the kinds. */
export type CallsheetEvent = JobEvent | DispatcherEvent | ScheduleEvent | QueueEvent | DroppedEvents;

/** The options of `events`. */
export interface EventsOptions {
  /**
   * Maximum number of events kept for a slow reader. Further ones are dropped and counted. 10,000
   * by default.
   */
  readonly limit?: number;
}

const defaultLimit = 10_000;
let lastReader = 0;

/** A stream of events. It ends when the runtime is closed, or when its reader leaves the loop. */
export class EventStream implements AsyncIterableIterator<CallsheetEvent>, AsyncDisposable {
  readonly #client: Client;
  readonly #reader = ++lastReader;
  /** The unread events of the last batch, in reverse order. */
  #read: CallsheetEvent[] = [];
  #turn: Promise<unknown>;
  #ended = false;

  /** @internal Subscribes at once. */
  constructor(client: Client, options: EventsOptions) {
    checkOptions('options', options, { limit: true });
    const { limit = defaultLimit } = options;
    checkNumber('limit', limit, { integer: true, least: 1, most: highestNumber });
    this.#client = client;
    this.#turn = this.#client.link.request(['subscribe', this.#reader, limit]).catch(() => {});
  }

  next(): Promise<IteratorResult<CallsheetEvent, undefined>> {
    const next = this.#turn.then(() => this.#next());
    this.#turn = next.catch(() => {});
    return next;
  }

  async return(): Promise<IteratorResult<CallsheetEvent, undefined>> {
    if (!this.#ended) {
      this.#ended = true;
      this.#read = [];
      await this.#client.link.request(['unsubscribe', this.#reader]).catch(() => {});
    }
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  async #next(): Promise<IteratorResult<CallsheetEvent, undefined>> {
    while (this.#read.length === 0) {
      if (this.#ended) return { done: true, value: undefined };
      try {
        const [events, dropped] = (await this.#client.link.request(['events', this.#reader])) as EventBatch;
        this.#read = events.map(eventFrom);
        if (dropped > 0) this.#read.push({ type: 'dropped', count: Number.isFinite(dropped) ? dropped : 0 });
        this.#read.reverse();
      } catch (error) {
        this.#ended = true;
        if (!(error instanceof ClosedError)) throw error;
      }
    }
    return { done: false, value: this.#read.pop()! };
  }
}

function eventFrom(event: Event): CallsheetEvent {
  const at = new Date(event.at);
  if ('dispatcher' in event) return { ...event, at, dispatcher: idToText(event.dispatcher) };
  if ('schedule' in event) return { ...event, at, tick: new Date(event.tick) };
  if (!('job' in event)) return { ...event, at };
  const { agent } = event;
  return {
    ...event,
    at,
    job: idToText(event.job),
    agent: agentName(agent) || undefined,
    dispatcher: agent === '' ? undefined : idToText(agentDispatcher(agent)),
  };
}
