/**
 * The kinds of store for the conformance suite, each opened with an owner that records everything
 * it receives.
 */

import { encodeOwnFailure } from '../../src/codec/failure.js';
import type { Command, Effect } from '../../src/core/commands.js';
import type { JobRecord, Payload } from '../../src/core/records.js';
import type { State } from '../../src/core/state/state.js';
import { JournalStore } from '../../src/store/journal/journal-store.js';
import { MemoryStore } from '../../src/store/memory-store.js';
import { SharedStore } from '../../src/store/shared/shared-store.js';
import type { Asked, Records, Store, StoreOutside } from '../../src/store/store.js';
import { activateUs, recordOf, subjectOf, us } from '../core/making.js';
import { randomFrom } from '../harness/randomness.js';
import { StrictDisk } from '../journal/strict-disk.js';
import { freshSchema, openDatabase } from '../postgres/schemas.js';
import { type Faults, MemoryDatabase, noFaults } from '../shared-store/database.js';
import { randomFaults } from '../shared-store/random-faults.js';
import { quietOwner } from './quiet-owner.js';

export class Clock implements StoreOutside {
  time = 1000;
  readonly dispatcher = us;
  readonly listening = false;
  readonly holding = true;
  readonly now = () => this.time;
  readonly random = () => 0.5;
  readonly failure = encodeOwnFailure;
}

/** Replaces bytes in a command by payloads of the store. */
function withPayloads<T>(value: T, payload: Store['payload']): T {
  if (value instanceof Uint8Array) return payload(value) as T;
  if (Array.isArray(value)) return value.map((one) => withPayloads(one, payload)) as T;
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withPayloads(one, payload)])) as T;
}

type AnyStore = MemoryStore | JournalStore | SharedStore;

/** A store, and everything that it released, in order. */
export class Subject {
  readonly store: AnyStore;
  readonly disk: StrictDisk | undefined;
  readonly clock: Clock;
  /** `run a`, `deliver a`, `ok put`, `refused put: CODE`, in the order in which they came. */
  readonly told: string[] = [];
  readonly effects: Effect[] = [];
  fatal: Error | undefined;
  #surveyed: Records | undefined;
  /** The answer of the owner to `awaits`. */
  awaits = true;

  constructor(store: AnyStore, clock: Clock, disk?: StrictDisk) {
    this.store = store;
    this.clock = clock;
    this.disk = disk;
  }

  /** All that is decided; of a store that processes share, the records at the last `durable`. */
  get state(): State {
    return this.store instanceof SharedStore ? (this.#surveyed!.view as State) : this.store.state;
  }

  bytes(payload: Payload): Uint8Array {
    return this.store instanceof SharedStore ? this.#surveyed!.bytes(payload) : this.store.bytes(payload);
  }

  async open(): Promise<this> {
    await this.store.open({
      ...quietOwner,
      release: (effects) => {
        this.effects.push(...effects);
        for (const effect of effects) this.told.push(`${effect.type} ${subjectOf(effect)}`);
      },
      awaits: () => this.awaits,
      fatal: (error) => {
        this.fatal = error;
      },
    });
    this.store.transact({ command: activateUs, gate: 'decided' });
    // Of a store that does not outlive its process, nothing of that level is left.
    this.store.transact({ command: { type: 'forgetMemory', owner: us, until: Number.MAX_VALUE }, gate: 'decided' });
    this.store.commit();
    if (this.store instanceof SharedStore) await this.#survey();
    return this;
  }

  /** Transacts a command, in which payloads may be plain bytes. */
  transact(command: Command, gate: Asked['gate'], reply: NonNullable<Asked['reply']> = () => {}): void {
    this.store.transact({ command: withPayloads(command, this.store.payload), gate, reply });
  }

  /** Transacts a command and records its reply. Does not commit. */
  ask(command: Command, gate: Asked['gate'] = 'synced', name: string = command.type): void {
    const reply = (error?: Error) => {
      const code = (error as { code?: string } | undefined)?.code;
      this.told.push(error === undefined ? `ok ${name}` : `refused ${name}: ${code ?? error.message}`);
    };
    this.transact(command, gate, reply);
  }

  /** Transacts a command, commits, and waits until it is durable. */
  async do(command: Command): Promise<void> {
    this.ask(command);
    await this.durable();
  }

  async durable(): Promise<void> {
    this.store.commit();
    await new Promise<void>((resolve, reject) =>
      this.store.read(
        () => {},
        (error) => (error ? reject(error) : resolve()),
      ),
    );
    if (!(this.store instanceof SharedStore)) return;
    // Pings are decided beside the other commands.
    await this.store.idle();
    await this.#survey();
  }

  #survey(): Promise<void> {
    return new Promise((resolve, reject) =>
      this.store.survey((error, records) => {
        this.#surveyed = records;
        if (error === undefined) resolve();
        else reject(error);
      }),
    );
  }

