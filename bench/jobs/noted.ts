/** Appends the item to the file that the environment names, and returns it after 2 ms. */
import { appendFileSync } from 'node:fs';

const never = new Int32Array(new SharedArrayBuffer(4));

export default function noted(item: number): number {
  appendFileSync(process.env.NOTES!, `${item}\n`);
  Atomics.wait(never, 0, 0, 2);
  return item;
}
