/**
 * The worker threads: a Piscina pool, and the batches that each thread has.
 *
 * A batch of claimed jobs is one Piscina task. This class decides which thread gets it, because
 * each thread has a board of its own; the pool's load balancer only looks the thread up.
 */
import { parentPort, type ResourceLimits } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { transferListOf } from '../../codec/transfer.js';
import { agentName, type Id } from '../../core/records.js';
import type { RunReport } from '../../protocol/board.js';
import type { ModuleDescription, ThreadMessage, WorkerSetup, WorkerTask } from '../../protocol/dispatch.js';
import { errorToData } from '../../protocol/error-data.js';
import type { WireModule } from '../../protocol/messages.js';
import { RunBatchWriter } from '../../protocol/run-batch.js';
import type { ThreadUsage } from '../../protocol/status.js';
import { threadArguments } from '../../protocol/thread-arguments.js';
import { BatchWatch, type Seen, settlingWaitMs } from './batch-watch.js';
import type { PoolOwner, PoolPort, Run, RunningRun, ThreadLoad } from './pool-port.js';
import { StopTimers } from './stop-timers.js';
import { type Batch, Thread } from './thread.js';
import { exitError, uncaughtError } from './thread-end.js';

export interface PoolOptions {
  readonly threads: number;
  /** Threads that may be started in addition while jobs wait for others. */
  readonly extraThreads: number;
  readonly setup: WorkerSetup;
  readonly execArgv: readonly string[];
  readonly resourceLimits: ResourceLimits;
  /** The time that a job may go on after it was asked to stop, before its thread is ended. */
  readonly stopGraceMs: number;
}

/** The batch that a thread runs and the batch ahead. */
const batchesAtOnce = 2;
/** Runs that wait for less time than this are not worth moving to another thread. */
const leastSharedMs = 2;

/** An extra thread ends when it has been idle for this time. */
const extraIdleMs = 10_000;

/** A thread that does not end within this time is stuck in a system call and is left behind. */
const terminateMs = 2000;

export class Pool implements PoolPort {
  readonly size: number;
  readonly mostThreads: number;
  readonly #owner: PoolOwner;
  readonly #options: PoolOptions;
  readonly #piscina: Piscina;
  /**
   * Extra pools of one thread each, started while jobs waited for others, with the timer of their
   * end.
   */
  readonly #extra = new Map<Piscina, ReturnType<typeof setTimeout> | undefined>();
  readonly #threads = new Map<number, Thread>();
  readonly #stopTimers: StopTimers;
  readonly #writer = new RunBatchWriter();
  #modules: Readonly<Record<string, WireModule>> = {};
  /**
   * The thread for the task that is being passed to Piscina. A task that Piscina queues is found in
   * `#targets` by its number.
   */
  #target: number | undefined;
  readonly #targets = new Map<number, number>();
  readonly #batchWatch = new BatchWatch((thread) => this.#lookAfter(thread));
  /** Batches that are over, with outcomes that wait for others. */
  readonly #unsettled: Batch[] = [];
  #settling: ReturnType<typeof setTimeout> | undefined;
  /** See `beginUntil`. Undefined where no other process can take jobs over. */
  #beginLimit: number | undefined;
  #tracesRuns = false;
  #closing = false;
  /** The last error reported with its thread, which Piscina reports once more without it. */
  #toldError: unknown;

  constructor(owner: PoolOwner, options: PoolOptions) {
    this.#owner = owner;
    this.#options = options;
    this.size = options.threads;
    this.mostThreads = options.threads + options.extraThreads;
    this.#stopTimers = new StopTimers(options.stopGraceMs);
    this.#piscina = this.#makePiscina(options.threads);
  }

