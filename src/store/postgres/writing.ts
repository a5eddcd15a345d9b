/** Writes the rows of a commit: a statement for each kind of change, all sent together. */
import {
  type AnnotationRecord,
  agentDispatcher,
  codeOf,
  type Id,
  type JobRecord,
  jobRoles,
  type PayloadSlot,
} from '../../core/records.js';
import {
  agentOf,
  awaitedBy,
  boundTo,
  dateOf,
  isAtWork,
  isOpenCallback,
  isOpenPart,
  isUnendedPart,
  isUnfinished,
  liveUnique,
  memoryOf,
  placeKey,
  timerOf,
} from '../../core/state/indices.js';
import { tallyCellOf } from '../../core/state/tallies.js';
import { headerOf } from '../job-bytes.js';
import { settingText } from '../setting-json.js';
import { completedBytes, isFailedRoot, rootCompletedAt } from '../shared/columns.js';
import type { Writes } from '../shared/database.js';
import { FarPayload, isSamePayload } from '../shared/far-payload.js';
import { laneOf } from '../shared/lanes.js';
import { holderOf } from '../shared/wants.js';
import type { Run } from './connection.js';
import { writeLanes } from './lanes.js';
import { placesOf, writeUses } from './payloads.js';
import type { Tables } from './tables.js';
import { bytesOf, uuidOf } from './values.js';

/** The rows that a transaction has read, by id. */
export type Known = ReadonlyMap<Id, JobRecord>;

/** A row of a job, and what its values follow from. */
interface JobRow {
  readonly job: JobRecord;
  readonly root: Id;
  /** As it was read; undefined for a new row. */
  readonly before: JobRecord | undefined;
  /** That of an assumed row; otherwise null. */
  readonly version: string | null;
}

/** Ids and names are texts here, and become bytes last: most are the same in all rows. */
type Value = string | number | boolean | Uint8Array | null;

interface Column {
  readonly type: string;
  readonly of: (row: JobRow) => Value;
}

const column = (type: string, of: (job: JobRecord) => Value): Column => ({ type, of: ({ job }) => of(job) });
/** An empty id is null. */
const idColumn = (of: (job: JobRecord) => Id): Column => column('uuid', (job) => of(job) || null);
const nameColumn = (of: (job: JobRecord) => string): Column => column('bytea', (job) => of(job) || null);

/** The columns of a new row that no change writes. */
const fixed: Readonly<Record<string, Column>> = {
  id: idColumn(({ id }) => id),
  parent: idColumn(({ parent }) => parent),
  root: { type: 'uuid', of: ({ job, root }) => (root === job.id ? null : root) },
  role: column('smallint', ({ role }) => (role === 'callback' ? 1 : 0)),
  origin: column('smallint', ({ role }) => codeOf(jobRoles, role)),
  index: column('int', ({ index }) => index),
};

/** The columns that a change writes. */
const changing: Readonly<Record<string, Column>> = {
  memory_of: idColumn(memoryOf),
  is_open: column('boolean', (job) => isOpenPart(job) || isOpenCallback(job)),
  is_unended: column('boolean', isUnendedPart),
  awaits: idColumn(awaitedBy),
  unique_key: nameColumn(liveUnique),
  bound: idColumn(boundTo),
  agent: nameColumn(agentOf),
  dispatcher: idColumn((job) => agentDispatcherOf(holderOf(job))),
  // The name of a queue may be empty.
  queue: column('bytea', ({ queue }) => queue),
  callable: column('bytea', ({ callable }) => callable),
  tally_cell: column('smallint', tallyCellOf),
  is_awaited: column('boolean', ({ awaiters }) => awaiters > 0),
  has_ended: column('boolean', ({ outcome }) => outcome !== 'none'),
  is_unfinished: column('boolean', isUnfinished),
  is_dated: column('boolean', (job) => isUnfinished(job) && dateOf(job) !== 0),
  is_at_work: column('boolean', isAtWork),
  due_at: column('float8', (job) => timerOf(job) || null),
  completed_at: column('float8', (job) => rootCompletedAt(job) || null),
  has_failed: column('boolean', isFailedRoot),
  completed_bytes: column('bigint', completedBytes),
  queued: column('boolean', ({ queued }) => queued),
  lane: column('uuid', (job) => (job.queued ? laneOf(job).id : null)),
  line_priority: column('float8', ({ queued, priority }) => (queued ? -priority : 0)),
  line_front: column('smallint', ({ queued, front }) => (queued && front ? 0 : 1)),
  line_alone: column('smallint', ({ queued, alone }) => (queued && alone ? 0 : 1)),
  eligible: column('float8', ({ queued, eligible }) => (queued ? eligible : 0)),
  header: column('bytea', headerOf),
  args: payloadColumn('args'),
  result: payloadColumn('result'),
  far: column('bytea', placesOf),
};
/** `true` for a payload that is as it was read: it is neither sent nor written again. */
const kept: Readonly<Record<string, Column>> = {
  keeps_args: { type: 'boolean', of: ({ job, before }) => isKept(job, 'args', before) },
  keeps_result: { type: 'boolean', of: ({ job, before }) => isKept(job, 'result', before) },
};
const versions: Readonly<Record<string, Column>> = { version: { type: 'xid', of: ({ version }) => version } };

