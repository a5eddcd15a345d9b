/** Reads rows for wants. Wants of one kind share a statement. All statements are sent together. */
import type { Event } from '../../core/events.js';
import {
  type AnnotationRecord,
  agentDispatcher,
  type Id,
  type JobRecord,
  jobRoles,
  type PayloadSlot,
} from '../../core/records.js';
import { annotationKey } from '../../core/state/annotations.js';
import type { BucketRecord } from '../../core/state/change-log.js';
import { tallyCells } from '../../core/state/tallies.js';
import { jobFrom } from '../job-bytes.js';
import { settingFrom } from '../setting-json.js';
import { noRows, positionsAtOnce, type Rows } from '../shared/database.js';
import { type Index, indexKey, type Want } from '../shared/wants.js';
import type { Copy, Row, Run } from './connection.js';
import { floorOf, type Reading } from './floors.js';
import { readKept } from './kept.js';
import { type InLine, lineQuery, noteLine } from './lanes.js';
import { farFrom, farOf, readPayload } from './payloads.js';
import type { Tables } from './tables.js';
import { bytesOf, idFrom, textFrom, uuidOf } from './values.js';

interface StoredJob extends Row {
  readonly id: string;
  readonly parent: string | null;
  readonly header: Buffer;
  readonly args: Buffer | null;
  readonly result: Buffer | null;
  /** The places of payloads that are not in the row. */
  readonly far: Buffer | null;
  readonly is_asked: boolean;
}

interface StoredSetting extends Row {
  readonly key: Buffer;
  readonly body: string;
}

/** The row that says that someone listens. */
interface Listened extends Row {
  readonly key: null;
}

interface StoredAnnotation extends Row {
  readonly job: string;
  readonly name: Buffer;
  readonly value: Buffer;
}

/** An index as columns: conditions on them, and the keys as values. A job meets one of them. */
interface Found {
  readonly where: readonly string[];
  readonly values: (keys: readonly string[]) => unknown[];
}

const uuids = (keys: readonly string[]) => [keys.map(uuidOf)];
const texts = (keys: readonly string[]) => [keys.map(bytesOf)];
const by = (values: Found['values'], ...where: readonly string[]): Found => ({ where, values });
const byParent = (rest: string): Found => by(uuids, `parent = any($1) and ${rest}`);
const byQueue = (...rest: readonly string[]): Found => by(texts, ...rest.map((one) => `queue = any($1) and ${one}`));

const indicesOf = ({ places }: Tables): Readonly<Record<Exclude<Index, 'member'>, Found>> => ({
  part: byParent('role = 0'),
  callback: byParent('role = 1'),
  openPart: byParent('role = 0 and is_open'),
  openCallback: byParent('role = 1 and is_open'),
  unendedPart: byParent('role = 0 and is_unended'),
  inner: by(uuids, 'awaits = any($1)'),
  unique: by(texts, 'unique_key = any($1)'),
  bound: by(uuids, 'bound = any($1)'),
  agent: by(
    (keys) => [...texts(keys), keys.map((key) => uuidOf(agentDispatcher(key)))],
    'agent = any($1) and dispatcher = any($2)',
  ),
  dispatcher: by(uuids, 'dispatcher = any($1)'),
  place: by(texts, `id in (select job from ${places} where key = any($1))`),
  unfinished: byQueue(
    'queued and is_unfinished',
    'not queued and dispatcher is not null and is_unfinished',
    'is_unfinished and not queued and dispatcher is null',
  ),
  dated: byQueue('is_dated'),
  queued: byQueue('queued'),
  atWork: byQueue('dispatcher is not null and is_at_work', 'is_at_work and dispatcher is null'),
});

/** Returns the query for the ids and parents of the jobs that an index has under these keys. */
function foundQuery(tables: Tables, name: Exclude<Index, 'member'>, keys: readonly string[]): [string, unknown[]] {
  const { where, values } = indicesOf(tables)[name];
  const each = where.map((one) => `select id, parent from ${tables.jobs} where ${one}`);
  return [each.join(' union all '), values(keys)];
}