  #makePiscina(threads: number): Piscina {
    const { setup, execArgv, resourceLimits } = this.#options;
    const piscina = new Piscina({
      filename: new URL('../../worker/entry.cjs', import.meta.url).href,
      minThreads: threads,
      maxThreads: threads,
      concurrentTasksPerWorker: batchesAtOnce,
      idleTimeout: Number.POSITIVE_INFINITY,
      recordTiming: false,
      // With `atomics`, an idle thread sleeps for its next task and keeps the timers and
      // connections of its modules waiting.
      atomics: 'disabled',
      workerData: setup,
      resourceLimits,
      ...threadArguments(execArgv),
      loadBalancer: ({ taskId }, workers) => {
        if (this.#target !== undefined) this.#targets.set(taskId, this.#target);
        const target = this.#targets.get(taskId);
        const worker = workers.find(({ id }) => target === undefined || id === target);
        if (worker === undefined) return null;
        this.#targets.delete(taskId);
        return worker;
      },
    });
    piscina.on('workerCreate', ({ id }: { id: number }) => this.#addThread(id, piscina));
    piscina.on('workerDestroy', ({ id }: { id: number }) => this.#removeThreads(id, piscina));
    // With --watch, Node posts the names of files that a thread imports, so that they are watched,
    // too.
    piscina.on('message', (message: unknown) => {
      if (isWatched(message)) parentPort?.postMessage(message);
    });
    piscina.on('error', (error: unknown) => {
      if (error !== this.#toldError) this.#owner.threadDied(uncaughtError(error, undefined));
    });
    return piscina;
  }

  /** Imports a registered module in a thread. Rejects if the import ends the thread. */
  describe(module: string): Promise<ModuleDescription> {
    return this.#piscina.run({ type: 'describe', module } satisfies WorkerTask);
  }

  introduce(modules: Readonly<Record<string, WireModule>>): void {
    this.#modules = modules;
  }

  loads(): readonly ThreadLoad[] {
    return Array.from(this.#threads.values(), ({ id, batches, agents, overdue }) => ({
      thread: id,
      // A thread with an overdue job counts as full, so that nothing is put behind that job.
      batches: overdue === undefined ? batches.size : batchesAtOnce,
      agents,
    }));
  }

  start(threadId: number, runs: readonly Run[]): boolean {
    const thread = this.#threads.get(threadId);
    if (thread === undefined || thread.freeSlots < runs.length) return false;
    const batch: Batch = {
      thread,
      agent: runs[0]!.free ? '' : runs[0]!.agent,
      runs: new Map(),
      expectedMs: runs.reduce((sum, { expectedMs }) => sum + expectedMs, 0),
    };
    let last = runs[0]!.agent;
    let agent = agentName(last);
    for (const run of runs) {
      if (run.agent !== last) {
        last = run.agent;
        agent = agentName(last);
      }
      const { slot, word } = thread.assign(batch, run);
      const { job: id, parent, isPart, callable, attempt, queue, args, fed, log, timeoutMs } = run;
      const timed = timeoutMs > 0;
      this.#writer.add({ slot, word, id, parent, isPart, callable, attempt, queue, agent, args, fed, timed, log });
    }
    thread.batches.add(batch);
    this.#keep(thread);
    const packed = this.#writer.finish();
    const link = thread.takeLink(this.#modules);
    const task: WorkerTask = { type: 'run', batch: packed, ...(link === undefined ? {} : { link }) };
    const transferList = [packed.buffer as ArrayBuffer, ...(link === undefined ? [] : [link.port])];
    this.#target = threadId;
    const done = thread.piscina.run(task, { transferList, signal: thread.ended });
    this.#target = undefined;
    done.then(
      (isWorn: boolean) => {
        if (isWorn) this.#retire(thread);
        this.#over(batch);
      },
      (error: Error) => this.#over(batch, error),
    );
    if (thread.batches.size === 1) this.#batchWatch.watch(thread, batch.expectedMs);
    return true;
  }

  stop(job: Id): void {
    const found = this.#find(job);
    if (found === undefined || this.takeBack(job)) return;
    const { thread, slot, run } = found;
    this.#stopTimers.stop(thread, slot, run, 'stop');
  }

  stopAll(): void {
    const out = [...this.#threads.values()].flatMap(({ batches }) =>
      [...batches].flatMap(({ runs }) => [...runs.values()]),
    );
    for (const { job } of out) this.stop(job);
  }

  beginUntil(moment: number): void {
    this.#beginLimit = moment;
    for (const { board } of this.#threads.values()) board.beginUntil(moment);
  }

  traceRuns(isOn: boolean): void {
    this.#tracesRuns = isOn;
    for (const { board } of this.#threads.values()) board.traceRuns(isOn);
  }

  takeBack(job: Id): boolean {
    const found = this.#find(job);
    if (found === undefined || !found.thread.board.takeBack(found.slot)) return false;
    found.thread.free(found.batch, found.slot);
    this.#owner.notBegun(found.run);
    this.#owner.turn();
    return true;
  }

  threadOf(job: Id): number | undefined {
    const found = this.#find(job);
    return found?.thread.board.isBegun(found.slot) ? found.thread.id : undefined;
  }

  running(): readonly RunningRun[] {
    const running: RunningRun[] = [];
    for (const thread of this.#threads.values()) {
      const run = begunIn(thread);
      if (run !== undefined) running.push({ thread: thread.id, run });
    }
    return running;
  }

  tellRunning(): void {
    for (const thread of this.#threads.values()) {
      this.#drain(thread);
      const run = begunIn(thread);
      if (run !== undefined) this.#owner.running(run);
    }
  }

  get out(): number {
    let out = 0;
    for (const { batches } of this.#threads.values()) for (const { runs } of batches) out += runs.size;
    return out;
  }

  share(canMove: (run: Run, isLast: boolean) => boolean): boolean {
    let most: Unbegun[] = [];
    let mostMs = leastSharedMs;
    for (const thread of this.#threads.values()) {
      const unbegun = unbegunIn(thread);
      const front = begunIn(thread);
      const movable = unbegun.filter(({ run }) => canMove(run, run.agent !== front?.agent));
      if (movable.length === 0) continue;
      const waitingMs = unbegun.reduce((sum, { run }) => sum + run.expectedMs, 0);
      const frontMs = front?.expectedMs ?? 0;
      if (frontMs + waitingMs < mostMs) continue;
      // The thread keeps the first half and goes on with it. If the running job is longer than the
      // whole rest, all of it moves.
      most = frontMs > waitingMs ? movable : movable.slice(Math.floor(movable.length / 2));
      mostMs = frontMs + waitingMs;
    }
    const taken = most.filter(({ thread, slot }) => thread.board.takeBack(slot));
    for (const { thread, batch, slot, run } of taken) this.#takenBack(thread, batch, slot, run);
    return taken.length > 0;
  }

  clear(id: number): void {
    const thread = this.#threads.get(id);
    for (const batch of thread?.batches ?? []) this.#takeBack(batch);
  }

  grow(): void {
    const isStarting = this.#threads.size < this.size + this.#extra.size;
    if (isStarting || this.#closing || this.size + this.#extra.size >= this.mostThreads) return;
    this.#extra.set(this.#makePiscina(1), undefined);
  }

  /** Starts the timer that ends an extra thread which has become idle. */
  #leave(thread: Thread): void {
    const { piscina } = thread;
    if (!this.#extra.has(piscina) || this.#closing) return;
    clearTimeout(this.#extra.get(piscina));
    const end = () => {
      this.#extra.delete(piscina);
      this.#threads.delete(thread.id);
      thread.end();
      thread.close();
      void piscina.destroy();
    };
    this.#extra.set(piscina, setTimeout(end, extraIdleMs));
  }

  #keep({ piscina }: Thread): void {
    if (!this.#extra.has(piscina)) return;
    clearTimeout(this.#extra.get(piscina));
    this.#extra.set(piscina, undefined);
  }

  takeBackAll(): void {
    for (const { batches } of this.#threads.values()) for (const batch of batches) this.#takeBack(batch);
  }

  async destroy(): Promise<number[]> {
    this.#closing = true;
    this.#batchWatch.end();
    clearTimeout(this.#settling);
    this.#stopTimers.clear();
    const hanging = new Set<number>();
    const piscinas = [this.#piscina, ...this.#extra.keys()];
    for (const timer of this.#extra.values()) clearTimeout(timer);
    const ends = piscinas
      .flatMap(({ threads }) => threads)
      .map((worker) => {
        const { threadId } = worker;
        hanging.add(threadId);
        return new Promise<void>((resolve) => {
          worker.once('exit', () => {
            hanging.delete(threadId);
            resolve();
          });
        });
      });
    for (const thread of this.#threads.values()) thread.end();
    for (const piscina of piscinas) void piscina.destroy();
    let limit: ReturnType<typeof setTimeout> | undefined;
    const patience = new Promise((resolve) => {
      limit = setTimeout(resolve, terminateMs);
    });
    await Promise.race([Promise.all(ends), patience]);
    clearTimeout(limit);
    return [...hanging];
  }

  #addThread(id: number, piscina: Piscina): void {
    const thread: Thread = new Thread(id, piscina, (message) => {
      this.#hear(thread, message);
      this.#owner.turn();
    });
    if (this.#beginLimit !== undefined) thread.board.beginUntil(this.#beginLimit);
    if (this.#tracesRuns) thread.board.traceRuns(true);
    this.#threads.set(id, thread);
    this.#listenForEnd(thread);
    this.#leave(thread);
    // Piscina gives a new thread no task before all its listeners have been called.
    queueMicrotask(() => this.#owner.turn());
  }

  usage(): readonly ThreadUsage[] {
    return Array.from(this.#threads.values(), (thread) => {
      const loop = workerOf(thread)?.performance.eventLoopUtilization();
      const { heapBytes, externalBytes, cpuMs } = thread.load ?? {};
      return {
        thread: thread.id,
        activeMs: loop?.active ?? 0,
        idleMs: loop?.idle ?? 0,
        heapBytes,
        externalBytes,
        cpuMs,
      };
    });
  }

  /** Listens before Piscina does, which on an end takes away the runs of the thread. */
  #listenForEnd(thread: Thread): void {
    const worker = workerOf(thread);
    const heapLimitMb = worker?.resourceLimits?.maxOldGenerationSizeMb;
    worker?.prependListener('error', (error: unknown) => {
      this.#toldError = error;
      this.#died(thread, uncaughtError(error, heapLimitMb));
    });
    worker?.prependListener('exit', (code) => {
      this.#drain(thread);
      this.#died(thread, exitError(code));
    });
  }

  /** Records the first error reported of a thread's end, which is the cause. */
  #died(thread: Thread, error: Error): void {
    if (this.#closing || thread.isEnded || thread.died !== undefined) return;
    thread.died = error;
    this.#owner.threadDied(error, begunIn(thread));
  }

  /**
   * Removes ended threads. By the time Piscina reports an end, the thread has lost its id, so every
   * thread that is not alive is removed.
   */
  #removeThreads(ended: number, piscina: Piscina): void {
    const alive = new Set(piscina.threads.map(({ threadId }) => threadId));
    alive.delete(ended);
    for (const thread of [...this.#threads.values()]) {
      if (thread.piscina === piscina && !alive.has(thread.id)) this.#remove(thread);
    }
  }

  #remove(thread: Thread): void {
    this.#threads.delete(thread.id);
    // Its running tasks fail by themselves, with the reason. A task still queued for it would wait
    // for ever.
    setImmediate(() => thread.end());
  }

  /**
   * Ends a thread after its task failed or was left incomplete. Outcomes of jobs are data, so an
   * error means that callsheet's own code failed in the thread: a job has broken something that
   * this code depends on (such as a method of `Uint8Array.prototype`), and the next jobs would
   * fail, too.
   */
  #giveUp(thread: Thread, error: Error): void {
    if (this.#closing || thread.isEnded || !this.#threads.has(thread.id)) return;
    this.#died(thread, error);
    this.#remove(thread);
    void thread.piscina.threads.find(({ threadId }) => threadId === thread.id)?.terminate();
  }

  #retire(thread: Thread): void {
    if (!this.#threads.delete(thread.id)) return;
    thread.end();
    void thread.piscina.threads.find(({ threadId }) => threadId === thread.id)?.terminate();
  }

  /** Notes that a batch is over, by itself or with its thread. */
  #over(batch: Batch, failed?: Error): void {
    const { thread } = batch;
    const [, next] = thread.batches;
    if (next !== undefined) this.#batchWatch.watch(thread, next.expectedMs);
    const waits = next !== undefined && failed === undefined && this.#threads.has(thread.id);
    const ms = waits ? settlingWaitMs(next) : 0;
    if (ms > 0) {
      this.#unsettled.push(batch);
      this.#settling ??= setTimeout(() => this.#settleAll(), ms);
      return;
    }
    this.#endUnsettled();
    this.#end(batch, failed);
    this.#owner.turn();
  }

  /** Settles everything that has ended, in one turn. */
  #settleAll(): void {
    this.#endUnsettled();
    for (const thread of this.#threads.values()) this.#drain(thread);
    this.#owner.turn();
  }

  settleWaiting(): void {
    if (this.#unsettled.length > 0) this.#endUnsettled();
  }

  #endUnsettled(): void {
    clearTimeout(this.#settling);
    this.#settling = undefined;
    for (const batch of this.#unsettled.splice(0)) this.#end(batch);
  }

  /** Ends a batch. A run that is not settled was either not begun or interrupted. */
  #end(batch: Batch, failed?: Error): void {
    const { thread, runs } = batch;
    this.#drain(thread);
    if (failed !== undefined) this.#giveUp(thread, failed);
    else if (runs.size > 0 && !thread.isEnded)
      this.#giveUp(thread, new Error('a thread reported its batch as done, but did not report the end of each job'));
    for (const [slot, run] of runs) {
      const begun = !thread.board.takeBack(slot);
      const isTimedOut = this.#stopTimers.take(run.job);
      thread.free(batch, slot);
      if (!begun) this.#owner.notBegun(run);
      else if (isTimedOut) this.#owner.timedOut(run, true);
      else this.#owner.interrupted(run, thread.died);
    }
    thread.batches.delete(batch);
    if (thread.batches.size === 0) {
      this.#batchWatch.leave(thread);
      this.#leave(thread);
    }
    if (!this.#threads.has(thread.id)) thread.close();
  }

  /** Handles what the thread has reported. Returns `true` if there was anything. */
  #drain(thread: Thread): boolean {
    let heard = thread.board.drain((report) => this.#settle(thread, report));
    for (const message of thread.unheard()) {
      this.#hear(thread, message);
      heard++;
    }
    if (thread.board.isBroken) this.#giveUp(thread, new Error('a thread wrote an impossible report of a job'));
    return heard > 0;
  }

  #hear(thread: Thread, message: ThreadMessage): void {
    switch (message[0]) {
      case 'report':
        return this.#settle(thread, message[1], message[2]);
      case 'began':
        return this.#limit(thread, message[1]);
      case 'exits':
        return this.#died(thread, exitError(message[1], message[2]));
      case 'traced':
        return this.#owner.traced(message[1]);
      case 'log':
        return this.#owner.log(message[1], message[2], message[3]);
      case 'load':
        thread.load = message[1];
        return;
      case 'annotate':
        return this.#owner.annotate(message[1], message[2], message[3]);
      case 'ask':
        return this.#owner.ask(message[2], (error, answer) =>
          thread.say(error === undefined ? ['answer', message[1], answer] : ['error', message[1], errorToData(error)]),
        );
      case 'put': {
        const [, request, by, put] = message;
        return this.#owner.putNow(by, put, (error, same) =>
          thread.say(error === undefined ? ['answer', request, same] : ['error', request, errorToData(error)]),
        );
      }
      case 'buffers': {
        const [, request, job] = message;
        const buffers = this.#owner.handOver(job);
        return thread.say(['answer', request, buffers], transferListOf(new Map([[job, buffers]])));
      }
      case 'outcome of': {
        const [, request, job] = message;
        return this.#owner.waitForOutcome(begunIn(thread)?.job ?? '', job, (error, outcome) =>
          thread.say(error === undefined ? ['answer', request, outcome] : ['error', request, errorToData(error)]),
        );
      }
      case 'annotation': {
        const [, request, job, name, timeoutMs] = message;
        const by = begunIn(thread)?.job ?? '';
        return this.#owner.waitForAnnotation(by, job, name, timeoutMs, (value) =>
          thread.say(['answer', request, value]),
        );
      }
    }
  }

  #settle(thread: Thread, report: RunReport, request = 0): void {
    const found = thread.find(report.slot);
    if (found === undefined) return;
    const { batch, run } = found;
    thread.free(batch, report.slot);
    if (this.#stopTimers.take(run.job)) this.#owner.timedOut(run);
    else if (request === 0) this.#owner.settled(run, report);
    else this.#owner.settled(run, report, () => thread.say(['answer', request, null]));
  }

  #limit(thread: Thread, slot: number): void {
    const found = thread.find(slot);
    if (found !== undefined) this.#stopTimers.limit(thread, slot, found.run);
  }

  #find(job: Id): { thread: Thread; batch: Batch; slot: number; run: Run } | undefined {
    for (const thread of this.#threads.values()) {
      for (const batch of thread.batches) {
        for (const [slot, run] of batch.runs) if (run.job === job) return { thread, batch, slot, run };
      }
    }
    return undefined;
  }

  #takeBack(batch: Batch): void {
    const { thread, runs } = batch;
    for (const [slot, run] of runs) if (thread.board.takeBack(slot)) this.#takenBack(thread, batch, slot, run);
  }

  #takenBack(thread: Thread, batch: Batch, slot: number, run: Run): void {
    thread.free(batch, slot);
    this.#owner.notBegun(run);
    this.#owner.turn();
  }

  /**
   * Looks after a thread with a batch that is late: a long job is in it. Reports that have arrived
   * are settled, the start of the long job is recorded, and if the job is overdue, the runs behind
   * it are taken back.
   */
  #lookAfter(thread: Thread): Seen {
    const hasReported = this.#drain(thread);
    const begun = begunIn(thread);
    const isSame = thread.lookAt(begun);
    if (isSame) this.#owner.running(begun!);
    if (hasReported || isSame) this.#owner.turn();
    if (thread.overdue === undefined) return isSame ? 'same' : 'other';
    for (const batch of thread.batches) this.#takeBack(batch);
    return 'enough';
  }
}

const isWatched = (message: unknown) =>
  typeof message === 'object' && message !== null && ('watch:import' in message || 'watch:require' in message);

function begunIn({ board, batches }: Thread): Run | undefined {
  for (const { runs } of batches) for (const [slot, run] of runs) if (board.isBegun(slot)) return run;
  return undefined;
}

interface Unbegun {
  readonly thread: Thread;
  readonly batch: Batch;
  readonly slot: number;
  readonly run: Run;
}

function unbegunIn(thread: Thread): Unbegun[] {
  const unbegun: Unbegun[] = [];
  for (const batch of thread.batches) {
    for (const [slot, run] of batch.runs) if (thread.board.isAssigned(slot)) unbegun.push({ thread, batch, slot, run });
  }
  return unbegun;
}

const workerOf = ({ piscina, id }: Thread) => piscina.threads.find(({ threadId }) => threadId === id);
