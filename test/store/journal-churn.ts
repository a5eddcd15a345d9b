/**
 * A store under endless work: random commands put, change, claim, settle, annotate and forget jobs
 * of all sizes. Tests compare the state found after a crash with the states that there were.
 */

import type { Command, JobSpec } from '../../src/core/commands.js';
import { type Id, type JobRecord, type Payload, payloadSlots } from '../../src/core/records.js';
import { JournalStore, type JournalStoreOptions } from '../../src/store/journal/journal-store.js';
import type { Pace } from '../../src/store/journal/pace.js';
import { activateUs, idOf, keeping, main, us } from '../core/making.js';
import { randomFrom } from '../harness/randomness.js';
import type { StrictDisk } from '../journal/strict-disk.js';
import { quietOwner } from './quiet-owner.js';

export const churnDirectory = '/journal';

/**
 * A pace by count: a slice ends after `looks` looks at the clock, so that a small state takes many.
 */
export function countedPace(looks: number): Pace {
  return {
    slice() {
      let left = looks;
      return () => --left < 0;
    },
    turn: () => new Promise((resolve) => setImmediate(resolve)),
    after: () => () => {},
  };
}

/** Prints all that a store holds, with the bytes of payloads. */
export function printedState(store: JournalStore): string {
  const jobs = [...store.state.jobs()].sort((a, b) => (a.id < b.id ? -1 : 1)).map((job) => printedJob(store, job));
  const settings = [...store.state.settings()].map((setting) => JSON.stringify(setting)).sort();
  const annotations = [...store.state.annotations()]
    .map(({ job, name, value }) => `${job} ${name} ${hex(store, value)}`)
    .sort();
  return [...jobs, ...settings, ...annotations].join('\n');
}

function printedJob(store: JournalStore, job: JobRecord): string {
  const { id, status, queue, fence, attempts, priority, outcome, level, putAt, endAt, completedAt } = job;
  const payloads = payloadSlots.map((slot) => hex(store, job[slot], settled.get(store)?.get(`${id} ${slot}`)));
  return [id, status, queue, fence, attempts, priority, outcome, level, putAt, endAt, completedAt, ...payloads].join(
    ' ',
  );
}

/**
 * The bytes of the churn's payloads, since a closed store, or one without its disk, cannot read
 * them.
 */
const made = new WeakMap<Payload, Uint8Array>();
/** The same for settled jobs, by id and slot: a packed job has other payloads at each look. */
const settled = new WeakMap<JournalStore, Map<string, Uint8Array>>();

const hex = (store: JournalStore, payload: Payload | null, known?: Uint8Array) =>
  payload === null
    ? '-'
    : `${payload.byteLength}:${Buffer.from(made.get(payload) ?? known ?? store.bytes(payload)).toString('latin1')}`;

export class Churn {
  readonly store: JournalStore;
  /** Number of completed jobs that are kept. */
  keep = 10;
  /** The most bytes of a payload. */
  payloadBytes = 400;
  fatal: Error | undefined;
  readonly #random: (limit: number) => number;
  #time = 1000;
  #puts: number;

  constructor(disk: StrictDisk, seed: number, options: JournalStoreOptions = {}) {
    this.#random = randomFrom(seed);
    this.#puts = seed * 1_000_000;
    const outside = {
      now: () => this.#time++,
      dispatcher: us,
      listening: false,
      holding: true,
      random: () => this.#random(1000) / 1000,
      failure: (error: Error) => this.#bytes(error.name),
    };
    this.store = new JournalStore(churnDirectory, outside, {
      disk,
      segmentBytes: 4096,
      reserveBytes: 0,
      aheadBytes: 8192,
      salt: () => this.#random(2 ** 32),
      pace: countedPace(1),
      ...options,
    });
    settled.set(this.store, new Map());
  }

  async open(): Promise<this> {
    await this.store.open({
      ...quietOwner,
      awaits: () => true,
      fatal: (error) => {
        this.fatal = error;
      },
    });
    // A later life must not use the ids of an earlier one.
    this.#puts += this.store.state.size;
    return this;
  }

  /** Transacts one random command. Does not commit. */
  decide(): void {
    this.store.transact({ command: this.#command(), gate: 'decided' });
  }

  step(): void {
    this.decide();
    this.store.commit();
  }

  /** Resolves when all commands so far are durable. */
  durable(): Promise<void> {
    return new Promise((resolve, reject) =>
      this.store.read(
        () => {},
        (error) => (error ? reject(error) : resolve()),
      ),
    );
  }

  #command(): Command {
    if (!this.store.state.isActive(us)) return activateUs;
    const pending = this.#some((job) => job.queued);
    const claimed = this.#some((job) => job.claimed);
    const any = this.#some(() => true);
    switch (this.#random(9)) {
      case 0:
      case 1:
        if (claimed !== undefined) return this.#settle(claimed);
        break;
      case 2:
      case 3:
        if (pending !== undefined) return { type: 'claim', job: pending.id, agent: main };
        break;
      case 4:
        if (pending !== undefined) {
          const args = this.#random(3) === 0 ? null : this.#payload();
          return { type: 'change', job: pending.id, args, options: { priority: this.#random(5) } };
        }
        break;
      case 5:
        if (any !== undefined) {
          const value = this.#random(3) === 0 ? null : this.#payload();
          return { type: 'annotate', job: any.id, name: `note${this.#random(3)}`, value };
        }
        break;
      case 6:
        return { type: 'forget', keep: keeping(this.keep) };
      case 7:
        if (this.#random(10) === 0) return { type: 'createQueue', name: `queue${this.#random(1e6)}` };
    }
    return { type: 'put', queue: '', owner: idOf('owner'), level: 'full', jobs: [this.#spec()] };
  }

  #settle({ id, fence, args }: JobRecord): Command {
    const outcome = { kind: 'value', payload: this.#payload() } as const;
    const payloads = settled.get(this.store)!;
    if (args !== null && made.has(args)) payloads.set(`${id} args`, made.get(args)!);
    payloads.set(`${id} result`, made.get(outcome.payload)!);
    return { type: 'settle', job: id, fence, startedAt: this.#time, outcome, inner: [] };
  }

  #spec(): JobSpec {
    const id: Id = idOf(String(this.#puts++).padStart(15, '0'));
    const args = this.#random(4) === 0 ? null : this.#payload();
    return { id, form: 'call', callable: `m#f${this.#random(4)}`, args, options: {}, parts: [], callbacks: [] };
  }

  #payload(): Payload {
    const bytes = this.#bytes('');
    const payload = this.store.payload(Uint8Array.from(bytes));
    made.set(payload, bytes);
    return payload;
  }

  #bytes(text: string): Uint8Array {
    return Buffer.from(text.padEnd(this.#random(this.payloadBytes), String.fromCharCode(97 + this.#random(26))));
  }

  /** Returns a random fitting job among the first ones, since a walk over all jobs takes long. */
  #some(fits: (job: JobRecord) => boolean): JobRecord | undefined {
    const found: JobRecord[] = [];
    let looked = 0;
    for (const job of this.store.state.jobs()) {
      if (fits(job)) found.push(job);
      if (found.length > 20 || ++looked > 200) break;
    }
    return found[this.#random(Math.max(found.length, 1))];
  }
}

/** A turn of the loop, in which pending work continues. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
