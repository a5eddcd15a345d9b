/** The work that a coordinator has done when it is open, whatever its clients send first. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeOwnFailure } from '../../src/codec/failure.js';
import { newId } from '../../src/codec/id.js';
import { Coordinator } from '../../src/coordinator/coordinator.js';
import { NoPool } from '../../src/coordinator/pool/no-pool.js';
import { defaultRetention } from '../../src/core/retention.js';
import type { AgentInfo, CoordinatorMessage, EventBatch, WireCommand } from '../../src/protocol/messages.js';
import { MemoryStore } from '../../src/store/memory-store.js';

const dispatcher = newId();
const nothing = () => {};

/** A coordinator whose turns come only when the test calls `turn`. */
class Slow {
  readonly #coordinator: Coordinator;
  readonly #said: CoordinatorMessage[] = [];
  readonly #turns: (() => void)[] = [];
  #requests = 0;

  constructor(store: MemoryStore, options: { agentSizeGiven: boolean; isRestart: boolean }) {
    this.#coordinator = new Coordinator(
      {
        store,
        pool: () => new NoPool(),
        questions: { ask: nothing, destroy: async () => {} },
        post: (message) => this.#said.push(message),
        now: Date.now,
        monotonic: Date.now,
        after: () => ({ clear: nothing }),
        soon: (turn) => this.#turns.push(turn),
        stopwatch: () => 0,
        statistics: undefined,
        closed: () => undefined,
      },
      {
        dispatcher,
        retention: defaultRetention,
        agentSize: 3,
        presence: { incarnation: newId(), host: '', pid: 0, pingMs: 4000, deathMs: 12_000 },
        retry: undefined,
        log: 'silent',
        modules: {},
        ...options,
      },
    );
  }

  async open(): Promise<this> {
    await this.#coordinator.open({});
    return this;
  }

  turn(): void {
    for (const turn of this.#turns.splice(0)) turn();
  }

  do(command: WireCommand): void {
    this.#coordinator.receive([['do', ++this.#requests, 'full', command]]);
  }

  sizes(): number[] {
    const request = ++this.#requests;
    this.#coordinator.receive([['ask', request, { type: 'agents', queue: '' }]]);
    return (this.#answer(request) as AgentInfo[]).map(({ size }) => size);
  }

  /** Returns the events that a new reader gets at once. */
  events(): string[] {
    const [reader, request] = [++this.#requests, ++this.#requests];
    this.#coordinator.receive([
      ['subscribe', reader, reader, 100],
      ['events', request, reader],
    ]);
    const batch = this.#answer(request) as EventBatch | undefined;
    return batch === undefined ? [] : batch[0].map(({ type }) => type);
  }

  #answer(request: number): unknown {
    return this.#said.find((message) => message[0] === 'answer' && message[1] === request)?.[2];
  }
}

function memory(): MemoryStore {
  return new MemoryStore({
    now: Date.now,
    random: () => 0,
    failure: encodeOwnFailure,
    dispatcher,
    listening: true,
    holding: true,
  });
}

const main = { dispatcher, queue: '', name: 'main' };
const resized: WireCommand = { type: 'setAgent', ...main, size: 7, filter: null, retry: {} };
const byDefault = { agentSizeGiven: false, isRestart: false };
const given = { agentSizeGiven: true, isRestart: false };

describe('a coordinator that was just opened', () => {
  for (const options of [byDefault, given]) {
    const size = options.agentSizeGiven ? 'given' : 'by default';
    it(`[5.2] has its agents before its first turn, size ${size}`, async () => {
      assert.deepEqual((await new Slow(memory(), options).open()).sizes(), [3]);
    });

    it(`[5.2] keeps changes made before its first turn, size ${size}`, async () => {
      const resizing = await new Slow(memory(), options).open();
      resizing.do(resized);
      resizing.turn();
      assert.deepEqual(resizing.sizes(), [7]);
      const removing = await new Slow(memory(), options).open();
      removing.do({ type: 'removeAgent', ...main });
      removing.turn();
      assert.deepEqual(removing.sizes(), []);
    });
  }

  it('[5.2] changes the size of a stored agent only to a size given to open', async () => {
    const store = memory();
    (await new Slow(store, byDefault).open()).do(resized);
    assert.deepEqual((await new Slow(store, byDefault).open()).sizes(), [7]);
    assert.deepEqual((await new Slow(store, given).open()).sizes(), [3]);
  });

  it('[5.2] keeps later changes when it replaces one that died', async () => {
    const store = memory();
    (await new Slow(store, given).open()).do(resized);
    const again = await new Slow(store, { ...given, isRestart: true }).open();
    assert.deepEqual(again.sizes(), [7]);
    again.do({ type: 'removeAgent', ...main });
    assert.deepEqual((await new Slow(store, { ...given, isRestart: true }).open()).sizes(), []);
  });

  it('[5.5] gives the events of its opening to the first reader only', async () => {
    const coordinator = await new Slow(memory(), byDefault).open();
    coordinator.turn();
    assert.deepEqual(coordinator.events(), ['dispatcher.registered', 'dispatcher.activated']);
    assert.deepEqual(coordinator.events(), []);
  });
});
