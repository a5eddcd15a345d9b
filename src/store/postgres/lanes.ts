/** Lanes of lines in SQL; see `shared/lanes.ts`. */
import type { Id, JobRecord } from '../../core/records.js';
import type { BucketRecord } from '../../core/state/change-log.js';
import { goesBefore, type Place } from '../../core/state/lanes.js';
import type { Rows } from '../shared/database.js';
import { type LaneWrites, laneOf, placeOf, type StoredLane, shareOf } from '../shared/lanes.js';
import { indexKey, type Want, wantKey } from '../shared/wants.js';
import type { Run } from './connection.js';
import { lineValues, type Position, type Reading } from './floors.js';
import type { Tables } from './tables.js';
import { bytesOf, idFrom, textFrom, uuidOf } from './values.js';

/** The columns of a place in line but the id, with their types. */
const headTypes = {
  ...{ line_priority: 'float8', line_front: 'smallint', line_alone: 'smallint', eligible: 'float8' },
} as const;
/** The columns of a place in line, with their types and least values. */
const placeTypes: Readonly<Record<string, string>> = { ...headTypes, id: 'uuid' };
const leasts: Readonly<Record<string, string>> = {
  ...{ line_priority: `'-infinity'`, line_front: '0', line_alone: '0', eligible: `'-infinity'` },
  id: `'${uuidOf('\0'.repeat(16))}'`,
};
const placeNames = Object.keys(placeTypes);
const order = placeNames.join(', ');
/** Returns the columns of a head, each behind a prefix. */
const head = (prefix: string) =>
  Object.keys(headTypes)
    .map((name) => `${prefix}${name}`)
    .join(', ');

const placeFrom = (priority: number, front: number, alone: number, eligible: number, id: Id): Place => ({
  ...{ priority: 0 - priority, front: front === 0, alone: alone === 0, eligible, id },
});

/** A lane as JSON, in which bytes are text. */
interface LaneJson {
  readonly id: string;
  readonly queue: string;
  readonly callable: string;
  readonly gates: readonly string[];
  readonly parked_at: string | null;
  readonly opens_at: number | null;
  readonly line_priority: number;
  readonly line_front: number;
  readonly line_alone: number;
  readonly eligible: number;
  /**
   * The place of the first job of a lane without gates, also if another transaction has locked it.
   */
  readonly first: Position | null;
  /** By gate: the places that are taken, and the rate. */
  readonly held: readonly number[];
  readonly buckets: readonly (string | null)[];
  /** `true` for a lane that a want reads as one of its first ones. */
  readonly is_first: boolean;
}

const bytesFrom = (text: string) => textFrom(Buffer.from(text.slice(2), 'hex'));

function laneFrom(row: LaneJson): StoredLane {
  const id = idFrom(row.id);
  return {
    ...{ id, queue: bytesFrom(row.queue), callable: bytesFrom(row.callable), gates: row.gates.map(bytesFrom) },
    head: placeFrom(row.line_priority, row.line_front, row.line_alone, row.eligible, id),
    parkedAt: row.parked_at === null ? undefined : bytesFrom(row.parked_at),
    opensAt: row.opens_at ?? undefined,
  };
}

const withoutHyphens = (value: string | number) => (typeof value === 'string' ? value.replaceAll('-', '') : value);

type LineWant = Extract<Want, { kind: 'lanes' | 'parked' | 'rest' }>;

/** A job, or a lane. */
export interface InLine {
  readonly lane: LaneJson | null;
}

/** Jobs of a lane with gates are locked with their lane. */
const skipping = (isLook: boolean) => (isLook ? '' : 'for update skip locked');

/**
 * Returns the query for what a want names: jobs with these columns, and lanes, which have the
 * column `lane` alone.
 */
export function lineQuery(
  tables: Tables,
  want: LineWant,
  columns: readonly string[],
  isLook: boolean,
  reading: Reading,
): [string, unknown[]] {
  if (want.kind === 'rest') return restQuery(tables, want, columns, isLook);
  return lanesQuery(tables, want, columns, isLook, reading);
}

