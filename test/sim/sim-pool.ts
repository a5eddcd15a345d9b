/**
 * A pool in which nothing runs: a random number says which thread begins its next job, ends one, or dies. It keeps the contract of
 * the port: every run comes back once, as settled, not begun or interrupted.
 */
import type { PoolOwner, PoolPort, Run, ThreadLoad } from '../../src/coordinator/pool-port.js';
import type { Id } from '../../src/core/records.js';
import type { OutcomeCode } from '../../src/protocol/board.js';
import type { Random } from '../harness/randomness.js';

interface Thread {
  readonly id: number;
  readonly batches: Run[][];
  /** The first job of the first batch runs. */
  begun: boolean;
}

/** What the simulator wants to know and to say. */
export interface PoolWatcher {
  /** A job's code begins. */
  begins(run: Run): void;
  /** How the job's code ends. */
  outcomeOf(run: Run): { kind: OutcomeCode; payload: Uint8Array; note: string };
  now(): number;
}

export class SimPool implements PoolPort {
  readonly #owner: PoolOwner;
  readonly #watcher: PoolWatcher;
  readonly #random: Random;
  readonly #threads: Thread[];

  constructor(owner: PoolOwner, watcher: PoolWatcher, random: Random, threads: number) {
    this.#owner = owner;
    this.#watcher = watcher;
    this.#random = random;
    this.#threads = Array.from({ length: threads }, (_, id) => ({ id, batches: [], begun: false }));
  }

  introduce(): void {}

  loads(): ThreadLoad[] {
    return this.#threads.map(({ id, batches }) => ({
      thread: id,
      batches: batches.length,
      agents: new Set(batches.flat().map(({ agent }) => agent)),
    }));
  }

  start(id: number, runs: readonly Run[]): boolean {
    const thread = this.#threads[id]!;
    if (thread.batches.length >= 2) return false;
    thread.batches.push([...runs]);
    return true;
  }

  /** A job that has begun goes on: it ends, or its thread dies, as a random number says. */
  stop(job: Id): void {
    if (this.takeBack(job)) this.#owner.turn();
  }

  stopAll(): void {
    this.takeBackAll();
  }

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

  isRunning(job: Id): boolean {
    return this.#threads.some(({ begun, batches }) => begun && batches[0]![0]!.job === job);
  }

  get out(): number {
    return this.#threads.reduce((sum, { batches }) => sum + batches.flat().length, 0);
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

  /** One thing happens in a thread; false if there is nothing that could. */
  step(): boolean {
    const busy = this.#threads.filter(({ batches }) => batches.length > 0);
    const thread = busy[this.#random(Math.max(busy.length, 1))];
    if (thread === undefined) return false;
    const run = thread.batches[0]![0]!;
    if (!thread.begun) {
      thread.begun = true;
      this.#watcher.begins(run);
      return true;
    }
    if (this.#random(6) === 0) {
      this.#owner.running(run);
    } else {
      thread.batches[0]!.shift();
      thread.begun = false;
      this.#tidy(thread);
      const { kind, payload, note } = this.#watcher.outcomeOf(run);
      const startedAt = this.#watcher.now();
      this.#owner.settled(run, { slot: 0, kind, startedAt, ranMs: 1, payload, note, inner: new Uint8Array() });
    }
    this.#owner.turn();
    return true;
  }

  /** A thread dies with what it has. */
  kill(): boolean {
    const busy = this.#threads.filter(({ batches }) => batches.length > 0);
    const thread = busy[this.#random(Math.max(busy.length, 1))];
    if (thread === undefined) return false;
    this.#end(thread);
    this.#owner.threadDied(new Error('simulated'));
    this.#owner.turn();
    return true;
  }

  #end(thread: Thread): void {
    const [first, ...rest] = thread.batches.splice(0).flat();
    if (first !== undefined) {
      if (thread.begun) this.#owner.interrupted(first);
      else this.#owner.notBegun(first);
    }
    thread.begun = false;
    for (const run of rest) this.#owner.notBegun(run);
  }

  #tidy(thread: Thread): void {
    for (let at = thread.batches.length - 1; at >= 0; at--)
      if (thread.batches[at]!.length === 0) thread.batches.splice(at, 1);
  }
}
