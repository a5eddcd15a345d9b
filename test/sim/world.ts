/**
 * One simulated history: the real coordinator, core, store and journal, on a clock, a disk and a
 * pool that a seed controls. Clients and jobs put jobs; jobs run, fail, time out and are cancelled.
 * Threads die, the process is killed or closed, the power fails, clocks are set, syncs and writes
 * fail, the disk fills up. Then the faults stop, and every job must end. An oracle outside checks
 * every promise.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { idToText } from '../../src/codec/id.js';
import { type Id, isTemplate, type Level, settingKey, takesTurns } from '../../src/core/records.js';
import { JournalWriteError } from '../../src/errors.js';
// Loaded before, so that each history takes as many turns of the event loop.
import '../../src/schedule/ticks.js';
import type { WireExplanation } from '../../src/protocol/explanation.js';
import type { ClientMessage, CoordinatorMessage, WireCommand } from '../../src/protocol/messages.js';
import { type Random, randomFrom } from '../harness/randomness.js';
import { diskError, type Operation, StrictDisk, sectorBytes } from '../journal/strict-disk.js';
import { Life, openUpTo } from './life.js';
import { isOver, nameOf, Oracle, type Survives, scheduleName, survives } from './oracle.js';
import { quotas, Workload } from './workload.js';

export const faults = [
  'thread died',
  'kill -9',
  'power loss',
  'cut short while opening',
  'failed sync',
  'failed write',
  'short write',
  'full disk',
  'cancel',
  'timeout',
  'wait',
  'clock set back',
  'clock set forward',
  'closed',
  'tick',
  'retry',
  'explain',
] as const;
export type Fault = (typeof faults)[number];

const roundsToFinish = 5000;
const hourMs = 3_600_000;

export class World {
  readonly hits = new Map<Fault, number>();
  readonly oracle = new Oracle();
  lives = 0;
  snapshots = 0;
  steps = 0;
  readonly #tell: ((line: string) => void) | undefined;
  readonly #random: Random;
  readonly #workload: Workload;
  readonly #trace = createHash('sha1');
  #disk = new StrictDisk();
  #life!: Life;
  #openGate: () => void = () => {};
  #now = 1_000_000_000;
  #monotonic = 0;
  #requests = 0;
  /** The jobs that exist if a request succeeds. */
  readonly #asked = new Map<number, readonly Id[]>();
  readonly #puts = new Map<number, Id>();
  readonly #schedules = new Map<number, Level>();
  readonly #retries = new Set<number>();
  /** The jobs that were asked about, and those that have no reason to wait. */
  readonly #explained = new Map<number, Id>();
  readonly #free = new Set<Id>();
  /** The request to close, and whether it was answered. */
  #closing = 0;
  #isClosed = false;
  /** `true` if the disk was full in this life: a timer then decides when work is taken again. */
  #wasFull = false;
  #isCalm = false;
  readonly #moves: readonly (readonly [weight: number, move: () => unknown])[] = [
    [40, () => this.#put()],
    [10, () => this.#ask()],
    [90, () => this.#life.pool.step()],
    [36, () => this.#releaseSync()],
    [16, () => this.#passTime(this.#random(3000))],
    [5, () => this.#hit('cancel', () => this.#cancel())],
    [2, () => this.#do({ type: 'pauseQueue', name: '', paused: this.#random(2) === 0 })],
    [1, () => this.#do({ type: 'boundQueue', name: '', bound: this.#random(8) })],
    [2, () => this.#schedule()],
    [4, () => this.#hit('retry', () => this.#retry())],
    [4, () => this.#hit('explain', () => this.#explain())],
    [4, () => this.#hit('thread died', () => this.#life.pool.kill())],
    [3, () => this.#setClock('clock set back', -1)],
    [2, () => this.#setClock('clock set forward', 1)],
    [3, () => this.#hit('full disk', () => this.#fillDisk())],
    [3, () => this.#freeDisk()],
    [3, () => this.#failNext('sync', 'failed sync')],
    [2, () => this.#failNext('write', 'failed write')],
    [3, () => this.#cutWrites()],
    [3, () => this.#crash('kill -9')],
    [3, () => this.#crash('power loss')],
    [2, () => this.#close()],
  ];
  readonly #weights = this.#moves.reduce((sum, [weight]) => sum + weight, 0);

  /** `tell` receives the story, line by line. */
  constructor(seed: number, tell?: (line: string) => void) {
    this.#tell = tell;
    this.#random = randomFrom(seed);
    this.#workload = new Workload(this.#random, this.oracle, () => this.#now);
  }

  /** The hash of everything that happened. */
  get trace(): string {
    return this.#trace.copy().digest('hex');
  }

  /** Runs a history. Rejects with the violation. */
  async run(steps: number): Promise<void> {
    await this.#open(survives.kill);
    for (; this.steps < steps; this.steps++) await this.#step();
    await this.#heal();
  }

  async #step(): Promise<void> {
    let left = this.#random(this.#weights);
    const [, move] = this.#moves.find(([weight]) => {
      left -= weight;
      return left < 0;
    })!;
    await move();
    await this.#idle();
    this.#note(`${move} ${this.#disk.operations}`);
    await this.#reopenIfOver();
    this.#meetMade();
    this.oracle.checkState(this.#life.store.state);
    this.#checkThreads();
    await this.#checkFree();
  }

  /** Checks that a job without a reason to wait is claimed by the next turn. */
  async #checkFree(): Promise<void> {
    if (this.#free.size === 0) return;
    this.#life.coordinator.turn();
    await this.#idle();
    for (const id of this.#free)
      if (this.#life.store.state.job(id)?.queued) assert.fail(`${nameOf(id)} waits without a reason`);
    this.#free.clear();
  }

  /** Checks that no job waits behind another, except while closing or after a full disk. */
  #checkThreads(): void {
    const { store, pool } = this.#life;
    if (this.#closing !== 0 || this.#wasFull) return;
    const claimed = [...store.state.jobs()].filter((job) => job.claimed);
    // A job that is claimed but not on the disk yet has its thread already.
    const isComing = claimed.length > pool.out;
    if (isComing || claimed.some(({ alone }) => alone)) return;
    const wrong = pool.check(({ agent, free }) => free || store.state.calledBack(agent) === 0);
    if (wrong !== undefined) assert.fail(wrong);
    this.#checkIdle();
  }

  /** Checks that no job that may be claimed is left while a thread and its agent have room. */
  #checkIdle(): void {
    const { store, pool } = this.#life;
    const { state } = store;
    const [dispatcher] = state.activeDispatchers();
    // The first claim of a life follows the write of its activation; callbacks do not wait for it.
    const hasClaimed = [...state.jobs()].some((job) => job.claimed && !takesTurns(job));
    const isOpen = [...state.openQueues()].length > 0;
    if (!hasClaimed || !pool.isIdle || dispatcher === undefined || !isOpen) return;
    const [agent] = state.agentsOf(dispatcher, '');
    if (agent === undefined || state.calledBack(settingKey(agent)) > 0) return;
    // A job that must run alone keeps the others waiting for up to a second.
    if ([...state.line('')].some((job) => job?.alone)) return;
    const [job] = state.firstManyQueued('', () => true, 1, this.#now);
    if (job !== undefined) assert.fail(`${nameOf(job.id)} waits while a thread has nothing to do`);
  }

  /** Stops all faults: every job must end. */
  async #heal(): Promise<void> {
    this.#isCalm = true;
    this.#freeDisk();
    this.#disk.fault = undefined;
    for (let round = 0; this.#unfinished(); round++) {
      if (round > roundsToFinish) assert.fail(this.#stuck());
      if (round % 50 === 0) this.#askForTheRest();
      this.#releaseSync();
      if (!this.#life.pool.step()) this.#passTime(this.#life.nextTimerMs ?? 1000);
      await this.#idle();
      await this.#reopenIfOver();
    }
    this.oracle.checkFinished(this.#life.store.state);
    await this.#crash('kill -9');
    this.oracle.checkFinished(this.#life.store.state);
  }

  /** Resumes the queue, and puts again the jobs that were removed from it. */
  #askForTheRest(): void {
    this.#do({ type: 'pauseQueue', name: '', paused: false });
    this.#do({ type: 'boundQueue', name: '', bound: 0 });
    this.#send(['schedule', 0, 'full', { type: 'pauseSchedule', name: scheduleName, paused: true }]);
    for (const { id, role, status } of this.#life.store.state.jobs())
      if (role === 'root' && status === 'new' && this.oracle.jobs.has(id))
        this.#do({ type: 'putAgain', job: id, queue: '' });
  }

  async #open(survived: Survives): Promise<void> {
    this.lives += 1;
    this.#newGate();
    this.#asked.clear();
    this.#puts.clear();
    this.#schedules.clear();
    this.#retries.clear();
    this.#explained.clear();
    this.#free.clear();
    this.#closing = 0;
    this.#isClosed = false;
    this.#wasFull = Number.isFinite(this.#disk.capacityBytes);
    const watcher = {
      begins: (run: { job: Id }) => {
        this.#meetMade();
        this.oracle.begins(run.job);
      },
      outcomeOf: this.#workload.outcomeOf.bind(this.#workload),
      noteOf: () => Buffer.from('a note'),
      timedOut: () => this.#count('timeout'),
      putsNow: this.#workload.putsNow.bind(this.#workload),
      hasOutcome: (id: Id) => this.#life.store.state.job(id)?.outcome !== 'none',
      wasPut: (id: Id, error: Error | undefined) => {
        this.#count('wait');
        if (error === undefined) this.oracle.acknowledge(id);
        else if (!(error instanceof JournalWriteError)) this.oracle.forget(id);
      },
      now: () => this.#now,
      monotonic: () => this.#monotonic,
    };
    this.#life = new Life(this.lives, this.#disk, {
      random: this.#random,
      watcher,
      // Checked before any decision: an expiry decided while opening is not durable yet.
      found: (store) => {
        this.#meetMade(store.state);
        this.oracle.checkFound(store, survived);
      },
      hear: (message) => this.#hear(message),
    });
    await this.#life.open();
    for (const quota of quotas) this.#do({ type: 'setQuota', queue: '', ...quota });
  }

  async #crash(kind: 'kill -9' | 'power loss'): Promise<void> {
    this.#count(kind);
    const losesPower = kind === 'power loss';
    await this.#reopen(losesPower || this.#disk.hasForgotten ? survives.powerLoss : survives.kill, losesPower);
  }

  async #reopenIfOver(): Promise<void> {
    if (this.#life.isOver) await this.#reopenAfterFailure();
    // A close that was answered is durable at every level.
    else if (this.#isClosed) await this.#reopen(survives.kill, this.#random(2) === 0);
  }

  /**
   * The runtime closed itself after a failed sync. The system's cache treats the unsynced data as
   * clean: it can be read, but is not on the disk.
   */
  async #reopenAfterFailure(): Promise<void> {
    this.#endLife();
    await this.#idle();
    this.#disk.fault = undefined;
    await this.#open(survives.powerLoss);
  }

  async #reopen(survived: Survives, losesPower: boolean): Promise<void> {
    this.#endLife();
    const after = (disk: StrictDisk) =>
      losesPower ? disk.afterCrash((count) => this.#random(count)) : disk.afterKill();
    this.#disk = after(this.#disk);
    if (this.#random(4) === 0) {
      if (await openUpTo(this.#disk.operations + 1 + this.#random(25), this.#disk, this.#random))
        this.#count('cut short while opening');
      this.#disk = after(this.#disk);
    }
    await this.#open(survived);
  }

  #endLife(): void {
    this.snapshots += this.#life.store.figures.snapshots;
    this.#life.end();
  }

  #close(): void {
    if (this.#closing !== 0) return;
    this.#count('closed');
    this.#closing = ++this.#requests;
    // A closing runtime claims nothing: waiting for an unbegun job takes the whole grace.
    this.#send(['close', this.#closing, this.#random(2) === 0 ? this.#random(2000) : hourMs]);
  }

  #put(): void {
    const { level, job } = this.#workload.put();
    const request = ++this.#requests;
    this.#asked.set(request, [job[0]]);
    this.#note(`put ${request}: ${nameOf(job[0])}, ${level} ${job[1]}`);
    this.#send(['puts', request, '', level, [job]]);
    this.#puts.set(request, job[0]);
  }

  #schedule(): void {
    const { level, command } = this.#workload.schedule();
    const request = ++this.#requests;
    this.#schedules.set(request, level);
    this.#note(`schedule ${request}, ${level}`);
    this.#send(['schedule', request, level, command]);
  }

  #meetMade(state = this.#life.store.state): void {
    for (const { id, root } of this.oracle.meetMade(state)) {
      if (root.retryOf === '') this.#count('tick');
      this.#workload.meet(id, root.quotas);
    }
  }

  #retry(): boolean {
    const command = this.#workload.retry(this.#life.store.state);
    if (command === undefined) return false;
    const request = ++this.#requests;
    this.#retries.add(request);
    this.#note(`retry ${request}`);
    this.#send(['do', request, 'full', command]);
    return true;
  }

  /** Asks about all jobs in line. */
  #explain(): boolean {
    const waiting = [...this.#life.store.state.jobs()].filter(({ queued }) => queued);
    for (const { id } of waiting) {
      const request = ++this.#requests;
      this.#explained.set(request, id);
      this.#send(['ask', request, { type: 'explain', job: id }]);
    }
    return waiting.length > 0;
  }

  #ask(): void {
    const asked = this.#workload.ask(this.#life.store.state);
    if (asked === undefined) return;
    const request = ++this.#requests;
    this.#asked.set(request, asked.puts);
    this.#note(`${asked.command.type} ${request}: ${asked.puts.map(nameOf)}, ${asked.level}`);
    this.#send(['do', request, asked.level, asked.command]);
  }

  #do(command: WireCommand): void {
    this.#send(['do', 0, 'full', command]);
  }

  #cancel(): boolean {
    const open = [...this.oracle.jobs.values()].filter(({ kept, told }) => kept > 0 && told === undefined);
    const job = open[this.#random(Math.max(open.length, 1))];
    if (job !== undefined) this.#do({ type: 'cancel', job: job.id });
    return job !== undefined;
  }

  /** Sets the wall clock only; timers follow the monotonic one. */
  #setClock(fault: Fault, direction: 1 | -1): void {
    this.#now += direction * this.#random(this.#random(3) === 0 ? hourMs : 2000);
    this.#count(fault);
  }

  #fillDisk(): boolean {
    this.#wasFull = true;
    this.#disk.capacityBytes = this.#disk.usedBytes + this.#random(4000);
    return true;
  }

  #freeDisk(): void {
    this.#disk.capacityBytes = Number.POSITIVE_INFINITY;
  }

  #failNext(failing: Operation, fault: Fault): void {
    const disk = this.#disk;
    disk.fault = (operation, file) => {
      if (operation !== failing || !file.endsWith('.segment')) return undefined;
      this.#count(fault);
      if (operation === 'sync') disk.forgetUnsynced();
      disk.fault = undefined;
      throw diskError('EIO', operation);
    };
  }

  /** Cuts a few writes short without an error where systems do: at the end of a sector. */
  #cutWrites(): void {
    let left = 1 + this.#random(5);
    this.#disk.fault = (operation, _file, _number, offset) => {
      if (operation !== 'write') return undefined;
      this.#count('short write');
      if (--left === 0) this.#disk.fault = undefined;
      return sectorBytes - (offset % sectorBytes);
    };
  }

  #hear(message: CoordinatorMessage): void {
    const [type] = message;
    switch (type) {
      case 'done':
        this.#note(`done ${message[1]} ${message[2]}`);
        for (let request = message[1]; request < message[1] + message[2]; request++) {
          for (const id of this.#asked.get(request) ?? []) this.oracle.acknowledge(id);
          this.#asked.delete(request);
          const level = this.#schedules.get(request);
          if (level !== undefined) this.oracle.acknowledgeSchedule(level);
        }
        return;
      case 'error': {
        const [, request, [code]] = message;
        this.#note(`error ${request} ${code}`);
        // After a failed write the contents of the disk are unknown.
        if (code !== 'JOURNAL_WRITE') for (const id of this.#asked.get(request) ?? []) this.oracle.forget(id);
        this.#asked.delete(request);
        if (request === this.#closing) this.#life.isOver = true;
        return;
      }
      case 'deliver': {
        for (const [index, request] of message[1].entries()) {
          const { kind, payload } = message[2][index]!;
          const job = this.#puts.get(request)!;
          const outcome = `${kind} ${kind === 'list' ? '' : Buffer.from(payload).toString('latin1')}`;
          this.#note(`deliver ${idToText(job)} ${outcome}`);
          this.oracle.tell(job, outcome);
        }
        return;
      }
      case 'answer':
        return this.#hearAnswer(message[1], message[2]);
      case 'fatal':
        this.#note(`fatal ${message[1][0]}`);
        this.#life.isOver = true;
    }
  }

  #hearAnswer(request: number, value: unknown): void {
    this.#isClosed ||= request === this.#closing;
    if (this.#retries.delete(request)) {
      this.#meetMade();
      for (const id of value as readonly Id[]) this.oracle.acknowledge(id);
    }
    const id = this.#explained.get(request);
    if (id === undefined) return;
    const { state, reasons } = value as WireExplanation;
    this.#note(`explain ${state} ${reasons.map(({ code }) => code)}`);
    if (state === 'waits' && reasons.length === 0) this.#free.add(id);
  }

  #send(message: ClientMessage): void {
    this.#life.look();
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
    this.#monotonic += ms;
    this.#life.look();
    this.#life.ring();
  }

  #idle(): Promise<void> {
    return this.#life.idle();
  }

  #unfinished(): boolean {
    const { state } = this.#life.store;
    for (const job of state.jobs()) if (!isTemplate(job) && !isOver(state, job)) return true;
    return false;
  }

  #stuck(): string {
    const { state } = this.#life.store;
    const open = [...state.jobs()].filter((job) => !isTemplate(job) && !isOver(state, job));
    const told = open.map((job) => {
      const { id, form, role, status, stage, queued, claimed, begun, policy, outcome, fence, inner, parent } = job;
      const flags = [queued && 'queued', claimed && 'claimed', begun && 'begun'].filter(Boolean).join(' ');
      return `${nameOf(id)}: ${role} ${form} ${status} ${stage} ${flags} ${policy} ${outcome} fence ${fence}${parent && `, of ${nameOf(parent)}`}${inner && `, waits for ${nameOf(inner)}, ${state.job(inner)?.status}`}`;
    });
    return `${open.length} jobs never finish:\n${told.join('\n')}`;
  }

  #hit(fault: Fault, happens: () => boolean): void {
    if (happens()) this.#count(fault);
  }

  #count(fault: Fault): void {
    if (!this.#isCalm) this.hits.set(fault, (this.hits.get(fault) ?? 0) + 1);
    this.#note(fault);
  }

  #note(what: string): void {
    this.#trace.update(`${what}\n`);
    this.#tell?.(`${this.steps} ${what}`);
  }
}
