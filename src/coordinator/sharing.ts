/**
 * The clients in other processes: admits their connections, checks what they send, and keeps each
 * from filling the memory of this process.
 *
 * Nothing more is read from a client while it has more than `mostAsked` questions or `windowBytes`
 * of commands under way, or does not take its answers. Outcomes that it does not take wait as ids.
 * A client that makes a mistake, is silent at first or takes nothing for long is closed with the
 * reason; it may connect again. The coordinator hears of valid messages only.
 */
import type { Duplex } from 'node:stream';
import { idFromText, idToText } from '../codec/id.js';
import type { Id, LogLevel } from '../core/records.js';
import { CallsheetError } from '../errors.js';
import { ownerHello, readClientHello, refusal } from '../protocol/hello.js';
import { packCoordinatorMessages, unpackClientMessages, unpackPuts } from '../protocol/message-runs.js';
import type { ClientMessage, CoordinatorMessage, WireModule } from '../protocol/messages.js';
import { messageFromOutside } from '../protocol/outside.js';
import { BadPeerError, Wire, type WireListener } from '../protocol/wire.js';
import type { Caller } from './clients/caller.js';
import type { Coordinator } from './coordinator.js';
import type { Timer } from './long-timeout.js';

/** The longest batch of a client: one put of many jobs is one. */
const mostBatchBytes = 256 * 1024 * 1024;
const windowBytes = 4 * 1024 * 1024;
const mostAsked = 64;
/** A client that lets more than this lie is closed. It asks again when it reads again. */
const mostBacklogBytes = 256 * 1024 * 1024;
/** A large payload does not wait for other messages of its turn. */
const largeBytes = 65_536;
const helloMs = 5_000;
const lookMs = 10_000;
/** Looks at which a client may have taken nothing, although something lies for it. */
const mostIdleLooks = 3;

export interface SharingContext {
  readonly coordinator: Coordinator;
  readonly dispatcher: Id;
  readonly modules: Readonly<Record<string, WireModule>>;
  readonly after: (delayMs: number, callback: () => void) => Timer;
  readonly log: (level: LogLevel, message: string, detail: string) => void;
}

export class Sharing {
  readonly #context: SharingContext;
  readonly #byOwner = new Map<Id, Peer>();

  constructor(context: SharingContext) {
    this.#context = context;
  }

  /** Takes a new connection. */
  take(stream: Duplex): void {
    new Peer(stream, this.#context, this.#byOwner);
  }
}

class Peer implements WireListener {
  readonly #context: SharingContext;
  readonly #byOwner: Map<Id, Peer>;
  readonly #wire: Wire;
  #caller: Caller | undefined;
  #name = 'a client without a hello';
  #isSilent = false;
  /** Messages that were read and not passed on. */
  #inbox: ClientMessage[] = [];
  /** The requests whose answers take room in this process, and were not sent. */
  readonly #asked = new Set<number>();
  #uncommitted = 0;
  #isCommitting = false;
  #outgoing: CoordinatorMessage[] = [];
  #timer: Timer;
  #idleLooks = 0;
  #lastLeft = 0;

