/**
 * Numbers the items of an input, and notes in the log how far it has been read. When a run goes on,
 * the input must begin with the items that were read before.
 */
import { createHash } from 'node:crypto';
import { inputChanged } from './directory.js';
import type { Input } from './input.js';
import type { RunLog } from './log.js';
import type { ReadItem } from './parser.js';

export interface Item extends ReadItem {
  /** From 1. */
  readonly n: number;
}

/** Items that one record of the log covers. */
const sliceItems = 256;

/** Yields the items in slices, each once the log covers it. */
export async function* slices(input: Input, log: RunLog): AsyncGenerator<readonly Item[]> {
  const known = log.read();
  let expected = known.next();
  let digest = '';
  let n = 0;
  let slice: Item[] = [];
  const isFull = () => slice.length > 0 && n >= (expected.done ? slice[0]!.n + sliceItems - 1 : expected.value.read);
  const covered = (end: boolean): Item[] => {
    const hash = createHash('sha256').update(digest);
    for (const { json } of slice) hash.update(json).update('\n');
    digest = hash.digest('base64url').slice(0, 22);
    if (expected.done) log.add({ read: n, digest, ...(end ? { end } : {}) });
    else if (expected.value.digest !== digest || expected.value.read !== n)
      throw inputChanged(
        slice.length > 1 ? `one of the items ${slice[0]!.n} to ${n} was another` : `item ${n} was another`,
      );
    else expected = known.next();
    const items = slice;
    slice = [];
    return items;
  };
  for await (const items of input.items()) {
    for (const item of items) {
      if (!expected.done && expected.value.end && expected.value.read === n)
        throw inputChanged(`it had ${n} items, and has more`);
      slice.push({ ...item, n: ++n });
      if (isFull()) yield covered(false);
    }
    if (expected.done && slice.length > 0) yield covered(false);
  }
  if (!expected.done && !(expected.value.end && expected.value.read === n))
    throw inputChanged(`it had ${expected.value.read} items at least, and has ${n}`);
  if (expected.done || slice.length > 0) yield covered(true);
}
