/**
 * The options of the quickstart's command line.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

export interface Options {
  /** The absolute path of the journal and of the current run's note. */
  readonly directory: string;
  readonly parts: number;
  /** Darts to throw in each part. */
  readonly darts: number;
  readonly help: boolean;
}

/** The error of an invalid command line. */
export class UsageError extends Error {}

const limits = { parts: 100_000, darts: 1_000_000_000 };

export const usage = `Usage: npm run quickstart -- [options]

Computes π by throwing darts: a parallel of parts and a postprocess, on all cores, durably.
Interrupt it however you like and run it again: it goes on where it was.

Options:
  --directory PATH  where the journal is kept (./quickstart-data)
  --parts N         how many parts run in parallel, 1 to ${limits.parts} (64)
  --darts N         how many darts each part throws, 1 to ${limits.darts} (1000000)
  --help            show this

Exit codes: 0 done, 1 failed, 2 not understood, 130 interrupted (SIGINT), 143 terminated (SIGTERM).
`;

/** @throws {UsageError} */
export function parseOptions(args: readonly string[]): Options {
  const { directory, parts, darts, help } = parse(args);
  if (directory === '') throw new UsageError('--directory must be a path, got an empty text');
  return { directory: resolve(directory), parts: count('parts', parts), darts: count('darts', darts), help };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        directory: { type: 'string', default: './quickstart-data' },
        parts: { type: 'string', default: '64' },
        darts: { type: 'string', default: '1000000' },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}

function count(name: keyof typeof limits, text: string): number {
  const number = /^[0-9][0-9_]*$/.test(text) ? Number(text.replaceAll('_', '')) : Number.NaN;
  if (number >= 1 && number <= limits[name]) return number;
  throw new UsageError(`--${name}: ${JSON.stringify(text)} is not a whole number from 1 to ${limits[name]}`);
}