  /**
   * Returns all records with the bytes of their payloads, which are the same in every kind of
   * store.
   */
  records() {
    const bytes = (payload: JobRecord['args']) =>
      payload === null ? null : Buffer.from(this.bytes(payload)).toString('hex');
    return Array.from(this.state.jobs(), (job) => ({
      ...recordOf(job),
      args: bytes(job.args),
      result: bytes(job.result),
    })).sort((a, b) => (a.id < b.id ? -1 : 1));
  }
}

/**
 * A kind of store. `reopen` opens the store that the next process finds; it is undefined if nothing
 * outlives the process.
 */
export interface Kind {
  readonly name: string;
  make(): Promise<Subject>;
  readonly reopen?: (subject: Subject, killed?: boolean) => Promise<Subject>;
  /** Rounds of random work. Default: 30. */
  readonly rounds?: number;
  /** `true` if the store is on a disk that can fail. */
  readonly onDisk?: boolean;
}

const journalOn = (disk: StrictDisk) => {
  const clock = new Clock();
  return new Subject(
    new JournalStore('/journal', clock, { disk, segmentBytes: 16_384, reserveBytes: 100_000, aheadBytes: 0 }),
    clock,
    disk,
  ).open();
};

export const kinds: readonly Kind[] = [
  {
    name: 'MemoryStore',
    make: () => {
      const clock = new Clock();
      return new Subject(new MemoryStore(clock), clock).open();
    },
  },
  {
    name: 'JournalStore',
    make: () => journalOn(new StrictDisk()),
    reopen: ({ disk }, killed = false) => journalOn(killed ? disk!.afterKill() : disk!),
    onDisk: true,
  },
  sharedKind('SharedStore', () => noFaults),
  sharedKind('SharedStore whose database has trouble', () => randomFaults(randomFrom(1))),
  postgresKind(),
];

/** Most of its commands pass others, whose payloads are still on their way. */
export const uploading = sharedKind('SharedStore that uploads most payloads', () => randomFaults(randomFrom(2)), 3);

function postgresKind(): Kind {
  const schemas = new Map<Store, string>();
  const on = async (schema: string) => {
    const clock = new Clock();
    const store = new SharedStore(await openDatabase(schema), clock);
    schemas.set(store, schema);
    return new Subject(store, clock).open();
  };
  return {
    name: 'SharedStore on PostgreSQL',
    rounds: 3,
    make: async () => on(await freshSchema()),
    reopen: ({ store }, killed = false) => {
      if (killed) (store as SharedStore).die();
      return on(schemas.get(store)!);
    },
  };
}

function sharedKind(name: string, faults: () => Faults, nearBytes?: number): Kind {
  const databases = new Map<Store, MemoryDatabase>();
  const on = (database: MemoryDatabase) => {
    const clock = new Clock();
    const store = new SharedStore(database.connect(), clock);
    databases.set(store, database);
    return new Subject(store, clock).open();
  };
  return {
    name,
    make: () => {
      const database = new MemoryDatabase();
      database.faults = faults();
      database.nearBytes = nearBytes ?? database.nearBytes;
      return on(database);
    },
    reopen: ({ store }, killed = false) => {
      if (killed) (store as SharedStore).die();
      return on(databases.get(store)!);
    },
  };
}
