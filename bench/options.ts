/**
 * The options of the benches' command line.
 */
import { accessSync, constants, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { benches as allBenches, usualBenches } from './benches.js';
import type { Bench } from './harness/bench.js';

export interface Options {
  readonly benches: readonly Bench[];
  readonly list: boolean;
  readonly help: boolean;
  /** The file for the report as JSON. `-` is standard output, which then has no other text. */
  readonly json: string | undefined;
  /** The file for the report as a page. */
  readonly markdown: string | undefined;
  readonly rounds: number | undefined;
  readonly threads: number | undefined;
  readonly directory: string | undefined;
  readonly small: boolean;
  readonly profile: boolean;
}

/** The error of an invalid command line. */
export class UsageError extends Error {}

export const usage = `Usage: npm run bench -- [options] [NAME…]

Measures callsheet beside its peers, in turns: all benches, or those named.

Peers are installed for this alone: npm --prefix bench/peers ci
Queues that need a server take part where REDIS_URL or DATABASE_URL says where it is.

Options:
  --list            name the benches
  --json FILE       write the report as JSON, too; - is standard output, and then there are no tables
  --markdown FILE   write the tables as a page, too
  --rounds N        how often each is measured (3 or 5, as the bench says; 1 with --small)
  --threads N       threads that run jobs (one per core)
  --directory PATH  where directories for journals are made, on a real disk (the system's for temporary files)
  --small           so little that it takes a second: to see that it works
  --profile         instead of all that: trivial jobs under Node's profiler, and where the coordinator's time goes
  --help            show this

Exit codes: 0 measured, 1 something failed or is void, 2 not understood.
`;

/** @throws {UsageError} */
export function parseOptions(args: readonly string[]): Options {
  const { values, positionals } = parse(args);
  return {
    benches: positionals.length === 0 ? usualBenches : [...new Set(positionals)].map(named),
    list: values.list,
    help: values.help,
    json: values.json === '-' ? '-' : fileToWrite('json', values.json),
    markdown: fileToWrite('markdown', values.markdown),
    rounds: count('rounds', values.rounds, 1000),
    threads: count('threads', values.threads, 1024),
    directory: directoryToWrite('directory', values.directory),
    small: values.small,
    profile: values.profile,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
        json: { type: 'string' },
        markdown: { type: 'string' },
        rounds: { type: 'string' },
        threads: { type: 'string' },
        directory: { type: 'string' },
        small: { type: 'boolean', default: false },
        profile: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}

function named(name: string): Bench {
  const found = allBenches.find((bench) => bench.name === name);
  if (found !== undefined) return found;
  throw new UsageError(
    `there is no bench ${JSON.stringify(name)}; there are ${allBenches.map((bench) => bench.name).join(', ')}`,
  );
}

/** Checks that a file can be written, before half an hour of benches. */
function fileToWrite(name: string, path: string | undefined): string | undefined {
  if (path !== undefined) directoryToWrite(name, path === '' ? '' : dirname(path));
  return path;
}

function directoryToWrite(name: string, path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    if (!statSync(path).isDirectory()) throw new Error(`${JSON.stringify(path)} is not a directory`);
    accessSync(path, constants.W_OK);
  } catch (error) {
    throw new UsageError(`--${name}: ${(error as Error).message}`, { cause: error });
  }
  return path;
}

function count(name: string, text: string | undefined, limit: number): number | undefined {
  if (text === undefined) return undefined;
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (number >= 1 && number <= limit) return number;
  throw new UsageError(`--${name}: ${JSON.stringify(text)} is not a whole number from 1 to ${limit}`);
}
