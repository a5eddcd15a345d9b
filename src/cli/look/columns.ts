/** Jobs as rows of a table. */
import type { JobRow } from '../../protocol/monitor.js';
import type { Output } from '../output.js';
import type { Column } from '../table.js';
import { age, callableName, count, queueName } from '../words.js';

/** The status of a job, with its outcome if its call is over. */
export function stateOf({ status, outcome }: Pick<JobRow, 'status' | 'outcome'>): string {
  if (outcome === 'none') return status;
  const ended = outcome === 'failure' ? 'failed' : 'succeeded';
  return status === 'completed' ? ended : `${ended}, ${status}`;
}

export function jobColumns(out: Output, now: string): readonly Column<JobRow>[] {
  const colored = (row: JobRow) => (row.outcome === 'failure' ? out.style('red', stateOf(row)) : stateOf(row));
  return [
    { title: 'ID', of: ({ id }) => id },
    { title: 'CALLABLE', of: ({ callable }) => callableName(callable), cut: true },
    { title: 'QUEUE', of: ({ queue }) => queueName(queue), cut: true },
    { title: 'STATE', of: colored },
    { title: 'RUNS', of: ({ attempts }) => count(attempts), right: true },
    { title: 'PUT', of: ({ put }) => age(put, now), right: true },
    { title: 'ENDED', of: ({ ended }) => age(ended, now), right: true },
  ];
}
