/**
 * `callsheet map`: calls a function for each item of an input, on all cores, and goes on after any
 * interruption.
 *
 * The run's log (`log-format.ts`) is all that must survive. The runtime keeps nothing: an item runs
 * again if its outcome is not in the log. So the outcome of an item is its only write.
 */
import { type Stats, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { isSameFile } from '../../journal/disk.js';
import { CommandError, exitCodes } from '../exit.js';
import { fileUrl, nameOf } from '../job-modules.js';
import type { Halt, Range, TimeLimit } from '../values.js';
import { RunDirectory } from './directory.js';
import { filesInput, type InputKind, rangeInput } from './input.js';
import type { RunLog } from './log.js';
import { type FunctionName, openRunner } from './open-runner.js';
import { Outputs } from './outputs.js';
import { Run } from './run.js';

export interface MapOptions {
  readonly input?: readonly string[];
  readonly ndjson?: boolean;
  readonly null?: boolean;
  readonly csv?: boolean;
  readonly range?: Range;
  readonly args?: readonly unknown[];
  readonly output?: string;
  readonly order: 'input' | 'done';
  readonly errors?: string;
  readonly joblog?: string;
  readonly postprocess?: string;
  readonly threads?: number;
  readonly retries: number;
  readonly backoff: number;
  readonly timeout?: TimeLimit;
  readonly halt?: Halt;
  readonly memfree?: number;
  readonly load?: number;
  readonly directory?: string;
  readonly fresh?: boolean;
  readonly retryFailed?: boolean;
  readonly keep?: boolean;
}

/** Runs to the end, and returns the exit code. */
export async function map(target: string, options: MapOptions): Promise<number> {
  const { output, order, errors, joblog, postprocess, range } = options;
  const kind = inputKind(options);
  const handler = functionOf(target);
  const joiner = postprocess === undefined ? undefined : functionOf(postprocess, handler);
  const files = options.input ?? ['-'];
  const input = range === undefined ? filesInput(files, kind) : rangeInput(range);
  refuseSame([output, errors, joblog], files);
  const shownInput =
    range === undefined
      ? `${kind} of ${files.map((file) => (file === '-' ? 'standard input' : resolve(file))).join(', ')}`
      : `the range ${range.from}..${range.to}:${range.step}`;
  const given = options.args === undefined ? '' : ` with ${JSON.stringify(options.args)}`;
  // The functions are looked up before anything is written.
  const runner = await openRunner(handler, joiner, options);
  let code: number;
  try {
    const directory = await RunDirectory.open(
      { command: `map ${handler.file}#${handler.name} over ${shownInput}${given}`, sizes: input.sizes },
      { directory: options.directory, fresh: options.fresh === true, retryFailed: options.retryFailed === true },
    );
    let removes = false;
    try {
      beginFiles(directory.log, { '--output': output, '--errors': errors, '--joblog': joblog });
      const outputs = new Outputs({
        ...{ order, command: handler.shown, isQuiet: joiner !== undefined },
        ...(output === undefined ? {} : { output }),
        ...(errors === undefined ? {} : { errors }),
        ...(joblog === undefined ? {} : { joblog }),
      });
      if (process.stdin.isTTY && files.includes('-') && range === undefined)
        process.stderr.write('callsheet: reads items from the terminal; Ctrl-D ends them\n');
      code = await new Run({ runner, input, log: directory.log, outputs, options, title: handler.shown }).run();
      removes = code === exitCodes.done && options.keep !== true;
    } finally {
      await (removes ? directory.remove() : directory.close());
    }
  } finally {
    await runner.close(0);
  }
  // A thread that hangs in a system call would keep the process alive.
  if ((await runner.close(0)) > 0) process.exit(code);
  return code;
}

/**
 * Notes the files that the run writes.
 *
 * @throws {CommandError} an earlier process has left a file torn that this one would not write.
 */
function beginFiles(log: RunLog, options: Readonly<Record<string, string | undefined>>): void {
  const given = Object.values(options).filter((file) => file !== undefined && file !== '-') as string[];
  const files = given.map((file) => resolve(file));
  const torn = log.unfinished.find((file) => !files.includes(file) && fileAt(file) !== undefined);
  if (torn !== undefined)
    throw new CommandError(
      exitCodes.usage,
      `the interrupted run has begun to write ${torn}: give the same ${Object.keys(options).join(', ')}, or remove that file`,
    );
  log.add({ writes: files });
  log.flush();
}

/** Finds `file#function`. The function is the default export if none is named. */
function functionOf(text: string, of?: FunctionName): FunctionName {
  const at = text.lastIndexOf('#');
  const path = at < 0 ? text : text.slice(0, at);
  const name = at < 0 ? 'default' : text.slice(at + 1);
  const file = path === '' && of !== undefined ? of.file : resolve(path);
  const { href } = fileUrl(file);
  return { file, url: href, name, shown: `${nameOf(file)}#${name}` };
}

function inputKind({ ndjson, null: zero, csv, range, input }: MapOptions): InputKind {
  const kinds = Object.entries({ '--ndjson': ndjson, '--null': zero, '--csv': csv, '--range': range })
    .filter(([, given]) => given !== undefined)
    .map(([name]) => name);
  if (kinds.length > 1) throw new CommandError(exitCodes.usage, `only one of ${kinds.join(' and ')} can be given`);
  if (range !== undefined && input !== undefined)
    throw new CommandError(exitCodes.usage, '--range is an input: leave --input out');
  return ndjson ? 'ndjson' : zero ? 'null' : csv ? 'csv' : 'lines';
}

/** Refuses to write over an input, or two outputs into one file. */
function refuseSame(outputs: readonly (string | undefined)[], inputs: readonly string[]): void {
  const files = outputs.filter((file) => file !== undefined && file !== '-') as string[];
  const paths = files.map((file) => resolve(file));
  const twice = files.find((_, index) => paths.indexOf(paths[index]!) !== index);
  if (twice !== undefined) throw new CommandError(exitCodes.usage, `${twice} is given for two outputs`);
  for (const file of files) {
    const there = fileAt(file);
    if (there !== undefined && inputs.some((input) => isSameFile(fileAt(input), there)))
      throw new CommandError(exitCodes.usage, `${file} is an input: it would be written over`);
  }
}

/** Returns the numbers of a regular file; `undefined` if there is no such file. */
function fileAt(path: string): Stats | undefined {
  try {
    const stat = statSync(path);
    return stat.isFile() ? stat : undefined;
  } catch {
    return undefined;
  }
}
