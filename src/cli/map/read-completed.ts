/** The completed items of a log, as a postprocess gets them. */
import { closeSync, openSync } from 'node:fs';
import { InOrder } from './in-order.js';
import { type ItemError, type ItemRecord, readLog } from './log-format.js';

/** A completed item: its number, its input, and its result or its failure. */
export interface Completed {
  readonly n: number;
  readonly input: unknown;
  readonly result?: unknown;
  readonly failure?: ItemError;
}

/** Reads the completed items one after another, in the order of the input or of completion. */
export async function* readCompleted(log: string, order: 'input' | 'done'): AsyncGenerator<Completed> {
  const fd = openSync(log, 'r');
  try {
    const ready: Completed[] = [];
    const inOrder = new InOrder<Completed>((completed) => ready.push(completed));
    for (const item of itemsOf(fd)) {
      const completed = completedFrom(item);
      if (order === 'input') inOrder.add(item.n, completed);
      else ready.push(completed);
      yield* ready.splice(0);
    }
  } finally {
    closeSync(fd);
  }
}

/** Returns the records of items that count: a failure does not if its item was run again. */
export function* itemsOf(fd: number, end?: number): Generator<ItemRecord & { readonly json: string }> {
  let retriedFrom = -1;
  for (const { record, start } of readLog(fd, end)) if ('retry' in record) retriedFrom = start;
  for (const { record, json, start } of readLog(fd, end)) {
    if (!('n' in record) || (record.error !== undefined && start < retriedFrom)) continue;
    yield { ...record, json };
  }
}

function completedFrom({ n, input, value, error }: ItemRecord): Completed {
  return error === undefined ? { n, input, result: value } : { n, input, failure: error };
}
