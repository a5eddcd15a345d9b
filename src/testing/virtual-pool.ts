/**
 * The pool of the test kit: its threads are places in the thread of the test, where a run begins
 * only by `beginNext`.
 *
 * Like `coordinator/pool/pool.ts`, it returns every run exactly once: settled, timed out, not begun
 * or interrupted.
 */
import type { PoolOwner, PoolPort, Run, RunningRun, ThreadLoad } from '../coordinator/pool/pool-port.js';
import { agentName, type Id } from '../core/records.js';
import type { ModuleSetup } from '../protocol/dispatch.js';
import type { WireModule } from '../protocol/messages.js';
import { decodeCall } from '../protocol/stored-call.js';
import { JobContext } from '../worker/context.js';
import { Execution } from '../worker/execution.js';
import type { Timers } from './virtual-clock.js';
import { VirtualThread } from './virtual-thread.js';

/** A run that a thread has. */
interface Held {
  readonly run: Run;
  readonly slot: number;
  readonly word: number;
  /** Number of the run in the order of `start`. */
  readonly order: number;
  job: JobContext | undefined;
  startedAt: number;
  told: boolean;
  /** Why the run must end. */
  ending: 'none' | 'stop' | 'timeout';
  /** Fires at the time limit of the run, then at the end of its grace. */
  timer: { clear(): void } | undefined;
}

interface Place {
  readonly id: number;
  readonly thread: VirtualThread;
  held: Held[];
}

export interface VirtualPoolOptions {
  readonly threads: number;
  readonly extraThreads: number;
  readonly stopGraceMs: number;
  readonly modules: Readonly<Record<string, ModuleSetup>>;
  readonly payloadLimitBytes: number;
  readonly dispatcher: Id;
  readonly clock: Timers;
}

/**
 * The reported duration of each run, in milliseconds. Runs this long are handed to a thread one at
 * a time, so tests see them in the order of the contract.
 */
const assumedRunMs = 1000;

export class VirtualPool implements PoolPort {
  readonly #owner: PoolOwner;
  readonly #options: VirtualPoolOptions;
  #modules: Readonly<Record<string, WireModule>> = {};
  #places: Place[] = [];
  #threads = 0;
  #slots = 0;
  #beginLimit: number | undefined;
  #tracesRuns = false;
  #abandoned = false;
  /** Number of runs that began, and of those that ended. */
  activity = 0;
  destroyed = false;
  /** The runs that were going on when the pool was destroyed. */
  leftBehind: readonly Run[] = [];

  constructor(owner: PoolOwner, options: VirtualPoolOptions) {
    this.#owner = owner;
    this.#options = options;
  }

