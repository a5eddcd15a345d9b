/**
 * The totals of the completed roots that are kept. Each session has the sum of what its own commits
 * have added and taken away, in its row, which every commit writes anyway. The sum over all
 * sessions is exact in any transaction, and no commit waits for another one's totals.
 */
import type { Id, JobRecord } from '../../core/records.js';
import type { Kept } from '../../core/state/completed.js';
import { completedBytes, isFailedRoot, rootCompletedAt } from '../shared/columns.js';
import type { KeptCount, Rows, Writes } from '../shared/database.js';
import type { Run } from './connection.js';
import { floorOf, type Reading } from './floors.js';
import type { Tables } from './tables.js';
import { uuidOf } from './values.js';
import type { Known } from './writing.js';

type Column = 'succeeded' | 'succeeded_bytes' | 'failed' | 'failed_bytes';

export type Sums = Readonly<Record<Column, number>>;
type Oldest = Readonly<Record<Kept, number | null>>;

export const keptColumns: readonly Column[] = ['succeeded', 'succeeded_bytes', 'failed', 'failed_bytes'];

/** The change of the totals by a commit. */
export interface KeptChange {
  readonly sums: Sums;
  /**
   * Roots with members that this commit does not write, whose bytes follow their root: 1 for one
   * that is a failed one now, -1 for one that was.
   */
  readonly moved: ReadonlyMap<Id, 1 | -1>;
  /** The jobs that the commit writes. */
  readonly written: readonly Id[];
}

export function keptChange({ jobs, forgotten }: Writes, known: Known): KeptChange {
  const sums = { succeeded: 0, succeeded_bytes: 0, failed: 0, failed_bytes: 0 };
  const now = new Map(jobs.map((job) => [job.id, job]));
  const moved = new Map<Id, 1 | -1>();
  const rootOf = (job: JobRecord, find: (id: Id) => JobRecord | undefined): JobRecord | undefined => {
    let root: JobRecord | undefined = job;
    while (root !== undefined && root.parent !== '') root = find(root.parent);
    return root;
  };
  const before = (id: Id) => known.get(id);
  const after = (id: Id) => now.get(id) ?? known.get(id);
  const add = (job: JobRecord, find: typeof before, by: 1 | -1) => {
    if (job.status !== 'completed') return;
    const kept: Kept = hasFailed(rootOf(job, find)) ? 'failed' : 'succeeded';
    if (rootCompletedAt(job) !== 0) sums[kept] += by;
    sums[`${kept}_bytes`] += by * completedBytes(job);
  };
  for (const job of jobs) {
    const was = known.get(job.id);
    if (was !== undefined) add(was, before, -1);
    add(job, after, 1);
    const moves = Number(hasFailed(job)) - Number(hasFailed(was));
    if (moves !== 0 && job.parts + job.callbacks > 0) moved.set(job.id, moves as 1 | -1);
  }
  for (const id of forgotten) {
    const was = known.get(id);
    if (was !== undefined) add(was, before, -1);
  }
  return { sums, moved, written: moved.size === 0 ? [] : [...now.keys(), ...forgotten] };
}

const hasFailed = (root: JobRecord | undefined): boolean => root !== undefined && isFailedRoot(root);

/** Reads the totals, and the times of the oldest roots. */
export async function readKept(run: Run, tables: Tables, reading: Reading): Promise<Rows['kept']> {
  const [sums, oldest] = await Promise.all([readSums(run, tables), readOldest(run, tables, reading)]);
  return keptOf(sums, oldest);
}

/** Reads the totals: the rows of all sessions, with all versions that vacuum has left. */
export async function readSums(run: Run, { sessions }: Tables): Promise<Sums> {
  const sums = keptColumns.map((name) => `coalesce(sum(${name}), 0)::float8 as ${name}`).join(', ');
  return (await run<Sums>(`select ${sums} from ${sessions}`))[0]!;
}

