/**
 * The clients' side of the coordinator. Each message becomes a command, a query or a waiter, and
 * every request is answered once.
 */
import type { Puts } from '../../protocol/message-runs.js';
import type { ClientMessage } from '../../protocol/messages.js';
import { ClientCommands, type ClientsContext } from './client-commands.js';
import { inquiryFor, isWalking, requireJob, requireMap } from './queries.js';
import { replyTo } from './replies.js';

export class Clients {
  readonly #context: ClientsContext;
  readonly #commands: ClientCommands;

  constructor(context: ClientsContext) {
    this.#context = context;
    this.#commands = new ClientCommands(context);
  }

  /** Takes one batch of messages. */
  receive(messages: readonly ClientMessage[]): void {
    for (const message of messages) {
      if (message[0] === 'puts') this.#commands.put(message);
      else this.#receive(message);
    }
  }

  #receive(message: Exclude<ClientMessage, Puts>): void {
    const [type, request] = message;
    const { store, post, outcomes, annotations, drainWaiters, feed, closing, ask, inquiries } = this.#context;
    const reply = (error?: Error) => post(replyTo(request, error));
    const answer = (value: unknown) => post(['answer', request, value]);
    try {
      switch (type) {
        case 'do':
          return this.#commands.do(request, message[2], message[3]);
        case 'schedule':
          return this.#context.schedules.do(request, message[2], message[3]);
        case 'outcome':
          return outcomes.waitFor(message[2], (error, outcome) =>
            outcome === undefined ? reply(error) : post(['outcome', request, outcome.kind, outcome.payload]),
          );
        case 'ask': {
          const query = message[2];
          const tell = (error: Error | undefined, value?: unknown) =>
            error === undefined ? answer(value) : reply(error);
          if (isWalking(query)) return inquiries.ask(inquiryFor(this.#context, query), tell);
          return store.read(() => ask(query), tell);
        }
        case 'annotation':
          return store.read(
            () => requireJob(store.state, message[2]),
            (error) =>
              error === undefined ? annotations.waitFor(message[2], message[3], message[4], answer) : reply(error),
          );
        case 'hold':
          outcomes.heldHandles.hold(message[2], message[3], message[4]);
          return reply();
        case 'release':
          outcomes.heldHandles.release(message[2]);
          return reply();
        case 'fed':
          return store.read(
            () => requireMap(store.state, message[2]),
            (error) =>
              error === undefined ? drainWaiters.waitUntilFed(message[2], { request, most: message[3] }) : reply(error),
          );
        case 'drained':
          return drainWaiters.waitUntilDrained(message[2], request);
        case 'subscribe':
          feed.subscribe(message[2], message[3]);
          return reply();
        case 'events':
          return feed.read(message[2], answer);
        case 'unsubscribe':
          feed.unsubscribe(message[2]);
          return reply();
        case 'close':
          return closing.begin(request, message[2]);
      }
    } catch (error) {
      reply(error as Error);
    }
  }
}
