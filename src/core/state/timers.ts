/** Timers of the state: dates and deadlines of jobs, and wake-ups of lanes that wait for a rate. */
import { Heap } from '../collections/heap.js';
import type { JobRecord } from '../records.js';
import { dateOf, placeKey } from './indices.js';
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

  /**
   * Walks the jobs of a queue that wait for a date, by date, behind `after` if that is given.
   * Yields `undefined` after a step that found no job. Each step is short, and the timers may
   * change between two steps: a job whose date stays is yielded once.
   */
  *walk(queue: string, after?: Dated): IterableIterator<JobRow | undefined> {
    const isPassed = (job: Dated) => after !== undefined && !isEarlier(after, job);
    // A copy of the heap is a heap: the children of an item have no earlier timer.
    const items = [...this.#items.items];
    const next = new Heap<Reached>(isEarlier, ignorePosition);
    const reach = (index: number) => {
      const item = items[index];
      if (item !== undefined) next.add({ dueAt: item.timerAt, id: item.id, item, index });
    };
    reach(0);
    for (let reached = next.first(); reached !== undefined; reached = next.first()) {
      next.remove(0);
      const { item, index, dueAt } = reached;
      if (index >= 0) {
        reach(2 * index + 1);
        reach(2 * index + 2);
        // A deadline may come before the date.
        if (item instanceof JobRow && item.queue === queue && waitsForDate(item) && !isPassed(item))
          next.add({ dueAt: item.dueAt, id: item.id, item, index: -1 });
        yield undefined;
      } else yield item instanceof JobRow && waitsForDate(item) && item.dueAt === dueAt ? item : undefined;
    }
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

type Dated = Pick<JobRecord, 'dueAt' | 'id'>;

/** An item that a walk comes to. */
interface Reached extends Dated {
  readonly item: JobRow | RateWake;
  /** Index in the walk's heap; -1 if the item was found there before. */
  readonly index: number;
}

const isEarlier = (a: Dated, b: Dated) => a.dueAt < b.dueAt || (a.dueAt === b.dueAt && a.id < b.id);
const waitsForDate = (row: JobRow) => row.timerAt !== 0 && dateOf(row) !== 0;
const ignorePosition = () => {};
