/**
 * A store that keeps nothing beyond its process: for runtimes without a directory, and for tests. A
 * commit opens every gate at once.
 */
import { gates } from '../core/commands.js';
import type { JobRecord, Payload } from '../core/records.js';
import { State } from '../core/state/state.js';
import type { Puts } from '../core/state/tallies.js';
import { type Claim, type ClaimRequests, claimAll } from './claims.js';
import { Group } from './group.js';
import { HeldPayloads } from './held-payloads.js';
import { lookAt } from './look-at.js';
import {
  type Asked,
  noFigures,
  OutsideNow,
  type Records,
  type Store,
  type StoreFigures,
  type StoreOutside,
  type StoreOwner,
  type Tell,
} from './store.js';

export class MemoryStore implements Store, Records {
  readonly isExclusive: boolean = true;
  readonly isShared = false;
  readonly hears = false;
  readonly isSyncing = false;
  readonly takesWork = true;
  readonly state = new State(new HeldPayloads());
  readonly view = this.state;
  readonly local = this.state;
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

  transact(asked: Asked): void {
    this.#group.decide(this.state, asked, this.#outside.look());
  }

  claim(requests: ClaimRequests): void {
    const outside = this.#outside.look();
    const claim = (command: Claim) => this.#group.decide(this.state, { command, gate: 'decided' }, outside);
    claimAll(this.state, requests, outside.now, claim);
  }

  commit(): void {
    if (this.#group.empty) return;
    const group = this.#group;
    this.#group = new Group();
    this.#commits++;
    const { jobs } = this.state.changes();
    this.state.keepChanges();
    for (const gate of gates) {
      const { effects, replies } = group.behind(gate);
      for (const { tell, error, same } of replies) tell(error, same);
      if (effects.length > 0) this.#owner!.release(effects);
    }
    this.state.pack(jobs);
  }

  get nextTimer(): number | undefined {
    return this.state.nextTimer;
  }

  takePuts(): readonly Puts[] {
    return this.state.takePuts();
  }

  read<T>(look: (records: Records) => T, tell: Tell<NoInfer<T>>, gate: 'decided' | 'synced' = 'synced'): void {
    const { error, seen } = lookAt(this, look);
    if (gate === 'synced') this.commit();
    tell(error, seen);
  }

  judge(job: JobRecord, verdicts: string): void {
    this.state.judge(job, verdicts);
  }

  survey(tell: Tell<Records>): void {
    tell(undefined, this);
  }

  bytes(payload: Payload): Uint8Array {
    return payload as Uint8Array;
  }

  async close(): Promise<void> {
    this.commit();
  }
}
