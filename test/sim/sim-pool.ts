/**
 * A pool that runs no code: a random number decides which thread begins its next job, ends one, or
 * dies. It keeps the contract of the port: every run is reported once, as settled, timed out, not
 * begun or interrupted.
 */
import type { PoolOwner, PoolPort, Run, RunningRun, ThreadLoad } from '../../src/coordinator/pool/pool-port.js';
import type { Id } from '../../src/core/records.js';
import type { ReportKind } from '../../src/protocol/board.js';
import type { WireInnerPut } from '../../src/protocol/dispatch.js';
import type { Random } from '../harness/randomness.js';

interface Thread {
  readonly id: number;
  readonly batches: Run[][];
  /** `true` if the first job of the first batch runs. */
  begun: boolean;
  begunAt: number;
  /** `true` if the running job was asked to stop. */
  stopped: boolean;
  /** The wait of the running job: until the job that it put is stored, or until that job ends. */
  waits: 'nothing' | 'put' | 'job';
}

const extraThreads = 2;

/** The simulator's side: it observes runs, and decides how they end. */
export interface PoolWatcher {
  /** A job's code begins. */
  begins(run: Run): void;
  /** Decides how the job's code ends, and the puts that it made. */
  outcomeOf(run: Run): { kind: ReportKind; payload: Uint8Array; note: string; inner: Uint8Array };
  /** Returns an annotation that the running job makes. */
  noteOf(run: Run): Uint8Array;
  timedOut(): void;
  /** Returns a job that the running job puts at once; `wasPut` hears whether it was stored. */
  putsNow(run: Run): { readonly id: Id; readonly put: WireInnerPut };
  wasPut(id: Id, error: Error | undefined): void;
  hasOutcome(id: Id): boolean;
  /** The wall clock, and the monotonic clock, which cannot be set. */
  now(): number;
  monotonic(): number;
}

export class SimPool implements PoolPort {
  readonly #owner: PoolOwner;
  readonly #watcher: PoolWatcher;
  readonly #random: Random;
  readonly #threads: Thread[] = [];
  readonly #size: number;

  constructor(owner: PoolOwner, watcher: PoolWatcher, random: Random, threads: number) {
    this.#owner = owner;
    this.#watcher = watcher;
    this.#random = random;
    this.#size = threads;
    for (let left = threads; left > 0; left--) this.#addThread();
  }

