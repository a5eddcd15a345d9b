/**
 * The way of a client to the coordinator in another process, the owner of the directory. When the
 * owner ends, it looks for the next one, and begins anew with that.
 */
import type { Duplex } from 'node:stream';
import { idToText } from '../codec/id.js';
import type { Id } from '../core/records.js';
import { CallsheetError, CoordinatorDiedError, NoOwnerError } from '../errors.js';
import { clientHello, readOwnerHello } from '../protocol/hello.js';
import { Wire, type WireListener } from '../protocol/wire.js';
import type { LinkListener, LinkPort } from './link.js';

export interface OwnerSearch {
  /** Connects to the owner. Undefined if the directory has no owner at the moment. */
  connect(): Promise<Duplex | undefined>;
  /** Returns the reason why no owner has answered, for an error. It looks again. */
  why(): Promise<string>;
}

/** The longest batch of an owner: a list of completed parts is one. */
const mostReceivedBytes = 1024 * 1024 * 1024;
const helloMs = 10_000;
const firstDelayMs = 10;
const longestDelayMs = 250;
/** Pings without an answer, after which the owner is taken to be stopped. */
const mostPings = 3;
/** Limits of the time until then, which is `waitMs` between them. */
const silence = { leastMs: 2_000, mostMs: 20_000 };
/** The time for an answer of an owner that is looked for because of a call. */
const lookMs = 1_000;

export class OwnerPort implements LinkPort {
  /** The limit of the owner; see `coordinator/sharing.ts`. */
  readonly toAnother = { mostBatchBytes: 256 * 1024 * 1024 };
  readonly #search: OwnerSearch;
  readonly #client: Id;
  readonly #waitMs: number;
  #listener!: LinkListener;
  /** The connection to the owner, or the one that is being made. */
  #wire: Wire | undefined;
  #delayMs = firstDelayMs;
  #next: NodeJS.Timeout | undefined;
  #limit: NodeJS.Timeout | undefined;
  /** Set while a call waits for an owner that is looked for at once. */
  #hurry: NodeJS.Timeout | undefined;
  #isLooking = false;
  /** `true` if an owner answers. */
  #isServed = false;
  /** How long the last owner was silent before its connection was given up. */
  #silentMs = 0;
  /** The error with which the last owner refused or ended the connection. */
  #refusal: CallsheetError | undefined;
  #isEnded = false;

  /** `waitMs`: how long an owner may be missing before requests are rejected. */
  constructor(search: OwnerSearch, client: Id, waitMs: number) {
    this.#search = search;
    this.#client = client;
    this.#waitMs = waitMs;
  }

  listen(listener: LinkListener): void {
    this.#listener = listener;
    this.restart();
  }

  post(batch: Uint8Array): void {
    this.#wire?.send(batch);
  }

  /** Looks for an owner until there is one. */
  restart(): undefined {
    this.#delayMs = firstDelayMs;
    const leftMs = Math.max(0, this.#waitMs - this.#silentMs);
    this.#silentMs = 0;
    if (leftMs <= longestTimerMs) this.#limit = setTimeout(this.#absent, leftMs);
    if (this.#refusal === undefined) void this.#look();
    else this.#lookLater(longestDelayMs);
  }

  /** Looks for an owner at once, and reports soon if it finds no owner. */
  look(): void {
    if (this.#hurry !== undefined) return;
    this.#hurry = setTimeout(this.#absent, lookMs);
    if (this.#isLooking || this.#wire !== undefined) return;
    clearTimeout(this.#next);
    void this.#look();
  }

  #absent = async (): Promise<void> => {
    this.#calm();
    const error = this.#refusal ?? new NoOwnerError(await this.#search.why().catch(({ message }: Error) => message));
    // An owner may have come meanwhile.
    if (!this.#isEnded && !this.#isServed) this.#listener.absent!(error);
  };

  #calm(): void {
    clearTimeout(this.#hurry);
    this.#hurry = undefined;
  }

  /** Ends the connection. Nothing is looked for any more. */
  async end(): Promise<void> {
    this.#isEnded = true;
    clearTimeout(this.#next);
    clearTimeout(this.#limit);
    this.#calm();
    this.#wire?.close();
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    try {
      const stream = await this.#search.connect();
      if (this.#isEnded) stream?.destroy();
      else if (stream === undefined) this.#lookLater();
      else this.#greet(stream);
    } catch (error) {
      if (!this.#isEnded) this.#refused(error as CallsheetError);
    } finally {
      this.#isLooking = false;
    }
  }

  #lookLater(delayMs = this.#delayMs): void {
    if (this.#isEnded) return;
    if (this.#hurry !== undefined) void this.#absent();
    this.#next = setTimeout(() => void this.#look(), delayMs * (0.5 + Math.random() / 2));
    this.#delayMs = Math.min(longestDelayMs, 2 * this.#delayMs);
  }

  #refused(error: CallsheetError): void {
    this.#refusal = error;
    this.#listener.refused!(error);
    this.#lookLater(longestDelayMs);
  }

  #greet(stream: Duplex): void {
    let isReady = false;
    let refusal: CallsheetError | undefined;
    let timer = setTimeout(() => wire.destroy(`it said nothing for ${helloMs} ms`), helloMs);
    const listener: WireListener = {
      hello: (line) => {
        try {
          readOwnerHello(line);
        } catch (error) {
          if (error instanceof CallsheetError) refusal = error;
          throw error;
        }
        clearTimeout(timer);
        clearTimeout(this.#limit);
        this.#calm();
        isReady = true;
        this.#isServed = true;
        this.#refusal = undefined;
        timer = this.#watch(wire);
      },
      batch: (bytes) => this.#listener.message(bytes),
      drained: () => {},
      closed: (reason, isFinal) => {
        clearTimeout(timer);
        this.#wire = undefined;
        this.#isServed = false;
        if (this.#isEnded) return;
        if (isFinal) refusal = new CoordinatorDiedError(`the owner of the directory ended the connection: ${reason}`);
        if (isReady) {
          this.#refusal = refusal;
          this.#listener.died(refusal ?? new Error(reason ?? 'the owner has ended'), refusal);
        } else if (refusal !== undefined) this.#refused(refusal);
        else this.#lookLater();
      },
    };
    const wire: Wire = new Wire(stream, listener, mostReceivedBytes);
    this.#wire = wire;
    wire.hello(clientHello({ client: idToText(this.#client), pid: process.pid }));
  }

  /** Asks for signs of life, and ends a connection without any. */
  #watch(wire: Wire): NodeJS.Timeout {
    const silentMs = Math.min(silence.mostMs, Math.max(silence.leastMs, this.#waitMs));
    let seen = wire.received;
    let pings = 0;
    const look = () => {
      pings = wire.received === seen ? pings + 1 : 0;
      seen = wire.received;
      if (pings <= mostPings) return wire.ping();
      this.#silentMs = silentMs;
      wire.destroy(`the owner has not answered for ${silentMs / 1000} s`);
    };
    return setInterval(look, silentMs / (mostPings + 1)).unref();
  }
}

const longestTimerMs = 2 ** 31 - 1;
