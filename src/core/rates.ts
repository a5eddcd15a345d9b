/**
 * Rate limits: a bucket of starts for each quota, or each key of one, that fills up evenly over the period.
 *
 * A bucket exists only while it is not full. It is not stored: a runtime that opens again begins with full buckets.
 */
import { Heap } from './heap.js';
import type { QuotaRecord } from './records.js';

interface Bucket {
  readonly key: string;
  /** Starts left, and when that was so. */
  left: number;
  at: number;
  fullAt: number;
  position: number;
}

export class Rates {
  readonly #buckets = new Map<string, Bucket>();
  readonly #byTime = new Heap<Bucket>(
    (a, b) => a.fullAt < b.fullAt,
    (bucket, index) => {
      bucket.position = index;
    },
  );

  /** How many buckets are not full. */
  get size(): number {
    return this.#buckets.size;
  }

  /** 0 if one more may begin now; otherwise the time at which one may. */
  nextAt(key: string, { rate, ratePeriodMs }: QuotaRecord, now: number): number {
    const bucket = this.#buckets.get(key);
    if (bucket === undefined || rate === 0) return 0;
    const left = Math.min(rate, bucket.left + ((now - bucket.at) * rate) / ratePeriodMs);
    // A thousandth of a start is the rounding of the clock's milliseconds.
    return left >= 0.999 ? 0 : now + Math.ceil(((1 - left) * ratePeriodMs) / rate);
  }

  /** One begins now. */
  spend(key: string, { rate, ratePeriodMs }: QuotaRecord, now: number): void {
    if (rate === 0) return;
    this.#dropFull(now);
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      bucket = { key, left: rate, at: now, fullAt: 0, position: -1 };
      this.#buckets.set(key, bucket);
    } else this.#byTime.remove(bucket.position);
    bucket.left = Math.min(rate, bucket.left + ((now - bucket.at) * rate) / ratePeriodMs) - 1;
    bucket.at = now;
    bucket.fullAt = now + ((rate - bucket.left) * ratePeriodMs) / rate;
    this.#byTime.add(bucket);
  }

  #dropFull(now: number): void {
    for (let first = this.#byTime.first(); first !== undefined && first.fullAt <= now; first = this.#byTime.first()) {
      this.#byTime.remove(0);
      this.#buckets.delete(first.key);
    }
  }
}
