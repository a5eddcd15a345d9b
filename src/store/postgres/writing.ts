/** Writes the rows of a commit: a statement for each kind of change, all sent together. */
import {
  type AnnotationRecord,
  agentDispatcher,
  codeOf,
  type Id,
  type JobRecord,
  jobRoles,
  type Payload,
  type PayloadSlot,
  payloadSlots,
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
import { FarPayload, nearBytes } from '../shared/far-payload.js';
import { holderOf } from '../shared/wants.js';
import type { Run } from './connection.js';
import type { Tables } from './tables.js';
import { bytesOf, uuidOf } from './values.js';

/** The rows that a transaction has read, by id. */
export type Known = ReadonlyMap<Id, JobRecord>;

/** The columns of a new row, with their types. */
const fixed = {
  id: 'uuid',
  parent: 'uuid',
  root: 'uuid',
  role: 'smallint',
  origin: 'smallint',
  index: 'int',
} as const;
/** The columns that a change writes. */
const changing = {
  memory_of: 'uuid',
  is_open: 'boolean',
  is_unended: 'boolean',
  awaits: 'uuid',
  unique_key: 'bytea',
  bound: 'uuid',
  agent: 'bytea',
  dispatcher: 'uuid',
  queue: 'bytea',
  callable: 'bytea',
  tally_cell: 'smallint',
  is_awaited: 'boolean',
  has_ended: 'boolean',
  is_unfinished: 'boolean',
  is_dated: 'boolean',
  is_at_work: 'boolean',
  due_at: 'float8',
  completed_at: 'float8',
  has_failed: 'boolean',
  completed_bytes: 'bigint',
  queued: 'boolean',
  line_priority: 'float8',
  line_front: 'smallint',
  line_alone: 'smallint',
  eligible: 'float8',
  header: 'bytea',
  args: 'bytea',
  result: 'bytea',
} as const;
/** `true` for a payload that is as it was read: it is neither sent nor written again. */
const kept = { keeps_args: 'boolean', keeps_result: 'boolean' } as const;
/** That of an assumed row. */
const versions = { version: 'xid' } as const;

type Column = keyof (typeof fixed & typeof changing & typeof kept & typeof versions);
type Values = Readonly<Record<Column, unknown>>;

/** Starts all statements of a commit. The bytes of the records are taken before this returns. */
export function startWrites(
  run: Run,
  tables: Tables,
  writes: Writes,
  known: Known,
  assumed: ReadonlyMap<Id, string> = new Map(),
  unheard = false,
): Promise<unknown>[] {
  const jobs = new Map(writes.jobs.map((job) => [job.id, job]));
  const rootOf = (id: Id): Id => {
    const above = (jobs.get(id) ?? known.get(id))?.parent ?? '';
    return above === '' ? id : rootOf(above);
  };
  const bytes = sameBytes();
  // The row of an id that is taken may have been read after its job was decided: it stays.
  const inserted = new Set(writes.inserted);
  const before = ({ id }: JobRecord) => (inserted.has(id) ? undefined : known.get(id));
  const rows = writes.jobs.map((job) => ({
    ...valuesOf(job, rootOf(job.id), before(job), bytes),
    version: assumed.get(job.id) ?? null,
  }));
  const isNew = (_: Values, at: number) => before(writes.jobs[at]!) === undefined;
  return [
    ...update(
      run,
      tables,
      rows.filter((row, at) => !isNew(row, at)),
      assumed.size > 0,
      unheard,
    ),
    ...insert(run, tables, rows.filter(isNew)),
    ...writeFarPayloads(run, tables, writes, known),
    ...forget(run, tables, writes.forgotten, known),
    ...writePlaces(run, tables, writes, known),
    ...writeSettings(run, tables, writes),
    ...writeAnnotations(run, tables, writes.annotations),
    ...writeBuckets(run, tables, writes),
    ...writeEvents(run, tables, writes),
  ];
}

/** Returns the same bytes for the same text. */
function sameBytes(): (text: string) => Buffer {
  const made = new Map<string, Buffer>();
  return (text) => {
    const bytes = made.get(text) ?? bytesOf(text);
    made.set(text, bytes);
    return bytes;
  };
}

function valuesOf(
  job: JobRecord,
  root: Id,
  before: JobRecord | undefined,
  bytesOf: (text: string) => Buffer,
): Omit<Values, 'version'> {
  const holder = holderOf(job);
  const dueAt = timerOf(job);
  const completedAt = rootCompletedAt(job);
  const keepsArgs = isKept(job, 'args', before);
  const keepsResult = isKept(job, 'result', before);
  const bytesOrNull = (text: string) => (text === '' ? null : bytesOf(text));
  return {
    id: uuidOf(job.id),
    parent: uuidOf(job.parent),
    root: root === job.id ? null : uuidOf(root),
    role: job.role === 'callback' ? 1 : 0,
    origin: codeOf(jobRoles, job.role),
    index: job.index,
    memory_of: uuidOf(memoryOf(job)),
    is_open: isOpenPart(job) || isOpenCallback(job),
    is_unended: isUnendedPart(job),
    awaits: uuidOf(awaitedBy(job)),
    unique_key: bytesOrNull(liveUnique(job)),
    bound: uuidOf(boundTo(job)),
    agent: bytesOrNull(agentOf(job)),
    dispatcher: holder === '' ? null : uuidOf(agentDispatcher(holder)),
    queue: bytesOf(job.queue),
    callable: bytesOf(job.callable),
    tally_cell: tallyCellOf(job),
    is_awaited: job.awaiters > 0,
    has_ended: job.outcome !== 'none',
    is_unfinished: isUnfinished(job),
    is_dated: isUnfinished(job) && dateOf(job) !== 0,
    is_at_work: isAtWork(job),
    due_at: dueAt === 0 ? null : dueAt,
    completed_at: completedAt === 0 ? null : completedAt,
    has_failed: isFailedRoot(job),
    completed_bytes: completedBytes(job),
    queued: job.queued,
    line_priority: job.queued ? -job.priority : 0,
    line_front: job.queued && job.front ? 0 : 1,
    line_alone: job.queued && job.alone ? 0 : 1,
    eligible: job.queued ? job.eligible : 0,
    header: bufferOf(headerOf(job)),
    args: keepsArgs ? null : nearBytesOf(job.args),
    result: keepsResult ? null : nearBytesOf(job.result),
    keeps_args: keepsArgs,
    keeps_result: keepsResult,
  };
}

/** Null for a payload that is written apart, too. */
const nearBytesOf = (payload: Payload | null): Buffer | null =>
  payload === null || payload.byteLength > nearBytes ? null : bufferOf(payload as Uint8Array);

const bufferOf = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);

