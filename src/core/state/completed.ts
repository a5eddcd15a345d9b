/**
 * The completed jobs that are remembered: the roots in the order in which they completed, which is
 * the order in which they are forgotten; how much all of them hold; and the last ones of each
 * agent, callbacks not counted.
 */
import { type JobRecord, takesTurns } from '../records.js';
import type { JobRow } from './job-row.js';

/** So many completed jobs an agent is asked for at most. */
const recentCount = 1000;

/** So many forgotten ones are left in the list at least, before it is made anew without them. */
const slack = 1024;

export class Completed {
  /**
   * Roots, oldest first, from `#oldest` on; what is before that is forgotten, but may still return.
   */
  #roots: JobRow[] = [];
  #oldest = 0;
  #bytes = 0;
  /**
   * By agent, oldest first: the last of those that completed, some of which may be forgotten or
   * completed no more.
   */
  readonly #recent = new Map<string, JobRow[]>();

  /** How many roots there are. */
  get count(): number {
    return this.#roots.length - this.#oldest;
  }

  /** The arguments and results of all, members included. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The root that completed first. */
  get oldest(): JobRow | undefined {
    return this.#roots[this.#oldest];
  }

  /** The last jobs of an agent that completed, newest first. */
  by(agent: string): readonly JobRow[] {
    const rows = this.#recent.get(agent) ?? [];
    const isRight = (row: JobRow) => row.isThere && row.status === 'completed' && row.agent === agent;
    const found = [...new Set(rows)].filter(isRight).sort((a, b) => a.completedAt - b.completedAt);
    return found.slice(-recentCount).reverse();
  }

  /**
   * It has completed, after all others. Those of one moment stand in the order of their ids, so
   * that it is the same in all stores.
   */
  add(row: JobRow): void {
    this.#note(row, isOfThisMoment);
  }

  /** It has completed elsewhere: what is here already may have done so after it. */
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

  /** It is completed no more, or was never there. */
  remove(row: JobRow): void {
    this.#bytes -= payloadBytes(row);
    if (row.role === 'root') this.#roots.splice(this.#roots.lastIndexOf(row), 1);
  }

  /** The oldest root is to be forgotten. */
  takeOldest(): JobRow {
    return this.#roots[this.#oldest++]!;
  }

  /** It is forgotten; a root was taken before. */
  forget(row: JobRow): void {
    this.#bytes -= payloadBytes(row);
  }

  /** Takes back the last `forget`, and for a root that it was taken. */
  remember(row: JobRow): void {
    this.#bytes += payloadBytes(row);
    if (row.role === 'root') this.#oldest--;
  }

  /** There is no such agent any more. */
  forgetAgent(agent: string): void {
    this.#recent.delete(agent);
  }

  /** What is forgotten does not return: lets go of it, in runs that are worth it. */
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
