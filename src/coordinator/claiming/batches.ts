/**
 * Plans which jobs go to which thread, and how many in one batch.
 *
 * A plan is made twice a turn and never kept (see `claiming.ts`). `claim` plans without runs
 * (`Batches<null>`), to learn how many jobs may be claimed before the commit. `start` plans with
 * the runs (`Batches<Run>`), to fill batches once the store has released them. Both use the same
 * rules, so a job that the first plan has room for fits in the second, unless a thread has ended
 * meanwhile.
 *
 * A batch has the jobs of one agent, for about a millisecond by the estimates of their callables; a
 * long job, or one of unknown duration, is a batch of its own. If more jobs wait than all threads
 * have room for that way, batches grow to several milliseconds, since passing a batch to a thread
 * costs as much as a short job. A thread has the batch that it runs and at most one ahead, so that
 * it never waits for a commit. The batch ahead is taken back as soon as another thread is idle, or
 * as soon as the running job takes longer than expected. A job that must not be ahead of its time
 * waits for an idle thread, and nothing more is put ahead on the thread chosen for it. An agent has
 * jobs on no more threads than its size, including jobs in their callbacks.
 *
 * A thread with a job that waits for another job gets nothing. It counts among the busy threads and
 * among those of its agent. It does not count for awaited jobs, so that these always find a thread.
 */
import { slotCount } from '../../protocol/board.js';
import type { ThreadLoad } from '../pool/pool-port.js';
import type { Estimates } from './estimates.js';

/**
 * The limits of a batch. Every thread is filled to the first limit before any is filled to the
 * second.
 */
const batchLimitsMs = [1, 25];
const batchJobs = slotCount / 2;
/**
 * A job that takes longer is never put ahead on a busy thread: jobs put later that go before it in
 * line would have to wait for it.
 */
const aheadMs = 100;

export interface Wanted {
  readonly callable: string;
  /** `true` if it needs an idle thread, however short it is. */
  readonly alone?: boolean;
}

/** Each thread is busy, or the agent has jobs on as many threads as it may. */
export type Refusal = 'threads-busy' | 'agent-full';

/** The number of threads on which an agent may have jobs: for any job, and for awaited jobs. */
export interface AgentRoom {
  readonly forAll: number;
  readonly forAwaited: number;
}

export interface Room {
  readonly loads: readonly ThreadLoad[];
  /** Threads that may be busy while no job waits for another. */
  readonly threads: number;
  /** The threads of jobs that wait for others. */
  readonly waiting: ReadonlySet<number>;
  readonly roomOf: (agent: string) => AgentRoom;
}

interface Open<T> {
  readonly thread: number;
  readonly idle: boolean;
  readonly agents: readonly string[];
  readonly items: T[];
  agent: string;
  ms: number;
}

/** Fills the threads job by job, in the order of the calls; idle threads first. */
export class Batches<T> {
  readonly #estimates: Estimates;
  readonly #open: Open<T>[] = [];
  readonly #roomOf: Room['roomOf'];
  /** The threads left for each agent that has jobs. */
  readonly #left = new Map<string, { forAll: number; forAwaited: number }>();
  /** Threads that may still become busy, and busy threads that wait. */
  #idleLeft: number;
  readonly #waitingThreads: number;
  #isHeld = false;
  #refusal: Refusal = 'threads-busy';

  constructor({ loads, threads, waiting, roomOf }: Room, estimates: Estimates) {
    this.#estimates = estimates;
    this.#roomOf = roomOf;
    this.#idleLeft = threads;
    this.#waitingThreads = waiting.size;
    for (const { thread, batches, agents } of loads) {
      if (batches > 0) this.#idleLeft--;
      for (const agent of agents) this.#takePlace(agent, waiting.has(thread));
    }
    for (const load of loads) if (load.batches === 0) this.#add(load, waiting);
    for (const load of loads) if (load.batches === 1) this.#add(load, waiting);
  }

