/**
 * A client's connection to the coordinator. Numbers requests, packs the messages of one turn into
 * one batch, and resolves promises a few at a time, so that the event loop of the client's thread
 * stays responsive.
 */

import type { Handed, HandedBuffer, HandedBuffers } from '../codec/transfer.js';
import type { Id, Level } from '../core/records.js';
import {
  type CallsheetError,
  ClosedError,
  CoordinatorDiedError,
  type ErrorCode,
  NotStorableError,
  UnknownJobError,
} from '../errors.js';
import type { EncodedOutcome } from '../protocol/completed-list.js';
import { errorFromData } from '../protocol/error-data.js';
import { canJoin, type Puts, packClientMessages, unpackCoordinatorMessages } from '../protocol/message-runs.js';
import type { ClientMessage, CoordinatorMessage, EventBatch, WireJob } from '../protocol/messages.js';

import { Hand } from './hand.js';
import { messageOf } from './logs.js';
import { type Absence, type ComingOutcome, Put } from './put.js';
import { type Request, repeated } from './repeat.js';

type Of<Type extends CoordinatorMessage[0]> = Extract<CoordinatorMessage, [Type, ...unknown[]]>;

/** The answer to a reader that has missed an unknown number of events. */
const gap: EventBatch = [[], Number.POSITIVE_INFINITY];

const numbered = (number: number, [type, ...rest]: Request) => [type, number, ...rest] as ClientMessage;

/** Returns the numbers of the requests in a message. */
const requestsOf = ([type, first, , , jobs]: ClientMessage) =>
  type === 'puts' ? jobs.map((_, index) => first + index) : [first];

interface Pending {
  /** The request that is sent again if the coordinator dies; `undefined` if it must not be. */
  readonly wait: Request | undefined;
  /** The put whose outcome is requested. It goes on waiting while no process answers. */
  readonly put?: Put<unknown>;
  /** Nothing of it was done: the owner is closing. */
  isRefused?: boolean;
  resolve(answer: unknown): void;
  reject(error: Error): void;
}

/** Number of promises that are resolved before the event loop gets its turn. */
const resolvedPerTurn = 64;

/** Receives messages and the end of the coordinator. */
export interface LinkListener {
  message(batch: Uint8Array): void;
  /**
   * The coordinator died. No more messages follow. `goodbye`: the process lives, but has ended the
   * connection, and would do so again for the same messages.
   */
  died(cause: unknown, goodbye?: CallsheetError): void;
  /** The coordinator is closed. */
  closed(): void;
  /** No process has answered for long. It may come back. */
  absent?(error: CallsheetError): void;
  /** A process refuses to be connected. It may change, and another may come. */
  refused?(error: CallsheetError): void;
}

/**
 * The transport to the coordinator, which is in a thread of its own, or, in the test kit, in this
 * one.
 */
export interface LinkPort {
  /**
   * The coordinator is in another process. Requests without an answer are sent again to the next.
   */
  readonly toAnother?: { readonly mostBatchBytes: number };
  /** Must be called once, before anything is posted. */
  listen(listener: LinkListener): void;
  /** Sends a batch. The bytes and the handed buffers then belong to the receiver. */
  post(batch: Uint8Array, handed?: Handed): void;
  /**
   * Starts a coordinator in place of one that died; it sends `ready`. Returns the reason if it
   * cannot be started.
   */
  restart?(): string | undefined;
  /** Looks for another process at once. Either it sends `ready`, or `absent` follows soon. */
  look?(): void;
}

/** Requests that can be repeated: they change nothing, and wait for something still to come. */
const waits: ReadonlySet<Request[0]> = new Set<Request[0]>(['outcome', 'drained']);

const openAgain = 'close this runtime, and open its directory again';
/** The way out for each error that ends the runtime; `openAgain` for others. */
const waysOut: { readonly [code in ErrorCode]?: string } = {
  DATABASE_UNUSABLE: 'nothing acknowledged is lost: check that the database answers, then open the runtime again',
  JOURNAL_WRITE: `nothing acknowledged is lost: check that the disk works, then ${openAgain}`,
  JOURNAL_REMOVED: `restore the removed files, or leave the directory to the runtime that has it now; then ${openAgain}`,
  JOURNAL_CORRUPT: '`callsheet inspect DIRECTORY` lists the damage, and `callsheet salvage` saves all that is readable',
};

