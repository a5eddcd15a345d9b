/**
 * Kits whose runtimes have their records in one database: each is a process of its own as far as a
 * database can see.
 */
import type { VirtualOptions } from 'callsheet/testing';
import type { Id } from '../../src/core/records.js';
import type { State } from '../../src/core/state/state.js';
import type { Store, StoreOutside } from '../../src/store/store.js';
import { Kit } from '../../src/testing/kit.js';
import type { VirtualClock } from '../../src/testing/virtual-clock.js';
import type { Keeping } from '../../src/testing/virtual-dispatcher.js';
import { Database } from './database.js';
import { SharedStore, type SharedStoreOptions } from './shared-store.js';

/** Where one kit keeps its records. */
export class SharedKeeping implements Keeping {
  readonly #database: Database;
  readonly #options: SharedStoreOptions;
  #last: SharedStore | undefined;

  constructor(database: Database, options: SharedStoreOptions = {}) {
    this.#database = database;
    this.#options = options;
  }

  /** What its runtime works on. */
  get view(): State {
    return this.#last!.state;
  }

  store(outside: StoreOutside): Store {
    this.#last = new SharedStore(this.#database, outside, this.#options);
    return this.#last;
  }

  crashed(): void {
    this.#last?.die();
  }
}

/**
 * One of which only its own next life is left after a crash, so that nobody waits for it to be
 * taken for dead.
 */
class LonelyKeeping extends SharedKeeping {
  readonly #database: Database;
  #dispatcher: Id = '';

  constructor(database: Database) {
    super(database);
    this.#database = database;
  }

  override store(outside: StoreOutside): Store {
    this.#dispatcher = outside.dispatcher;
    return super.store(outside);
  }

  override crashed(): void {
    super.crashed();
    this.#database.silence(this.#dispatcher);
  }
}

/** Longer than any test lets pass: nobody pings. */
const neverMs = 1e12;

/** A kit that has its database alone: nothing is to be seen of it but what any other kit shows. */
export async function openAlone(options: VirtualOptions): Promise<Kit> {
  const kit = new Kit(
    { pingMs: neverMs, deathMs: 2 * neverMs, ...options },
    { keeping: new LonelyKeeping(new Database()) },
  );
  await kit.reopen();
  return kit;
}

export interface Beside {
  readonly database: Database;
  readonly clock: VirtualClock;
  /** As who it works; another one each time by default. */
  readonly dispatcher?: Id;
  /** Looks at the database so often on the clock, where notifications are lost. */
  readonly pollMs?: number;
}

const views = new WeakMap<Kit, SharedKeeping>();

/** What the runtime of a kit beside others works on now. */
export function viewOf(kit: Kit): State {
  return views.get(kit)!.view;
}

/** A kit beside others that have the same database and the same clock. */
export async function openBeside(
  options: VirtualOptions,
  { database, clock, dispatcher, pollMs }: Beside,
): Promise<Kit> {
  const poll = pollMs === undefined ? {} : { poll: { everyMs: pollMs, after: clock.after.bind(clock) } };
  const keeping = new SharedKeeping(database, poll);
  const kit = new Kit(options, { clock, keeping, ...(dispatcher === undefined ? {} : { dispatcher }) });
  views.set(kit, keeping);
  await kit.reopen();
  return kit;
}