  introduce(modules: Readonly<Record<string, WireModule>>): void {
    this.#modules = modules;
    while (this.#places.length < this.#options.threads) this.#addPlace();
  }

  loads(): readonly ThreadLoad[] {
    return this.#places.map(({ id, held }) => ({
      thread: id,
      batches: held.length === 0 ? 0 : 2,
      agents: [...new Set(held.map(({ run }) => (run.free ? '' : run.agent)))],
    }));
  }

  start(id: number, runs: readonly Run[]): boolean {
    const place = this.#places.find((other) => other.id === id);
    if (place === undefined) return false;
    for (const run of runs) {
      const order = this.#slots++;
      const slot = order % 256;
      const word = place.thread.board.assign(slot);
      const unbegun = { job: undefined, startedAt: 0, told: false, ending: 'none', timer: undefined } as const;
      place.held.push({ run, slot, word, order, ...unbegun });
    }
    return true;
  }

  stop(job: Id): void {
    const found = this.#find(job);
    if (found === undefined) return;
    const [place, held] = found;
    if (!this.takeBack(job)) this.#stopBegun(place, held, 'stop');
  }

  traceRuns(isOn: boolean): void {
    this.#tracesRuns = isOn;
    for (const { thread } of this.#places) thread.board.traceRuns(isOn);
  }

  beginUntil(moment: number): void {
    this.#beginLimit = moment;
    for (const { thread } of this.#places) thread.board.beginUntil(moment);
  }

  stopAll(): void {
    for (const { run } of this.#places.flatMap(({ held }) => held)) this.stop(run.job);
  }

  takeBack(job: Id): boolean {
    const found = this.#find(job);
    if (found === undefined) return false;
    const [place, held] = found;
    if (held.job !== undefined) return false;
    this.#free(place, held);
    this.#owner.notBegun(held.run);
    this.#owner.turn();
    return true;
  }

  threadOf(job: Id): number | undefined {
    const found = this.#find(job);
    return found?.[1].job === undefined ? undefined : found[0].id;
  }

  running(): readonly RunningRun[] {
    return this.#places.flatMap(({ id, held }) =>
      held.filter(({ job }) => job !== undefined).map(({ run }) => ({ thread: id, run })),
    );
  }

  get size(): number {
    return this.#options.threads;
  }

  get mostThreads(): number {
    return this.#options.threads + this.#options.extraThreads;
  }

  get out(): number {
    return this.#places.reduce((out, { held }) => out + held.length, 0);
  }

  /** Does nothing: a thread has one batch at a time. */
  share(): boolean {
    return false;
  }

  clear(id: number): void {
    const place = this.#places.find((other) => other.id === id);
    if (place === undefined) return;
    this.#takeBack(place);
    this.#owner.turn();
  }

  grow(): void {
    if (this.destroyed || this.#places.length >= this.mostThreads) return;
    this.#addPlace();
    this.#owner.turn();
  }

  takeBackAll(): void {
    for (const place of this.#places) this.#takeBack(place);
  }

  async destroy(): Promise<number[]> {
    this.destroyed = true;
    this.leftBehind = this.begun;
    for (const place of this.#places) this.#end(place);
    this.#places = [];
    return [];
  }

  /**
   * Begins the run that was handed over first to a free thread. Returns `false` if there is no such
   * run.
   */
  beginNext(): boolean {
    let next: [Place, Held] | undefined;
    for (const place of this.#places) {
      const [first] = place.held;
      if (first === undefined || first.job !== undefined) continue;
      if (next === undefined || first.order < next[1].order) next = [place, first];
    }
    if (next === undefined) return false;
    this.#begin(...next);
    return true;
  }

  /** The runs whose handlers have begun and not ended, in no particular order. */
  get begun(): readonly Run[] {
    return this.running().map(({ run }) => run);
  }

  /** `true` if a handler is going on, and does not wait for an answer of the coordinator. */
  get busy(): boolean {
    return this.#places.some(({ thread, held }) => held[0]?.job !== undefined && thread.waiting === 0);
  }

  /**
   * Reports each begun run that has not ended as running for a while: its start is worth a record.
   * Takes back the runs behind it.
   */
  tellRunning(): void {
    let told = false;
    for (const place of this.#places) {
      for (const held of [...place.held]) {
        if (held.job === undefined || held.told) continue;
        held.told = true;
        told = true;
        this.#owner.running(held.run);
        this.#takeBack(place);
      }
    }
    if (told) this.#owner.turn();
  }

  /** Kills a thread and interrupts its runs. Another thread takes its place. */
  killThread(index: number): boolean {
    const place = this.#places[index];
    if (place === undefined) return false;
    const error = new Error('a virtual thread was killed');
    this.#owner.threadDied(error, place.held.find(({ job }) => job !== undefined)?.run);
    this.#replace(place, error);
    return true;
  }

  /** Ignores all later ends of handlers. */
  abandon(): void {
    this.#abandoned = true;
    this.#places = [];
  }

  #begin(place: Place, held: Held): void {
    const { run, slot, word } = held;
    const { thread } = place;
    const { clock, modules } = this.#options;
    this.activity++;
    if (!thread.board.begin(slot, word)) {
      this.#free(place, held);
      this.#owner.notBegun(run);
      return this.#owner.turn();
    }
    held.startedAt = clock.now();
    const { job: id, parent, isPart, callable, attempt, queue, log, timeoutMs } = run;
    const agent = agentName(run.agent);
    held.job = new JobContext(thread, { slot, word, id, parent, isPart, callable, attempt, queue, agent, log });
    if (timeoutMs > 0) held.timer = clock.after(timeoutMs, () => this.#stopBegun(place, held, 'timeout'));
    // One for each run: `tearDown` may still go on when the next one begins.
    const execution = new Execution(thread, modules);
    const finish = () => this.#settle(place, held, execution);
    const { args, fed } = run;
    const begun = execution.begin(held.job, { callable, fed, call: (options) => decodeCall(args, options) });
    if (begun === undefined) finish();
    else void begun.then(finish);
  }

  #settle(place: Place, held: Held, execution: Execution): void {
    execution.end();
    if (this.#abandoned || !place.held.includes(held)) return;
    this.#free(place, held);
    this.activity++;
    const { run, slot, startedAt } = held;
    execution.ran(slot, startedAt, assumedRunMs);
    place.thread.sendTraced();
    const stored = execution.isHooked ? () => void execution.finish() : undefined;
    if (held.ending === 'timeout') this.#owner.timedOut(run);
    else this.#owner.settled(run, execution.keptReport(), stored);
    this.#owner.turn();
  }

  /** Stops a begun run. Replaces its thread if the run has not ended within the grace. */
  #stopBegun(place: Place, held: Held, reason: 'stop' | 'timeout'): void {
    if (held.ending !== 'none') return;
    held.timer?.clear();
    held.ending = reason;
    held.timer = this.#options.clock.after(this.#options.stopGraceMs, () => this.#replace(place));
    place.thread.board.stop(held.slot);
    held.job!.stop();
  }

  #replace(place: Place, error?: Error): void {
    this.#places = this.#places.filter((other) => other !== place);
    this.#addPlace();
    this.#end(place, error);
  }

  #end(place: Place, error?: Error): void {
    const { held } = place;
    place.held = [];
    for (const { run, job, ending, timer } of held) {
      timer?.clear();
      this.activity++;
      if (job === undefined) this.#owner.notBegun(run);
      else if (ending === 'timeout') this.#owner.timedOut(run, true);
      else this.#owner.interrupted(run, error);
    }
    this.#owner.turn();
  }

  #takeBack(place: Place): void {
    for (const held of place.held.filter(({ job }) => job === undefined)) {
      this.#free(place, held);
      this.#owner.notBegun(held.run);
    }
  }

  #free(place: Place, held: Held): void {
    held.timer?.clear();
    place.held = place.held.filter((other) => other !== held);
    place.thread.board.release(held.slot);
  }

  #addPlace(): void {
    const running = () => place.held.find(({ job }) => job !== undefined)?.run.job ?? '';
    const thread = new VirtualThread(this.#owner, this.#modules, this.#options, running);
    if (this.#beginLimit !== undefined) thread.board.beginUntil(this.#beginLimit);
    thread.board.traceRuns(this.#tracesRuns);
    const place: Place = { id: ++this.#threads, thread, held: [] };
    this.#places.push(place);
  }

  #find(job: Id): [Place, Held] | undefined {
    for (const place of this.#places) {
      const held = place.held.find(({ run }) => run.job === job);
      if (held !== undefined) return [place, held];
    }
    return undefined;
  }
}
