/** A coordinator in memory, which runs nothing by default, and clients that are its callers. */
import { encodeOwnFailure } from '../../src/codec/failure.js';
import { newId } from '../../src/codec/id.js';
import type { Caller } from '../../src/coordinator/clients/caller.js';
import { Coordinator } from '../../src/coordinator/coordinator.js';
import { NoPool } from '../../src/coordinator/pool/no-pool.js';
import type { PoolOwner, PoolPort } from '../../src/coordinator/pool/pool-port.js';
import type { Id } from '../../src/core/records.js';
import type { ClientMessage, CoordinatorMessage, WireJob } from '../../src/protocol/messages.js';
import { MemoryStore } from '../../src/store/memory-store.js';

export const dispatcher = newId();
const nothing = () => {};
const limits = { ageMs: Number.POSITIVE_INFINITY, count: 0, bytes: Number.POSITIVE_INFINITY };

/** Its turns come when the test calls `turn`. */
export class Hub {
  readonly coordinator: Coordinator;
  readonly store: MemoryStore;
  readonly own: CoordinatorMessage[] = [];
  /** The timers that were started. They fire when the test says so. */
  readonly timers: { readonly delayMs: number; readonly fire: () => void }[] = [];
  readonly #turns: (() => void)[] = [];

  constructor(keep = Number.POSITIVE_INFINITY, pool: (owner: PoolOwner) => PoolPort = () => new NoPool()) {
    const outside = {
      now: () => 1,
      random: () => 0,
      failure: encodeOwnFailure,
      dispatcher,
      listening: true,
      holding: true,
    };
    const retention = { ...limits, count: keep, failed: { ...limits, count: keep } };
    this.store = new MemoryStore(outside);
    this.coordinator = new Coordinator(
      {
        store: this.store,
        pool,
        questions: { ask: nothing, destroy: async () => {} },
        post: (message) => this.own.push(message),
        now: () => 1,
        after: (delayMs, fire) => {
          this.timers.push({ delayMs, fire });
          return { clear: nothing };
        },
        soon: (turn) => this.#turns.push(turn),
        stopwatch: () => 0,
        monotonic: () => 0,
        statistics: undefined,
        closed: () => undefined,
      },
      {
        ...{ dispatcher, retention, agentSize: 2, agentSizeGiven: false, isRestart: false },
        presence: { incarnation: newId(), host: '', pid: 0, pingMs: 30_000, deathMs: 60_000 },
        ...{ retry: undefined, log: 'silent', modules: {} },
      },
    );
  }

  async open(): Promise<this> {
    await this.coordinator.open({ m: { functions: ['f'], others: [] } });
    this.turn();
    return this;
  }

  turn(): void {
    while (this.#turns.length > 0) for (const turn of this.#turns.splice(0)) turn();
  }

  join(owner: Id = newId()): Client {
    return new Client(this, owner);
  }
}

export class Client {
  readonly heard: CoordinatorMessage[] = [];
  readonly #hub: Hub;
  readonly caller: Caller;

  constructor(hub: Hub, owner: Id) {
    this.#hub = hub;
    this.caller = hub.coordinator.join(owner, (message) => this.heard.push(message));
  }

  send(...messages: ClientMessage[]): void {
    this.#hub.coordinator.receive(messages, this.caller);
    this.#hub.turn();
  }

  leave(): void {
    this.#hub.coordinator.leave(this.caller);
    this.#hub.turn();
  }

  /** Returns the messages since the last call, and forgets them. */
  take(): CoordinatorMessage[] {
    return this.heard.splice(0);
  }
}

export const jobOf = (id: Id): WireJob => [id, 'call', 'm#f', null, null, [], []];
export const put = (request: number, ...ids: Id[]): ClientMessage => ['puts', request, '', 'full', ids.map(jobOf)];