/** A look locks nothing. */
export async function readWants(
  run: Run,
  tables: Tables,
  wants: readonly Want[],
  isLook: boolean,
  reading: Reading,
  copy: Copy,
): Promise<Rows> {
  const rows = noRows();
  const jobs = new Map<Id, JobRecord>();
  // All records are walked through without a way to read more.
  const isWhole = wants.some(({ kind }) => kind === 'all');
  const reads: Promise<unknown>[] = [];
  /** Reads the jobs of a query for `id` and `parent`, and all jobs above them. */
  const find = async (base: string, values: unknown[], also: (asked: readonly JobRecord[]) => void = () => {}) => {
    const asked: JobRecord[] = [];
    for (const row of await run<StoredJob>(withAbove(tables, base), values)) {
      const job = jobOf(row);
      jobs.set(job.id, job);
      if (row.is_asked) asked.push(job);
    }
    also(asked);
  };
  /** Does the same for a condition. Most jobs are roots: others cost one more statement. */
  const findWhere = async (
    where: string,
    values: unknown[],
    also: (asked: readonly JobRecord[]) => void = () => {},
  ) => {
    if (isWhole) return find(`select id, parent from ${tables.jobs} where ${where}`, values, also);
    also(
      await admit(await run<StoredJob>(`select ${jobColumns.join(', ')} from ${tables.jobs} where ${where}`, values)),
    );
  };
  const admit = async (stored: readonly StoredJob[]): Promise<readonly JobRecord[]> => {
    const asked = stored.map(jobOf);
    for (const job of asked) jobs.set(job.id, job);
    const above = new Set(asked.map(({ parent }) => parent).filter((parent) => parent !== '' && !jobs.has(parent)));
    if (above.size > 0)
      await find(`select id, parent from ${tables.jobs} where id = any($1)`, [[...above].map(uuidOf)]);
    return asked;
  };
  const findAll = async (ids: readonly Id[]) => {
    if (ids.length > 0) await findWhere('id = any($1)', [ids.map(uuidOf)]);
  };
  const ids: Id[] = [];
  const said: Id[] = [];
  const trees: Id[] = [];
  const alone: Id[] = [];
  const settings: string[] = [];
  const buckets: string[] = [];
  const found = new Map<Exclude<Index, 'member'>, string[]>();
  let isKeptAsked = false;
  let isHeardAsked = false;
  let areSettingsAsked = false;
  for (const want of wants) {
    switch (want.kind) {
      case 'job':
        ids.push(want.id);
        break;
      case 'tree':
        (want.isAlone ? alone : trees).push(want.id);
        break;
      case 'found':
        if (want.index === 'member') reads.push(find(...memberQuery(tables, want.key)));
        else if (found.has(want.index)) found.get(want.index)!.push(want.key);
        else found.set(want.index, [want.key]);
        break;
      case 'next': {
        const role = want.index === 'openCallback' ? 1 : 0;
        const isLeft = want.index === 'unendedPart' ? 'is_unended' : 'is_open';
        const where = `parent = $1 and role = ${role} and ${isLeft} and index >= $2 order by index limit ${want.most}`;
        reads.push(find(`select id, parent from ${tables.jobs} where ${where}`, [uuidOf(want.key), want.from]));
        break;
      }
      case 'count':
        reads.push(count(run, tables, want, rows));
        break;
      case 'length':
        reads.push(readLength(run, tables, want, rows));
        break;
      case 'lanes':
      case 'parked':
      case 'rest': {
        const [text, values] = lineQuery(tables, want, jobColumns, isLook, reading);
        const read = async () => {
          const answer = await run<StoredJob & InLine>(text, values);
          noteLine(want, answer, await admit(answer.filter(({ lane }) => lane === null)), rows, reading);
        };
        reads.push(read());
        break;
      }
      case 'due': {
        const where = `due_at <= $1 and due_at >= $2 order by due_at, id limit ${want.most}`;
        const values = [want.by, floorOf(reading, 'due')];
        reads.push(find(`select id, parent from ${tables.jobs} where ${where}`, values));
        break;
      }
      case 'oldest': {
        const where = `has_failed = $1 and completed_at >= $2 and not is_awaited
          order by completed_at, id limit ${want.most}`;
        reads.push(findWhere(where, [want.kept === 'failed', floorOf(reading, want.kept)]));
        isKeptAsked = true;
        break;
      }
      case 'memory': {
        const where = 'memory_of = $1 and parent is null and not is_awaited';
        const memory = `select id from ${tables.jobs} where ${where} order by id limit ${want.most}`;
        const values = [uuidOf(want.owner)];
        reads.push(find(treeOf(tables, memory), values), annotationsOf(run, tables, memory, values, rows));
        break;
      }
      case 'kept':
        isKeptAsked = true;
        break;
      case 'held':
        reads.push(readHeld(run, tables, want, rows).then(findAll));
        break;
      case 'ended':
        reads.push(readEnded(run, tables, want.jobs, rows).then(admit));
        break;
      case 'annotations':
        ids.push(want.job);
        said.push(want.job);
        break;
      case 'timer':
        reads.push(readTimer(run, tables, want.now, rows, reading));
        break;
      case 'tallies':
        reads.push(readTallies(run, tables, rows));
        break;
      case 'payload':
        reads.push(readPayload(copy, tables, want.payload, rows));
        break;
      case 'heard':
        isHeardAsked = true;
        break;
      case 'events':
        reads.push(readEvents(run, tables, want, rows));
        break;
      case 'all':
        areSettingsAsked = true;
        reads.push(find(`select id, parent from ${tables.jobs}`, []));
        reads.push(readAnnotations(run, tables, rows), readBuckets(run, tables, rows));
        break;
      case 'setting':
        settings.push(want.key);
        break;
      case 'settings':
        areSettingsAsked = true;
        break;
      case 'bucket':
        buckets.push(want.key);
        break;
      case 'positions': {
        const draw = `select nextval('${tables.positions.replaceAll("'", "''")}') as block from generate_series(1, $1)`;
        const drawn = run<{ block: string }>(draw, [want.blocks]);
        reads.push(
          drawn.then((blocks) => rows.positions.push(...blocks.map(({ block }) => Number(block) * positionsAtOnce))),
        );
      }
    }
  }
  if (isKeptAsked) reads.push(readKept(run, tables, reading).then((kept) => Object.assign(rows.kept, kept)));
  reads.push(findAll(ids));
  if (trees.length > 0) {
    const roots = `select id from ${tables.jobs} where id = any($1)`;
    const values = [trees.map(uuidOf)];
    reads.push(find(treeOf(tables, roots), values), annotationsOf(run, tables, roots, values, rows));
  }
  for (const [name, keys] of found) reads.push(find(...foundQuery(tables, name, keys)));
  if (said.length + alone.length > 0) reads.push(readAnnotations(run, tables, rows, [...said, ...alone]));
  if (areSettingsAsked) reads.push(readAllSettings(run, tables, rows, isHeardAsked));
  else if (isHeardAsked) reads.push(readHeard(run, tables, rows));
  if (settings.length > 0) reads.push(readSettings(run, tables, rows, settings));
  if (buckets.length > 0) reads.push(readBuckets(run, tables, rows, buckets));
  await all(reads);
  if (isWhole) await all([...jobs.values()].flatMap(farOf).map((payload) => readPayload(copy, tables, payload, rows)));
  rows.jobs.push(...[...parentsFirst(jobs)].map((job): [Id, JobRecord] => [job.id, job]));
  for (const id of [...ids, ...trees]) if (!jobs.has(id)) rows.jobs.push([id, undefined]);
  return rows;
}

