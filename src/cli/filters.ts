/** The options that select jobs, as a filter of the monitor. */
import type { JobRole, JobStatus } from '../core/records.js';
import type { CountedOutcome, JobQuery } from '../protocol/monitor.js';
import type { Runtime } from '../runtime/runtime.js';
import { CommandError, exitCodes } from './exit.js';
import { findJob } from './find-job.js';

export interface FilterOptions {
  readonly queue?: readonly string[];
  readonly callable?: readonly string[];
  readonly status?: readonly JobStatus[];
  readonly failed?: boolean;
  readonly outcome?: CountedOutcome;
  readonly error?: readonly string[];
  readonly role?: JobRole;
  readonly parent?: string;
  readonly agent?: string;
  readonly quota?: string;
  readonly unique?: string;
  readonly annotation?: string;
  readonly since?: Date;
  readonly until?: Date;
}

/** Returns the filter. Undefined if no option selects. */
export async function filterFrom(callsheet: Runtime, options: FilterOptions): Promise<JobQuery | undefined> {
  const { queue, callable, status, failed, outcome, error, role, agent, quota, unique } = options;
  if (failed && outcome !== undefined && outcome !== 'failure')
    throw new CommandError(exitCodes.usage, `--failed and --outcome ${outcome} exclude each other`);
  const interval = intervalOf(options);
  const parent = options.parent === undefined ? undefined : await findJob(callsheet, options.parent);
  const given = {
    ...{ queue, callable, status, error, role, parent, agent, unique },
    outcome: failed ? 'failure' : outcome,
    quota: quota === undefined ? undefined : keyed(quota, (name, key) => ({ name, key })),
    annotation:
      options.annotation === undefined
        ? undefined
        : keyed(options.annotation, (name, text) => ({ name, value: json(text) })),
    [hasEnded(options) ? 'ended' : 'put']: interval,
  };
  const fields = Object.entries(given).filter(([, value]) => value !== undefined);
  return fields.length === 0 ? undefined : (Object.fromEntries(fields) as JobQuery);
}

/** Whether only jobs are selected whose calls are over. Their times are those of the ends. */
function hasEnded({ failed, outcome, error, status }: FilterOptions): boolean {
  const isOver = outcome !== undefined && outcome !== 'none';
  return failed === true || isOver || error !== undefined || (status?.every((one) => one === 'completed') ?? false);
}

function intervalOf({ since, until }: FilterOptions): { from?: Date; to?: Date } | undefined {
  if (since === undefined && until === undefined) return undefined;
  if (since !== undefined && until !== undefined && until < since)
    throw new CommandError(exitCodes.usage, '--until must not be before --since');
  return { ...(since === undefined ? {} : { from: since }), ...(until === undefined ? {} : { to: until }) };
}

/** Reads `name` or `name=value`. */
export function keyed<T>(text: string, both: (name: string, value: string) => T): string | T {
  const at = text.indexOf('=');
  return at < 0 ? text : both(text.slice(0, at), text.slice(at + 1));
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A plain text is a value, too.
    return text;
  }
}