function agentDispatcherOf(agent: string): Id {
  return agent === '' ? '' : agentDispatcher(agent);
}

/** Null for a payload that is not in the row, too. */
function payloadColumn(slot: PayloadSlot): Column {
  const of = ({ job, before }: JobRow) => {
    const payload = job[slot];
    return payload instanceof FarPayload || isKept(job, slot, before) ? null : (payload as Uint8Array | null);
  };
  return { type: 'bytea', of };
}

/** The things that a transaction knows beside the rows that it has read. */
export interface Assumptions {
  /** The versions of jobs that it has not read: they must not have changed. */
  readonly versions: ReadonlyMap<Id, string>;
  /** `true` if there must be no listener. */
  readonly unheard: boolean;
  /** Lanes without gates, whose rows are there. */
  readonly lanes: ReadonlySet<Id>;
}

const noAssumptions: Assumptions = { versions: new Map(), unheard: false, lanes: new Set() };

/** Starts all statements of a commit. The bytes of the records are taken before this returns. */
export function startWrites(
  run: Run,
  tables: Tables,
  writes: Writes,
  known: Known,
  assumptions = noAssumptions,
): Promise<unknown>[] {
  const jobs = new Map(writes.jobs.map((job) => [job.id, job]));
  const rootOf = (id: Id): Id => {
    const above = (jobs.get(id) ?? known.get(id))?.parent ?? '';
    return above === '' ? id : rootOf(above);
  };
  // The row of an id that is taken may have been read after its job was decided: it stays.
  const inserted = new Set(writes.inserted);
  const rows = writes.jobs.map((job): JobRow => {
    const before = inserted.has(job.id) ? undefined : known.get(job.id);
    return { job, root: rootOf(job.id), before, version: assumptions.versions.get(job.id) ?? null };
  });
  const changed = rows.filter(({ before }) => before !== undefined);
  const added = rows.filter(({ before }) => before === undefined);
  return [
    ...update(run, tables, changed, assumptions),
    ...insert(run, tables, added),
    ...writeUses(run, tables, writes, (id) => (inserted.has(id) ? undefined : known.get(id))),
    ...forget(run, tables, writes.forgotten, known),
    ...writePlaces(run, tables, writes, known),
    ...writeLanes(run, tables, writes.lanes, assumptions.lanes),
    ...writeSettings(run, tables, writes),
    ...writeAnnotations(run, tables, writes.annotations),
    ...writeBuckets(run, tables, writes),
    ...writeEvents(run, tables, writes),
  ];
}

const bufferOf = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);

/** `true` for a payload that stays as it is in its row. */
function isKept(job: JobRecord, slot: PayloadSlot, before: JobRecord | undefined): boolean {
  return before !== undefined && isSamePayload(before[slot], job[slot]);
}

