/**
 * Which thread gets which job, and how many at once.
 *
 * A batch is about a millisecond of work of one agent by what its callables took before, one job
 * where that is long or unknown; where more waits than all threads have room for that way, it is
 * several milliseconds, since handing a batch over costs as much as a short job. A thread has the
 * batch that it runs and at most one ahead, so that no thread waits for a commit. What is ahead is
 * taken back as soon as another thread has nothing to do, or the job before it takes longer than it
 * was expected to. A job that is not to be ahead waits for a thread with nothing to do, on which
 * nothing more is put ahead meanwhile. An agent has jobs on no more threads than its size, those
 * whose callbacks run counted in.
 *
 * A thread whose job waits for another is given nothing. It has its place all the same, among the
 * threads and among those of its agent; but for what is waited for, it counts in neither, so that
 * there is always a thread for that.
 */
import { slotCount } from '../../protocol/board.js';
import type { ThreadLoad } from '../pool/pool-port.js';
import type { Estimates } from './estimates.js';

/** Every thread gets so much before any gets more. */
const batchLimitsMs = [1, 25];
const batchJobs = slotCount / 2;
/**
 * A job that takes longer is not given to a busy thread: what is put later, and goes first, would
 * have to wait for it.
 */
const aheadMs = 100;

/** What is asked of a job that wants a place. */
export interface Wanted {
  readonly callable: string;
  readonly agent: string;
  /** It needs no place of its agent's. */
  readonly free: boolean;
  /** A running job waits for it. */
  readonly awaited?: boolean;
  /** It needs a thread with nothing to do, however short it is. */
  readonly alone?: boolean;
}

/** On how many threads an agent may have jobs: any, and those that are waited for. */
export interface AgentRoom {
  readonly forAll: number;
  readonly forAwaited: number;
}

/** What there is to fill. */
export interface Room {
  readonly loads: readonly ThreadLoad[];
  /** How many threads can be busy, where none waits. */
  readonly threads: number;
  /** The threads whose jobs wait for others. */
  readonly waiting: ReadonlySet<number>;
  /** For each agent, on how many threads it may have jobs. */
  readonly roomOf: (agent: string) => AgentRoom;
}

interface Open<T> {
  readonly thread: number;
  readonly idle: boolean;
  readonly agents: ReadonlySet<string>;
  readonly items: T[];
  agent: string;
  ms: number;
}

/** Fills the room of all threads, job by job in their order; idle threads first. */
export class Batches<T> {
  readonly #estimates: Estimates;
  readonly #open: Open<T>[];
  readonly #roomOf: Room['roomOf'];
  /** For each agent that has jobs there, on how many more threads it may have some. */
  readonly #left = new Map<string, { forAll: number; forAwaited: number }>();
  /** How many more threads can be busy; and how many of those that are wait. */
  #idleLeft: number;
  readonly #waitingThreads: number;
  #isHeld = false;

  constructor({ loads, threads, waiting, roomOf }: Room, estimates: Estimates) {
    this.#estimates = estimates;
    this.#roomOf = roomOf;
    this.#idleLeft = threads;
    this.#waitingThreads = waiting.size;
    for (const { thread, batches, agents } of loads) {
      if (batches > 0) this.#idleLeft--;
      for (const agent of agents) this.#takePlace(agent, waiting.has(thread));
    }
    this.#open = loads
      .filter(({ thread, batches }) => batches < 2 && !waiting.has(thread))
      .sort((a, b) => a.batches - b.batches)
      .map(({ thread, batches, agents }) => ({ thread, idle: batches === 0, agents, items: [], agent: '', ms: 0 }));
  }

  /** Whether any thread has room for anything. */
  get hasRoom(): boolean {
    return this.#open.length > 0;
  }

  /** False: no thread has room for it now. */
  place({ callable, agent: owner, free, awaited = false, alone = false }: Wanted, item: T): boolean {
    const agent = free ? '' : owner;
    const ms = alone ? Number.POSITIVE_INFINITY : this.#estimates.of(callable);
    const idleLeft = this.#idleLeft + (awaited ? this.#waitingThreads : 0);
    this.#isHeld = false;
    for (const limitMs of batchLimitsMs) {
      for (const open of this.#open) {
        if (open.items.length > 0) {
          const fits = open.agent === agent && open.items.length < batchJobs && open.ms + ms <= limitMs;
          if (!fits) continue;
        } else {
          // What is ahead where more threads are busy than there are for all might begin beside
          // those that wait.
          if (open.idle ? idleLeft <= 0 : idleLeft < 0) continue;
          const isNew = !free && !open.agents.has(agent);
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

  /** Nothing is put ahead there. */
  #hold(open: Open<T>): void {
    this.#isHeld = true;
    this.#open.splice(this.#open.indexOf(open), 1);
  }

  /** Whether the job that was last refused waits for a thread with nothing to do. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Whether a thread has nothing to do, and was given nothing. */
  get isAnyIdle(): boolean {
    return this.#open.some(isUnused);
  }

  /**
   * Whether such a thread could have what another has not begun: that is the last of its agent's
   * there or not.
   */
  canMove({ agent, free, awaited = false }: Omit<Wanted, 'callable'>, isLast: boolean): boolean {
    const idleLeft = this.#idleLeft + (awaited ? this.#waitingThreads : 0);
    if (idleLeft <= 0 || !this.#open.some(isUnused)) return false;
    return free || isLast || this.#hasPlace(agent, awaited);
  }

  /** Whether one more thread would run what is waited for. */
  get lacksThread(): boolean {
    return this.#idleLeft + this.#waitingThreads > 0 && !this.#open.some(isUnused);
  }

  /** What was placed, thread by thread. */
  get filled(): readonly { readonly thread: number; readonly items: readonly T[] }[] {
    return this.#open.filter(({ items }) => items.length > 0);
  }
}

const isUnused = ({ idle, items }: Open<unknown>) => idle && items.length === 0;