  constructor(stream: Duplex, context: SharingContext, byOwner: Map<Id, Peer>) {
    this.#context = context;
    this.#byOwner = byOwner;
    this.#wire = new Wire(stream, this, mostBatchBytes);
    this.#timer = context.after(helloMs, () => {
      this.#isSilent = this.#wire.received === 0;
      this.#wire.close(`it said nothing for ${helloMs} ms`);
    });
  }

  hello(line: Readonly<Record<string, unknown>>): void {
    const { coordinator, dispatcher, modules } = this.#context;
    try {
      const { client, pid } = readClientHello(line);
      this.#name = `the client in process ${pid}`;
      const owner = idFromText(client);
      if (owner === undefined) throw new BadPeerError('the id of a client is not a UUID');
      this.#byOwner.get(owner)?.close('it has connected again');
      this.#caller = coordinator.join(owner, (message) => this.#post(message), this.#isFull);
      this.#byOwner.set(owner, this);
    } catch (error) {
      if (!(error instanceof CallsheetError)) throw error;
      this.#wire.hello(refusal(error));
      throw error;
    }
    this.#timer.clear();
    this.#look();
    this.#wire.hello(ownerHello());
    coordinator.count((figures) =>
      this.#post(['ready', { ...figures, dispatcher: idToText(dispatcher) }, { ...modules }]),
    );
  }

  batch(bytes: Uint8Array): void {
    for (const message of messagesFrom(bytes)) this.#inbox.push(message);
    this.#uncommitted += bytes.byteLength;
    if (this.#uncommitted >= windowBytes && !this.#isCommitting) void this.#commit();
    this.#passOn();
  }

  drained(): void {
    if (this.#caller !== undefined) this.#context.coordinator.takesMore(this.#caller);
    this.#passOn();
  }

  closed(reason: string | undefined): void {
    this.#timer.clear();
    this.#inbox = [];
    // A process that waits for the lock says nothing, and connects again.
    if (reason !== undefined && !this.#isSilent) this.#context.log('warn', `${this.#name} was disconnected`, reason);
    const caller = this.#caller;
    if (caller === undefined) return;
    if (this.#byOwner.get(caller.owner) === this) this.#byOwner.delete(caller.owner);
    this.#context.coordinator.leave(caller);
  }

  close(reason: string): void {
    this.#wire.close(reason);
  }

  readonly #isFull = (): boolean => this.#wire.backlog >= windowBytes;

  /** Reads no more until all messages so far are stored. */
  async #commit(): Promise<void> {
    this.#isCommitting = true;
    this.#uncommitted = 0;
    // The turn that handles these messages comes first.
    this.#passOn();
    await this.#context.coordinator.committed();
    this.#isCommitting = false;
    this.#passOn();
  }

  /** Passes messages on, as many as there is room for. Reads no more while some are left. */
  #passOn(): void {
    const caller = this.#caller;
    if (caller === undefined || caller.isGone) return;
    const inbox = this.#inbox;
    let count = 0;
    while (count < inbox.length && this.#asked.size < mostAsked && !this.#isFull()) {
      const [type, request] = inbox[count++]!;
      if (type === 'ask') this.#asked.add(request);
    }
    this.#inbox = inbox.slice(count);
    if (count > 0) this.#context.coordinator.receive(inbox.slice(0, count), caller);
    if (this.#inbox.length > 0 || this.#isCommitting) this.#wire.pause();
    else this.#wire.resume();
  }

  #post(message: CoordinatorMessage): void {
    if (this.#wire.backlog > mostBacklogBytes) return this.close('it does not take its answers');
    if (this.#outgoing.length === 0) queueMicrotask(this.#flush);
    this.#outgoing.push(message);
    const [type, request] = message;
    if (type === 'answer' || type === 'error') {
      if (this.#asked.delete(request) && this.#inbox.length > 0) queueMicrotask(() => this.#passOn());
    } else if (outcomeBytes(message) >= largeBytes) this.#flush();
  }

  readonly #flush = (): void => {
    if (this.#outgoing.length === 0) return;
    const batch = packCoordinatorMessages(this.#outgoing);
    this.#outgoing = [];
    this.#wire.send(batch);
  };

  /** Closes a client that takes nothing. */
  #look(): void {
    const { backlog, left } = this.#wire;
    this.#idleLooks = backlog > 0 && left === this.#lastLeft ? this.#idleLooks + 1 : 0;
    this.#lastLeft = left;
    if (this.#idleLooks >= mostIdleLooks)
      return this.#wire.destroy(`it took nothing for ${(mostIdleLooks * lookMs) / 1000} s`);
    this.#timer = this.#context.after(lookMs, () => this.#look());
  }
}

function outcomeBytes(message: CoordinatorMessage): number {
  if (message[0] === 'outcome') return message[3].byteLength;
  return message[0] === 'deliver' ? message[2].reduce((bytes, { payload }) => bytes + payload.byteLength, 0) : 0;
}

/** Returns the messages of a batch. Throws if one is not valid. */
function messagesFrom(bytes: Uint8Array): ClientMessage[] {
  try {
    return unpackClientMessages(bytes).map(unpackPuts).map(messageFromOutside);
  } catch (error) {
    throw new BadPeerError(`a message is not valid: ${(error as Error).message}`);
  }
}
