/**
 * The worker threads: a Piscina pool, and what each of its threads has been given.
 *
 * A batch of claimed jobs is one Piscina task. Which thread gets it is decided here (the pool's load balancer only looks it up), since a
 * thread has a board of its own. Every job that is given to the pool comes back exactly once: settled, not begun, or interrupted.
 */
import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { Id } from '../core/records.js';
import { Board, type Outcome, slotCount } from '../protocol/board.js';
import type {
  ModuleDescription,
  PostedOutcome,
  ThreadLink,
  WireRun,
  WorkerSetup,
  WorkerTask,
} from '../protocol/dispatch.js';
import { packBatch } from '../protocol/packing.js';

/** A claimed job on its way through the pool. */
export interface Run {
  readonly job: Id;
  readonly fence: number;
  readonly callable: string;
  readonly attempt: number;
  readonly queue: string;
  readonly args: Uint8Array | null;
  readonly completed: Uint8Array | null;
}

/** What becomes of a run; each run gets one of the first three. */
export interface PoolOwner {
  settled(run: Run, outcome: Outcome): void;
  /** It was never begun, and will not be. */
  notBegun(run: Run): void;
  /** It was begun, and its thread is gone. */
  interrupted(run: Run): void;
  /** It has been running for a while. */
  running(run: Run): void;
  /** Something of the above was said; there may be room now. */
  turn(): void;
  /** A thread ended that had not been asked to. */
  threadDied(error: Error): void;
}

export interface PoolOptions {
  readonly threads: number;
  readonly setup: WorkerSetup;
  readonly execArgv: readonly string[];
}

interface Batch {
  readonly thread: Thread;
  readonly runs: Map<number, Run>;
  readonly abort: AbortController;
}

interface Thread {
  readonly id: number;
  readonly board: Board;
  readonly port: MessagePort;
  /** To be handed over with the first batch. */
  link: ThreadLink | undefined;
  readonly freeSlots: number[];
  readonly batches: Set<Batch>;
}

/** The jobs of a batch are looked after when they have run for this long, and less often as time goes by. */
const firstLookMs = 5;
const longestLookMs = 1000;

/** A thread that does not end within this time hangs in a system call: it is left behind. */
const terminateMs = 2000;

export class Pool {
  readonly #owner: PoolOwner;
  readonly #piscina: Piscina;
  readonly #threads = new Map<number, Thread>();
  /** The thread for the task that is being handed over; a task that has to wait is known by its number. */
  #target: number | undefined;
  readonly #targets = new Map<number, number>();
  #look: ReturnType<typeof setTimeout> | undefined;
  #lookMs = firstLookMs;
  #closing = false;

