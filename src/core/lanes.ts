/**
 * The line of each queue, kept as lanes.
 *
 * All queued jobs of one queue that call the same thing at the same priority stand in one lane, in the order of the contract
 * (semantics 3.2). Claiming takes the best head of the lanes that may go on; what holds a lane back holds back its head only,
 * so jobs behind a closed lane cost nothing, however many they are.
 */
import { Heap } from './heap.js';
import type { JobRecord } from './records.js';

/** A queued job, as a lane sees it. */
export interface Queued extends JobRecord {
  lane: Lane | undefined;
  lanePosition: number;
}

export interface Lane {
  readonly key: string;
  readonly queue: string;
  readonly callable: string;
  readonly jobs: Heap<Queued>;
  /** Where it stands among its queue's lanes. */
  position: number;
}

/** The order of claiming, total: priority, then what was put back at once, then the moment of becoming eligible. */
export function goesBefore(a: JobRecord, b: JobRecord): boolean {
  if (a.priority !== b.priority) return a.priority > b.priority;
  if (a.front !== b.front) return a.front;
  return a.eligible < b.eligible;
}

export class Lanes {
  readonly #lanes = new Map<string, Lane>();
  readonly #queues = new Map<string, { lanes: Heap<Lane>; jobs: number }>();

  /** How many jobs stand in this queue's line. */
  count(queue: string): number {
    return this.#queues.get(queue)?.jobs ?? 0;
  }

  add(job: Queued): void {
    const { queue, callable, priority } = job;
    const key = `${priority}\n${callable}\n${queue}`;
    let line = this.#queues.get(queue);
    if (line === undefined) {
      line = { lanes: new Heap(headGoesBefore, setLanePosition), jobs: 0 };
      this.#queues.set(queue, line);
    }
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = { key, queue, callable, jobs: new Heap(goesBefore, setJobPosition), position: -1 };
      this.#lanes.set(key, lane);
    }
    job.lane = lane;
    line.jobs++;
    lane.jobs.add(job);
    if (lane.jobs.size === 1) line.lanes.add(lane);
    else if (job.lanePosition === 0) line.lanes.reorder(lane.position);
  }

  remove(job: Queued): void {
    const lane = job.lane!;
    const line = this.#queues.get(lane.queue)!;
    const wasFirst = job.lanePosition === 0;
    lane.jobs.remove(job.lanePosition);
    job.lane = undefined;
    job.lanePosition = -1;
    line.jobs--;
    if (lane.jobs.size === 0) {
      line.lanes.remove(lane.position);
      this.#lanes.delete(lane.key);
      if (line.jobs === 0) this.#queues.delete(lane.queue);
    } else if (wasFirst) {
      line.lanes.reorder(lane.position);
    }
  }

  /** The queues that have a line. */
  queues(): string[] {
    return [...this.#queues.keys()];
  }

  /** The job of this queue that is to be claimed next, of the lanes that are accepted. Costs as much as there are lanes refused. */
  first(queue: string, accepts: (lane: Lane) => boolean): JobRecord | undefined {
    return this.#queues.get(queue)?.lanes.firstWhere(accepts)?.jobs.first();
  }
}

const headGoesBefore = (a: Lane, b: Lane) => goesBefore(a.jobs.first()!, b.jobs.first()!);
const setJobPosition = (job: Queued, index: number) => {
  job.lanePosition = index;
};
const setLanePosition = (lane: Lane, index: number) => {
  lane.position = index;
};