function lanesQuery(
  { jobs, lanes, places, buckets }: Tables,
  want: Extract<LineWant, { kind: 'lanes' | 'parked' }>,
  columns: readonly string[],
  isLook: boolean,
  reading: Reading,
): [string, unknown[]] {
  const values: unknown[] = [];
  const value = (of: unknown) => `$${values.push(of)}`;
  const found: string[] = [];
  const find = (isFirst: boolean, rest: string) =>
    found.push(`select *, ${isFirst} as is_first from (select * from ${lanes} where ${rest}) as of${found.length}`);
  const first = `limit ${want.most} ${skipping(isLook)}`;
  if (want.kind === 'parked') find(false, `parked_at = ${value(bytesOf(want.key))} order by ${order} ${first}`);
  else {
    const { queue, except, after, now } = want;
    const inQueue = `queue = ${value(bytesOf(queue))} and callable <> all(${value(except.map(bytesOf))}::bytea[])`;
    const behind = after === undefined ? '' : `and (${order}) > (${lineValues(after).map(value).join(', ')})`;
    find(true, `${inQueue} and gates <> '{}' and parked_at is null ${behind} order by queue, ${order} ${first}`);
    if (after === undefined) {
      find(false, `${inQueue} and opens_at <= ${value(now)} order by queue, opens_at ${first}`);
      find(false, `${inQueue} and gates = '{}'`);
    }
  }
  const floors = value(JSON.stringify(Object.fromEntries(reading.ofLines())));
  const floor = `cross join lateral (select ${floors}::jsonb -> replace(found.id::text, '-', '') as at) as floor`;
  const floorOf = (name: string, at: number) => `coalesce((floor.at ->> ${at})::${placeTypes[name]}, ${leasts[name]})`;
  // No job of a lane with gates goes before its head.
  const firstOf = (isGated: boolean, what: string, rest: string) =>
    `select ${what} from ${jobs} where queue = found.queue and lane = found.id and queued
      and ${isGated ? `(${head('')}) >= (${head('found.')})` : `(${order}) >= (${placeNames.map(floorOf).join(', ')})`}
      order by ${order} limit ${rest}`;
  const share = `greatest(2, ${want.most} / (select count(*) from found))`;
  const jobsOf = (isGated: boolean) => `select job.*, null::jsonb as lane from found ${isGated ? '' : floor}
    cross join lateral (${firstOf(isGated, columns.join(', '), `${share} ${skipping(isLook || isGated)}`)}) as job
    where found.gates ${isGated ? '<>' : '='} '{}'`;
  const ofGates = (what: string) =>
    `array(select (${what}) from unnest(gates) with ordinality as at (gate, n) order by n)`;
  const text = `with found as materialized (${found.join(' union all ')})
    ${jobsOf(false)} union all ${jobsOf(true)} union all
    select ${columns.map(() => 'null').join(', ')}, to_jsonb(found) || jsonb_build_object(
      'first', case when gates = '{}' then (${firstOf(false, `jsonb_build_array(${order})`, '1')}) end,
      'held', ${ofGates(`select count(*) from ${places} where key = gate`)},
      'buckets', ${ofGates(`select body from ${buckets} where key = gate`)}) from found ${floor}`;
  return [text, values];
}

function restQuery(
  { jobs }: Tables,
  { queue, lanes, most }: Extract<LineWant, { kind: 'rest' }>,
  columns: readonly string[],
  isLook: boolean,
): [string, unknown[]] {
  const asked = { lane: 'uuid', is_gated: 'boolean', ...placeTypes };
  const arrays = Object.values(asked).map((type, at) => `$${at + 2}::${type}[]`);
  const rows = lanes.map(({ lane, isGated, after }) => [uuidOf(lane), isGated, ...lineValues(after)]);
  const behind = `(${order}) > (${placeNames.map((name) => `asked.${name}`).join(', ')})`;
  const jobsOf = (isGated: boolean) => `select job.*, null::jsonb as lane
    from unnest(${arrays.join(', ')}) as asked (${Object.keys(asked).join(', ')}) cross join lateral (
      select ${columns.join(', ')} from ${jobs} where queue = $1 and lane = asked.lane and queued and ${behind}
      order by ${order} limit ${shareOf(most, lanes.length)} ${skipping(isLook || isGated)}) as job
    where asked.is_gated = ${isGated}`;
  const columnsOfRows = arrays.map((_, at) => rows.map((row) => row[at]));
  return [`${jobsOf(false)} union all ${jobsOf(true)}`, [bytesOf(queue), ...columnsOfRows]];
}

/** Notes the answer to a want: its lanes, and how far each was read. */
export function noteLine(
  want: LineWant,
  answer: readonly InLine[],
  jobs: readonly JobRecord[],
  rows: Rows,
  reading: Reading,
): void {
  const last = new Map<Id, Place>();
  const counts = new Map<Id, number>();
  for (const job of jobs) {
    const { id } = laneOf(job);
    const before = last.get(id);
    counts.set(id, (counts.get(id) ?? 0) + 1);
    if (before === undefined || goesBefore(before, job)) last.set(id, placeOf(job));
  }
  const found = answer.flatMap(({ lane }) => (lane === null ? [] : [lane]));
  const ids = want.kind === 'rest' ? want.lanes.map(({ lane }) => lane) : found.map(({ id }) => idFrom(id));
  const share = shareOf(want.most, ids.length);
  for (const id of ids) rows.reached.set(id, (counts.get(id) ?? 0) < share ? undefined : last.get(id));
  const firsts: StoredLane[] = [];
  for (const row of found) {
    const lane = laneFrom(row);
    rows.lanes.push(lane);
    if (row.first !== null) reading.found(uuidOf(lane.id)!, row.first.map(withoutHyphens));
    if (row.is_first) firsts.push(lane);
    for (const [at, key] of lane.gates.entries()) {
      rows.counts.set(indexKey('place', key), row.held[at]!);
      const bucket = row.buckets[at];
      if (typeof bucket === 'string') rows.buckets.push(JSON.parse(bucket) as BucketRecord);
    }
  }
  if (want.kind !== 'lanes') return;
  const heads = firsts.map(({ head }) => head).sort((a, b) => (goesBefore(a, b) ? -1 : 1));
  rows.lines.set(wantKey(want), firsts.length < want.most ? undefined : heads.at(-1));
}