  constructor(owner: PoolOwner, { threads, setup, execArgv }: PoolOptions) {
    this.#owner = owner;
    this.#piscina = new Piscina({
      filename: new URL('../worker/main.js', import.meta.url).href,
      minThreads: threads,
      maxThreads: threads,
      concurrentTasksPerWorker: 2,
      idleTimeout: Number.POSITIVE_INFINITY,
      recordTiming: false,
      workerData: setup,
      execArgv: [...process.execArgv, ...execArgv],
      loadBalancer: ({ taskId }, workers) => {
        if (this.#target !== undefined) this.#targets.set(taskId, this.#target);
        const target = this.#targets.get(taskId);
        const worker = workers.find(({ id }) => target === undefined || id === target);
        if (worker === undefined) return null;
        this.#targets.delete(taskId);
        return worker;
      },
    });
    this.#piscina.on('workerCreate', ({ id }: { id: number }) => this.#addThread(id));
    this.#piscina.on('workerDestroy', ({ id }: { id: number }) => this.#removeThreads(id));
    this.#piscina.on('error', (error: Error) => this.#owner.threadDied(error));
  }

  describe(): Promise<ModuleDescription[]> {
    return this.#piscina.run({ type: 'describe' } satisfies WorkerTask);
  }

  /** For each thread, how many batches it has: 0 is idle, 1 has room for a batch ahead. */
  loads(): { readonly thread: number; readonly batches: number }[] {
    return Array.from(this.#threads.values(), ({ id, batches }) => ({ thread: id, batches: batches.size }));
  }

  /** Hands a batch to a thread. False: the thread is gone, and nothing has happened. */
  start(threadId: number, runs: readonly Run[]): boolean {
    const thread = this.#threads.get(threadId);
    if (thread === undefined || thread.freeSlots.length < runs.length) return false;
    const batch: Batch = { thread, runs: new Map(), abort: new AbortController() };
    const wire = runs.map((run): WireRun => {
      const slot = thread.freeSlots.pop()!;
      batch.runs.set(slot, run);
      return [slot, thread.board.assign(slot), run.job, run.callable, run.attempt, run.queue, run.args, run.completed];
    });
    thread.batches.add(batch);
    const packed = packBatch(wire);
    const { link } = thread;
    thread.link = undefined;
    const task: WorkerTask = { type: 'run', batch: packed, ...(link === undefined ? {} : { link }) };
    const transferList = [packed.buffer as ArrayBuffer, ...(link === undefined ? [] : [link.port])];
    this.#target = threadId;
    const done = this.#piscina.run(task, { transferList, signal: batch.abort.signal });
    this.#target = undefined;
    done.then(
      () => this.#end(batch),
      (error: Error) => {
        if (!this.#closing && !batch.abort.signal.aborted) this.#owner.threadDied(error);
        this.#end(batch);
      },
    );
    this.#lookSoon();
    return true;
  }

  isRunning(job: Id): boolean {
    for (const { batches, board } of this.#threads.values()) {
      for (const { runs } of batches)
        for (const [slot, run] of runs) if (run.job === job && board.isBegun(slot)) return true;
    }
    return false;
  }

  /** No run is out any more. */
  get idle(): boolean {
    for (const { batches } of this.#threads.values()) if (batches.size > 0) return false;
    return true;
  }

  /** Takes back all that was not begun. */
  takeBackAll(): void {
    for (const { batches } of this.#threads.values()) for (const batch of batches) this.#takeBack(batch);
  }

  /**
   * Ends all threads, whatever they do. Gives the ids of those that did not end in time, stuck in a system call.
   */
  async destroy(): Promise<number[]> {
    this.#closing = true;
    clearTimeout(this.#look);
    const workers = [...this.#piscina.threads];
    const ending = workers.map((worker) => ({
      id: worker.threadId,
      ended: new Promise((resolve) => worker.once('exit', resolve)),
    }));
    for (const { batches } of this.#threads.values()) for (const { abort } of batches) abort.abort();
    void this.#piscina.destroy();
    const hanging = new Set(ending.map(({ id }) => id));
    let limit: ReturnType<typeof setTimeout> | undefined;
    await Promise.race([
      Promise.all(ending.map(({ id, ended }) => ended.then(() => hanging.delete(id)))),
      new Promise((resolve) => {
        limit = setTimeout(resolve, terminateMs);
      }),
    ]);
    clearTimeout(limit);
    return [...hanging];
  }

  #addThread(id: number): void {
    const { port1, port2 } = new MessageChannel();
    port1.unref();
    const board = new Board();
    const link: ThreadLink = { board: board.buffer, port: port2 };
    const freeSlots = Array.from({ length: slotCount }, (_, slot) => slotCount - 1 - slot);
    this.#threads.set(id, { id, board, port: port1, link, freeSlots, batches: new Set() });
    // The pool gives a new thread no task before it has told all listeners of it.
    queueMicrotask(() => this.#owner.turn());
  }

  /** A thread that ended by itself has lost its id by the time the pool tells: whoever is not alive is gone. */
  #removeThreads(ended: number): void {
    const alive = new Set(this.#piscina.threads.map(({ threadId }) => threadId));
    alive.delete(ended);
    for (const thread of [...this.#threads.values()]) {
      if (alive.has(thread.id)) continue;
      this.#threads.delete(thread.id);
      // The tasks it was running fail by themselves; one that still waited for it would wait for ever.
      for (const { abort } of thread.batches) abort.abort();
    }
  }

  /** The batch is over, by itself or with its thread: whatever of it is not settled was not begun, or was interrupted. */
  #end(batch: Batch): void {
    const { thread, runs } = batch;
    this.#drain(thread);
    for (const [slot, run] of runs) {
      if (thread.board.takeBack(slot)) this.#owner.notBegun(run);
      else this.#owner.interrupted(run);
      this.#free(batch, slot);
    }
    thread.batches.delete(batch);
    this.#owner.turn();
  }

  #drain(thread: Thread): void {
    for (const outcome of thread.board.drain()) this.#settle(thread, outcome);
    for (;;) {
      const posted = receiveMessageOnPort(thread.port) as { message: PostedOutcome } | undefined;
      if (posted === undefined) return;
      this.#settle(thread, posted.message);
    }
  }

  #settle(thread: Thread, outcome: Outcome): void {
    for (const batch of thread.batches) {
      const run = batch.runs.get(outcome.slot);
      if (run === undefined) continue;
      this.#free(batch, outcome.slot);
      this.#owner.settled(run, outcome);
      return;
    }
  }

  #free({ thread, runs }: Batch, slot: number): void {
    runs.delete(slot);
    thread.board.release(slot);
    thread.freeSlots.push(slot);
  }

  #takeBack(batch: Batch): boolean {
    let any = false;
    for (const [slot, run] of batch.runs) {
      if (!batch.thread.board.takeBack(slot)) continue;
      this.#free(batch, slot);
      this.#owner.notBegun(run);
      any = true;
    }
    return any;
  }

  #lookSoon(): void {
    if (this.#look !== undefined && this.#lookMs === firstLookMs) return;
    clearTimeout(this.#look);
    this.#lookMs = firstLookMs;
    this.#look = setTimeout(() => this.#lookAfter(), this.#lookMs);
  }

  /**
   * A batch that is not over by now has a long job in it: what is done is told, that job's start is worth a record, and what
   * waits behind it need not.
   */
  #lookAfter(): void {
    this.#look = undefined;
    let watching = false;
    for (const thread of this.#threads.values()) {
      if (thread.batches.size === 0) continue;
      this.#drain(thread);
      let busy = false;
      for (const { runs } of thread.batches) {
        for (const [slot, run] of runs) {
          if (!thread.board.isBegun(slot)) continue;
          busy = true;
          this.#owner.running(run);
        }
      }
      if (busy) for (const batch of thread.batches) this.#takeBack(batch);
      else watching = true;
    }
    if (watching) {
      this.#lookMs = Math.min(this.#lookMs * 2, longestLookMs);
      this.#look = setTimeout(() => this.#lookAfter(), this.#lookMs);
    }
    this.#owner.turn();
  }
}
