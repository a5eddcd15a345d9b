/** Kits whose runtimes share one database. To the database each kit is a process of its own. */
import type { VirtualOptions } from 'callsheet/testing';
import type { Id } from '../../src/core/records.js';
import type { State } from '../../src/core/state/state.js';
import type { Store, StoreOutside } from '../../src/store/store.js';
import { Kit } from '../../src/testing/kit.js';
import type { VirtualClock } from '../../src/testing/virtual-clock.js';
import type { Keeping } from '../../src/testing/virtual-dispatcher.js';
import { Database } from './database.js';
import { SharedStore, type SharedStoreOptions } from './shared-store.js';

/** The records of one kit. */
export class SharedKeeping implements Keeping {
  readonly #database: Database;
  readonly #options: SharedStoreOptions;
  #last: SharedStore | undefined;

  constructor(database: Database, options: SharedStoreOptions = {}) {
    this.#database = database;
    this.#options = options;
  }

  /** The state of the kit's runtime. */
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

/** Needs no death interval after a crash: only its own next life can open the database. */
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

/** Milliseconds, longer than any test's clock advances. */
const neverMs = 1e12;

/** Opens a kit with a database of its own. Users must not be able to tell it from any other kit. */
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
  /** The id of its dispatcher. Default: a new one. */
  readonly dispatcher?: Id;
  /** Milliseconds between polls, where notifications can be lost. Default: no polls. */
  readonly pollMs?: number;
}

const views = new WeakMap<Kit, SharedKeeping>();

/** The current state of a kit that `openBeside` opened. */
export function viewOf(kit: Kit): State {
  return views.get(kit)!.view;
}

/** Opens a kit on the same database and the same clock as others. */
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
