/** The items of a run: lines, JSON documents, records of CSV, or the numbers of a range. */
import { createReadStream, openSync, statSync } from 'node:fs';
import { CommandError, exitCodes } from '../exit.js';
import type { Range } from '../values.js';
import type { ReadItem } from './parser.js';
import { separated } from './separated.js';

export type InputKind = 'lines' | 'ndjson' | 'null' | 'csv';

/** A source of items. */
export interface Input {
  /** The items, as many at once as are there. */
  items(): AsyncGenerator<readonly ReadItem[]> | Generator<readonly ReadItem[]>;
  /** Returns the part that has been read, from 0 to 1; `undefined` if that is unknown. */
  part(): number | undefined;
  /** Reads no more. */
  close(): void;
  /** The sizes of the files. */
  readonly sizes: readonly (number | null)[];
}

const rangeItems = 256;

export function rangeInput({ from, to, step }: Range): Input {
  const count = Math.max(0, Math.floor((to - from) / step) + 1);
  let read = 0;
  return {
    *items() {
      while (read < count) {
        const length = Math.min(rangeItems, count - read);
        yield Array.from({ length }, (_, index) => {
          const value = from + (read + index) * step;
          return { value, json: JSON.stringify(value), place: '' };
        });
        read += length;
      }
    },
    part: () => (count === 0 ? 1 : read / count),
    close: () => {},
    sizes: [],
  };
}

/** The name of standard input. */
const standard = '-';

/**
 * Opens files, or standard input.
 *
 * @throws {CommandError} a file cannot be opened.
 */
export function filesInput(files: readonly string[], kind: InputKind): Input {
  const opened = files.map((file) => ({ file, ...openInput(file) }));
  const total = opened.reduce<number | null>((sum, { size }) => (sum === null || size === null ? null : sum + size), 0);
  let bytes = 0;
  return {
    async *items() {
      for (const { file, fd } of opened) {
        const name = files.length > 1 ? `${file}: ` : '';
        const parse = kind === 'csv' ? await (await import('./csv.js')).csvParser(name) : separated(kind, name);
        const stream = file === standard ? process.stdin : createReadStream(file, { fd, highWaterMark: 1 << 18 });
        for await (const chunk of stream as AsyncIterable<Buffer>) {
          bytes += chunk.length;
          const items = await parse(chunk);
          if (items.length > 0) yield items;
        }
        const last = await parse(undefined);
        if (last.length > 0) yield last;
      }
    },
    close: () => {
      if (files.includes(standard)) process.stdin.destroy();
    },
    part: () => (total === null || total === 0 ? undefined : Math.min(1, bytes / total)),
    sizes: opened.map(({ size }) => size),
  };
}

function openInput(file: string): { readonly fd: number; readonly size: number | null } {
  if (file === standard) return { fd: 0, size: null };
  try {
    const stat = statSync(file);
    if (stat.isDirectory()) throw new Error('it is a directory');
    return { fd: openSync(file, 'r'), size: stat.isFile() ? stat.size : null };
  } catch (error) {
    throw new CommandError(exitCodes.usage, `the input cannot be read: ${(error as Error).message}`);
  }
}
