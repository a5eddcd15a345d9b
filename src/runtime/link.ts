/**
 * A client's line to the coordinator: numbers requests, packs what is asked in one turn into one message, settles what comes back a few
 * at a time, so that the loop of the thread that asks stays free.
 */
import type { Id } from '../core/records.js';
import { CallsheetError, ClosedError } from '../errors.js';
import type { WireOutcome } from '../protocol/dispatch.js';
import { errorFromData } from '../protocol/error-data.js';
import type { ClientMessage, CoordinatorMessage } from '../protocol/messages.js';
import { packBatch, unpackBatch } from '../protocol/packing.js';

type Request = ClientMessage extends infer M
  ? M extends [infer Type, number, ...infer Rest]
    ? [Type, ...Rest]
    : never
  : never;
type Of<Type extends CoordinatorMessage[0]> = Extract<CoordinatorMessage, [Type, ...unknown[]]>;

/** An outcome that comes by itself: kept until somebody asks, or nobody can any more. */
export class ComingOutcome {
  #outcome: WireOutcome | Error | undefined;
  #waiting: Pending[] = [];

  get(): Promise<WireOutcome> {
    return new Promise((resolve, reject) => {
      if (this.#outcome === undefined) this.#waiting.push({ resolve: resolve as (answer: unknown) => void, reject });
      else if (this.#outcome instanceof Error) reject(this.#outcome);
      else resolve(this.#outcome);
    });
  }

  settle(outcome: WireOutcome | Error): void {
    this.#outcome = outcome;
    for (const { resolve, reject } of this.#waiting) {
      if (outcome instanceof Error) reject(outcome);
      else resolve(outcome);
    }
    this.#waiting = [];
  }
}

interface Pending {
  resolve(answer: unknown): void;
  reject(error: Error): void;
}

/** So many promises are settled before the loop gets its turn. */
const settledPerTurn = 64;

/** What is heard from where the coordinator is. */
export interface LinkListener {
  message(batch: Uint8Array): void;
  /** It died. */
  error(cause: unknown): void;
  /** It is there no more, for whatever reason. */
  exit(): void;
}

/** Where the coordinator is: in a thread of its own, or, in the test kit, in this one. */
export interface LinkPort {
  /** Called once, before anything is posted. */
  listen(listener: LinkListener): void;
  /** The bytes are the receiver's from now on. */
  post(batch: Uint8Array): void;
}

export class Link {
  readonly #port: LinkPort;
  readonly #onLog: (message: Of<'log'>) => void;
  readonly #pending = new Map<number, Pending>();
  readonly #outcomes = new Map<Id, ComingOutcome>();
  #outgoing: unknown[] = [];
  #incoming: CoordinatorMessage[] = [];
  #settling = false;
  #lastRequest = 0;
  #ended: Error | undefined;
  #opened: { resolve(message: Of<'ready'>): void; reject(error: Error): void } | undefined;

  constructor(port: LinkPort, onLog: (message: Of<'log'>) => void) {
    this.#port = port;
    this.#onLog = onLog;
    port.listen({
      message: (batch) => this.#receive(unpackBatch<CoordinatorMessage>(batch)),
      error: (cause) => this.end(new CallsheetError('COORDINATOR_DIED', 'the coordinator thread died', { cause })),
      exit: () => this.end(new ClosedError('the runtime is closed')),
    });
  }

  /** Resolves when the coordinator is ready. */
  opened(): Promise<Of<'ready'>> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) reject(this.#ended);
      this.#opened = { resolve, reject };
    });
  }

  /** Asks the coordinator; resolves with its answer. */
  request(message: Request): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended);
      const number = ++this.#lastRequest;
      this.#pending.set(number, { resolve, reject });
      const [type, ...rest] = message;
      if (this.#outgoing.length === 0) queueMicrotask(() => this.#flush());
      this.#outgoing.push([type, number, ...rest]);
    });
  }

  /** The job's outcome will come by itself. */
  expect(job: Id): ComingOutcome {
    const coming = new ComingOutcome();
    if (this.#ended === undefined) this.#outcomes.set(job, coming);
    else coming.settle(this.#ended);
    return coming;
  }

  /** It will not come after all. */
  forget(job: Id): void {
    this.#outcomes.delete(job);
  }

  /** Nothing more will be answered: what waits, and what comes, gets this error. */
  end(error: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.#opened?.reject(error);
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
    for (const coming of this.#outcomes.values()) coming.settle(error);
    this.#outcomes.clear();
  }

  #flush(): void {
    const messages = this.#outgoing;
    this.#outgoing = [];
    try {
      this.#port.post(packBatch(messages));
    } catch (error) {
      // Whoever asked is told, and nobody else: what was asked for cannot be said.
      for (const [, request] of messages as [string, number][]) this.#take(request)?.reject(error as Error);
    }
  }

  #receive(messages: CoordinatorMessage[]): void {
    if (this.#settling) {
      this.#incoming = this.#incoming.concat(messages);
      return;
    }
    this.#incoming = messages;
    this.#settle();
  }

  /** Settles a bounded number of promises, and goes on in the next turn of the loop. */
  #settle(): void {
    let settled = 0;
    let at = 0;
    for (; at < this.#incoming.length && settled < settledPerTurn; at++) settled += this.#handle(this.#incoming[at]!);
    this.#settling = at < this.#incoming.length;
    this.#incoming = this.#settling ? this.#incoming.slice(at) : [];
    if (this.#settling) setImmediate(() => this.#settle());
  }

  /** Gives how many promises that settled. */
  #handle(message: CoordinatorMessage): number {
    switch (message[0]) {
      case 'done':
        for (const request of message[1]) this.#take(request)?.resolve(undefined);
        return message[1].length;
      case 'error':
        this.#take(message[1])?.reject(errorFromData(message[2]));
        return 1;
      case 'answer':
        this.#take(message[1])?.resolve(message[2]);
        return 1;
      case 'outcome':
        this.#take(message[1])?.resolve([message[2], message[3]]);
        return 1;
      case 'settled':
        this.#outcomes.get(message[1])?.settle([message[2], message[3]]);
        this.#outcomes.delete(message[1]);
        return 1;
      case 'ready':
        this.#opened?.resolve(message);
        return 1;
      case 'log':
        this.#onLog(message);
        return 0;
      case 'fatal':
        this.end(errorFromData(message[1]));
        return this.#pending.size;
    }
  }

  #take(request: number): Pending | undefined {
    const pending = this.#pending.get(request);
    this.#pending.delete(request);
    return pending;
  }
}