/** Reads the times of the oldest roots. */
export async function readOldest(run: Run, { jobs }: Tables, reading: Reading): Promise<Oldest> {
  const oldest = (hasFailed: boolean, floor: string) => `(select completed_at from ${jobs}
    where has_failed = ${hasFailed} and completed_at >= ${floor} and not is_awaited order by completed_at, id limit 1)`;
  const text = `select ${oldest(false, '$1')} as succeeded, ${oldest(true, '$2')} as failed`;
  const [row] = await run<Oldest>(text, [floorOf(reading, 'succeeded'), floorOf(reading, 'failed')]);
  for (const kept of ['succeeded', 'failed'] as const) {
    const at = row![kept];
    if (at !== null) reading.found(kept, [at]);
  }
  return row!;
}

export function keptOf(sums: Sums, oldest: Oldest): Rows['kept'] {
  const of = (kept: Kept): KeptCount => ({
    count: sums[kept],
    bytes: sums[`${kept}_bytes`],
    oldestAt: oldest[kept] ?? undefined,
  });
  return { succeeded: of('succeeded'), failed: of('failed') };
}

export const sumsOf = ({ succeeded, failed }: Rows['kept']): Sums => ({
  ...{ succeeded: succeeded.count, succeeded_bytes: succeeded.bytes },
  ...{ failed: failed.count, failed_bytes: failed.bytes },
});

export const addedTo = (a: Sums, b: Sums): Sums =>
  Object.fromEntries(keptColumns.map((name) => [name, a[name] + b[name]])) as Sums;

/** Returns the values of the columns as SQL, whose parameters begin behind `taken` others. */
export function keptValues(
  { jobs }: Tables,
  { sums, moved, written }: KeptChange,
  taken: number,
): [string[], unknown[]] {
  const values: unknown[] = keptColumns.map((name) => sums[name]);
  const texts = keptColumns.map((_, at) => `$${taken + 1 + at}::bigint`);
  if (moved.size === 0) return [texts, values];
  const at = taken + values.length;
  values.push([...moved.keys()].map(uuidOf), [...moved.values()], written.map(uuidOf));
  // The rows that this commit writes are counted above.
  const bytes = `(select coalesce(sum(completed_bytes * by), 0)::bigint
    from unnest($${at + 1}::uuid[], $${at + 2}::int[]) as moved (root, by) join ${jobs} using (root)
    where parent is not null and id <> all($${at + 3}::uuid[]))`;
  return [[texts[0]!, `${texts[1]} - ${bytes}`, texts[2]!, `${texts[3]} + ${bytes}`], values];
}

/** Counts all rows, for a session that begins with them. */
export async function countAllKept(run: Run, { sessions, jobs }: Tables): Promise<void> {
  const of = (hasFailed: boolean, what: string) => `coalesce(${what} filter (where r.has_failed = ${hasFailed}), 0)`;
  const counts = [false, true].flatMap((failed) => [
    of(failed, 'count(j.completed_at)'),
    of(failed, 'sum(j.completed_bytes)'),
  ]);
  await run(`insert into ${sessions} (id, ${keptColumns.join(', ')})
    select 'promoted', ${counts.join(', ')} from ${jobs} j join ${jobs} r on r.id = coalesce(j.root, j.id)`);
}

/** Takes silent sessions off. Their totals stay, in a row of no session. */
export async function dropSilent(run: Run, { sessions }: Tables): Promise<void> {
  const names = keptColumns.join(', ');
  const sums = keptColumns.map((name) => `sum(${name})`).join(', ');
  const added = keptColumns.map((name) => `${name} = old.${name} + excluded.${name}`).join(', ');
  await run(`with gone as (
      delete from ${sessions} where seen_at < now() - interval '1 day' and id <> '' returning ${names})
    insert into ${sessions} as old (id, ${names}) select '', ${sums} from gone having count(*) > 0
    on conflict (id) do update set ${added}`);
}
