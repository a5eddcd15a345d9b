/** `callsheet counts` and `callsheet stats`: figures of many jobs. */
import type { CountField, CountRow, DurationStats, StatRow } from '../../protocol/monitor.js';
import { CommandError, exitCodes } from '../exit.js';
import { noSums, type Session } from '../session.js';
import type { Column } from '../table.js';
import { callableName, count, duration, queueName } from '../words.js';

export interface KindOptions {
  readonly queue?: readonly string[];
  readonly callable?: readonly string[];
}

const kindsOf = ({ queue, callable }: KindOptions) => ({
  ...(queue === undefined ? {} : { queue }),
  ...(callable === undefined ? {} : { callable }),
});

export async function counts(
  { callsheet, out }: Session,
  { by = ['queue', 'status'], ...kinds }: KindOptions & { readonly by?: readonly CountField[] },
): Promise<number> {
  const rows = await callsheet.monitor.counts(kindsOf(kinds), { by });
  const columns = by.map(
    (field): Column<CountRow> => ({
      title: field.toUpperCase(),
      of: (row) => shown(field, row[field]!),
      cut: true,
    }),
  );
  out.rows(rows, [{ title: 'JOBS', of: (row) => count(row.count), right: true }, ...columns], 'there are no jobs');
  return exitCodes.done;
}

function shown(field: CountField, value: string): string {
  return field === 'queue' ? queueName(value) : field === 'callable' ? callableName(value) : value;
}

export interface StatsOptions extends KindOptions {
  readonly since?: Date;
  readonly until?: Date;
  readonly step?: number;
}

export async function stats({ callsheet, out, place }: Session, options: StatsOptions): Promise<number> {
  const { since, until, step } = options;
  if (!('directory' in place)) throw new CommandError(exitCodes.usage, noSums);
  const rows = await callsheet.monitor.stats(kindsOf(options), {
    ...(since === undefined ? {} : { from: since }),
    ...(until === undefined ? {} : { to: until }),
    ...(step === undefined ? {} : { stepMs: step }),
  });
  const figure = (title: string, of: (row: StatRow) => number): Column<StatRow> => ({
    title,
    of: (row) => count(of(row)),
    right: true,
  });
  const columns: Column<StatRow>[] = [
    ...(step === undefined ? [] : [{ title: 'FROM', of: ({ from }: StatRow) => from.slice(0, 16) }]),
    { title: 'QUEUE', of: ({ queue }) => queueName(queue), cut: true },
    { title: 'CALLABLE', of: ({ callable }) => callableName(callable), cut: true },
    figure('PUT', ({ put }) => put),
    figure('OK', ({ succeeded }) => succeeded),
    figure('FAILED', ({ failed }) => failed),
    figure('CANCELLED', ({ cancelled }) => cancelled),
    figure('RETRIED', ({ retried }) => retried),
    { title: 'WAIT P50', of: ({ wait }) => timeOf(wait, 'p50'), right: true },
    { title: 'P99', of: ({ wait }) => timeOf(wait, 'p99'), right: true },
    { title: 'RUN P50', of: ({ run }) => timeOf(run, 'p50'), right: true },
    { title: 'P99', of: ({ run }) => timeOf(run, 'p99'), right: true },
    { title: 'LONGEST', of: ({ run }) => timeOf(run, 'max'), right: true },
  ];
  out.rows(rows, columns, 'nothing happened in this time');
  return exitCodes.done;
}

const timeOf = (stats: DurationStats | undefined, name: 'p50' | 'p99' | 'max') =>
  stats === undefined ? '–' : duration(stats[name]);
