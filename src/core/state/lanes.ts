/**
 * The line of each queue, split into lanes.
 *
 * The queued jobs of a queue with the same callable, priority and quotas stand in one lane, in the
 * order of the contract [3.2]. A claim takes the best head of all open lanes. A lane whose quota is
 * full is parked until a place may be free, so the jobs in it cost nothing. Filter functions of
 * agents are asked about single jobs: jobs with the same verdicts stand in a lane of their own. A
 * job that leaves its lane loses its verdicts.
 */
import { Heap } from '../collections/heap.js';
import { LineUp } from '../collections/line-up.js';
import type { Id, JobRecord } from '../records.js';

export interface Queued extends JobRecord {
  lane: Lane | undefined;
  lanePosition: number;
}

export interface Lane {
  readonly key: string;
  readonly queue: string;
  readonly callable: string;
  readonly priority: number;
  /** The only dispatcher that may claim its jobs; empty for any. */
  readonly only: Id;
  /** The quotas that its jobs name. */
  readonly quotas: readonly string[];
  /** The quotas in which its jobs still need a place. */
  readonly gates: readonly string[];
  /** The verdicts of filter functions on its jobs; empty for none. */
  readonly verdicts: string;
  readonly jobs: LineUp<Queued>;
  /** Position among its queue's open lanes; -1 while it is parked. */
  position: number;
  /** The quota that it is parked at; empty while it is open. */
  parkedAt: string;
}

interface Line {
  readonly all: Set<Lane>;
  /** The open lanes. */
  readonly lanes: Heap<Lane>;
  /** The parked lanes, by quota. */
  readonly parked: Map<string, Set<Lane>>;
  jobs: number;
}

/** The place of a job in its queue's line. */
export type Place = Pick<JobRecord, 'priority' | 'front' | 'alone' | 'eligible' | 'id'>;

/**
 * The order of claiming, which is total: priority, then jobs that were put back at once, then the
 * position at which a job became eligible. Of the jobs that were put back, those that run alone
 * come first: right after the start of a process no other job runs beside them. Two processes of a
 * shared store may use the same position.
 */
export function goesBefore(a: Place, b: Place): boolean {
  if (a.priority !== b.priority) return a.priority > b.priority;
  if (a.front !== b.front) return a.front;
  if (a.alone !== b.alone) return a.alone;
  return a.eligible < b.eligible || (a.eligible === b.eligible && a.id < b.id);
}

export class Lanes {
  readonly #lanes = new Map<string, Lane>();
  readonly #lines = new Map<string, Line>();
  /** The lane that a job joined last. */
  #last: Lane | undefined;
  readonly #paused = new Set<string>();
  /** The queues that are not paused and have an open lane. */
  readonly #open = new Set<string>();

  /** Returns the number of jobs in a queue's line. */
  count(queue: string): number {
    return this.#lines.get(queue)?.jobs ?? 0;
  }

  /** Returns the queues that are not paused and have jobs that no quota holds back. */
  openQueues(): Iterable<string> {
    return this.#open;
  }

  pause(queue: string, paused: boolean): void {
    if (paused) this.#paused.add(queue);
    else this.#paused.delete(queue);
    this.#noteOpen(queue);
  }

  /**
   * Must be called when a lane of this queue was opened, parked or removed, or the queue paused.
   */
  #noteOpen(queue: string): void {
    const isOpen = (this.#lines.get(queue)?.lanes.items.length ?? 0) > 0 && !this.#paused.has(queue);
    if (isOpen) this.#open.add(queue);
    else this.#open.delete(queue);
  }

