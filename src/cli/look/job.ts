/** `callsheet job`: one job in full. */
import type { JobDetails } from '../../definition/job-details.js';
import { CallsheetError } from '../../errors.js';
import type { CallbackTree, JobRow } from '../../protocol/monitor.js';
import type { FullJob } from '../../runtime/monitor.js';
import type { Runtime } from '../../runtime/runtime.js';
import { CommandError, exitCodes } from '../exit.js';
import { findJob } from '../find-job.js';
import type { Output } from '../output.js';
import type { Session } from '../session.js';
import { age, callableName, count, counted, duration, plain, plainLines, queueName, size } from '../words.js';
import { stateOf } from './columns.js';

export interface JobOptions {
  readonly arguments?: boolean;
  readonly result?: boolean;
  readonly log?: boolean;
  readonly wait?: boolean;
  /** The longest wait. */
  readonly timeout?: number;
}

export async function job({ callsheet, out, isLive }: Session, text: string, options: JobOptions): Promise<number> {
  const { wait = false, timeout } = options;
  const id = await findJob(callsheet, text);
  if (wait && !isLive && (await callsheet.monitor.job(id)).outcome === 'none')
    throw new CommandError(exitCodes.unreachable, 'no process has the directory open, so the job does not end');
  if (wait) await callsheet.job(id).failure(timeout === undefined ? {} : { timeoutMs: timeout });
  const full = await callsheet.monitor.job(id, { result: wait || options.result === true, log: options.log === true });
  const args = options.arguments ? await argumentsOf(callsheet.job(id)) : undefined;
  if (out.isJson) out.json({ ...full, ...args });
  else show(out, full, args);
  return wait && full.outcome === 'failure' ? exitCodes.failed : exitCodes.done;
}

/** Returns the lines that show a job with its arguments and its outcome. */
export async function fullLines(callsheet: Runtime, out: Output, id: string): Promise<string[]> {
  const lines: string[] = [];
  const full = await callsheet.monitor.job(id, { result: true, log: true });
  show(out.into(lines, Number.POSITIVE_INFINITY), full, await argumentsOf(callsheet.job(id)));
  return lines;
}

type Arguments = { readonly arguments: readonly unknown[] } | { readonly argumentsLost: string };

/** Returns the arguments, or why they cannot be read: the job is shown all the same. */
async function argumentsOf(job: { arguments(): Promise<readonly unknown[]> }): Promise<Arguments> {
  try {
    return { arguments: await job.arguments() };
  } catch (error) {
    if (!(error instanceof CallsheetError)) throw error;
    return { argumentsLost: error.message };
  }
}

const labelWidth = 12;

function show(out: Output, full: FullJob, args: Arguments | undefined): void {
  const { id, details, asOf } = full;
  const field = (label: string, text: string | undefined) => {
    if (text !== undefined && text !== '') out.line(`${label.padEnd(labelWidth)}${text}`);
  };
  const state = stateOf({ status: details.status, outcome: full.outcome });
  out.line(out.style('bold', `${id}  ${callableName(details.callable)}`));
  field('state', full.outcome === 'failure' ? out.style('red', state) : state);
  field('queue', queueName(details.queue));
  field('kind', full.form === 'call' && full.role === 'root' ? '' : `${full.form}, ${full.role}`);
  for (const [label, text] of factsOf(details)) field(label, text);
  for (const [label, text] of timesOf(details, asOf)) field(label, text);
  field('thread', full.thread?.toString());
  field('parent', full.parent && rowText(full.parent));
  field('schedule', full.schedule && `${plain(full.schedule.name)}, tick ${full.schedule.tick}`);
  if (details.parts > 0) field('parts', `${count(details.partsDone)} of ${count(details.parts)} done`);
  for (const part of full.parts) out.line(`  ${rowText(part)}`);
  if (full.moreParts !== undefined) out.line(`  … callsheet jobs --parent ${id} --role part lists all`);
  if (details.callbacks > 0) field('callbacks', `${count(details.callbacksDone)} of ${count(details.callbacks)} done`);
  showTree(out, full.callbacks, '  ');
  if (!full.areAllCallbacks) out.line('  …');
  field('returned by', full.returnedBy.join(', '));
  for (const { attempt, thread, end, error, ended } of full.runs)
    field(
      `run ${attempt}`,
      `${end}${error === undefined ? '' : ` with ${plain(error)}`} in thread ${thread}, ${ended}`,
    );
  for (const [name, value] of Object.entries(full.annotations)) field(plain(name), plain(out.shown(value)));
  showValues(out, full, args);
  for (const { at, level, message, fields } of full.log ?? []) {
    const others = Object.keys(fields).length === 0 ? [] : [plain(out.shown(fields))];
    out.line([at, level.padEnd(5), plain(message), ...others].join('  '));
  }
}