/** Waits for all statements. The first error is the cause of those that follow it. */
export async function all(runs: readonly Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(runs)) if (result.status === 'rejected') throw result.reason;
}

/** Returns each job after its parent, if that is there. */
function* parentsFirst(jobs: ReadonlyMap<Id, JobRecord>): IterableIterator<JobRecord> {
  const passed = new Set<Id>();
  for (const job of jobs.values()) {
    const path: JobRecord[] = [];
    for (let at: JobRecord | undefined = job; at !== undefined && !passed.has(at.id); at = jobs.get(at.parent)) {
      passed.add(at.id);
      path.push(at);
    }
    yield* path.reverse();
  }
}

/** The jobs come in the order of their ids: those that look at all expect that of their puts. */
function withAbove({ jobs }: Tables, base: string): string {
  return `with recursive base as materialized (${base}),
    up (id, parent) as (select id, parent from base union select j.id, j.parent from ${jobs} j join up on j.id = up.parent)
    select ${jobColumns.join(', ')}, id in (select id from base) as is_asked from ${jobs}
    where id in (select id from up) order by id`;
}

const jobColumns = ['id', 'parent', 'header', 'args', 'result', 'far'];

/** Returns the query for the jobs of a query for ids, with all descendants. */
function treeOf({ jobs }: Tables, roots: string): string {
  return `with recursive top as materialized (${roots}),
    tree (id, parent) as (
      select id, parent from ${jobs} where id in (select id from top)
      union select j.id, j.parent from ${jobs} j join tree on j.parent = tree.id)
    select id, parent from tree`;
}

