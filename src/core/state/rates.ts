/**
 * Rate limits: a bucket of starts for each quota, or for each key of one, which fills up evenly
 * over the period.
 *
 * A bucket exists only while it is not full. A store that one runtime has alone does not store it:
 * when such a store opens, buckets are derived from the last starts of the remembered jobs.
 */
import { Heap } from '../collections/heap.js';
import type { QuotaRecord } from '../records.js';

/** Starts left at the time `at`; full again at `fullAt`. */
export interface Bucket {
  readonly left: number;
  readonly at: number;
  readonly fullAt: number;
}

interface Kept extends Bucket {
  readonly key: string;
  position: number;
}

export class Rates {
  readonly #buckets = new Map<string, Kept>();
  readonly #byTime = new Heap<Kept>(
    (a, b) => a.fullAt < b.fullAt,
    (bucket, index) => {
      bucket.position = index;
    },
  );

  /** The number of buckets that are not full. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Returns `undefined` if the bucket is full. */
  bucket(key: string): Bucket | undefined {
    return this.#buckets.get(key);
  }

  put(key: string, bucket: Bucket | undefined): void {
    const before = this.#buckets.get(key);
    if (before !== undefined) this.#byTime.remove(before.position);
    if (bucket === undefined) {
      this.#buckets.delete(key);
      return;
    }
    const { left, at, fullAt } = bucket;
    const kept = { key, left, at, fullAt, position: -1 };
    this.#buckets.set(key, kept);
    this.#byTime.add(kept);
  }

  /** Returns 0 if one more job may begin now, or else the time at which one may. */
  nextAt(key: string, { rate, ratePeriodMs }: QuotaRecord, now: number): number {
    const bucket = this.#buckets.get(key);
    if (bucket === undefined || rate === 0) return 0;
    const left = leftAt(bucket, rate, ratePeriodMs, now);
    // A thousandth of a start is the rounding of the clock's milliseconds.
    return left >= 0.999 ? 0 : Math.max(now, bucket.at) + Math.ceil(((1 - left) * ratePeriodMs) / rate);
  }

  /** Takes one start out of the bucket. */
  spend(key: string, { rate, ratePeriodMs }: QuotaRecord, now: number): void {
    this.#dropFull(now);
    const bucket = this.#buckets.get(key);
    const left = (bucket === undefined ? rate : leftAt(bucket, rate, ratePeriodMs, now)) - 1;
    // Another process may have spent by a clock that is ahead: no time counts twice.
    const at = Math.max(now, bucket?.at ?? now);
    this.put(key, { left, at, fullAt: at + ((rate - left) * ratePeriodMs) / rate });
  }

  /** Returns the buckets that are not full, by key. */
  all(): IterableIterator<[string, Bucket]> {
    return this.#buckets.entries();
  }

  #dropFull(now: number): void {
    for (let first = this.#byTime.first(); first !== undefined && first.fullAt <= now; first = this.#byTime.first())
      this.put(first.key, undefined);
  }
}

function leftAt({ left, at }: Bucket, rate: number, ratePeriodMs: number, now: number): number {
  return Math.min(rate, left + (Math.max(0, now - at) * rate) / ratePeriodMs);
}
