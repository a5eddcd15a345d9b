/**
 * One simulated process: the real coordinator, core, store and journal, from opening to its end by
 * close or crash. After the end its remaining callbacks do nothing.
 */

import { idFromText } from '../../src/codec/id.js';
import { Coordinator } from '../../src/coordinator/coordinator.js';
import { SteadyClock } from '../../src/coordinator/steady-clock.js';
import type { CoordinatorMessage } from '../../src/protocol/messages.js';
import type { Answer } from '../../src/protocol/questions.js';
import { JournalStore, type JournalStoreOptions } from '../../src/store/journal/journal-store.js';
import type { StoreOutside, StoreOwner } from '../../src/store/store.js';
import type { Random } from '../harness/randomness.js';
import type { StrictDisk } from '../journal/strict-disk.js';
import { type PoolWatcher, SimPool } from './sim-pool.js';

const modules = { m: { functions: ['run', 'join', 'policy'], others: [] } };
const dispatcher = idFromText('00000000-0000-7000-9000-000000000000')!;
const limits = { ageMs: 1e15, count: 1e9, bytes: 1e12 };
const forever = { ...limits, failed: limits };
const directory = '/journal';

/** The outside that all lives share. */
export interface LifeOutside {
  readonly random: Random;
  readonly watcher: PoolWatcher;
  /** Called when the stored records are loaded, before any decision. */
  readonly found: (store: JournalStore) => void;
  readonly hear: (message: CoordinatorMessage) => void;
}

interface Timer {
  /** On the monotonic clock. */
  readonly at: number;
  readonly callback: () => void;
}

export class Life {
  readonly store: JournalStore;
  readonly coordinator: Coordinator;
  pool!: SimPool;
  isOver = false;
  readonly #disk: StrictDisk;
  readonly #outside: LifeOutside;
  readonly #clock: SteadyClock;
  #timers: Timer[] = [];
  #soon: (() => void)[] = [];

  constructor(number: number, disk: StrictDisk, outside: LifeOutside) {
    const { random, watcher, found, hear } = outside;
    this.#disk = disk;
    this.#outside = outside;
    this.#clock = new SteadyClock({ wall: watcher.now, monotonic: watcher.monotonic });
    const { now } = this.#clock;
    const soon = (callback: () => void) => this.#soon.push(this.#whileAlive(callback));
    const after = (ms: number, callback: () => void) => this.#after(ms, callback);
    const pace = {
      slice: () => {
        let left = 1 + random(3);
        return () => --left < 0;
      },
      turn: () => new Promise<void>((resolve) => soon(resolve)),
      after,
    };
    this.store = storeOn(disk, random, { now, random: () => random(1000) / 1000 }, { pace, found });
    this.coordinator = new Coordinator(
      {
        store: this.store,
        pool: (owner) => {
          this.pool = new SimPool(owner, watcher, random, 2);
          return this.pool;
        },
        questions: {
          ask: (_, then) => void after(random(8000), () => then(anyAnswer(random))),
          destroy: async () => {},
        },
        post: this.#whileAlive(hear),
        now,
        monotonic: watcher.monotonic,
        after: (ms, callback) => ({ clear: after(ms, callback) }),
        soon,
        stopwatch: () => 0,
        statistics: undefined,
        closed: () => undefined,
      },
      {
        dispatcher,
        retention: forever,
        agentSize: 3,
        agentSizeGiven: false,
        isRestart: false,
        presence: { incarnation: String(number).padEnd(16), host: '', pid: 0, pingMs: 4000, deathMs: 12_000 },
        retry: undefined,
        log: 'silent',
        modules: {},
      },
    );
  }

  async open(): Promise<void> {
    await this.coordinator.open(modules);
  }

  /** Ends the process: code of it that still runs cannot write any more. */
  end(): void {
    this.isOver = true;
    this.#disk.fault = () => {
      throw new Error('this process is gone');
    };
  }

  /** Milliseconds until the next timer; undefined if there is none. */
  get nextTimerMs(): number | undefined {
    if (this.#timers.length === 0) return undefined;
    return Math.max(0, Math.min(...this.#timers.map(({ at }) => at)) - this.#outside.watcher.monotonic());
  }

  /** Compares the wall clock, which may have been set, with the monotonic one. */
  look(): void {
    const byMs = this.#clock.look();
    if (byMs !== 0) this.coordinator.clockSet(byMs);
  }

  /** Calls the timers that are due. */
  ring(): void {
    const now = this.#outside.watcher.monotonic();
    const due = this.#timers.filter(({ at }) => at <= now).sort((a, b) => a.at - b.at);
    if (due.length === 0) return;
    this.#timers = this.#timers.filter(({ at }) => at > now);
    for (const { callback } of due) callback();
  }

  /** Runs everything that follows from earlier events, except for work that waits for the disk. */
  async idle(): Promise<void> {
    for (let round = 0; round < 3; round++) {
      for (const callback of this.#soon.splice(0)) callback();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#outside.watcher.monotonic() + ms, callback: this.#whileAlive(callback) };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  #whileAlive<A extends unknown[]>(then: (...args: A) => void): (...args: A) => void {
    return (...args) => {
      if (!this.isOver) then(...args);
    };
  }
}

/** Returns a random answer. At most half of the answers retry, so that histories end. */
function anyAnswer(random: Random): Answer {
  const answers = [
    { type: 'no' },
    { type: 'no' },
    { type: 'now' },
    { type: 'after', ms: random(5000) },
    { type: 'at', at: random(2 ** 41) },
  ] as const;
  const answer = answers[random(answers.length + 1)];
  if (answer === undefined) return { type: 'none', problem: 'it does not know' };
  return { type: 'policy', answer, ...(random(2) === 0 && { data: new Uint8Array(random(300)) }) };
}

/** Opens a store without power from `operation` on. Returns false if opening needed fewer. */
export async function openUpTo(operation: number, disk: StrictDisk, random: Random): Promise<boolean> {
  let cut = false;
  disk.fault = (_operation, _file, number) => {
    if (number < operation) return undefined;
    cut = true;
    throw new Error('the power went');
  };
  const store = storeOn(disk, random, { now: () => 0, random: () => 0 });
  await store
    .open({
      release() {},
      awaits: () => false,
      changed() {},
      awaited: () => ({ outcomes: [], annotations: [], events: false }),
      heard: () => {},
      repaired() {},
      gone() {},
      fatal() {},
    })
    .catch(() => {});
  disk.fault = undefined;
  return cut;
}

class WatchedStore extends JournalStore {
  readonly #found: LifeOutside['found'] | undefined;

  constructor(outside: StoreOutside, { found, ...options }: WatchedOptions) {
    super(directory, outside, options);
    this.#found = found;
  }

  override async open(owner: StoreOwner): Promise<void> {
    await super.open(owner);
    this.#found?.(this);
  }
}

interface WatchedOptions extends JournalStoreOptions {
  readonly found?: LifeOutside['found'];
}

function storeOn(
  disk: StrictDisk,
  random: Random,
  outside: Pick<StoreOutside, 'now' | 'random'>,
  options: WatchedOptions = {},
): JournalStore {
  const failure = (error: Error) => Buffer.from(error.name);
  const salt = () => random(2 ** 32);
  const sizes = { segmentBytes: 8192, reserveBytes: 16_384, aheadBytes: 8192 };
  return new WatchedStore(
    { ...outside, dispatcher, listening: false, holding: true, failure },
    { disk, salt, ...sizes, ...options },
  );
}
