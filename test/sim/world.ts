/**
 * One simulated history: the real coordinator, core, store and journal, on a clock, a disk and a pool that a seed decides about. Jobs
 * are put, run, fail, are cancelled; threads die, the process is killed, the power goes, syncs fail, the disk fills up. Then all is
 * well again, and everything has to finish. An oracle outside knows what was promised.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { Coordinator } from '../../src/coordinator/coordinator.js';
import type { JobOptions } from '../../src/core/commands.js';
import type { Id, Level } from '../../src/core/records.js';
import { idFromText } from '../../src/protocol/id.js';
import type { ClientMessage, CoordinatorMessage, WireJob } from '../../src/protocol/messages.js';
import { JournalStore } from '../../src/store/journal-store.js';
import { StoredPayload } from '../../src/store/stored-payload.js';
import { type Random, randomFrom } from '../harness/randomness.js';
import { diskError, StrictDisk } from '../journal/strict-disk.js';
import { isOver, nameOf, Oracle } from './oracle.js';
import { SimPool } from './sim-pool.js';

export const faults = [
  'thread died',
  'kill -9',
  'power loss',
  'failed sync',
  'full disk',
  'cancel',
  'clock set back',
] as const;
export type Fault = (typeof faults)[number];

const modules = { m: { functions: ['run', 'join'], others: [] } };
const dispatcher = idFromText('00000000-0000-7000-9000-000000000000')!;
const forever = { ageMs: 1e15, count: 1e9, bytes: 1e12 };
const limit = 20_000;

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

/** One process: from opening to its end, however that comes. */
interface Life {
  readonly store: JournalStore;
  readonly coordinator: Coordinator;
  pool: SimPool;
  timers: Timer[];
  soon: (() => void)[];
  isOver: boolean;
}

export class World {
  readonly hits = new Map<Fault, number>();
  readonly oracle = new Oracle();
  lives = 0;
  snapshots = 0;
  steps = 0;
  readonly #random: Random;
  readonly #trace = createHash('sha1');
  #disk = new StrictDisk();
  #life!: Life;
  #openGate: () => void = () => {};
  #now = 1_000_000;
  #ids = 0;
  #requests = 0;
  readonly #puts = new Map<number, Id>();
  #isCalm = false;

  constructor(seed: number) {
    this.#random = randomFrom(seed);
  }

  /** All that happened, as one number. */
  get trace(): string {
    return this.#trace.copy().digest('hex');
  }

  /** Lives through a history. Rejects with what was violated. */
  async run(steps: number): Promise<void> {
    await this.#open(false);
    for (; this.steps < steps; this.steps++) await this.#step();
    await this.#heal();
  }