/** Writes the lanes of a commit. Lanes without gates in `known` have their rows. */
export function writeLanes(
  run: Run,
  { lanes }: Tables,
  { opened, redefined, changed, emptied, joined }: LaneWrites,
  known: ReadonlySet<Id>,
): Promise<unknown>[] {
  const runs: Promise<unknown>[] = [];
  const open = `update ${lanes} set parked_at = null, opens_at = null where parked_at`;
  if (opened.length > 0) runs.push(run(`${open} = any($1)`, [opened.map(bytesOf)]));
  for (const quota of redefined) {
    // Also its keys. Names that only begin like it do no harm.
    const least = bytesOf(quota);
    runs.push(run(`${open} >= $1 and parked_at < $2`, [least, Buffer.concat([least, Buffer.of(0xff)])]));
  }
  const table = (rows: readonly LaneValues[], types: Partial<typeof laneTypes>): [string, unknown[]] => {
    const names = Object.keys(types) as (keyof typeof laneTypes)[];
    const arrays = names.map((name, at) => `$${at + 1}::${types[name]}[]`).join(', ');
    return [`unnest(${arrays}) as new (${names.join(', ')})`, names.map((name) => rows.map((row) => row[name]))];
  };
  if (changed.length > 0) {
    const types = { id: 'uuid', parked_at: 'bytea', opens_at: 'float8', ...headTypes } as const;
    const [rows, values] = table(changed.map(valuesOf), types);
    const set = Object.keys(types)
      .slice(1)
      .map((name) => `${name} = new.${name}`);
    runs.push(run(`update ${lanes} old set ${set.join(', ')} from ${rows} where old.id = new.id`, values));
  }
  if (emptied.length > 0) runs.push(run(`delete from ${lanes} where id = any($1)`, [emptied.map(uuidOf)]));
  const gated = joined.filter(({ gates }) => gates.length > 0);
  if (gated.length > 0) {
    const [rows, values] = table(gated.map(valuesOf), { id: 'uuid', ...headTypes });
    const set = Object.keys(headTypes)
      .map((name) => `${name} = new.${name}`)
      .join(', ');
    runs.push(
      run(
        `update ${lanes} old set ${set} from ${rows} where old.id = new.id and (${head('old.')}) > (${head('new.')})`,
        values,
      ),
    );
  }
  const made = joined.filter(({ id, gates }) => gates.length > 0 || !known.has(id));
  if (made.length > 0) {
    const [rows, values] = table(made.map(valuesOf), { ...laneTypes, gates: 'text' });
    const names = Object.keys(laneTypes);
    const each = names.map((name) => (name === 'gates' ? 'new.gates::bytea[]' : `new.${name}`));
    runs.push(
      run(
        `insert into ${lanes} (${names.join(', ')}) select ${each.join(', ')} from ${rows}
          where not exists (select from ${lanes} old where old.id = new.id) on conflict do nothing`,
        values,
      ),
    );
  }
  return runs;
}

const laneTypes = {
  ...{ id: 'uuid', queue: 'bytea', callable: 'bytea', gates: 'bytea[]' },
  ...{ parked_at: 'bytea', opens_at: 'float8' },
  ...headTypes,
} as const;

type LaneValues = Readonly<Record<keyof typeof laneTypes, unknown>>;

function valuesOf({
  id,
  queue,
  callable,
  gates,
  head,
  ...state
}: LaneWrites['joined'][number] & Partial<StoredLane>): LaneValues {
  const [line_priority, line_front, line_alone, eligible] = lineValues(head);
  const { parkedAt, opensAt = null } = state;
  return {
    ...{ id: uuidOf(id), queue: bytesOf(queue), callable: bytesOf(callable) },
    // Rows of arrays cannot be sent as one array.
    gates: `{${gates.map((key) => `"\\\\x${bytesOf(key).toString('hex')}"`).join(',')}}`,
    ...{ parked_at: parkedAt === undefined ? null : bytesOf(parkedAt), opens_at: opensAt },
    ...{ line_priority, line_front, line_alone, eligible },
  };
}