  #addThread(): void {
    this.#threads.push({
      id: this.#threads.length + 1,
      batches: [],
      begun: false,
      begunAt: 0,
      stopped: false,
      waits: 'nothing',
    });
  }

  introduce(): void {}

  loads(): ThreadLoad[] {
    return this.#threads.map(({ id, batches }) => ({
      thread: id,
      batches: batches.length,
      agents: [...new Set(batches.flat().map(({ agent }) => agent))],
    }));
  }

  start(id: number, runs: readonly Run[]): boolean {
    const thread = this.#threads[id - 1]!;
    if (thread.batches.length >= 2) return false;
    thread.batches.push([...runs]);
    return true;
  }

  /** Asks a begun job to stop. A random number decides whether it does. */
  stop(job: Id): void {
    if (this.takeBack(job)) return this.#owner.turn();
    const thread = this.#threads.find(({ begun, batches }) => begun && batches[0]![0]!.job === job);
    if (thread !== undefined) thread.stopped = true;
  }

  stopAll(): void {
    this.takeBackAll();
    for (const thread of this.#threads) thread.stopped = thread.begun;
  }

  /** Does nothing: no other process can take jobs over. */
  beginUntil(): void {}

  takeBack(job: Id): boolean {
    for (const thread of this.#threads) {
      for (const batch of thread.batches) {
        const at = batch.findIndex((run) => run.job === job);
        if (at === -1 || (thread.begun && batch[at] === thread.batches[0]![0])) continue;
        const [run] = batch.splice(at, 1);
        this.#tidy(thread);
        this.#owner.notBegun(run!);
        return true;
      }
    }
    return false;
  }

  running(): readonly RunningRun[] {
    const begun = this.#threads.filter((thread) => thread.begun);
    return begun.map(({ id, batches }) => ({ thread: id, run: batches[0]![0]! }));
  }

  tellRunning(): void {
    for (const { run } of this.running()) this.#owner.running(run);
  }

  get size(): number {
    return this.#size;
  }

  get mostThreads(): number {
    return this.#size + extraThreads;
  }

  threadOf(job: Id): number | undefined {
    return this.#threads.find(({ begun, batches }) => begun && batches[0]![0]!.job === job)?.id;
  }

  get out(): number {
    return this.#threads.reduce((sum, { batches }) => sum + batches.flat().length, 0);
  }

  /** Treats any run as long, so that every job behind it that can move moves. */
  share(canMove: (run: Run, isLast: boolean) => boolean): boolean {
    let hasMoved = false;
    for (const thread of this.#threads) {
      const front = thread.begun ? thread.batches[0]![0] : undefined;
      const unbegun = thread.batches.flat().filter((run) => run !== front);
      for (const run of front === undefined ? unbegun.slice(1) : unbegun)
        if (canMove(run, run.agent !== front?.agent) && this.takeBack(run.job)) hasMoved = true;
    }
    if (hasMoved) this.#owner.turn();
    return hasMoved;
  }

  clear(id: number): void {
    const thread = this.#threads[id - 1]!;
    for (const run of thread.batches.flat()) this.takeBack(run.job);
    this.#owner.turn();
  }

  grow(): void {
    if (this.#threads.length >= this.mostThreads) return;
    this.#addThread();
    this.#owner.turn();
  }

  takeBackAll(): void {
    for (const thread of this.#threads) {
      const kept = thread.begun ? [thread.batches[0]!.shift()!] : [];
      const back = thread.batches.splice(0).flat();
      if (kept.length > 0) thread.batches.push(kept);
      for (const run of back) this.#owner.notBegun(run);
    }
    this.#owner.turn();
  }

  async destroy(): Promise<number[]> {
    for (const thread of this.#threads) this.#end(thread);
    return [];
  }

  /** Makes one event happen in a thread. Returns false if no thread can do anything. */
  step(): boolean {
    const thread = this.#busy(
      (one) => one.waits === 'nothing' || one.stopped || this.#isLate(one, one.batches[0]![0]!),
    );
    if (thread === undefined) return false;
    const run = thread.batches[0]![0]!;
    if (!thread.begun) this.#begin(thread, run);
    else if (this.#isLate(thread, run) || thread.stopped) this.#stopBegun(thread, run);
    else if (this.#random(6) === 0) this.#owner.running(run);
    else if (this.#random(12) === 0) this.#wait(thread, run);
    else if (this.#random(8) === 0) this.#owner.annotate(run.job, 'note', this.#watcher.noteOf(run));
    else this.#settle(thread, run);
    this.#owner.turn();
    return true;
  }

  /** Ends a random busy thread, with all its jobs. */
  kill(): boolean {
    const thread = this.#busy();
    if (thread === undefined) return false;
    this.#end(thread);
    this.#owner.threadDied(new Error('simulated'));
    this.#owner.turn();
    return true;
  }

  /** Puts a job at once, and waits for its outcome. */
  #wait(thread: Thread, run: Run): void {
    const { id, put } = this.#watcher.putsNow(run);
    const isThere = () => thread.waits !== 'nothing' && thread.batches[0]?.[0] === run;
    const goOn = () => {
      if (isThere()) thread.waits = 'nothing';
    };
    thread.waits = 'put';
    this.#owner.putNow(run.job, put, (error) => {
      this.#watcher.wasPut(id, error);
      if (error !== undefined) return goOn();
      if (!isThere()) return;
      // An outcome that exists is delivered as soon as it is on the disk.
      if (!this.#watcher.hasOutcome(id)) thread.waits = 'job';
      this.#owner.waitForOutcome(run.job, id, goOn);
    });
  }

  /**
   * Checks that no job stands behind one that waits for another job, and that none stands behind a
   * begun one while a thread that could run it is idle. `mayMove` is true if the job's agent has a
   * place for it.
   */
  check(mayMove: (run: Run) => boolean): string | undefined {
    const isIdle = this.isIdle;
    for (const { begun, batches, waits } of this.#threads) {
      if (!begun) continue;
      const behind = batches.flat().slice(1);
      if (waits === 'job' && behind.length > 0) return 'a job stands behind one that waits for another';
      if (isIdle && behind.some(mayMove)) return 'a job stands behind another while a thread has nothing to do';
    }
    return undefined;
  }

  /** `true` if a thread has nothing to do. A thread whose job waits is busy. */
  get isIdle(): boolean {
    return this.#threads.filter(({ batches }) => batches.length > 0).length < this.size;
  }

  #busy(isMeant: (thread: Thread) => boolean = () => true): Thread | undefined {
    const busy = this.#threads.filter((thread) => thread.batches.length > 0 && isMeant(thread));
    return busy[this.#random(Math.max(busy.length, 1))];
  }

  #begin(thread: Thread, run: Run): void {
    thread.begun = true;
    thread.stopped = false;
    thread.waits = 'nothing';
    thread.begunAt = this.#watcher.monotonic();
    this.#watcher.begins(run);
  }

  #isLate(thread: Thread, { timeoutMs }: Run): boolean {
    return timeoutMs > 0 && this.#watcher.monotonic() - thread.begunAt >= timeoutMs;
  }

  /** The job stops by itself, or its thread is ended. A late job timed out, whatever it returns. */
  #stopBegun(thread: Thread, run: Run): void {
    const late = this.#isLate(thread, run);
    if (late) this.#watcher.timedOut();
    if (this.#random(2) === 0) this.#end(thread, late ? () => this.#owner.timedOut(run) : undefined);
    else if (!late) this.#settle(thread, run);
    else {
      this.#shift(thread);
      this.#owner.timedOut(run);
    }
  }

  #settle(thread: Thread, run: Run): void {
    this.#shift(thread);
    this.#owner.settled(run, { slot: 0, startedAt: this.#watcher.now(), ranMs: 1, ...this.#watcher.outcomeOf(run) });
  }

  #shift(thread: Thread): void {
    thread.batches[0]!.shift();
    thread.begun = false;
    thread.waits = 'nothing';
    this.#tidy(thread);
  }

  #end(thread: Thread, endOfFirst?: () => void): void {
    const [first, ...rest] = thread.batches.splice(0).flat();
    if (first !== undefined) {
      if (endOfFirst !== undefined) endOfFirst();
      else if (thread.begun) this.#owner.interrupted(first);
      else this.#owner.notBegun(first);
    }
    thread.begun = false;
    thread.waits = 'nothing';
    for (const run of rest) this.#owner.notBegun(run);
  }

  #tidy(thread: Thread): void {
    for (let at = thread.batches.length - 1; at >= 0; at--)
      if (thread.batches[at]!.length === 0) thread.batches.splice(at, 1);
  }
}