  async #step(): Promise<void> {
    const choice = this.#random(200);
    this.#note(`step ${choice}`);
    if (choice < 40) this.#put();
    else if (choice < 122) this.#life.pool.step();
    else if (choice < 158) this.#releaseSync();
    else if (choice < 174) this.#passTime(this.#random(3000));
    else if (choice < 179) this.#cancel();
    else if (choice < 183) this.#hit('thread died', () => this.#life.pool.kill());
    else if (choice < 186) this.#setClockBack();
    else if (choice < 189) this.#hit('full disk', () => this.#fillDisk());
    else if (choice < 192) this.#hit('failed sync', () => this.#failNextSync());
    else if (choice < 195) await this.#crash('kill -9');
    else if (choice < 198) await this.#crash('power loss');
    else this.#disk.capacityBytes = Number.POSITIVE_INFINITY;
    await this.#settle();
    if (this.#life.isOver) await this.#reopenAfterFailure();
    this.oracle.checkState(this.#life.store.state);
  }

  /** All faults end; whatever is there has to come to its end. */
  async #heal(): Promise<void> {
    this.#isCalm = true;
    this.#disk.capacityBytes = Number.POSITIVE_INFINITY;
    this.#disk.fault = undefined;
    for (let round = 0; this.#unfinished(); round++) {
      assert.ok(round < limit, this.#stuck());
      this.#releaseSync();
      if (!this.#life.pool.step()) this.#passTime(5000);
      await this.#settle();
      if (this.#life.isOver) await this.#reopenAfterFailure();
    }
    this.oracle.checkFinished(this.#life.store.state);
    await this.#crash('kill -9');
    this.oracle.checkFinished(this.#life.store.state);
  }

  async #open(afterPowerLoss: boolean): Promise<void> {
    this.lives += 1;
    const disk = this.#disk;
    this.#newGate();
    const life: Partial<Life> = { timers: [], soon: [], isOver: false };
    const alive =
      <A extends unknown[]>(then: (...args: A) => void) =>
      (...args: A) => {
        if (!life.isOver) then(...args);
      };
    const after = (ms: number, callback: () => void) => {
      const timer = { at: this.#now + ms, callback: alive(callback) };
      life.timers!.push(timer);
      return () => {
        life.timers = life.timers!.filter((other) => other !== timer);
      };
    };
    const store = new JournalStore(
      '/journal',
      {
        now: () => this.#now,
        dispatcher,
        listening: false,
        random: () => this.#random(1000) / 1000,
        failure: (error) => StoredPayload.of(Buffer.from(error.name)),
      },
      {
        disk,
        segmentBytes: 8192,
        reserveBytes: 16_384,
        salt: () => this.#random(2 ** 32),
        pace: {
          slice: () => {
            let left = 1 + this.#random(3);
            return () => --left < 0;
          },
          turn: () => new Promise((resolve) => life.soon!.push(alive(resolve))),
          after,
        },
      },
    );
    const watcher = {
      begins: (run: { job: Id }) => this.oracle.begins(run.job),
      outcomeOf: () => this.#outcome(),
      now: () => this.#now,
    };
    const coordinator = new Coordinator(
      {
        store,
        pool: (owner) => {
          life.pool = new SimPool(owner, watcher, this.#random, 2);
          return life.pool;
        },
        questions: { ask: () => {}, destroy: async () => {} },
        post: alive((message) => this.#hear(message)),
        now: () => this.#now,
        after: (ms, callback) => ({ clear: after(ms, callback) }),
        soon: (callback) => life.soon!.push(alive(callback)),
        closed: () => undefined,
      },
      {
        dispatcher,
        retention: forever,
        agentSize: 3,
        agentSizeGiven: false,
        presence: { incarnation: String(this.lives).padEnd(16), host: '', pid: 0, pingMs: 30_000, deathMs: 60_000 },
        retry: undefined,
      },
    );
    this.#life = Object.assign(life, { store, coordinator }) as Life;
    await coordinator.open(modules);
    this.oracle.checkFound(store, afterPowerLoss);
    this.#send(['do', 0, 'full', { type: 'setQuota', queue: '', name: 'q', size: 2, rate: 0, ratePeriodMs: 0 }]);
  }

  async #crash(kind: 'kill -9' | 'power loss'): Promise<void> {
    if (!this.#isCalm) this.#count(kind);
    this.#endLife();
    const before = this.#disk;
    this.#disk = kind === 'kill -9' ? before.afterKill() : before.afterCrash((count) => this.#random(count));
    if (this.#random(4) === 0) await this.#crashDuringOpening(kind);
    await this.#open(kind === 'power loss');
  }

  /** Opening is cut short at some operation; what is left is opened by the next. */
  async #crashDuringOpening(kind: 'kill -9' | 'power loss'): Promise<void> {
    const disk = this.#disk;
    const last = disk.operations + 1 + this.#random(25);
    disk.fault = (_operation, _file, number) => {
      if (number >= last) throw new Error('the power went');
      return undefined;
    };
    const store = new JournalStore(
      '/journal',
      {
        now: () => 0,
        dispatcher,
        listening: false,
        random: () => 0,
        failure: () => StoredPayload.of(new Uint8Array()),
      },
      { disk, segmentBytes: 8192, reserveBytes: 16_384, salt: () => this.#random(2 ** 32) },
    );
    await store.open({ release() {}, changed() {}, fatal() {} }).catch(() => {});
    disk.fault = undefined;
    this.#disk = kind === 'kill -9' ? disk.afterKill() : disk.afterCrash((count) => this.#random(count));
  }

  /** The runtime closed itself: what it had not synced counts as clean in the system's cache, can be read, and is not on the disk. */
  async #reopenAfterFailure(): Promise<void> {
    this.#endLife();
    await this.#settle();
    this.#disk.fault = undefined;
    await this.#open(true);
  }

  #endLife(): void {
    this.#life.isOver = true;
    this.snapshots += this.#life.store.figures.snapshots;
    // What still runs of it cannot write any more.
    this.#disk.fault = () => {
      throw new Error('this process is gone');
    };
  }

  #put(): void {
    const level: Level = this.#random(4) === 0 ? 'process' : 'full';
    const options = this.#options();
    const root = this.#newId();
    const form = this.#random(5) === 0 ? (this.#random(2) === 0 ? 'parallel' : 'serial') : 'call';
    const parts =
      form === 'call' ? [] : Array.from({ length: 1 + this.#random(4) }, () => this.#job(this.#newId(), {}));
    const callbacks = this.#random(5) === 0 ? [this.#job(this.#newId(), {})] : [];
    const job: WireJob =
      form === 'call'
        ? [root, 'call', 'm#run', this.#payload(), options, [], callbacks]
        : [root, form, 'm#join', null, options, parts, callbacks];
    this.oracle.put(root, root, level, options.policy ?? 'default');
    for (const [id] of [...parts, ...callbacks]) this.oracle.put(id, root, level, 'default');
    const request = ++this.#requests;
    this.#puts.set(request, root);
    this.#send(['put', request, '', level, job]);
  }

  #job(id: Id, options: JobOptions): WireJob {
    return [id, 'call', 'm#run', this.#payload(), options, [], []];
  }

  #options(): JobOptions {
    return {
      ...(this.#random(3) === 0 && { quotas: ['q'] }),
      ...(this.#random(4) === 0 && { policy: 'never' }),
      ...(this.#random(4) === 0 && { priority: this.#random(3) }),
      ...(this.#random(8) === 0 && { beginAfter: this.#now + this.#random(10_000) }),
      ...(this.#random(8) === 0 && { beginByMs: this.#random(20_000) }),
    };
  }

  #outcome() {
    if (this.#random(6) === 0) return { kind: 'thrown' as const, payload: Buffer.from('failed'), note: 'Error' };
    const told = [...this.oracle.jobs.values()].filter((job) => job.told !== undefined);
    const other = this.#random(8) === 0 ? told[this.#random(Math.max(told.length, 1))] : undefined;
    if (other !== undefined) return { kind: 'job' as const, payload: new Uint8Array(), note: other.id };
    return { kind: 'value' as const, payload: this.#payload(), note: '' };
  }

  #cancel(): void {
    this.#hit('cancel', () => {
      const open = [...this.oracle.jobs.values()].filter((job) => job.acknowledged && job.told === undefined);
      const job = open[this.#random(Math.max(open.length, 1))];
      if (job !== undefined) this.#send(['do', 0, 'full', { type: 'cancel', job: job.id }]);
      return job !== undefined;
    });
  }

  #setClockBack(): void {
    this.#now -= 500;
    this.#count('clock set back');
  }

  #fillDisk(): boolean {
    this.#disk.capacityBytes = this.#disk.usedBytes + this.#random(4000);
    return true;
  }

  #failNextSync(): boolean {
    const disk = this.#disk;
    disk.fault = (operation, file) => {
      if (operation !== 'sync' || !file.endsWith('.segment')) return undefined;
      disk.forgetUnsynced();
      throw diskError('EIO', 'fdatasync');
    };
    return true;
  }

  #hear(message: CoordinatorMessage): void {
    const [type] = message;
    this.#note(type);
    if (type === 'done') {
      const [, first, count] = message;
      for (let request = first; request < first + count; request++) {
        const root = this.#puts.get(request);
        if (root !== undefined) this.oracle.acknowledge(root);
      }
    } else if (type === 'settled') {
      const [, request, kind, payload] = message;
      this.oracle.tell(
        this.#puts.get(request)!,
        `${kind} ${kind === 'list' ? '' : Buffer.from(payload).toString('latin1')}`,
      );
    } else if (type === 'fatal') {
      this.#life.isOver = true;
    }
  }

  #send(message: ClientMessage): void {
    this.#life.coordinator.receive([message]);
  }

  #releaseSync(): void {
    this.#openGate();
    this.#newGate();
  }

  #newGate(): void {
    this.#disk.syncGate = new Promise((resolve) => {
      this.#openGate = resolve;
    });
  }

  #passTime(ms: number): void {
    this.#now += ms;
    const due = this.#life.timers.filter(({ at }) => at <= this.#now).sort((a, b) => a.at - b.at);
    this.#life.timers = this.#life.timers.filter((timer) => !due.includes(timer));
    for (const { callback } of due) callback();
  }

