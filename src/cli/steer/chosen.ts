/** Acts on the jobs that a command names, or on all that its filters select. */
import { createInterface } from 'node:readline/promises';
import { CallsheetError } from '../../errors.js';
import type { JobQuery } from '../../protocol/monitor.js';
import type { BulkOptions, BulkResult } from '../../runtime/bulk.js';
import { CommandError, exitCodes, isLost } from '../exit.js';
import { type FilterOptions, filterFrom } from '../filters.js';
import { findJob } from '../find-job.js';
import type { Session } from '../session.js';
import { count, counted, plain } from '../words.js';

export interface ChosenOptions extends FilterOptions {
  readonly yes?: boolean;
  readonly expect?: number;
}

export interface Action {
  /** As a command: `retry`. */
  readonly verb: string;
  /** Acts on one job. Returns more fields of its row, such as the id of a new job. */
  one(id: string): Promise<object>;
  /** Acts on all jobs that fit. Without it, only named jobs can be chosen. */
  all?(filter: JobQuery, options: BulkOptions): Promise<BulkResult>;
}

/** Returns code 1 if the action was refused on a job. */
export async function actOnChosen(
  session: Session,
  ids: readonly string[],
  action: Action,
  options: ChosenOptions = {},
): Promise<number> {
  const filter = await filterFrom(session.callsheet, options);
  const { verb } = action;
  if (ids.length > 0 && filter !== undefined)
    throw new CommandError(exitCodes.usage, `${verb} either jobs by their ids, or those that filters select`);
  if (ids.length > 0) return actOnEach(session, ids, action);
  if (action.all === undefined) throw new CommandError(exitCodes.usage, `name the jobs to ${verb}`);
  if (filter === undefined)
    throw new CommandError(exitCodes.usage, `name the jobs to ${verb}, or select them, such as with --failed`);
  return actOnAll(session, filter, { verb, all: action.all.bind(action) }, options);
}

async function actOnEach({ callsheet, out }: Session, ids: readonly string[], { verb, one }: Action): Promise<number> {
  const found: string[] = [];
  // Nothing is done if one of them is not found.
  for (const text of ids) found.push(await findJob(callsheet, text));
  const codes = new Set<string>();
  for (const id of found) {
    try {
      const more = await one(id);
      if (out.isJson) out.json({ id, done: true, ...more });
      else out.line([id, ...Object.values(more)].join('  '));
    } catch (error) {
      if (!(error instanceof CallsheetError) || isLost(error)) throw error;
      const { code, message } = error;
      codes.add(code);
      if (out.isJson) out.json({ id, done: false, code, message });
      else out.note(`callsheet: ${verb} ${id}: ${message}`);
    }
  }
  if (codes.size === 0) return exitCodes.done;
  return codes.size === 1 && codes.has('JOB_FORGOTTEN') ? exitCodes.notFound : exitCodes.failed;
}

async function actOnAll(
  { out }: Session,
  filter: JobQuery,
  { verb, all }: { readonly verb: string; readonly all: NonNullable<Action['all']> },
  { yes = false, expect }: ChosenOptions,
): Promise<number> {
  const { matched } = await all(filter, { dryRun: true, ...(expect === undefined ? {} : { expect }) });
  if (matched === 0 && expect === undefined) out.note('no job fits');
  if (matched > 0 && !yes && !(await isConfirmed(`${verb} ${counted(matched, 'job')}?`)))
    throw new CommandError(
      exitCodes.usage,
      `${counted(matched, 'job')} ${matched === 1 ? 'fits' : 'fit'}, and nothing was done: --yes goes on`,
    );
  const result = matched === 0 ? nothing : await run(all, filter);
  const { done, refused, refusedCount } = result;
  if (out.isJson) out.json(result);
  else if (matched > 0) {
    out.line(`${verb}: ${count(done)} done, ${count(refusedCount)} refused`);
    for (const { id, message } of refused) out.note(`  ${id}: ${plain(message)}`);
    if (refusedCount > refused.length) out.note(`  … and ${count(refusedCount - refused.length)} more`);
  }
  return refusedCount === 0 ? exitCodes.done : exitCodes.failed;
}

const nothing: BulkResult = { matched: 0, done: 0, refused: [], refusedCount: 0, skipped: 0 };

/** Acts on all, with a line that shows how far it is on a terminal. A signal ends it. */
async function run(all: NonNullable<Action['all']>, filter: JobQuery): Promise<BulkResult> {
  const ending = new AbortController();
  const stop = (signal: string) => ending.abort(signal);
  process.once('SIGINT', stop).once('SIGTERM', stop);
  let shown = { matched: 0, done: 0, refused: 0 };
  const { isTTY } = process.stderr;
  try {
    return await all(filter, {
      signal: ending.signal,
      onProgress: (progress) => {
        shown = progress;
        if (isTTY) process.stderr.write(`\r\x1b[K${count(progress.done)} of ${count(progress.matched)}`);
      },
    });
  } catch (error) {
    if (!ending.signal.aborted) throw error;
    const code = ending.signal.reason === 'SIGINT' ? exitCodes.interrupted : exitCodes.terminated;
    throw new CommandError(
      code,
      `stopped after ${counted(shown.done, 'job')}; the same command goes on with the others`,
    );
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
    if (isTTY) process.stderr.write('\r\x1b[K');
  }
}

interface Terminal {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

/** Asks on a terminal. Elsewhere, and at the end of the input, the answer is no. */
export async function isConfirmed(question: string, { stdin, stderr }: Terminal = process): Promise<boolean> {
  if (!stdin.isTTY || !stderr.isTTY) return false;
  const terminal = createInterface({ input: stdin, output: stderr });
  try {
    const ended = new Promise<string>((resolve) => terminal.once('close', () => resolve('')));
    const answer = await Promise.race([terminal.question(`${question} [y/N] `), ended]);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}
