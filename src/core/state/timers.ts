/** Timers of the state: dates and deadlines of jobs, and wake-ups of lanes that wait for a rate. */
import { Heap } from '../collections/heap.js';
import { placeKey } from './indices.js';
import { JobRow } from './job-row.js';

/** The time at which lanes of a queue that wait for a quota's rate may go on. */
export interface RateWake {
  /** Sorts before the jobs of the same time. */
  readonly id: '';
  readonly queue: string;
  readonly quota: string;
  timerAt: number;
  timerPosition: number;
}

export class Timers {
  readonly #items = new Heap<JobRow | RateWake>(
    // Of jobs with the same time, the one made first goes first: ids sort by the time of making.
    (a, b) => a.timerAt < b.timerAt || (a.timerAt === b.timerAt && a.id < b.id),
    (item, index) => {
      item.timerPosition = index;
    },
  );
  readonly #wakes = new Map<string, RateWake>();

  /** The time of the earliest timer. */
  get next(): number | undefined {
    return this.#items.first()?.timerAt;
  }

  /** Yields the jobs that have a timer, in no particular order. */
  *jobs(): IterableIterator<JobRow> {
    for (const item of this.#items.items) if (item instanceof JobRow) yield item;
  }

  /** Changes the time of a job's timer; 0 removes the timer. */
  move(row: JobRow, timerAt: number): void {
    if (row.timerPosition >= 0) this.#items.remove(row.timerPosition);
    row.timerPosition = -1;
    row.timerAt = timerAt;
    if (timerAt !== 0) this.#items.add(row);
  }

  /**
   * Adds a wake-up for the lanes of this queue that wait for a quota's rate, if it has none yet.
   */
  awaitRate(queue: string, quota: string, timerAt: number): void {
    const key = placeKey(queue, quota);
    if (this.#wakes.has(key)) return;
    const wake: RateWake = { id: '', queue, quota, timerAt, timerPosition: -1 };
    this.#wakes.set(key, wake);
    this.#items.add(wake);
  }

  /** Removes all wake-ups and returns them. */
  takeWakes(): readonly RateWake[] {
    const wakes = [...this.#wakes.values()];
    for (const { timerPosition } of wakes) this.#items.remove(timerPosition);
    this.#wakes.clear();
    return wakes;
  }

  /**
   * Returns the earliest timer that is due at `now`. A job is returned again until `move` changes
   * it; a wake-up is removed.
   */
  due(now: number): JobRow | RateWake | undefined {
    const first = this.#items.first();
    if (first === undefined || first.timerAt > now) return undefined;
    if (first instanceof JobRow) return first;
    this.#items.remove(0);
    this.#wakes.delete(placeKey(first.queue, first.quota));
    return first;
  }
}
