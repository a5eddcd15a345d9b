/**
 * What handles need of their runtime: its line to the coordinator, and what encoding needs to know.
 */

import { idFromBytes } from '../codec/id.js';
import { HandedBuffers } from '../codec/transfer.js';
import type { Id, Level } from '../core/records.js';
import type { EncodeContext } from '../definition/encode.js';
import type { OutcomeOptions } from '../protocol/completed-jobs.js';
import type { Query, WireCommand, WireModule } from '../protocol/messages.js';
import type { Link } from './link.js';

/** Handles of jobs, for a client that does not import what it makes. */
export interface JobHandles {
  handleOf(client: Client, id: Id): object;
  /** The bytes of a handle's id; undefined for any other value. */
  referenceOf(value: object): Uint8Array | undefined;
}

export class Client {
  readonly link: Link;
  /** What a put is asked to survive where it does not say. */
  readonly durability: Level;
  /** Whether there is a store that outlives the process. */
  readonly isKept: boolean;
  /** This runtime's own id. */
  readonly dispatcher: Id;
  /** What feeds maps here. */
  readonly feeders = new Map<Id, { stop(): void }>();
  readonly #handles: JobHandles;
  readonly #modules: Readonly<Record<string, WireModule>>;
  readonly #payloadLimitBytes: number;
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
    modules: Readonly<Record<string, WireModule>>,
    durability: Level,
    payloadLimitBytes: number,
    isKept = true,
  ) {
    this.link = link;
    this.#handles = handles;
    this.dispatcher = dispatcher;
    this.durability = durability;
    this.isKept = isKept;
    this.#modules = modules;
    this.#payloadLimitBytes = payloadLimitBytes;
  }

  /**
   * For what is to be put at this level; a job that nothing outlives can be given buffers as they
   * are.
   */
  puttingAt(level: Level): EncodeContext {
    return this.encoding(level === 'memory' ? new HandedBuffers() : undefined);
  }

  encoding(handed?: HandedBuffers): EncodeContext {
    const payloadLimitBytes = this.#payloadLimitBytes;
    return { modules: this.#modules, now: Date.now(), payloadLimitBytes, reference: this.#handles.referenceOf, handed };
  }

  /** What makes the references among results and annotations live handles again. */
  references(): OutcomeOptions {
    return this.#references;
  }

  /** Calls back after so long, if it is not cleared before. */
  after(delayMs: number, callback: () => void): { clear(): void } {
    const timer = setTimeout(callback, delayMs);
    return { clear: () => clearTimeout(timer) };
  }

  do(command: WireCommand, level: Level = this.durability): Promise<unknown> {
    return this.link.request(['do', level, command]);
  }

  ask(query: Query): Promise<unknown> {
    return this.link.request(['ask', query]);
  }
}