function factsOf(details: JobDetails): [string, string | undefined][] {
  const { agent, dispatcher, priority, timeoutMs, unique, quotas, retryOf, retriedBy, returned } = details;
  const { attempts, errors, interruptions, durability, unknownCallable } = details;
  const counts = [
    counted(attempts, 'run'),
    ...(errors > 0 ? [`${counted(errors, 'error')} retried`] : []),
    ...(interruptions > 0 ? [counted(interruptions, 'interruption')] : []),
  ];
  return [
    ['runs', counts.join(', ')],
    ['durability', durability],
    ['problem', unknownCallable ? 'the process that has the directory open does not have its function' : undefined],
    ['agent', agent && `${plain(agent)} of ${dispatcher ?? 'no dispatcher'}`],
    ['priority', priority === 0 ? undefined : String(priority)],
    ['time limit', timeoutMs === undefined ? undefined : duration(timeoutMs)],
    ['unique', unique && plain(unique)],
    ['quotas', quotas.map(({ name, key }) => plain(key === undefined ? name : `${name}[${key}]`)).join(', ')],
    ['returned', returned],
    ['retry of', retryOf],
    ['retried by', retriedBy],
  ];
}

function timesOf(details: JobDetails, asOf: string): [string, string | undefined][] {
  const times = { put: details.putAt, due: details.dueAt, deadline: details.deadline, started: details.firstStartAt };
  const ends = { 'last start': details.lastStartAt, ended: details.endAt, completed: details.completedAt };
  const isRepeated = details.lastStartAt?.getTime() === details.firstStartAt?.getTime();
  return Object.entries({ ...times, ...ends }).map(([label, time]) => {
    const iso = time?.toISOString();
    if (iso === undefined || (label === 'last start' && isRepeated)) return [label, undefined];
    return [label, `${iso} (${age(iso, asOf)}${iso <= asOf ? ' ago' : ''})`];
  });
}

const rowText = (row: JobRow) => `${row.id}  ${callableName(row.callable)}  ${stateOf(row)}`;

function showTree(out: Output, tree: readonly CallbackTree[], indent: string): void {
  for (const { callbacks, ...row } of tree) {
    out.line(`${indent}${rowText(row)}${row.role === 'callback' ? '' : `  (${row.role})`}`);
    showTree(out, callbacks, `${indent}  `);
  }
}

function showValues(out: Output, full: FullJob, args: Arguments | undefined): void {
  const { argumentBytes, resultBytes } = full;
  const block = (label: string, text: string) => {
    out.line(`${label}:`);
    for (const line of plainLines(text)) out.line(`  ${line}`);
  };
  if (argumentBytes === 0 && args === undefined) out.line(`${'arguments'.padEnd(labelWidth)}none`);
  else if (args === undefined)
    out.line(`${'arguments'.padEnd(labelWidth)}${size(argumentBytes)}; --arguments shows them`);
  else if ('argumentsLost' in args) block('arguments', args.argumentsLost);
  else block('arguments', args.arguments.map((value) => out.shown(value)).join('\n'));
  if (full.failure !== undefined)
    block('failure', full.failure.stack ?? `${full.failure.name}: ${full.failure.message}`);
  else if ('result' in full) block('result', out.shown(full.result));
  else if (full.outcome !== 'none') out.line(`${'result'.padEnd(labelWidth)}${size(resultBytes)}; --result shows it`);
}