export class Link {
  readonly #port: LinkPort;
  readonly #onLog: (message: Of<'log'>) => void;
  readonly #pending = new Map<number, Pending>();
  /** Puts that are not accepted yet, or whose outcome has not been received. */
  readonly #puts = new Map<number, Put<unknown>>();
  readonly #hands = new Map<Id, WeakRef<Hand>>();
  readonly #dropped = new FinalizationRegistry<Id>((first) => {
    this.#hands.delete(first);
    this.request(['release', first]).catch(() => {});
  });
  #outgoing: ClientMessage[] = [];
  #handed: [Id, readonly HandedBuffer[]][] = [];
  #incoming: CoordinatorMessage[] = [];
  #isResolving = false;
  #lastRequest = 0;
  #closing = false;
  /** `true` while another coordinator starts; messages wait for it. */
  #restarting = false;
  #ended: Error | undefined;
  /** The readers of events, and those that have missed some. */
  readonly #readers = new Map<number, Request>();
  readonly #gaps = new Set<number>();
  readonly #absence: Absence = { error: undefined };
  /** Called when another process answers than before. */
  onNext: ((ready: Of<'ready'>) => void) | undefined;
  #opened: { resolve(message: Of<'ready'>): void; reject(error: Error): void } | undefined;

  constructor(port: LinkPort, onLog: (message: Of<'log'>) => void) {
    this.#port = port;
    this.#onLog = onLog;
    port.listen({
      message: (batch) => this.#receive(unpackCoordinatorMessages(batch)),
      died: (cause, goodbye) => this.#died(cause, goodbye),
      closed: () => this.end(new ClosedError('the runtime is closed')),
      absent: (error) => this.#absent(error),
      refused: (error) => this.#opened !== undefined && this.end(error),
    });
  }

  /** Writes a line to the log of the runtime. */
  log(message: Of<'log'>): void {
    this.#onLog(message);
  }

  /** Resolves when the coordinator is ready. */
  opened(): Promise<Of<'ready'>> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) reject(this.#ended);
      this.#opened = { resolve, reject };
    });
  }

  /** Sends a request. Resolves with the answer. */
  request(message: Request): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended);
      // If there is still no owner, it is rejected in a moment.
      if (this.#absence.error !== undefined) this.#port.look!();
      if (message[0] === 'subscribe') this.#readers.set(message[1], message);
      else if (message[0] === 'unsubscribe') this.#readers.delete(message[1]);
      else if (message[0] === 'events' && this.#gaps.delete(message[1])) return resolve(gap);
      const number = ++this.#lastRequest;
      const isKept = this.#port.toAnother !== undefined || waits.has(message[0]);
      this.#pending.set(number, { wait: isKept ? message : undefined, resolve, reject });
      this.#say(numbered(number, message));
    });
  }

  /** Sends the request to close. A coordinator that dies afterwards is not restarted. */
  close(graceMs: number): Promise<unknown> {
    this.#closing = true;
    if (this.#port.toAnother === undefined) return this.request(['close', graceMs]);
    // A client runs nothing, and need not wait for an owner to leave.
    const left = { hanging: [], interrupted: 0 };
    return this.#restarting ? Promise.resolve(left) : this.request(['close', graceMs]).catch(() => left);
  }

  /** Sends these buffers with the requests of the same turn. */
  handOver(handed: HandedBuffers | undefined): void {
    const buffers = this.#ended === undefined ? handed?.take() : undefined;
    if (buffers !== undefined) this.#handed.push(...buffers);
  }

  /**
   * Puts one job. Resolves with the value of `accepted`, which receives the coming outcome and the
   * id of the job that a unique key made it.
   */
  put<Accepted>(
    queue: string,
    level: Level,
    job: WireJob,
    accepted: (coming: ComingOutcome, same: Id | undefined) => Accepted,
  ): Promise<Accepted> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended);
      // If there is still no owner, it is rejected in a moment.
      if (this.#absence.error !== undefined) this.#port.look!();
      const number = ++this.#lastRequest;
      const made = new Put(job, level, this.#absence, { resolve, reject, accepted }) as Put<unknown>;
      if (this.#port.toAnother !== undefined) made.again = { queue, job };
      this.#puts.set(number, made);
      const last = this.#outgoing.at(-1);
      const put: Puts = ['puts', number, queue, level, [job]];
      if (canJoin(last, put)) last[4].push(job);
      else this.#say(put);
    });
  }

  /**
   * Registers the handles of one put, by the ids of its first and last job. While one of them is
   * reachable, the coordinator sends the outcome of a job before forgetting it.
   */
  hold(first: Id, last: Id): Hand {
    const hand = new Hand(last);
    this.#hands.set(first, new WeakRef(hand));
    this.#dropped.register(hand, first);
    return hand;
  }

  /** `true` if an answer or an outcome is awaited. */
  get isWaitedFor(): boolean {
    if (this.#pending.size > 0) return true;
    for (const put of this.#puts.values()) if (put.isWaitedFor) return true;
    return false;
  }

  /** Ends the connection: pending requests and later ones are rejected with this error. */
  end(error: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.#opened?.reject(error);
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
    for (const put of this.#puts.values()) put.fail(error);
    this.#puts.clear();
  }

  /**
   * Ends the runtime on an error, and logs it: nothing else may show it, if no request is pending.
   */
  fail(error: CallsheetError): void {
    if (this.#ended === undefined && this.#opened === undefined)
      this.#onLog(['log', 'fatal', `the runtime has ended: ${error.message}`, waysOut[error.code] ?? openAgain]);
    this.end(error);
  }

  /**
   * Handles the death of the coordinator. Whether it executed a pending command is unknown, so the
   * command is rejected with that error. Outcomes and other requests in `waits` are requested again
   * once another coordinator is ready.
   */
  #died(cause: unknown, goodbye?: CallsheetError): void {
    if (this.#ended !== undefined) return;
    // Messages sent before the death remain valid.
    for (const message of this.#incoming.splice(0)) this.#handle(message);
    const died = (how: string) => new CoordinatorDiedError(`the coordinator thread died${how}`, { cause });
    const reason = cause instanceof Error ? `: ${cause.message}` : '';
    if (this.#port.toAnother !== undefined) return this.#lost(cause, goodbye);
    if (this.#opened !== undefined || this.#closing || this.#port.restart === undefined) return this.fail(died(reason));
    const refusal = this.#port.restart();
    if (refusal !== undefined) return this.fail(died(`: ${refusal}`));
    this.#onLog(['log', 'error', 'the coordinator thread died and is restarted', String(cause)]);
    this.#restarting = true;
    this.#outgoing = [];
    this.#handed = [];
    const error = died('; it is restarted, but whether this command was executed is unknown');
    for (const [request, { wait }] of this.#pending) {
      if (wait === undefined) this.#refuse(request, error);
      else this.#outgoing.push(numbered(request, wait));
    }
    for (const [first, held] of this.#hands) {
      const hand = held.deref();
      if (hand !== undefined) this.request(['hold', first, hand.last, hand.same]).catch(() => {});
    }
    for (const [request, put] of this.#puts) {
      if (!put.isAccepted) {
        this.#refuse(request, error);
        continue;
      }
      this.#puts.delete(request);
      const resolve = (outcome: EncodedOutcome | Error) => put.resolve(outcome);
      if (put.level === 'memory') resolve(error);
      else this.request(['outcome', put.job]).then((outcome) => resolve(outcome as EncodedOutcome), resolve);
    }
  }

  /**
   * Handles the loss of a process. Everything that can be repeated is sent to the next one, by
   * `#unanswered`. After a refusal only waits are: any other message may be the reason.
   */
  #lost(cause: unknown, goodbye: CallsheetError | undefined): void {
    if (this.#closing) return this.end(new ClosedError('the runtime is closed'));
    if (this.#opened !== undefined && goodbye !== undefined) return this.end(goodbye);
    this.#restarting = true;
    this.#outgoing = [];
    const error = new CoordinatorDiedError(
      'the connection to the owner of the directory was lost, and whether this command was executed is unknown',
      { cause },
    );
    for (const reader of this.#readers.keys()) this.#gaps.add(reader);
    for (const [request, { wait, isRefused }] of this.#pending) {
      if (wait![0] === 'events' && this.#gaps.delete(wait![1])) this.#answer(request, gap);
      else if (goodbye !== undefined && !waits.has(wait![0])) this.#refuse(request, goodbye);
      else if (isRefused !== true && repeated(wait!) === undefined) this.#refuse(request, error);
    }
    if (goodbye !== undefined) {
      for (const [request, put] of this.#puts) if (!put.isAccepted) this.#refuse(request, goodbye);
      this.#onLog(['log', 'error', goodbye.message, 'requests without an answer were rejected']);
    }
    this.#port.restart!();
  }

  /** Rejects everything, because no process has answered for long. */
  #absent(error: CallsheetError): void {
    if (this.#opened !== undefined) return this.end(error);
    this.#absence.error = error;
    for (const [request, { put }] of this.#pending) if (put === undefined) this.#refuse(request, error);
    for (const [request, put] of this.#puts) if (!put.isAccepted) this.#refuse(request, error);
    for (const put of this.#puts.values()) put.rejectWaits(error);
    for (const { put } of this.#pending.values()) put?.rejectWaits(error);
  }

  /** Returns all messages without an answer, for another process, in their order. */
  #unanswered(): ClientMessage[] {
    const first: ClientMessage[] = [];
    for (const message of this.#readers.values()) first.push(numbered(++this.#lastRequest, message));
    for (const [hand, held] of this.#hands) {
      const { last, same } = held.deref() ?? {};
      if (last !== undefined) first.push(['hold', ++this.#lastRequest, hand, last, same ?? []]);
    }
    const messages: ClientMessage[] = [];
    for (const [request, pending] of this.#pending) {
      const { wait, isRefused } = pending;
      messages.push(numbered(request, isRefused === true ? wait! : (repeated(wait!) ?? wait!)));
      pending.isRefused = false;
    }
    for (const [request, put] of this.#puts) {
      if (put.again !== undefined) messages.push(['puts', request, put.again.queue, put.level, [put.again.job], true]);
      else messages.push(this.#outcomeAgain(request, put));
    }
    return first.concat(messages.sort((a, b) => a[1] - b[1]));
  }

  /** The owner that would send the outcome by itself is gone. */
  #outcomeAgain(request: number, put: Put<unknown>): ClientMessage {
    const wait: Request = ['outcome', put.job];
    this.#puts.delete(request);
    const reject = (error: Error) => {
      const isLost = put.level === 'memory' && error instanceof UnknownJobError;
      put.resolve(isLost ? new CoordinatorDiedError('the job was in the memory of a process that has ended') : error);
    };
    this.#pending.set(request, { wait, put, resolve: (outcome) => put.resolve(outcome as EncodedOutcome), reject });
    return numbered(request, wait);
  }

  #say(message: ClientMessage): void {
    // The next process gets everything that has no answer.
    if (this.#restarting && this.#port.toAnother !== undefined) return;
    if (this.#outgoing.length === 0 && !this.#restarting) queueMicrotask(this.#flush);
    this.#outgoing.push(message);
  }

  readonly #flush = (): void => {
    if (this.#restarting) return;
    const messages = this.#outgoing;
    const handed = this.#handed.length === 0 ? undefined : new Map(this.#handed);
    this.#outgoing = [];
    this.#handed = [];
    this.#send(messages, handed);
  };

  #send(messages: readonly ClientMessage[], handed: Handed | undefined): void {
    try {
      const batch = packClientMessages(messages);
      const most = this.#port.toAnother?.mostBatchBytes ?? Number.POSITIVE_INFINITY;
      if (batch.byteLength <= most) return this.#port.post(batch, handed);
      if (messages.length === 1)
        throw new NotStorableError(
          'PAYLOAD_TOO_LARGE',
          'the message',
          `must have at most ${most} bytes to the process that owns the directory, got ${batch.byteLength}: put fewer jobs at once`,
        );
      const middle = messages.length >> 1;
      this.#send(messages.slice(0, middle), handed);
      this.#send(messages.slice(middle), undefined);
    } catch (error) {
      // The batch cannot be sent: only its own requests fail.
      for (const message of messages) for (const request of requestsOf(message)) this.#refuse(request, error as Error);
    }
  }

  #receive(messages: CoordinatorMessage[]): void {
    if (this.#isResolving) {
      this.#incoming = this.#incoming.concat(messages);
      return;
    }
    this.#incoming = messages;
    this.#resolve();
  }

  /**
   * Resolves up to `resolvedPerTurn` promises or a little more, and continues in the next turn of
   * the event loop.
   */
  #resolve(): void {
    let resolved = 0;
    let at = 0;
    for (; at < this.#incoming.length && resolved < resolvedPerTurn; at++)
      resolved += this.#handle(this.#incoming[at]!);
    this.#isResolving = at < this.#incoming.length;
    this.#incoming = this.#isResolving ? this.#incoming.slice(at) : [];
    if (this.#isResolving) setImmediate(() => this.#resolve());
  }

  /** Handles a message. Returns the number of promises that it resolved or rejected. */
  #handle(message: CoordinatorMessage): number {
    switch (message[0]) {
      case 'done':
        for (let request = message[1]; request < message[1] + message[2]; request++) this.#done(request);
        return message[2];
      case 'error':
        if (message[2][0] === 'CLOSED' && this.#waitsForNext(message[1])) return 0;
        this.#refuse(message[1], errorFromData(message[2]));
        return 1;
      case 'answer':
        this.#answer(message[1], message[2]);
        return 1;
      case 'outcome':
        this.#take(message[1])?.resolve({ kind: message[2], payload: message[3] });
        return 1;
      case 'deliver': {
        const [, requests, outcomes] = message;
        for (let index = 0; index < requests.length; index++) this.#deliver(requests[index]!, outcomes[index]!);
        return requests.length;
      }
      case 'kept':
        this.#hands.get(message[1])?.deref()?.keep(message[2], { kind: message[3], payload: message[4] });
        return 0;
      case 'unreadable':
        this.#deliver(message[1], errorFromData(message[2]));
        return 1;
      case 'ready':
        this.#ready(message);
        return 1;
      case 'log':
        this.#onLog(this.#isAwaited(message) ? ['log', 'info', message[2], message[3]] : message);
        return 0;
      case 'line':
        this.#onLog(messageOf(message[1], message[2]));
        return 0;
      case 'fatal':
        this.fail(errorFromData(message[1]));
        return this.#pending.size;
    }
  }

  /**
   * `true` if the line is about a job whose outcome a caller here awaits: that caller receives the
   * failure.
   */
  #isAwaited([, level, , detail]: Of<'log'>): boolean {
    if (level !== 'warn' || typeof detail === 'string' || detail.put === undefined) return false;
    return this.#puts.get(detail.put)?.isAwaited === true;
  }

  #ready(message: Of<'ready'>): void {
    this.#opened?.resolve(message);
    this.#opened = undefined;
    if (!this.#restarting) return;
    this.#restarting = false;
    this.#absence.error = undefined;
    if (this.#port.toAnother !== undefined) {
      this.#outgoing = this.#unanswered();
      this.onNext?.(message);
    }
    if (this.#outgoing.length > 0) this.#flush();
  }

  /** A client of an owner that closes waits for the next one. */
  #waitsForNext(request: number): boolean {
    if (this.#port.toAnother === undefined || this.#closing) return false;
    const pending = this.#pending.get(request);
    if (pending !== undefined) pending.isRefused = true;
    return pending !== undefined || this.#puts.has(request);
  }

  #done(request: number): void {
    const put = this.#puts.get(request);
    if (put === undefined) this.#take(request)?.resolve(undefined);
    else put.accept();
  }

  #deliver(request: number, outcome: EncodedOutcome | Error): void {
    this.#puts.get(request)?.resolve(outcome);
    this.#puts.delete(request);
  }

  #answer(request: number, value: unknown): void {
    const put = this.#puts.get(request);
    if (put === undefined) return this.#take(request)?.resolve(value);
    // A unique key made it another job, whose outcome is sent only on request.
    this.#puts.delete(request);
    put.accept((value as readonly Id[])[0]);
  }

  #refuse(request: number, error: Error): void {
    this.#take(request)?.reject(error);
    this.#puts.get(request)?.fail(error);
    this.#puts.delete(request);
  }

  #take(request: number): Pending | undefined {
    const pending = this.#pending.get(request);
    this.#pending.delete(request);
    return pending;
  }
}
