/** Jobs that compute, and postprocesses of each kind. */
import { type CompletedJobs, currentJob } from 'callsheet';
import { numbers } from './all.js';

export function add(a: number, b: number): number {
  return a + b;
}

export function divide(a: number, b: number): number {
  if (b === 0) throw new RangeError(`${a} cannot be divided by 0`);
  return a / b;
}

/** Counts down by jobs; each waits for the next one in its thread. */
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

/**
 * Returns each part as a text, failures by name, to show the list that a postprocess gets; reads it
 * by `at` from both ends too.
 */
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

export function echo<T>(value: T): T {
  return value;
}

export const notAFunction = 42;
export const noFunctionEither = { toString: () => 'an object' };
