/** Functions for `callsheet map`. */
import { appendFileSync } from 'node:fs';

export default (text: string): string => text.toUpperCase();

export const double = (n: number): number => 2 * n;

/** Returns all its arguments. */
export const all = (...values: unknown[]): unknown[] => values;

/** Returns its argument. */
export const same = (value: unknown): unknown => value;

/** Appends the item to the file that the environment names, and returns it. */
export function noted(item: number | string): number | string {
  appendFileSync(process.env.NOTES!, `${item}\n`);
  return item;
}

/** Notes the item, and takes some time unless the environment says otherwise. */
export function slowly(item: number): number {
  noted(item);
  if (process.env.BAD !== 'fast') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
  return item;
}

/** Notes the item; fails if it is in the list of the environment. */
export function moody(item: string): string {
  noted(item);
  if (process.env.BAD!.split(',').includes(item)) throw new RangeError(`no ${item}`);
  console.log('a line that is no result');
  return item;
}

/** Does as its item says. */
export function odd(item: string): unknown {
  if (item === 'throw') throw new TypeError('thrown');
  if (item === 'exit') process.exit(7);
  if (item === 'map') return new Map();
  if (item === 'big') return { digits: 12n ** 3n, nothing: undefined };
  if (item === 'loop') for (;;);
  return item === 'undefined' ? undefined : item;
}

/** Notes the item, and does not return before the test ends the process. */
export function waits(item: string): Promise<string> {
  noted(item);
  return new Promise((resolve) => setTimeout(resolve, 600_000, item));
}

interface Completed {
  readonly n: number;
  readonly result?: number;
  readonly failure?: { readonly message: string };
}

export async function total(items: AsyncIterable<Completed>): Promise<object> {
  let sum = 0;
  const order: number[] = [];
  const failures: string[] = [];
  for await (const { n, result, failure } of items) {
    order.push(n);
    if (failure === undefined) sum += Number(result);
    else failures.push(failure.message);
  }
  return { sum, order: order.slice(0, 3), failures };
}