  /** Everything that follows from what happened, but for what waits for the disk. */
  async #settle(): Promise<void> {
    for (let round = 0; round < 3; round++) {
      for (const callback of this.#life.soon.splice(0)) callback();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #unfinished(): boolean {
    const { state } = this.#life.store;
    for (const job of state.jobs()) if (!isOver(state, job)) return true;
    return false;
  }

  #stuck(): string {
    const { state } = this.#life.store;
    const open = [...state.jobs()].filter((job) => !isOver(state, job));
    const told = open.map(({ id, form, role, status, stage, queued, claimed, begun, policy, outcome, fence }) => {
      const flags = [queued && 'queued', claimed && 'claimed', begun && 'begun'].filter(Boolean).join(' ');
      return `${nameOf(id)}: ${role} ${form} ${status} ${stage} ${flags} ${policy} ${outcome} fence ${fence}`;
    });
    return `${open.length} jobs never finish:\n${told.join('\n')}`;
  }

  #hit(fault: Fault, happens: () => boolean): void {
    if (happens()) this.#count(fault);
  }

  #count(fault: Fault): void {
    this.hits.set(fault, (this.hits.get(fault) ?? 0) + 1);
    this.#note(fault);
  }

  #note(what: string): void {
    this.#trace.update(`${what}\n`);
  }

  #newId(): Id {
    return idFromText(`00000000-0000-7000-8000-${String(this.#ids++).padStart(12, '0')}`)!;
  }

  #payload(): Uint8Array {
    return Buffer.alloc(this.#random(this.#random(10) === 0 ? 3000 : 60), 97 + this.#random(26));
  }
}
