/** Several clients of one coordinator: each has requests, handles, readers and waits of its own. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeOwnFailure } from '../../src/codec/failure.js';
import { newId } from '../../src/codec/id.js';
import type { Caller } from '../../src/coordinator/clients/caller.js';
import { Coordinator } from '../../src/coordinator/coordinator.js';
import { NoPool } from '../../src/coordinator/pool/no-pool.js';
import type { Id } from '../../src/core/records.js';
import type { JobInfo } from '../../src/protocol/job-info.js';
import type { ClientMessage, CoordinatorMessage, WireJob } from '../../src/protocol/messages.js';
import { MemoryStore } from '../../src/store/memory-store.js';
import { idOf } from '../core/making.js';

const dispatcher = newId();
const nothing = () => {};
const limits = { ageMs: Number.POSITIVE_INFINITY, count: 0, bytes: Number.POSITIVE_INFINITY };

/** A coordinator that runs nothing. Its turns come when the test calls `turn`. */
class Hub {
  readonly coordinator: Coordinator;
  readonly own: CoordinatorMessage[] = [];
  readonly #turns: (() => void)[] = [];

  constructor(keep = Number.POSITIVE_INFINITY) {
    const outside = { now: () => 1, random: () => 0, failure: encodeOwnFailure, dispatcher, listening: true };
    const retention = { ...limits, count: keep, failed: { ...limits, count: keep } };
    this.coordinator = new Coordinator(
      {
        store: new MemoryStore(outside),
        pool: () => new NoPool(),
        questions: { ask: nothing, destroy: async () => {} },
        post: (message) => this.own.push(message),
        now: () => 1,
        after: () => ({ clear: nothing }),
        soon: (turn) => this.#turns.push(turn),
        stopwatch: () => 0,
        monotonic: () => 0,
        statistics: undefined,
        closed: () => undefined,
      },
      {
        ...{ dispatcher, retention, agentSize: 1, agentSizeGiven: false, isRestart: false },
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

class Client {
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

const jobOf = (id: Id): WireJob => [id, 'call', 'm#f', null, null, [], []];
const put = (request: number, ...ids: Id[]): ClientMessage => ['puts', request, '', 'full', ids.map(jobOf)];
const cancel = (request: number, job: Id): ClientMessage => ['do', request, 'full', { type: 'cancel', job }];
const types = (messages: readonly CoordinatorMessage[]) => messages.map(([type]) => type);

describe('clients of one coordinator', () => {
  it('get answers and outcomes of their own requests, whatever their numbers', async () => {
    const hub = await new Hub().open();
    const [one, two] = [hub.join(), hub.join()];
    const [first, second] = [newId(), newId()];
    one.send(put(1, first));
    two.send(put(1, second));
    assert.deepEqual([one.take(), two.take()], [[['done', 1, 1]], [['done', 1, 1]]]);
    one.send(cancel(2, second));
    assert.deepEqual(one.take(), [['done', 2, 1]]);
    assert.deepEqual(
      two.take().map(([type, request]) => [type, request]),
      [['deliver', 1]],
    );
    assert.deepEqual(
      hub.own.filter(([type]) => type !== 'log'),
      [],
    );
  });

  it('[2.1] own the jobs that they put', async () => {
    const hub = await new Hub().open();
    const one = hub.join();
    const job = newId();
    one.send(put(1, job), ['ask', 2, { type: 'job', job }]);
    const answer = one.heard.find(([type]) => type === 'answer');
    assert.equal((answer![2] as JobInfo).owner, one.caller.owner);
  });

  it('keep handles of jobs whose ids lie among those of another client', async () => {
    const hub = await new Hub(0).open();
    const [one, two] = [hub.join(), hub.join()];
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(idOf) as [Id, Id, Id, Id];
    one.send(['do', 1, 'full', { type: 'put', queue: '', jobs: [a, d].map(jobOf) }]);
    two.send(['do', 1, 'full', { type: 'put', queue: '', jobs: [b, c].map(jobOf) }]);
    for (const client of [one, two]) client.take();
    two.send(cancel(3, d));
    assert.deepEqual(
      one.take().map((message) => message.slice(0, 3)),
      [['kept', a, d]],
    );
    one.send(cancel(4, c));
    assert.deepEqual(
      two.take().map((message) => message.slice(0, 3)),
      [
        ['done', 3, 1],
        ['kept', b, c],
      ],
    );
  });

  it('read events apart, by readers with the same number', async () => {
    const hub = await new Hub().open();
    const [one, two] = [hub.join(), hub.join()];
    for (const client of [one, two]) client.send(['subscribe', 1, 7, 100]);
    one.send(['unsubscribe', 2, 7], ['events', 3, 7]);
    two.send(['events', 2, 7]);
    hub.join().send(put(1, newId()));
    assert.deepEqual(types(one.take()), ['done', 'done', 'error']);
    assert.deepEqual(types(two.take()), ['done', 'answer']);
  });

  it('leave without an end of their jobs or of the runtime, and hear nothing more', async () => {
    const hub = await new Hub().open();
    const [one, two] = [hub.join(), hub.join()];
    const job = newId();
    one.send(put(1, job), ['outcome', 2, job], ['annotation', 3, job, 'note', 1000], ['drained', 4, '']);
    one.send(['close', 5, 0]);
    assert.deepEqual(one.take(), [
      ['done', 1, 1],
      ['answer', 5, { hanging: [] }],
    ]);
    one.leave();
    two.send(['do', 1, 'full', { type: 'annotate', job, name: 'note', value: new Uint8Array([1]) }], cancel(2, job));
    assert.deepEqual(two.take(), [
      ['done', 1, 1],
      ['done', 2, 1],
    ]);
    assert.deepEqual(one.take(), []);
  });

  it('take back puts that wait for room when they leave', async () => {
    const hub = await new Hub().open();
    const [one, two] = [hub.join(), hub.join()];
    const job = newId();
    two.send(['do', 1, 'full', { type: 'boundQueue', name: '', bound: 1 }], put(2, job), put(3, newId()));
    one.send(put(1, newId()));
    const length = (request: number) => {
      two.send(['ask', request, { type: 'queue', queue: '' }]);
      const answer = two.take().find(([type, of]) => type === 'answer' && of === request);
      const { length, putsWaiting } = answer![2] as { length: number; putsWaiting: number };
      return [length, putsWaiting];
    };
    assert.deepEqual(length(4), [1, 2]);
    one.leave();
    assert.deepEqual(length(5), [1, 1]);
    two.send(cancel(6, job));
    assert.deepEqual(length(7), [1, 0]);
  });

  it('replace a connection of the same client, and never the dispatcher', async () => {
    const hub = await new Hub().open();
    const owner = newId();
    const [before, now] = [hub.join(owner), hub.join(owner)];
    assert.ok(before.caller.isGone);
    before.leave();
    now.send(put(1, newId()));
    assert.deepEqual(types(now.take()), ['done']);
    assert.throws(() => hub.join(dispatcher), { code: 'DISPATCHER_ACTIVE' });
  });

  it('take no outcome of a job that another put, by a put with its id', async () => {
    const hub = await new Hub().open();
    const [one, two] = [hub.join(), hub.join()];
    const job = newId();
    one.send(put(1, job));
    two.send(put(1, job));
    assert.deepEqual(types(two.take()), ['error']);
    two.send(cancel(2, job));
    assert.deepEqual(types(two.take()), ['done']);
    assert.deepEqual(types(one.take()), ['done', 'deliver']);
  });
});