/** Returns a table of SQL that has these rows, and its values. */
function tableOf(
  types: Readonly<Record<string, string>>,
  rows: readonly Readonly<Record<string, unknown>>[],
): [string, unknown[]] {
  const columns = Object.entries(types);
  const arrays = columns.map(([, type], at) => `$${at + 1}::${type}[]`);
  const text = `unnest(${arrays.join(', ')}) as new (${columns.map(([name]) => name).join(', ')})`;
  return [text, columns.map(([name]) => rows.map((row) => row[name]))];
}

/** Rows of jobs as SQL. */
interface JobTable {
  readonly table: string;
  readonly values: unknown[];
  /** The value of a column. */
  readonly of: (name: string) => string;
}

/** Most columns are the same in all rows of a commit: these are sent once. */
function jobTableOf(columns: Readonly<Record<string, Column>>, rows: readonly JobRow[]): JobTable {
  const values: unknown[] = [];
  const arrays: string[] = [];
  const names: string[] = [];
  const sql = new Map<string, string>();
  for (const [name, { type, of }] of Object.entries(columns)) {
    const column = rows.map(of);
    const [first] = column;
    const differs = name === 'id' || column.some((value) => value !== first);
    values.push(differs ? arrayOf(type, column) : givenValue(type, first!));
    sql.set(name, differs ? `new.${name}` : `$${values.length}::${type}`);
    if (!differs) continue;
    arrays.push(`$${values.length}::${type}[]`);
    names.push(name);
  }
  return { table: `unnest(${arrays.join(', ')}) as new (${names.join(', ')})`, values, of: (name) => sql.get(name)! };
}

/** Returns a value as the driver takes it. */
function givenValue(type: string, value: Value): unknown {
  if (type === 'uuid') return uuidOf((value as Id) ?? '');
  if (type !== 'bytea' || value === null) return value;
  return typeof value === 'string' ? bytesOf(value) : bufferOf(value as Uint8Array);
}

/** Returns a column as the text of an array. None of its values needs another escape. */
function arrayOf(type: string, values: readonly Value[]): string {
  const texts = values.map((value) => {
    if (value === null) return 'null';
    const one = givenValue(type, value);
    return type === 'bytea' ? `"\\\\x${(one as Buffer).toString('hex')}"` : String(one);
  });
  return `{${texts.join(',')}}`;
}

function insert(run: Run, { jobs }: Tables, rows: readonly JobRow[]): Promise<unknown>[] {
  if (rows.length === 0) return [];
  const columns = { ...fixed, ...changing };
  const { table, values, of } = jobTableOf(columns, rows);
  const names = Object.keys(columns);
  return [run(`insert into ${jobs} (${names.join(', ')}) select ${names.map(of).join(', ')} from ${table}`, values)];
}

/** If rows are assumed, all must have their versions. */
function update(
  run: Run,
  { jobs, listeners, expect }: Tables,
  rows: readonly JobRow[],
  { versions: { size }, unheard }: Assumptions,
): Promise<unknown>[] {
  if (rows.length === 0) return [];
  const columns = { id: fixed.id!, ...changing, ...kept, ...(size > 0 && versions) };
  const { table, values, of } = jobTableOf(columns, rows);
  const set = Object.keys(changing).map((name) => {
    if (name !== 'args' && name !== 'result') return `${name} = ${of(name)}`;
    return `${name} = case when ${of(`keeps_${name}`)} then old.${name} else ${of(name)} end`;
  });
  const text = `update ${jobs} old set ${set.join(', ')} from ${table} where old.id = new.id`;
  if (size === 0) return [run(text, values)];
  const version = of('version');
  const changed = `${text} and (${version} is null or old.xmin = ${version}) returning 1`;
  const condition = `count(*) = $${values.push(rows.length)}${unheard ? ` and not exists (select from ${listeners})` : ''}`;
  return [run(`with changed as (${changed}) select ${expect}(${condition}) from changed`, values)];
}

function forget(run: Run, tables: Tables, forgotten: readonly Id[], known: Known): Promise<unknown>[] {
  if (forgotten.length === 0) return [];
  const ids = [forgotten.map(uuidOf)];
  const held = forgotten.some((id) => (known.get(id)?.places.length ?? 0) > 0);
  return [
    run(`delete from ${tables.jobs} where id = any($1)`, ids),
    ...(held ? [run(`delete from ${tables.places} where job = any($1)`, ids)] : []),
  ];
}