  /**
   * Walks the line of a queue in its order, behind `after` if that is given. Yields `undefined`
   * after a step that found no job. Each step is short, and the lanes may change between two steps:
   * a job that keeps its place is yielded once, one that gets a new place may be missed.
   */
  *walk(queue: string, after?: Place): IterableIterator<Queued | undefined> {
    const next = new Heap<Stop>(goesBefore, ignorePosition);
    const isPassed = (job: Queued) => after !== undefined && !goesBefore(after, job);
    for (const lane of this.#lines.get(queue)?.all ?? []) {
      for (const job of [...lane.jobs.early]) {
        if (job.lane === lane && !isPassed(job)) next.add(stopAt(job));
        yield undefined;
      }
      const first = lane.jobs.firstNot(isPassed);
      if (first !== undefined) next.add(stopAt(first, lane));
      yield undefined;
    }
    let last = after;
    for (let stop = next.first(); stop !== undefined; stop = next.first()) {
      next.remove(0);
      const { job, lane } = stop;
      const isThere = job.lane?.queue === queue && isSamePlace(job, stop);
      if (lane !== undefined) {
        const isInList = isThere && job.lane === lane && job.lanePosition >= 0;
        const { jobs } = lane;
        const behind = isInList ? jobs.behind(job.lanePosition) : jobs.firstNot((other) => !goesBefore(stop, other));
        if (behind !== undefined) next.add(stopAt(behind, lane));
      }
      // A job that moved to another lane may be met twice.
      const isNew = isThere && (last === undefined || goesBefore(last, stop));
      if (isNew) last = stop;
      yield isNew ? job : undefined;
    }
  }

  /** Yields the first job of each lane of a queue, in no order. */
  *heads(queue: string): IterableIterator<Queued> {
    for (const { jobs } of this.#lines.get(queue)?.all ?? []) {
      const first = jobs.first();
      if (first !== undefined) yield first;
    }
  }

  add(job: Queued, gates: readonly string[], verdicts = ''): void {
    const { queue } = job;
    let line = this.#lines.get(queue);
    if (line === undefined) {
      line = { all: new Set(), lanes: new Heap(headGoesBefore, setLanePosition), parked: new Map(), jobs: 0 };
      this.#lines.set(queue, line);
    }
    const lane = this.#laneOf(job, gates, verdicts);
    job.lane = lane;
    line.all.add(lane);
    line.jobs++;
    lane.jobs.add(job);
    if (lane.parkedAt !== '') return;
    if (lane.jobs.size === 1) {
      line.lanes.add(lane);
      this.#noteOpen(queue);
    } else if (lane.jobs.first() === job) line.lanes.reorder(lane.position);
  }