/** `true` for a payload that stays as it is in its row. */
function isKept(job: JobRecord, slot: PayloadSlot, before: JobRecord | undefined): boolean {
  const payload = job[slot];
  if (before === undefined || before[slot] === payload) return before !== undefined;
  return payload instanceof FarPayload && payload.job === job.id && payload.slot === slot;
}

/**
 * Writes large payloads one by one: as a value of its own, one goes to the server as it is. A
 * payload that was not read, as that of a retried job, is copied from its row.
 */
function writeFarPayloads(run: Run, { jobs }: Tables, writes: Writes, known: Known): Promise<unknown>[] {
  return writes.jobs.flatMap((job) =>
    payloadSlots.flatMap((slot) => {
      const payload = job[slot];
      if (payload === null || payload.byteLength <= nearBytes || isKept(job, slot, known.get(job.id))) return [];
      if (payload instanceof FarPayload) {
        const copied = `(select ${payload.slot} from ${jobs} where id = $2)`;
        return [run(`update ${jobs} set ${slot} = ${copied} where id = $1`, [uuidOf(job.id), uuidOf(payload.job)])];
      }
      const bytes = bufferOf(payload as Uint8Array);
      return [run(`update ${jobs} set ${slot} = $2 where id = $1`, [uuidOf(job.id), bytes])];
    }),
  );
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
  readonly of: (name: Column) => string;
}

/** Most columns are the same in all rows of a commit: these are sent once. */
function jobTableOf(types: Readonly<Partial<Record<Column, string>>>, rows: readonly Values[]): JobTable {
  const values: unknown[] = [];
  const arrays: string[] = [];
  const names: string[] = [];
  const of = new Map<string, string>();
  for (const [name, type] of Object.entries(types) as [Column, string][]) {
    const first = rows[0]![name];
    const differs = name === 'id' || rows.some((row) => row[name] !== first);
    values.push(differs ? arrayOf(type, rows, name) : first);
    of.set(name, differs ? `new.${name}` : `$${values.length}::${type}`);
    if (!differs) continue;
    arrays.push(`$${values.length}::${type}[]`);
    names.push(name);
  }
  return { table: `unnest(${arrays.join(', ')}) as new (${names.join(', ')})`, values, of: (name) => of.get(name)! };
}

/** Returns a column as the text of an array. None of its values needs another escape. */
function arrayOf(type: string, rows: readonly Values[], name: Column): string {
  const texts = rows.map((row) => {
    const value = row[name];
    if (value === null) return 'null';
    return type === 'bytea' ? `"\\\\x${(value as Buffer).toString('hex')}"` : String(value);
  });
  return `{${texts.join(',')}}`;
}

function insert(run: Run, { jobs }: Tables, rows: readonly Values[]): Promise<unknown>[] {
  if (rows.length === 0) return [];
  const types = { ...fixed, ...changing };
  const { table, values, of } = jobTableOf(types, rows);
  const names = Object.keys(types) as Column[];
  return [run(`insert into ${jobs} (${names.join(', ')}) select ${names.map(of).join(', ')} from ${table}`, values)];
}

/** If rows are assumed, all must have their versions. With `unheard`, there must be no listener. */
function update(
  run: Run,
  { jobs, listeners, expect }: Tables,
  rows: readonly Values[],
  areAssumed: boolean,
  unheard: boolean,
): Promise<unknown>[] {
  if (rows.length === 0) return [];
  const types = { id: 'uuid', ...changing, ...kept, ...(areAssumed && versions) };
  const { table, values, of } = jobTableOf(types, rows);
  const set = (Object.keys(changing) as Column[]).map((name) => {
    if (name !== 'args' && name !== 'result') return `${name} = ${of(name)}`;
    return `${name} = case when ${of(`keeps_${name}`)} then old.${name} else ${of(name)} end`;
  });
  const text = `update ${jobs} old set ${set.join(', ')} from ${table} where old.id = new.id`;
  if (!areAssumed) return [run(text, values)];
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