  #add({ thread, batches, agents }: ThreadLoad, waiting: ReadonlySet<number>): void {
    if (!waiting.has(thread)) this.#open.push({ thread, idle: batches === 0, agents, items: [], agent: '', ms: 0 });
  }

  /** The most jobs that may still get a place, as far as that does not depend on the jobs. */
  get most(): number {
    return this.#open.reduce((sum, { items }) => sum + batchJobs - items.length, 0);
  }

  get hasRoom(): boolean {
    return this.#open.length > 0;
  }

  /**
   * Places a job. Returns `false` if no thread has room for it. `agent` is empty for a job that
   * needs no place of one; `awaited`: a running job waits for it.
   */
  place(wanted: Wanted, agent: string, awaited: boolean, item: T): boolean {
    if (this.#tryToPlace(wanted, agent, awaited, item)) return true;
    this.#refusal = agent === '' || this.#hasPlace(agent, awaited) ? 'threads-busy' : 'agent-full';
    return false;
  }

  #tryToPlace(wanted: Wanted, agent: string, awaited: boolean, item: T): boolean {
    const ms = wanted.alone === true ? Number.POSITIVE_INFINITY : this.#estimates.of(wanted.callable);
    const idleLeft = this.#idleLeft + (awaited ? this.#waitingThreads : 0);
    this.#isHeld = false;
    for (const limitMs of batchLimitsMs) {
      for (const open of this.#open) {
        if (open.items.length > 0) {
          const fits = open.agent === agent && open.items.length < batchJobs && open.ms + ms <= limitMs;
          if (!fits) continue;
        } else {
          // If more threads are busy than may be, because some wait, a batch ahead could begin
          // beside the jobs that wait.
          if (open.idle ? idleLeft <= 0 : idleLeft < 0) continue;
          const isNew = agent !== '' && !open.agents.includes(agent);
          if (isNew && !this.#hasPlace(agent, awaited)) continue;
          if (!open.idle && ms > aheadMs) {
            if (awaited) continue;
            this.#hold(open);
            return false;
          }
          if (isNew) this.#takePlace(agent, false);
          if (open.idle) this.#idleLeft--;
          open.agent = agent;
        }
        open.items.push(item);
        open.ms += ms;
        return true;
      }
    }
    return false;
  }

  #hasPlace(agent: string, awaited: boolean): boolean {
    const left = this.#left.get(agent) ?? this.#roomOf(agent);
    return (awaited ? left.forAwaited : left.forAll) > 0;
  }

  #takePlace(agent: string, waits: boolean): void {
    const left = this.#left.get(agent) ?? { ...this.#roomOf(agent) };
    this.#left.set(agent, left);
    left.forAll--;
    if (!waits) left.forAwaited--;
  }

  /** Keeps a thread free of a batch ahead, for a job that waits for it to be idle. */
  #hold(open: Open<T>): void {
    this.#isHeld = true;
    this.#open.splice(this.#open.indexOf(open), 1);
  }

  /** `true` if the job refused last waits for an idle thread. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** The reason for which the last job was refused. */
  get refusal(): Refusal {
    return this.#refusal;
  }

  /** `true` if an idle thread was given nothing. */
  get isAnyIdle(): boolean {
    return this.#open.some(isUnused);
  }

  /**
   * `true` if a run not yet begun on another thread may move to such a thread. `isLast`: it is the
   * last run of its agent there.
   */
  canMove(agent: string, awaited: boolean, isLast: boolean): boolean {
    const idleLeft = this.#idleLeft + (awaited ? this.#waitingThreads : 0);
    if (idleLeft <= 0 || !this.#open.some(isUnused)) return false;
    return agent === '' || isLast || this.#hasPlace(agent, awaited);
  }

  /** `true` if one more thread would run an awaited job. */
  get lacksThread(): boolean {
    return this.#idleLeft + this.#waitingThreads > 0 && !this.#open.some(isUnused);
  }

  get filled(): readonly { readonly thread: number; readonly items: readonly T[] }[] {
    return this.#open.filter(({ items }) => items.length > 0);
  }
}

const isUnused = ({ idle, items }: Open<unknown>) => idle && items.length === 0;
