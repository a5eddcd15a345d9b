/** Kits whose runtimes share one database. To the database each kit is a process of its own. */
import type { VirtualOptions } from 'callsheet/testing';
import type { Command } from '../../src/core/commands.js';
import { decide } from '../../src/core/decide.js';
import { pingsOf } from '../../src/core/dispatchers.js';
import type { Id } from '../../src/core/records.js';
import { lookAt } from '../../src/store/look-at.js';
import type { Database } from '../../src/store/shared/database.js';
import { SharedStore, type SharedStoreOptions } from '../../src/store/shared/shared-store.js';
import {
  type Asked,
  OutsideNow,
  type Records,
  type Store,
  type StoreOutside,
  type StoreOwner,
  type Tell,
} from '../../src/store/store.js';
import { Kit } from '../../src/testing/kit.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import type { Keeping } from '../../src/testing/virtual-dispatcher.js';
import { VirtualThread } from '../../src/testing/virtual-thread.js';
import { MemoryDatabase, Way } from './database.js';

/** The clock of one host. It may be wrong, and stands still for a host that is stopped. */
export class HostClock extends VirtualClock {
  readonly #true: VirtualClock;
  readonly #aheadMs: number;
  /** Milliseconds by which it was set while it ran. */
  #setMs = 0;
  #held: (() => void)[] | undefined;

  constructor(clock: VirtualClock, aheadMs = 0) {
    super(0);
    this.#true = clock;
    this.#aheadMs = aheadMs;
  }

  override readonly now = (): number => this.#true.now() + this.#aheadMs + this.#setMs;
  override readonly monotonic = (): number => this.#true.monotonic() + this.#aheadMs;

  override set(time: number): void {
    this.#setMs += time - this.now();
  }

  override after(delayMs: number, callback: () => void): { clear(): void } {
    let isCleared = false;
    const call = () => {
      if (!isCleared) callback();
    };
    const timer = this.#true.after(delayMs, () => {
      if (this.#held === undefined) call();
      else this.#held.push(call);
    });
    return {
      clear: () => {
        isCleared = true;
        timer.clear();
      },
    };
  }

  override fireNext(limit: number): boolean {
    return this.#true.fireNext(limit - this.#aheadMs - this.#setMs);
  }

  /** Stops the timers of the host, as SIGSTOP does. */
  stop(): void {
    this.#held = [];
  }

  /** Fires the timers that came due meanwhile. */
  continue(): void {
    const late = this.#held ?? [];
    this.#held = undefined;
    for (const call of late) call();
  }
}

/** A way to the database. While it is cut, transactions wait. */
export class Wire {
  #mended: Promise<void> | undefined;
  #mend = () => {};

  /** `true` from the first cut on. */
  wasCut = false;

  cut(): void {
    this.wasCut = true;
    this.#mended ??= new Promise((resolve) => {
      this.#mend = resolve;
    });
  }

  mend(): void {
    this.#mended = undefined;
    this.#mend();
  }

  get isCut(): boolean {
    return this.#mended !== undefined;
  }

  async through(): Promise<void> {
    while (this.#mended !== undefined) await this.#mended;
  }
}

/** The records of one kit. */
export class SharedKeeping implements Keeping {
  readonly #connect: () => Database;
  readonly #isCut: () => boolean;
  readonly #options: SharedStoreOptions;
  #last: SharedStore | undefined;

  /** `connect` is called for each life of the kit. */
  constructor(connect: () => Database, options: SharedStoreOptions = {}, isCut = () => false) {
    this.#connect = connect;
    this.#isCut = isCut;
    this.#options = options;
  }

  store(outside: StoreOutside): Store {
    this.#last = this.make(this.#connect(), outside, this.#options);
    return this.#last;
  }

  protected make(...made: ConstructorParameters<typeof SharedStore>): SharedStore {
    return new SharedStore(...made);
  }

  crashed(): void {
    this.#last?.die();
  }

