/** Filters of agents: data, a function of a job module, or a function that chooses. */

import type { AgentFilter as StoredFilter } from '../core/records.js';
import { invalidOption } from '../errors.js';
import type { AskedJob } from '../protocol/asked-job.js';
import { checkArray, checkNumber } from './arguments.js';
import { type Callable, isCallable, isExport } from './callable.js';
import { checkOptions, type OptionNames } from './known-options.js';
import { checkLookedFor } from './names.js';

/**
 * A function of a registered module that decides whether an agent takes a job. It returns a boolean
 * or a promise of one. It is asked once for each job, and again when the job has changed, so its
 * answer must depend on the job alone.
 */
export type JobFilter = Callable<[job: AskedJob], boolean> | Callable<[], boolean>;

/** The jobs that an agent takes: those that meet every given condition. */
export type AgentFilter = Omit<StoredFilter, 'by'> & {
  /** This function returns `true` for the job. */
  readonly by?: JobFilter;
};

/** The argument of a chooser. */
export interface ChooserQuestion {
  readonly agent: { readonly name: string; readonly size: number };
  /** The first jobs in line that the agent may take, at most 100. */
  readonly waiting: readonly AskedJob[];
  /** The jobs that the agent is running. */
  readonly running: readonly AskedJob[];
}

/**
 * A function of a registered module that returns the waiting jobs that an agent should take now, in
 * order. The agent takes as many as it has room for. It is asked again when the waiting or the
 * running jobs have changed.
 */
export type JobChooser =
  | Callable<[question: ChooserQuestion], readonly (string | AskedJob)[]>
  | Callable<[], readonly (string | AskedJob)[]>;

/** In characters of JSON. Every claim looks at the record of its agent, so it must stay small. */
const dataLimit = 65_536;

/** @internal Checks a filter and returns it as it is stored. */
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
  for (const [index, text] of (value as readonly unknown[]).entries()) checkLookedFor(`${path}[${index}]`, text, '');
}
