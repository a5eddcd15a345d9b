/**
 * Which thread gets which job, and how many at once.
 *
 * A batch is about a millisecond of work of one agent by what its callables took before, one job where that is long or unknown; where more
 * waits than all threads have room for that way, it is several milliseconds, since handing a batch over costs as much as a short job. A thread
 * has the batch that it runs and at most one ahead, so that no thread waits for a commit. What is ahead is taken back as soon as another thread
 * has nothing to do, or the job before it takes longer than it was expected to. A job that is not to be ahead waits for a thread with nothing to
 * do, on which nothing more is put ahead meanwhile. An agent has jobs on no more threads than its size, those whose callbacks run counted in.
 */
import { slotCount } from '../protocol/board.js';
import type { Estimates } from './estimates.js';
import type { ThreadLoad } from './pool-port.js';

/** Every thread gets so much before any gets more. */
const batchLimitsMs = [1, 25];
const batchJobs = slotCount / 2;
/** A job that takes longer is not given to a busy thread: what is put later, and goes first, would have to wait for it. */
const aheadMs = 100;

/** What is asked of a job that wants a place. */
export interface Wanted {
  readonly callable: string;
  readonly agent: string;
  /** It needs no place of its agent's. */
  readonly free: boolean;
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
  /** For each agent, on how many more threads it may have jobs. */
  readonly #left: Map<string, number>;
  #isHeld = false;

  constructor(loads: readonly ThreadLoad[], estimates: Estimates, sizes: ReadonlyMap<string, number>) {
    this.#estimates = estimates;
    this.#left = new Map(sizes);
    for (const { agents } of loads) for (const agent of agents) this.#left.set(agent, (this.#left.get(agent) ?? 0) - 1);
    this.#open = loads
      .filter(({ batches }) => batches < 2)
      .sort((a, b) => a.batches - b.batches)
      .map(({ thread, batches, agents }) => ({ thread, idle: batches === 0, agents, items: [], agent: '', ms: 0 }));
  }

  /** Whether any thread has room for anything. */
  get hasRoom(): boolean {
    return this.#open.length > 0;
  }

  /** False: no thread has room for it now. */
  place({ callable, agent: owner, free }: Wanted, item: T): boolean {
    const agent = free ? '' : owner;
    const ms = this.#estimates.of(callable);
    this.#isHeld = false;
    for (const limitMs of batchLimitsMs) {
      for (const open of this.#open) {
        if (open.items.length > 0) {
          const fits = open.agent === agent && open.items.length < batchJobs && open.ms + ms <= limitMs;
          if (!fits) continue;
        } else {
          const isNew = !free && !open.agents.has(agent);
          const left = this.#left.get(agent) ?? 0;
          if (isNew && left <= 0) continue;
          if (!open.idle && ms > aheadMs) {
            this.#hold(open);
            return false;
          }
          if (isNew) this.#left.set(agent, left - 1);
          open.agent = agent;
        }
        open.items.push(item);
        open.ms += ms;
        return true;
      }
    }
    return false;
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
    return this.#open.some(({ idle, items }) => idle && items.length === 0);
  }

  /** What was placed, thread by thread. */
  get filled(): readonly { readonly thread: number; readonly items: readonly T[] }[] {
    return this.#open.filter(({ items }) => items.length > 0);
  }
}