  /** While the way to the database is cut, transactions wait for the test. */
  async idle(): Promise<void> {
    if (!this.#isCut()) await this.#last?.idle();
  }
}

/** Needs no death interval after a crash: only its own next life can open the database. */
class LonelyKeeping extends SharedKeeping {
  protected override make(...made: ConstructorParameters<typeof SharedStore>): SharedStore {
    return new LonelyStore(...made);
  }
}

class LonelyStore extends SharedStore {
  readonly #database: Database;
  readonly #dispatcher: Id;
  readonly #outside: OutsideNow;
  /** The commands since the last commit, and those that may not be committed yet. */
  #asked: Command[] = [];
  #handed: Command[] = [];

  constructor(...made: ConstructorParameters<typeof SharedStore>) {
    super(...made);
    const [database, outside] = made;
    this.#database = database;
    this.#dispatcher = outside.dispatcher;
    this.#outside = new OutsideNow(outside, this.payload);
  }

  /** Declares the last life dead. */
  override async open(owner: StoreOwner): Promise<void> {
    await super.open(owner);
    const pings = pingsOf(this.local, this.#dispatcher)?.count ?? 0;
    this.transact({ command: { type: 'rescue', dispatcher: this.#dispatcher, pings }, gate: 'decided' });
    this.commit();
    await this.idle();
  }

  override transact(asked: Asked): void {
    this.#asked.push(asked.command);
    super.transact(asked);
  }

  override commit(): void {
    this.#handed.push(...this.#asked.splice(0));
    super.commit();
  }

  override async idle(): Promise<void> {
    await super.idle();
    this.#handed = [];
  }

  override read<T>(look: (records: Records) => T, tell: Tell<NoInfer<T>>, gate?: 'decided' | 'synced'): void {
    if (!(isThreadHeld && this.#database instanceof Way)) return super.read(look, tell, gate);
    const { error, seen } = lookAt(this.#foreseen(this.#database), look);
    tell(error, seen);
  }

  /** Returns all records as they will be when the commands so far are committed. */
  #foreseen(database: Way): Records {
    const view = database.state();
    for (const command of [...this.#handed, ...this.#asked]) {
      try {
        decide(view, command, this.#outside.look());
      } catch {
        // It is refused, or is committed already.
      }
    }
    return { view, bytes: database.bytes };
  }
}

/** `true` while a handler asks without `await`: it holds the thread in which a database answers. */
let isThreadHeld = false;

const { askSync } = VirtualThread.prototype;
VirtualThread.prototype.askSync = function (message): unknown {
  isThreadHeld = true;
  try {
    return askSync.call(this, message);
  } finally {
    isThreadHeld = false;
  }
};

/** Milliseconds, longer than any test's clock advances. */
const neverMs = 1e12;

/** Opens a kit with a database of its own. Users must not be able to tell it from any other kit. */
export function openAlone(options: VirtualOptions): Promise<Kit> {
  const database = new MemoryDatabase();
  return openAloneOn(() => database.connect(), options);
}

export async function openAloneOn(connect: () => Database, options: VirtualOptions): Promise<Kit> {
  const kit = new Kit({ pingMs: neverMs, deathMs: 2 * neverMs, ...options }, { keeping: new LonelyKeeping(connect) });
  await kit.reopen();
  return kit;
}

export interface Beside {
  /** The database, or the way of each life to it. */
  readonly database: MemoryDatabase | (() => Database);
  readonly clock: VirtualClock;
  /** The id of its dispatcher. Default: a new one. */
  readonly dispatcher?: Id;
  /** Milliseconds between polls, where notifications can be lost. Default: no polls. */
  readonly pollMs?: number;
  /** Its way to the database, which can be cut. */
  readonly wire?: Wire;
}

/** Opens a kit on the same database and the same clock as others. */
export async function openBeside(
  options: VirtualOptions,
  { database, clock, dispatcher, pollMs, wire }: Beside,
): Promise<Kit> {
  const poll = pollMs === undefined ? {} : { poll: { everyMs: pollMs, after: clock.after.bind(clock) } };
  const connect = typeof database === 'function' ? database : () => database.connect();
  const through = wire === undefined ? {} : { through: () => wire.through() };
  const keeping = new SharedKeeping(connect, { ...poll, ...through }, () => wire?.isCut === true);
  const kit = new Kit(options, { clock, keeping, ...(dispatcher === undefined ? {} : { dispatcher }) });
  await kit.reopen();
  return kit;
}