function memberQuery({ jobs }: Tables, key: string): [string, unknown[]] {
  const at = key.lastIndexOf('\n');
  const where = 'parent = $1 and role = 0 and index = $2';
  return [`select id, parent from ${jobs} where ${where}`, [uuidOf(key.slice(0, at)), Number(key.slice(at + 1))]];
}

async function count(run: Run, tables: Tables, want: Extract<Want, { kind: 'count' }>, rows: Rows): Promise<void> {
  const [found, values] = foundQuery(tables, want.index as Exclude<Index, 'member'>, [want.key]);
  const [row] = await run<{ jobs: number }>(`select count(*)::int as jobs from (${found}) as found`, values);
  rows.counts.set(indexKey(want.index, want.key), row!.jobs);
}

async function readLength(
  run: Run,
  { jobs }: Tables,
  { queue, most }: Extract<Want, { kind: 'length' }>,
  rows: Rows,
): Promise<void> {
  const some = `select from ${jobs} where queue = $1 and queued limit ${most}`;
  const [row] = await run<{ jobs: number }>(`select count(*)::int as jobs from (${some}) as line`, [bytesOf(queue)]);
  rows.lengths.set(queue, row!.jobs);
}

/** Returns the ids of the jobs that others have changed. */
async function readHeld(
  run: Run,
  { jobs }: Tables,
  { dispatcher, seen }: Extract<Want, { kind: 'held' }>,
  rows: Rows,
): Promise<readonly Id[]> {
  const text = `select id, xmin::text as version from ${jobs} where dispatcher = $1`;
  const changed: Id[] = [];
  for (const row of await run<{ id: string; version: string }>(text, [uuidOf(dispatcher)])) {
    const id = idFrom(row.id);
    rows.held.push(id);
    if (row.version !== seen.get(id)) changed.push(id);
  }
  return changed;
}

/** Returns the jobs that have an outcome. */
async function readEnded(run: Run, { jobs }: Tables, asked: readonly Id[], rows: Rows): Promise<readonly StoredJob[]> {
  const columns = jobColumns.map((name) => `j.${name}`).join(', ');
  const text = `select asked.id as asked, ${columns} from unnest($1::uuid[]) as asked (id)
    left join ${jobs} j on j.id = asked.id where j.id is null or j.has_ended`;
  const found = await run<{ asked: string } & (StoredJob | (Row & { id: null }))>(text, [asked.map(uuidOf)]);
  const ended: StoredJob[] = [];
  for (const row of found)
    if (row.id === null) rows.missing.push(idFrom(row.asked));
    else ended.push(row as StoredJob);
  return ended;
}

async function annotationsOf(run: Run, tables: Tables, roots: string, values: unknown[], rows: Rows): Promise<void> {
  const text = `select job, name, value from ${tables.annotations} where job in (select id from (${treeOf(tables, roots)}) as tree)`;
  for (const row of await run<StoredAnnotation>(text, values)) rows.annotations.push(annotationOf(row));
}

async function readSettings(run: Run, { settings }: Tables, rows: Rows, keys: readonly string[]): Promise<void> {
  const text = `select key, body from ${settings} where key = any($1)`;
  const there = new Set<string>();
  for (const { key, body } of await run<StoredSetting>(text, [keys.map(bytesOf)])) {
    const name = textFrom(key);
    there.add(name);
    rows.settings.push([name, settingFrom(name, body)]);
  }
  for (const key of keys) if (!there.has(key)) rows.settings.push([key, undefined]);
}

/** Reads all settings and, in the same statement, whether anyone listens. */
async function readAllSettings(run: Run, { settings, listeners }: Tables, rows: Rows, heard: boolean): Promise<void> {
  const also = heard ? ` union all select null, null where exists (select from ${listeners})` : '';
  const stored = await run<StoredSetting | Listened>(`select key, body from ${settings}${also}`);
  for (const { key, body } of stored) {
    if (key === null) rows.heard = true;
    else rows.settings.push([textFrom(key), settingFrom(textFrom(key), body)]);
  }
}

