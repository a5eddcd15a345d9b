/**
 * A store that keeps nothing beyond its process: for runtimes without a directory, and for tests. A
 * commit opens every gate at once.
 */
import { gates } from '../core/commands.js';
import type { Payload } from '../core/records.js';
import { State } from '../core/state/state.js';
import { Group } from './group.js';
import { lookAt } from './look-at.js';
import {
  type Asked,
  noFigures,
  OutsideNow,
  type Store,
  type StoreFigures,
  type StoreOutside,
  type StoreOwner,
} from './store.js';

export class MemoryStore implements Store {
  readonly isExclusive: boolean = true;
  readonly isSyncing = false;
  readonly takesWork = true;
  readonly state = new State();
  /** The bytes themselves are the payload. */
  readonly payload = (bytes: Uint8Array): Payload => bytes;
  readonly #outside: OutsideNow;
  #owner: StoreOwner | undefined;
  #group = new Group();
  #commits = 0;

  constructor(outside: StoreOutside) {
    this.#outside = new OutsideNow(outside, this.payload);
  }

  get figures(): StoreFigures {
    return { ...noFigures, frames: this.#commits };
  }

  async open(owner: StoreOwner): Promise<void> {
    this.#owner = owner;
  }

  transact(asked: readonly Asked[]): void {
    const outside = this.#outside.look();
    for (const one of asked) this.#group.decide(this.state, one, outside);
  }

  commit(): void {
    if (this.#group.empty) return;
    const group = this.#group;
    this.#group = new Group();
    this.#commits++;
    this.state.keepChanges();
    for (const gate of gates) {
      const { effects, replies } = group.behind(gate);
      for (const { tell, error, same } of replies) tell(error, same);
      if (effects.length > 0) this.#owner!.release(effects);
    }
  }

  read<T>(look: () => T, tell: (error: Error | undefined, seen?: T) => void): void {
    const { error, seen } = lookAt(look);
    this.commit();
    tell(error, seen);
  }

  bytes(payload: Payload): Uint8Array {
    return payload as Uint8Array;
  }

  async close(): Promise<void> {
    this.commit();
  }
}
