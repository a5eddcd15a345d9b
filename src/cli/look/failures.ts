/** `callsheet failures` and `callsheet traceback`: the jobs that failed, and how. */
import type { FailureField, FailureGroup } from '../../protocol/monitor.js';
import { exitCodes } from '../exit.js';
import { type FilterOptions, filterFrom } from '../filters.js';
import { findJob } from '../find-job.js';
import type { Session } from '../session.js';
import type { Column } from '../table.js';
import { age, callableName, count, counted, plain, plainLines, queueName } from '../words.js';

export interface FailuresOptions extends FilterOptions {
  readonly by?: readonly FailureField[];
  readonly limit: number;
}

export async function failures({ callsheet, out }: Session, options: FailuresOptions): Promise<number> {
  const { by = ['error', 'callable'], limit, since, until, ...fields } = options;
  const times = since === undefined && until === undefined ? {} : { failed: true, since, until };
  const filter = await filterFrom(callsheet, { ...fields, ...times } as FilterOptions);
  const { groups, others, asOf, complete } = await callsheet.monitor.failures({
    by,
    limit,
    ...(filter === undefined ? {} : { filter }),
  });
  const columns: Column<FailureGroup>[] = [
    { title: 'FAILED', of: (group) => count(group.count), right: true },
    ...by.map(
      (field): Column<FailureGroup> => ({
        title: field.toUpperCase(),
        of: (group) => shown(field, group[field]!),
        cut: true,
      }),
    ),
    { title: 'FIRST', of: ({ first }) => age(first, asOf), right: true },
    { title: 'LAST', of: ({ last }) => age(last, asOf), right: true },
    { title: 'EXAMPLE', of: ({ example }) => example },
    { title: 'MESSAGE', of: ({ message }) => plain(message ?? ''), cut: true },
  ];
  out.rows(groups, columns, 'no job has failed');
  if (others > 0) out.note(`${counted(others, 'failed job')} more, in smaller groups`);
  if (!complete) out.note('older failures are missing: the search took too long');
  return exitCodes.done;
}

function shown(field: FailureField, value: string): string {
  return field === 'queue' ? queueName(value) : field === 'callable' ? callableName(value) : plain(value) || '–';
}

export async function traceback({ callsheet, out }: Session, text: string): Promise<number> {
  const id = await findJob(callsheet, text);
  const found = await callsheet.monitor.traceback(id);
  if (out.isJson) {
    out.json({ job: id, ...found });
    return exitCodes.done;
  }
  for (const line of plainLines(found.text)) out.line(line);
  for (const { attempt, thread, started, ended, end, error } of found.runs) {
    const how = error === undefined ? end : `${end} with ${plain(error)}`;
    out.line(`run ${attempt} in thread ${thread}: ${how}, ${started ?? '–'} to ${ended}`);
  }
  return exitCodes.done;
}