  #laneOf({ queue, callable, priority, quotas, only }: Queued, gates: readonly string[], verdicts: string): Lane {
    // Most jobs join the lane of the last one. The key of a lane costs more than all else here.
    const last = this.#last;
    if (last?.queue === queue && last.callable === callable && last.priority === priority && last.only === only)
      if (quotas.length === 0 && last.quotas.length === 0 && last.verdicts === verdicts) return last;
    const place = `${only === '' ? '' : `${only}\n`}${priority}\n${callable}\n${queue}\n${quotas.length === 0 ? '' : `${quotas.join('\n')}\n\n${gates.join('\n')}`}`;
    const key = verdicts === '' ? place : `${verdicts}\n${place}`;
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      const jobs = new LineUp(goesBefore as (a: Queued, b: Queued) => boolean, setJobPosition);
      lane = { key, queue, callable, priority, only, quotas, gates, verdicts, jobs, position: -1, parkedAt: '' };
      this.#lanes.set(key, lane);
    }
    this.#last = lane;
    return lane;
  }

  remove(job: Queued): void {
    const lane = job.lane!;
    const line = this.#lines.get(lane.queue)!;
    lane.jobs.remove(job.lanePosition);
    job.lane = undefined;
    job.lanePosition = -1;
    line.jobs--;
    if (lane.jobs.size === 0) {
      if (lane.parkedAt === '') line.lanes.remove(lane.position);
      else takeFromParked(line, lane);
      this.#lanes.delete(lane.key);
      line.all.delete(lane);
      if (lane === this.#last) this.#last = undefined;
      if (line.jobs === 0) this.#lines.delete(lane.queue);
      this.#noteOpen(lane.queue);
    } else if (lane.parkedAt === '') {
      // The job may have been the head: its order has changed before it leaves, so compare anew.
      line.lanes.reorder(lane.position);
    }
  }

  /**
   * Returns the first job of this queue in the accepted lanes. `fullAt` returns a quota in which
   * the lane's jobs get no place `now`, if there is one: the lane is parked there. The cost grows
   * with the number of refused lanes; parked lanes cost nothing.
   */
  first(
    queue: string,
    accepts: (lane: Lane) => boolean,
    fullAt: (lane: Lane, now: number) => string | undefined,
    now: number,
  ): Queued | undefined {
    const line = this.#lines.get(queue);
    for (;;) {
      const lane = line?.lanes.firstWhere(accepts);
      if (lane === undefined) return undefined;
      const full = lane.gates.length === 0 ? undefined : fullAt(lane, now);
      if (full === undefined) return lane.jobs.first();
      park(line!, lane, full);
      this.#noteOpen(queue);
    }
  }

  /** Returns the first `most` jobs of this queue in the accepted open lanes, in their order. */
  firstMany(queue: string, accepts: (lane: Lane) => boolean, most: number): Queued[] {
    const next = new Heap<Reached>((a, b) => goesBefore(a.job, b.job), ignorePosition);
    const reach = (rest: Iterator<Queued>) => {
      const { done, value: job } = rest.next();
      if (!done) next.add({ job, rest });
    };
    for (const lane of this.#lines.get(queue)?.lanes.items ?? [])
      if (accepts(lane)) reach(lane.jobs[Symbol.iterator]());
    const found: Queued[] = [];
    for (let first = next.first(); first !== undefined && found.length < most; first = next.first()) {
      next.remove(0);
      found.push(first.job);
      reach(first.rest);
    }
    return found;
  }

  /** Opens the lanes that are parked at this quota: it may have a place again. */
  unpark(queue: string, quota: string): void {
    const line = this.#lines.get(queue);
    const lanes = line?.parked.get(quota);
    if (line === undefined || lanes === undefined) return;
    line.parked.delete(quota);
    for (const lane of lanes) {
      lane.parkedAt = '';
      line.lanes.add(lane);
    }
    this.#noteOpen(queue);
  }

  /** Opens all lanes of this queue: a quota was set or removed. */
  unparkAll(queue: string): void {
    for (const quota of [...(this.#lines.get(queue)?.parked.keys() ?? [])]) this.unpark(queue, quota);
  }
}

function park(line: Line, lane: Lane, quota: string): void {
  line.lanes.remove(lane.position);
  lane.position = -1;
  lane.parkedAt = quota;
  const there = line.parked.get(quota);
  if (there === undefined) line.parked.set(quota, new Set([lane]));
  else there.add(lane);
}

function takeFromParked({ parked }: Line, lane: Lane): void {
  const there = parked.get(lane.parkedAt)!;
  there.delete(lane);
  if (there.size === 0) parked.delete(lane.parkedAt);
}

/** The next job of a lane, and the jobs behind it. */
interface Reached {
  readonly job: Queued;
  readonly rest: Iterator<Queued>;
}

/** A job that a walk comes to, with the place that it had when the walk noticed it. */
interface Stop extends Place {
  readonly job: Queued;
  /** The lane whose list the walk follows from here; `undefined` for a job beside it. */
  readonly lane: Lane | undefined;
}

const isSamePlace = (a: Place, b: Place) => a.eligible === b.eligible && a.front === b.front && a.alone === b.alone;

function stopAt(job: Queued, lane?: Lane): Stop {
  const { priority, front, alone, eligible, id } = job;
  return { job, lane, priority, front, alone, eligible, id };
}

const ignorePosition = () => {};

const headGoesBefore = (a: Lane, b: Lane) => goesBefore(a.jobs.first()!, b.jobs.first()!);
const setJobPosition = (job: Queued, index: number) => {
  job.lanePosition = index;
};
const setLanePosition = (lane: Lane, index: number) => {
  lane.position = index;
};
