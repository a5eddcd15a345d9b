/** Job modules for the commands that run jobs. */
import { currentJob } from 'callsheet';
import { slow } from './defined.js';

export const add = (a: number, b: number): number => a + b;

export const back = (value: Uint8Array): Uint8Array => value;

export function refuse(value: Uint8Array): never {
  throw new RangeError(`${value.length} bytes`);
}

/** Runs until it is stopped, or for `ms`. */
export async function sleep(ms: number): Promise<string> {
  currentJob().annotations.set('sleeps', true);
  await new Promise((resolve) => setTimeout(resolve, ms));
  return 'slept';
}

/** Puts a job into another queue. */
export const putInto = (queue: string): string => currentJob().put(slow.add(1, 2), { queue }).id;

export function fail(message: string): never {
  currentJob().logger.error({ width: 0 }, 'about to fail');
  throw new RangeError(message);
}

export const isSmall = (): boolean => true;

export const always = (): boolean => true;
