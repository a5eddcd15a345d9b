/**
 * Filters of agents: as data, as a function of a job module, or as one that chooses.
 */

import type { AgentFilter as StoredFilter } from '../core/records.js';
import { invalidOption } from '../errors.js';
import type { AskedJob } from '../protocol/asked-job.js';
import { checkArray, checkNumber, checkText } from './arguments.js';
import { type Callable, isCallable, isExport } from './callable.js';
import { checkOptions, type OptionNames } from './known-options.js';

/**
 * A function of a registered module that says whether an agent takes a job: true or false, or a
 * promise of it. It is asked once for each job, of many at a time, and again when the job has
 * changed; what it says is to depend on the job alone.
 */
export type JobFilter = Callable<[job: AskedJob], boolean> | Callable<[], boolean>;

/** What an agent takes: all that is given has to fit. */
export type AgentFilter = Omit<StoredFilter, 'by'> & {
  /** And this function says so. */
  readonly by?: JobFilter;
};

/** What a chooser is asked. */
export interface ChooserQuestion {
  readonly agent: { readonly name: string; readonly size: number };
  /** The first jobs in line that the agent may take, 100 at most. */
  readonly waiting: readonly AskedJob[];
  /** Those that it has now. */
  readonly running: readonly AskedJob[];
}

/**
 * A function of a registered module that says which of the waiting jobs an agent is to take now,
 * and in which order: as many as there is room for are taken. It is asked again when what waits or
 * what runs has changed.
 */
export type JobChooser =
  | Callable<[question: ChooserQuestion], readonly (string | AskedJob)[]>
  | Callable<[], readonly (string | AskedJob)[]>;

/** So that an agent's record, which every claim looks at, stays small. */
const dataLimit = 65_536;

/** @internal As it is stored, and asked at every claim. */
export function checkFilter(filter: AgentFilter | JobFilter, known: (callable: string) => void): StoredFilter {
  if (isCallable(filter)) return { by: functionName(filter, 'filter', known) };
  if (typeof filter === 'function')
    throw invalidOption('filter', 'must be an object, or a function from defineJobs()', filter);
  checkOptions('filter', filter, conditions);
  const { by, ...data } = filter;
  for (const [key, value] of Object.entries(data)) {
    const path = `filter.${key}`;
    if (key === 'minPriority' || key === 'maxPriority') checkNumber(path, value, {});
    else checkTexts(path, value);
  }
  if (JSON.stringify(data).length > dataLimit)
    throw invalidOption('filter', `must have at most ${dataLimit} characters as JSON`, filter, RangeError);
  return by === undefined ? data : { ...data, by: functionName(by, 'filter.by', known) };
}

/** @internal */
export function functionName(value: unknown, where: string, known: (callable: string) => void): string {
  if (!isExport(value))
    throw invalidOption(where, 'must be a function of a module from defineJobs(), uncalled and without with()', value);
  known(value.callable);
  return value.callable;
}

const conditions: OptionNames<AgentFilter> = {
  callables: true,
  modules: true,
  quotas: true,
  minPriority: true,
  maxPriority: true,
  by: true,
};

function checkTexts(path: string, value: unknown): void {
  checkArray(path, value, 'strings');
  for (const [index, text] of (value as readonly unknown[]).entries())
    checkText(`${path}[${index}]`, text, 'must be a string', () => true);
}