function writePlaces(run: Run, { places }: Tables, { jobs }: Writes, known: Known): Promise<unknown>[] {
  const changed = jobs.filter(({ id, places: now }) => `${known.get(id)?.places ?? []}` !== `${now}`);
  if (changed.length === 0) return [];
  const had = changed.filter(({ id }) => (known.get(id)?.places.length ?? 0) > 0).map(({ id }) => uuidOf(id));
  const has = changed.flatMap(({ id, queue, places: now }) =>
    now.map((quota) => ({ job: uuidOf(id), key: bytesOf(placeKey(queue, quota)) })),
  );
  const [table, values] = tableOf({ job: 'uuid', key: 'bytea' }, has);
  return [
    ...(had.length > 0 ? [run(`delete from ${places} where job = any($1)`, [had])] : []),
    ...(has.length > 0 ? [run(`insert into ${places} (job, key) select job, key from ${table}`, values)] : []),
  ];
}

function writeSettings(run: Run, { settings }: Tables, { settings: changed }: Writes): Promise<unknown>[] {
  const removed = [...changed].filter(([, setting]) => setting === undefined).map(([key]) => bytesOf(key));
  const set = [...changed].flatMap(([key, setting]) =>
    setting === undefined ? [] : [{ key: bytesOf(key), body: settingText(setting) }],
  );
  return [
    ...(removed.length > 0 ? [run(`delete from ${settings} where key = any($1)`, [removed])] : []),
    ...upsert(run, settings, { key: 'bytea', body: 'text' }, 'key', 'body', set),
  ];
}

function writeAnnotations(
  run: Run,
  { annotations }: Tables,
  changed: ReadonlyMap<string, AnnotationRecord | undefined>,
): Promise<unknown>[] {
  const removed = [...changed].filter(([, said]) => said === undefined).map(([key]) => key);
  const set = [...changed.values()].flatMap((said) =>
    said === undefined
      ? []
      : [{ job: uuidOf(said.job), name: bytesOf(said.name), value: bufferOf(said.value as Uint8Array) }],
  );
  // The key of an annotation is the id of its job, and its name.
  const pairs = removed.map((key) => ({ job: uuidOf(key.slice(0, 16)), name: bytesOf(key.slice(16)) }));
  const [table, values] = tableOf({ job: 'uuid', name: 'bytea' }, pairs);
  return [
    ...(removed.length > 0
      ? [run(`delete from ${annotations} old using ${table} where old.job = new.job and old.name = new.name`, values)]
      : []),
    ...upsert(run, annotations, { job: 'uuid', name: 'bytea', value: 'bytea' }, 'job, name', 'value', set),
  ];
}

function writeBuckets(run: Run, tables: Tables, { buckets }: Writes): Promise<unknown>[] {
  const set = buckets.map((record) => ({
    key: bytesOf(placeKey(record.queue, record.quota)),
    body: JSON.stringify(record),
  }));
  return upsert(run, tables.buckets, { key: 'bytea', body: 'text' }, 'key', 'body', set);
}

/** Written last: their place follows those of all events on which a decision here was based. */
function writeEvents(run: Run, { happenings }: Tables, { events }: Writes): Promise<unknown>[] {
  if (events.length === 0) return [];
  return [run(`insert into ${happenings} (events) values ($1)`, [JSON.stringify(events)])];
}

function upsert(
  run: Run,
  table: string,
  types: Readonly<Record<string, string>>,
  key: string,
  column: string,
  rows: readonly Readonly<Record<string, unknown>>[],
): Promise<unknown>[] {
  if (rows.length === 0) return [];
  const [given, values] = tableOf(types, rows);
  const names = Object.keys(types).join(', ');
  const set = `${column} = excluded.${column}`;
  return [
    run(
      `insert into ${table} (${names}) select ${names} from ${given} on conflict (${key}) do update set ${set}`,
      values,
    ),
  ];
}
