/**
 * The part of a runtime that handles use: its connection to the coordinator, and the context of
 * encoding.
 */

import { idFromBytes } from '../codec/id.js';
import { HandedBuffers } from '../codec/transfer.js';
import type { Id, Level } from '../core/records.js';
import type { EncodeContext } from '../definition/encode.js';
import type { OutcomeOptions } from '../protocol/completed-jobs.js';
import type { EncodedOutcome } from '../protocol/completed-list.js';
import type { KnownModules } from '../protocol/known-functions.js';
import type { Query, WalkingQuery, WireCommand } from '../protocol/messages.js';
import type { Link } from './link.js';
import type { Tracing } from './tracing.js';

/** Makes and recognizes handles of jobs, so that `Client` need not import `Job`. */
export interface JobHandles {
  handleOf(client: Client, id: Id): object;
  /** Returns the bytes of a handle's id; `undefined` for any other value. */
  referenceOf(value: object): Uint8Array | undefined;
}

export class Client {
  readonly link: Link;
  /** The durability of a put that names none. */
  readonly durability: Level;
  /** `true` if there is a store that outlives the process. */
  readonly isKept: boolean;
  /** The id of the dispatcher in the process that owns the store. */
  dispatcher: Id;
  /** The SQL of a put within a user's own transaction; `undefined` if that is not possible. */
  outbox: string | undefined;
  /** Set while `callsheet/otel` traces the runtime. */
  tracing: Tracing | undefined;
  /** The feeders of this process, by map. */
  readonly feeders = new Map<Id, { stop(): void }>();
  readonly #handles: JobHandles;
  /** The outcomes that were asked for and have not come. */
  readonly #outcomes = new Map<Id, Promise<EncodedOutcome>>();
  #modules: KnownModules;
  readonly #payloadLimitBytes: number;
  /** `true` if the jobs run in another process. */
  readonly #isRemote: boolean;
  readonly #references: OutcomeOptions = {
    reference: (id) => this.#handles.handleOf(this, idFromBytes(id)),
    pieces: {
      later: async (job, from) => (await this.ask({ type: 'completed', job, from, reader: 'client' })) as Uint8Array,
    },
  };

  constructor(
    link: Link,
    handles: JobHandles,
    dispatcher: Id,
    modules: KnownModules,
    durability: Level,
    payloadLimitBytes: number,
    isKept = true,
    isRemote = false,
  ) {
    this.link = link;
    this.#handles = handles;
    this.dispatcher = dispatcher;
    this.durability = durability;
    this.isKept = isKept;
    this.#modules = modules;
    this.#payloadLimitBytes = payloadLimitBytes;
    this.#isRemote = isRemote;
  }

  /** Another process owns the store from now on. */
  serve(dispatcher: Id, modules: KnownModules): void {
    this.dispatcher = dispatcher;
    this.#modules = modules;
  }

  /**
   * Returns the context for a put with this durability. Buffers can be moved only to a `memory`
   * job, which nothing outlives, and only within a process.
   */
  puttingAt(level: Level): EncodeContext {
    return this.encoding(level === 'memory' && !this.#isRemote ? new HandedBuffers() : undefined);
  }

  encoding(handed?: HandedBuffers): EncodeContext {
    const payloadLimitBytes = this.#payloadLimitBytes;
    const context = {
      modules: this.#modules,
      now: Date.now(),
      payloadLimitBytes,
      reference: this.#handles.referenceOf,
      handed,
    };
    return this.tracing === undefined ? context : { ...context, trace: this.tracing.trace() };
  }

  /** Returns the options that decode references in results and annotations as live handles. */
  references(): OutcomeOptions {
    return this.#references;
  }

  /** Calls `callback` after `delayMs` unless cleared before. */
  after(delayMs: number, callback: () => void): { clear(): void } {
    const timer = setTimeout(callback, delayMs);
    return { clear: () => clearTimeout(timer) };
  }

  do(command: WireCommand, level: Level = this.durability): Promise<unknown> {
    return this.link.request(['do', level, command]);
  }

  ask(query: Query | WalkingQuery): Promise<unknown> {
    return this.link.request(['ask', query]);
  }

  /**
   * Asks for the outcome of a job once for all its handles, since the request stays until the job
   * ends, even if no wait is left.
   */
  outcome(job: Id): Promise<EncodedOutcome> {
    const there = this.#outcomes.get(job);
    if (there !== undefined) return there;
    const asked = this.link.request(['outcome', job]) as Promise<EncodedOutcome>;
    this.#outcomes.set(job, asked);
    const forget = () => this.#outcomes.delete(job);
    asked.then(forget, forget);
    return asked;
  }
}