async function readTimer(run: Run, { jobs, lanes }: Tables, now: number, rows: Rows, reading: Reading): Promise<void> {
  const [row] = await run<{ due_at: number | null; opens_at: number | null; now: number }>(
    `select (select min(due_at) from ${jobs} where due_at >= $2) as due_at,
      (select min(opens_at) from ${lanes} where opens_at > $1) as opens_at,
      extract(epoch from clock_timestamp())::float8 * 1000 as now`,
    [now, floorOf(reading, 'due')],
  );
  if (row!.due_at !== null) reading.found('due', [row!.due_at]);
  rows.timer = row!.due_at ?? undefined;
  rows.opensAt = row!.opens_at ?? undefined;
  rows.now = row!.now;
}

async function readTallies(run: Run, { jobs }: Tables, rows: Rows): Promise<void> {
  const kinds = await run<{ queue: Buffer; callable: Buffer; origin: number; cells: number[]; counts: number[] }>(
    `select queue, callable, origin, array_agg(tally_cell)::int[] as cells, array_agg(jobs)::int[] as counts
      from (select queue, callable, origin, tally_cell, count(*)::int as jobs from ${jobs} where tally_cell > 0
        group by queue, callable, origin, tally_cell) as cells group by queue, callable, origin`,
  );
  for (const { queue, callable, origin, cells, counts } of kinds) {
    const all = tallyCells.map((_, cell) => counts[cells.indexOf(cell)] ?? 0);
    rows.tallies.push({ queue: textFrom(queue), callable: textFrom(callable), role: jobRoles[origin]!, counts: all });
  }
}

async function readHeard(run: Run, { listeners }: Tables, rows: Rows): Promise<void> {
  const [row] = await run<{ heard: boolean }>(`select exists (select from ${listeners}) as heard`);
  rows.heard = row!.heard;
}

/**
 * A row is read once: by the first look that sees it and comes after one that did not. Rows become
 * visible in another order than that of their places, so a last place read would lose some.
 */
async function readEvents(
  run: Run,
  { listeners, happenings }: Tables,
  { listener, after }: Extract<Want, { kind: 'events' }>,
  rows: Rows,
): Promise<void> {
  const text = `select pg_current_snapshot()::text as position from ${listeners} where id = $1`;
  const there = run<{ position: string }>(text, [listener]);
  const unread = `select events from ${happenings}, ${listeners} where id = $1
    and not pg_visible_in_snapshot(written_by, coalesce($2::pg_snapshot, position)) order by place`;
  const written = run<{ events: string }>(unread, [listener, after]);
  const [[row], groups] = await Promise.all([there, written]);
  if (row === undefined) return;
  const list = groups.flatMap(({ events }) => JSON.parse(events) as Event[]);
  rows.events = { list, position: row.position };
}

async function readAnnotations(run: Run, { annotations }: Tables, rows: Rows, jobs?: readonly Id[]): Promise<void> {
  const text = `select job, name, value from ${annotations}${jobs === undefined ? '' : ' where job = any($1)'}`;
  const stored = await run<StoredAnnotation>(text, jobs === undefined ? [] : [jobs.map(uuidOf)]);
  for (const row of stored) rows.annotations.push(annotationOf(row));
}

async function readBuckets(run: Run, { buckets }: Tables, rows: Rows, keys?: readonly string[]): Promise<void> {
  const text = `select body from ${buckets}${keys === undefined ? '' : ' where key = any($1)'}`;
  const stored = await run<{ body: string }>(text, keys === undefined ? [] : [keys.map(bytesOf)]);
  for (const { body } of stored) rows.buckets.push(JSON.parse(body) as BucketRecord);
}

function jobOf({ header, args, result, far }: StoredJob): JobRecord {
  const payload = (slot: PayloadSlot, bytes: Buffer | null) =>
    plain(bytes) ?? (far === null ? null : farFrom(far, slot));
  return jobFrom(header, payload('args', args), payload('result', result));
}

function annotationOf({ job, name, value }: StoredAnnotation): [string, AnnotationRecord] {
  const record: AnnotationRecord = { kind: 'annotation', job: idFrom(job), name: textFrom(name), value: plain(value) };
  return [annotationKey(record.job, record.name), record];
}

/** Payloads are plain bytes, in every store. */
function plain<B extends Buffer | null>(bytes: B): Uint8Array | (B & null) {
  return bytes === null ? (bytes as B & null) : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
