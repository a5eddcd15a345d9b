/**
 * The completed jobs that are remembered: the roots in the order in which they completed, which is
 * the order in which they are forgotten; the bytes of all completed jobs; and the last ones of each
 * agent, without callbacks.
 */
import { type JobRecord, takesTurns } from '../records.js';
import type { JobRow } from './job-row.js';

/** The most completed jobs that `by` returns. */
const recentCount = 1000;

/** Forgotten roots that stay in the list before `trim` copies it without them. */
const slack = 1024;

export class Completed {
  /** Roots, oldest first. Those before `#oldest` are forgotten, but may still be remembered. */
  #roots: JobRow[] = [];
  #oldest = 0;
  #bytes = 0;
  /**
   * The last completed jobs by agent, oldest first. Some may be forgotten since, or no longer
   * completed; `by` leaves them out.
   */
  readonly #recent = new Map<string, JobRow[]>();

  /** The number of roots. */
  get count(): number {
    return this.#roots.length - this.#oldest;
  }

  /** Bytes of the arguments and results of all completed jobs, members included. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The root that completed first. */
  get oldest(): JobRow | undefined {
    return this.#roots[this.#oldest];
  }

  /** Returns the last completed jobs of an agent, newest first. */
  by(agent: string): readonly JobRow[] {
    const rows = this.#recent.get(agent) ?? [];
    const isRight = (row: JobRow) => row.isThere && row.status === 'completed' && row.agent === agent;
    const found = [...new Set(rows)].filter(isRight).sort((a, b) => a.completedAt - b.completedAt);
    return found.slice(-recentCount).reverse();
  }

  /**
   * Adds a job that completed after all others. Jobs of one moment stand in the order of their ids,
   * so that the order is the same in all stores.
   */
  add(row: JobRow): void {
    this.#note(row, isOfThisMoment);
  }

  /** Adds a job that completed elsewhere, perhaps before others that are here already. */
  addInOrder(row: JobRow): void {
    this.#note(row, isLater);
  }

  #note(row: JobRow, goesBehind: (other: JobRow, row: JobRow) => boolean): void {
    this.#bytes += payloadBytes(row);
    if (row.agent !== '' && !takesTurns(row)) this.#noteRecent(row);
    if (row.role !== 'root') return;
    const roots = this.#roots;
    let at = roots.push(row) - 1;
    for (; at > this.#oldest && goesBehind(roots[at - 1]!, row); at--) roots[at] = roots[at - 1]!;
    roots[at] = row;
  }

  /** Removes a job that is no longer completed, or no longer there. */
  remove(row: JobRow): void {
    this.#bytes -= payloadBytes(row);
    if (row.role === 'root') this.#roots.splice(this.#roots.lastIndexOf(row), 1);
  }

  /** Takes out the oldest root, for it to be forgotten. */
  takeOldest(): JobRow {
    return this.#roots[this.#oldest++]!;
  }

  /** Forgets a job. A root was taken out by `takeOldest` before. */
  forget(row: JobRow): void {
    this.#bytes -= payloadBytes(row);
  }

  /** Undoes the last `forget`, and for a root its `takeOldest`. */
  remember(row: JobRow): void {
    this.#bytes += payloadBytes(row);
    if (row.role === 'root') this.#oldest--;
  }

  forgetAgent(agent: string): void {
    this.#recent.delete(agent);
  }

  /**
   * Frees the forgotten roots, which cannot be remembered any more, when they are half of the list.
   */
  trim(): void {
    if (this.#oldest <= slack || this.#oldest <= this.#roots.length / 2) return;
    this.#roots = this.#roots.slice(this.#oldest);
    this.#oldest = 0;
  }

  #noteRecent(row: JobRow): void {
    const rows = this.#recent.get(row.agent);
    if (rows === undefined) this.#recent.set(row.agent, [row]);
    else if (rows.push(row) >= 2 * recentCount) rows.splice(0, recentCount);
  }
}

const payloadBytes = ({ args, result }: JobRecord) => (args?.byteLength ?? 0) + (result?.byteLength ?? 0);

const isOfThisMoment = (other: JobRow, row: JobRow) => other.completedAt === row.completedAt && other.id > row.id;
const isLater = (other: JobRow, row: JobRow) => other.completedAt > row.completedAt || isOfThisMoment(other, row);
