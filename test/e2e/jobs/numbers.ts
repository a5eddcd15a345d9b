/** Jobs that compute, and a postprocess of each kind. */
import { type CompletedJobs, currentJob } from 'callsheet';
import { numbers } from './all.js';

export function add(a: number, b: number): number {
  return a + b;
}

/** Divides whole numbers; throws where the divisor is 0. */
export function divide(a: number, b: number): number {
  if (b === 0) throw new RangeError(`${a} cannot be divided by 0`);
  return a / b;
}

/** Counts by jobs, each of which waits for the next in its thread. */
export async function countDown(from: number): Promise<number> {
  if (from === 0) return 0;
  return 1 + (await (await currentJob().putNow(numbers.countDown(from - 1))).result());
}

export async function later(value: number): Promise<number> {
  await new Promise((resolve) => setImmediate(resolve));
  return value;
}

export function sum(parts: CompletedJobs<number>): number {
  let total = 0;
  for (const { result } of parts) total += result;
  return total;
}

export function scaledSum(factor: number, unit: string, parts: CompletedJobs<number>): string {
  return `${factor * sum(parts)} ${unit}`;
}

/** Each part as a text, failures by name: what a postprocess sees, by `at` from both ends too. */
export function told(parts: CompletedJobs): { all: string[]; last: string | undefined; beyond: boolean } {
  const tell = (index: number) => {
    const part = parts.at(index)!;
    return part.failure === undefined ? String(part.result) : part.failure.name;
  };
  const all = Array.from({ length: parts.length }, (_, index) => tell(index));
  return { all, last: parts.length === 0 ? undefined : tell(-1), beyond: parts.at(parts.length) === undefined };
}

export function failsAfter(parts: CompletedJobs): never {
  throw new TypeError(`${parts.length} parts were in vain`);
}

/** A value of every kind that is carried, or the one that was given. */
export function echo<T>(value: T): T {
  return value;
}

export const notAFunction = 42;
export const noFunctionEither = { toString: () => 'an object' };
