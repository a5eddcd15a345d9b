/** Counts and durations of the jobs of one kind, in a minute, an hour or longer. */
import { idToText } from '../../codec/id.js';
import type { Id } from '../../core/records.js';

/** The counts of a bucket, in the order in which they are stored. */
export const countNames = [
  'put',
  'started',
  'succeeded',
  'failed',
  'cancelled',
  'expired',
  'retried',
  'interrupted',
] as const;
export type CountName = (typeof countNames)[number];

/** Classes of durations: 0, and then up to each power of 2 in milliseconds. */
const classes = 28;

/** Durations as they are stored; the classes are pairs of index and number. */
export type StoredDurations = readonly [
  count: number,
  sum: number,
  least: number,
  shortest: string,
  most: number,
  longest: string,
  classes: readonly number[],
];

/** Durations of jobs, in milliseconds. */
export class Durations {
  count = 0;
  sum = 0;
  least = 0;
  most = 0;
  /** The ids of the jobs with the shortest and the longest duration, as text. */
  shortest = '';
  longest = '';
  /** Numbers of any size: totals of a busy runtime exceed 32 bits in days. */
  readonly #classes = new Float64Array(classes);

  note(ms: number, job: Id): void {
    if (this.count === 0 || ms < this.least) {
      this.least = ms;
      this.shortest = idToText(job);
    }
    if (this.count === 0 || ms > this.most) {
      this.most = ms;
      this.longest = idToText(job);
    }
    this.count++;
    this.sum += ms;
    this.#classes[Math.min(classes - 1, 32 - Math.clz32(ms))]!++;
  }

  add([count, sum, least, shortest, most, longest, pairs]: StoredDurations): void {
    if (this.count === 0 || least < this.least) {
      this.least = least;
      this.shortest = shortest;
    }
    if (this.count === 0 || most > this.most) {
      this.most = most;
      this.longest = longest;
    }
    this.count += count;
    this.sum += sum;
    for (let at = 0; at < pairs.length; at += 2) this.#classes[pairs[at]!]! += pairs[at + 1]!;
  }

  /**
   * Returns the duration below which this part of all lies: the middle of its class, so within a
   * factor of 1.5.
   */
  quantile(part: number): number {
    let left = part * this.count;
    let found = 0;
    while (found < classes - 1 && left > this.#classes[found]!) left -= this.#classes[found++]!;
    const middle = found === 0 ? 0 : 0.75 * 2 ** found;
    return Math.min(this.most, Math.max(this.least, Math.floor(middle)));
  }

  /** The number of durations up to each class: 0 ms, 1 ms, 3 ms, 7 ms and so on. */
  upTo(): number[] {
    let count = 0;
    return Array.from(this.#classes, (own) => {
      count += own;
      return count;
    });
  }

  stored(): StoredDurations | 0 {
    if (this.count === 0) return 0;
    const pairs = [...this.#classes].flatMap((count, index) => (count === 0 ? [] : [index, count]));
    return [this.count, this.sum, this.least, this.shortest, this.most, this.longest, pairs];
  }
}

/** A bucket as it is stored: its kind, its counts, and its durations or 0. */
export type StoredBucket = readonly [
  queue: string,
  callable: string,
  counts: readonly number[],
  wait: StoredDurations | 0,
  run: StoredDurations | 0,
];

/** `true` if data from a file has the form of a bucket. */
export function isBucket(data: unknown): data is StoredBucket {
  if (!Array.isArray(data) || data.length !== 5) return false;
  const [queue, callable, counts, wait, run] = data;
  const isKind = typeof queue === 'string' && typeof callable === 'string';
  return isKind && areCounts(counts) && counts.length === countNames.length && isDurations(wait) && isDurations(run);
}

const areCounts = (data: unknown): data is number[] =>
  Array.isArray(data) && data.every((count) => Number.isSafeInteger(count) && count >= 0);

function isDurations(data: unknown): boolean {
  if (data === 0) return true;
  if (!Array.isArray(data) || data.length !== 7) return false;
  const [count, sum, least, shortest, most, longest, pairs] = data;
  const areTexts = typeof shortest === 'string' && typeof longest === 'string';
  const isPairs = areCounts(pairs) && pairs.every((index, at) => at % 2 === 1 || index < classes);
  return areTexts && areCounts([count, sum, least, most]) && isPairs;
}

export class Bucket {
  readonly queue: string;
  readonly callable: string;
  readonly #counts = new Float64Array(countNames.length);
  /** From the moment at which a root could begin to its first start. */
  readonly wait = new Durations();
  /** From a job's last start to the end of its call. */
  readonly run = new Durations();

  constructor(queue: string, callable: string) {
    this.queue = queue;
    this.callable = callable;
  }

  count(name: CountName, by = 1): void {
    this.#counts[countNames.indexOf(name)]! += by;
  }

  counts(): Record<CountName, number> {
    return Object.fromEntries(countNames.map((name, index) => [name, this.#counts[index]!])) as never;
  }

  add([, , counts, wait, run]: StoredBucket): void {
    for (const [index, count] of counts.entries()) this.#counts[index]! += count;
    if (wait !== 0) this.wait.add(wait);
    if (run !== 0) this.run.add(run);
  }

  stored(): StoredBucket {
    return [this.queue, this.callable, [...this.#counts], this.wait.stored(), this.run.stored()];
  }
}
