/**
 * What is to happen by itself, by its time: jobs whose date or deadline comes, and lanes whose
 * quota's rate lets one more begin.
 */
import { Heap } from '../collections/heap.js';
import { placeKey } from './indices.js';
import { JobRow } from './job-row.js';

/** A queue's lanes wait for a quota's rate until then. */
export interface RateWake {
  /** Goes before all jobs of the same time. */
  readonly id: '';
  readonly queue: string;
  readonly quota: string;
  timerAt: number;
  timerPosition: number;
}

export class Timers {
  readonly #items = new Heap<JobRow | RateWake>(
    // Of jobs with the same date those go first that were made first, which their ids tell.
    (a, b) => a.timerAt < b.timerAt || (a.timerAt === b.timerAt && a.id < b.id),
    (item, index) => {
      item.timerPosition = index;
    },
  );
  readonly #wakes = new Map<string, RateWake>();

  /** When the first of them comes; undefined: there is none. */
  get next(): number | undefined {
    return this.#items.first()?.timerAt;
  }

  /** The jobs among them, in no particular order. */
  *jobs(): IterableIterator<JobRow> {
    for (const item of this.#items.items) if (item instanceof JobRow) yield item;
  }

  /** The job's time is another now; 0: it has none. */
  move(row: JobRow, timerAt: number): void {
    if (row.timerPosition >= 0) this.#items.remove(row.timerPosition);
    row.timerPosition = -1;
    row.timerAt = timerAt;
    if (timerAt !== 0) this.#items.add(row);
  }

  /**
   * Lanes of this queue wait for a quota's rate. Told again before that time has come, it is known
   * already.
   */
  awaitRate(queue: string, quota: string, timerAt: number): void {
    const key = placeKey(queue, quota);
    if (this.#wakes.has(key)) return;
    const wake: RateWake = { id: '', queue, quota, timerAt, timerPosition: -1 };
    this.#wakes.set(key, wake);
    this.#items.add(wake);
  }

  /** No lane waits for a rate any more. Gives those that did. */
  takeWakes(): readonly RateWake[] {
    const wakes = [...this.#wakes.values()];
    for (const { timerPosition } of wakes) this.#items.remove(timerPosition);
    this.#wakes.clear();
    return wakes;
  }

  /** What has come first by now: a job stays until its time is another, a wake is told once. */
  due(now: number): JobRow | RateWake | undefined {
    const first = this.#items.first();
    if (first === undefined || first.timerAt > now) return undefined;
    if (first instanceof JobRow) return first;
    this.#items.remove(0);
    this.#wakes.delete(placeKey(first.queue, first.quota));
    return first;
  }
}
