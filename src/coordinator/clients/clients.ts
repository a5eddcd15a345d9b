/**
 * The clients' side of the coordinator. Each message becomes a command, a query or a waiter, and
 * every request is answered once.
 */

import type { Event } from '../../core/events.js';
import { CoordinatorDiedError } from '../../errors.js';
import type { PackedPuts, Puts, ReceivedMessage } from '../../protocol/message-runs.js';
import type { Records } from '../../store/store.js';
import { Bulks } from './bulk.js';
import type { Caller } from './caller.js';
import { ClientCommands, type ClientsContext } from './client-commands.js';
import type { Feed, Reader } from './feed.js';
import type { OutcomeWaiter } from './outcomes.js';
import { inquiryFor, isWalking, requireMap } from './queries.js';
import { requireJob } from './remembered.js';
import { replyTo } from './replies.js';

export class Clients {
  readonly #context: ClientsContext;
  readonly #commands: ClientCommands;
  readonly #bulks: Bulks;

  constructor(context: ClientsContext) {
    this.#context = context;
    this.#commands = new ClientCommands(context);
    this.#bulks = new Bulks(context);
  }

  /** Takes one batch of messages of a caller. */
  receive(caller: Caller, messages: readonly ReceivedMessage[]): void {
    for (const message of messages) {
      if (message[0] === 'puts' || message[0] === 'plainPuts') this.#commands.put(caller, message);
      else this.#receive(caller, message);
    }
  }

  /** Ends all waits of a caller that is gone. Its jobs go on. */
  leave(caller: Caller): void {
    const { outcomes, annotations, drainWaiters, bounded } = this.#context;
    for (const number of caller.readers.keys()) this.#unsubscribe(caller, number);
    for (const waits of [this.#bulks, outcomes, annotations, drainWaiters, bounded]) waits.leave(caller);
  }

  #unsubscribe(caller: Caller, number: number): void {
    const { runFeed, runs } = this.#context;
    const reader = readerOf(caller, number) as Reader<unknown>;
    reader.feed.unsubscribe(reader);
    caller.readers.delete(number);
    if (reader.feed === (runFeed as unknown)) runs.pool.traceRuns?.(runFeed.isRead);
  }

  #receive(caller: Caller, message: Exclude<ReceivedMessage, Puts | PackedPuts>): void {
    const [type, request] = message;
    const { store, callers, outcomes, annotations, drainWaiters, feed, closing, ask, inquiries } = this.#context;
    const { runFeed, runs } = this.#context;
    const { post, hands, readers } = caller;
    const reply = (error?: Error) => post(replyTo(request, error));
    const answer = (value: unknown) => post(['answer', request, value]);
    const then = (wait: () => void) => (error: Error | undefined) => {
      if (caller.isGone) return;
      if (error === undefined) wait();
      else reply(error);
    };
    try {
      switch (type) {
        case 'do':
          return this.#commands.do(caller, request, message[2], message[3]);
        case 'schedule':
          return this.#context.schedules.do(caller, request, message[2], message[3]);
        case 'outcome': {
          const tell: OutcomeWaiter = (error, outcome) =>
            outcome === undefined ? reply(error) : post(['outcome', request, outcome.kind, outcome.payload]);
          return outcomes.waitFor(message[2], tell, caller);
        }
        case 'ask': {
          const query = message[2];
          const tell = (error: Error | undefined, value?: unknown) =>
            error === undefined ? answer(value) : reply(error);
          if (!isWalking(query)) return ask(query, tell);
          return inquiries.ask((records) => inquiryFor({ ...this.#context, records }, query), tell);
        }
        case 'annotation':
          return store.read(
            ({ view }: Records) => requireJob(view, message[2]),
            then(() => annotations.waitFor(message[2], message[3], message[4], answer, caller)),
          );
        case 'hold':
          hands.hold(message[2], message[3], message[4]);
          return reply();
        case 'release':
          hands.release(message[2]);
          return reply();
        case 'posting':
          store.posting?.();
          return reply();
        case 'fed':
          if (caller !== callers.own) caller.maps.add(message[2]);
          return store.read(
            ({ view }: Records) => requireMap(view, message[2]),
            then(() => drainWaiters.waitUntilFed(message[2], { caller, request, most: message[3] })),
          );
        case 'drained':
          return drainWaiters.waitUntilDrained(message[2], { caller, request });
        case 'bulk':
          return this.#bulks.step(caller, request, message[2], message[3]);
        case 'endBulk':
          this.#bulks.end(caller, message[2]);
          return reply();
        case 'subscribe': {
          const [, , reader, limit, readsRuns] = message;
          if (readsRuns) {
            readers.set(reader, runFeed.subscribe(limit, true));
            runs.pool.traceRuns?.(true);
          } else readers.set(reader, subscribe(feed, limit, caller === callers.own));
          // Where others decide, too, the store hears of them from then on.
          return store.read(nothing, reply, 'decided');
        }
        case 'events':
          return read(readerOf(caller, message[2]), answer);
        case 'unsubscribe':
          this.#unsubscribe(caller, message[2]);
          return store.read(nothing, reply, 'decided');
        case 'close':
          // Only the client in this process ends the coordinator. Another one takes its leave.
          if (caller === callers.own) return closing.begin(request, message[2]);
          return store.read(nothing, () => answer({ hanging: [], interrupted: 0 }));
      }
    } catch (error) {
      reply(error as Error);
    }
  }
}

const nothing = () => {};

/** Events that may be kept for one slow reader in another process. */
const mostEvents = 100_000;

function subscribe(feed: Feed<Event>, limit: number, isOwn: boolean): Reader<Event> {
  return feed.subscribe(isOwn ? limit : Math.min(limit, mostEvents), isOwn);
}

/** Answers with what the reader has not read. */
function read(reader: AnyReader, answer: (batch: unknown) => void): void {
  const { feed } = reader as Reader<unknown>;
  feed.read(reader as Reader<unknown>, answer);
}

type AnyReader = NonNullable<ReturnType<Caller['readers']['get']>>;

function readerOf({ readers }: Caller, number: number): AnyReader {
  const reader = readers.get(number);
  // Only a restarted coordinator does not know the reader.
  if (reader === undefined) throw new CoordinatorDiedError('events were lost when the coordinator died');
  return reader;
}
