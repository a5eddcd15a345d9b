/**
 * The tables, as numbered migrations. A migration that is released never changes.
 *
 * Names and keys are bytes, since a text of PostgreSQL cannot hold every character that theirs can.
 * A job's `header` has all that no statement looks at. `root` is null for a root. The columns
 * `line_…` put a lane in ascending order; those of a lane are no greater than those of its jobs. A
 * listener to events has read all that its `position` sees.
 *
 * Large payloads are not in the rows of their jobs: `far` has their places, see `payloads.ts`.
 *
 * `expect` makes a transaction a conflict unless a condition holds.
 *
 * Each change of a job makes an entry in each index that has the job, and these cost more than the
 * row. So a plain job is in two at a time: by its id, and in line, with a dispatcher, or completed.
 */
import { DatabaseUnusableError, DatabaseVersionError } from '../../errors.js';
import { type Connection, quoted } from './connection.js';

const migrations: readonly string[] = [
  `
  create table sessions (
    id text primary key,
    last_group bigint not null default -1,
    last_attempt int not null default 0,
    seen_at timestamptz not null default now(),
    succeeded bigint not null default 0,
    succeeded_bytes bigint not null default 0,
    failed bigint not null default 0,
    failed_bytes bigint not null default 0
  );
  create table patience ();
  create function expect(condition boolean) returns void language plpgsql as $$
  begin
    if condition is not true then raise exception 'others were faster' using errcode = '40001'; end if;
  end $$;
  create sequence positions;

  create table jobs (
    id uuid primary key,
    parent uuid,
    root uuid,
    role smallint not null,
    origin smallint not null,
    index int not null,
    is_open boolean not null,
    is_unended boolean not null,
    awaits uuid,
    unique_key bytea,
    bound uuid,
    agent bytea,
    dispatcher uuid,
    queue bytea not null,
    callable bytea not null,
    tally_cell smallint not null,
    is_awaited boolean not null,
    has_ended boolean not null,
    is_unfinished boolean not null,
    is_dated boolean not null,
    is_at_work boolean not null,
    due_at float8,
    completed_at float8,
    has_failed boolean not null,
    completed_bytes bigint not null,
    memory_of uuid,
    queued boolean not null,
    lane uuid,
    line_priority float8 not null,
    line_front smallint not null,
    line_alone smallint not null,
    eligible float8 not null,
    header bytea not null,
    args bytea,
    result bytea
  );
  alter table jobs alter args set storage external, alter result set storage external;
  create index jobs_line on jobs (queue, lane, line_priority, line_front, line_alone, eligible, id) where queued;
  create index jobs_due on jobs (due_at) where due_at is not null;
  create index jobs_member on jobs (parent, role, index) where parent is not null;
  create index jobs_open on jobs (parent, role, index) where is_open;
  create index jobs_root on jobs (root) where parent is not null;
  create index jobs_awaits on jobs (awaits) where awaits is not null;
  create index jobs_unique on jobs (unique_key) where unique_key is not null;
  create index jobs_bound on jobs (bound) where bound is not null;
  create index jobs_dispatcher on jobs (dispatcher) where dispatcher is not null;
  create index jobs_dated on jobs (queue) where is_dated;
  create index jobs_waiting on jobs (queue) where is_unfinished and not queued and dispatcher is null;
  create index jobs_unclaimed on jobs (queue) where is_at_work and dispatcher is null;
  create index jobs_completed on jobs (has_failed, completed_at, id) where completed_at is not null;
  create index jobs_memory on jobs (memory_of) where memory_of is not null;

  create table lanes (
    id uuid primary key,
    queue bytea not null,
    callable bytea not null,
    gates bytea[] not null,
    parked_at bytea,
    opens_at float8,
    line_priority float8 not null,
    line_front smallint not null,
    line_alone smallint not null,
    eligible float8 not null
  );
  create index lanes_free on lanes (queue) where gates = '{}';
  create index lanes_open on lanes (queue, line_priority, line_front, line_alone, eligible, id)
    where gates <> '{}' and parked_at is null;
  create index lanes_parked on lanes (parked_at, line_priority, line_front, line_alone, eligible, id)
    where parked_at is not null;
  create index lanes_waking on lanes (queue, opens_at) where opens_at is not null;

  create table places (
    key bytea,
    job uuid,
    primary key (key, job)
  );
  create index places_job on places (job);

  create table settings (
    key bytea primary key,
    body text not null
  );

  create table annotations (
    job uuid,
    name bytea,
    value bytea not null,
    primary key (job, name)
  );

  create table buckets (
    key bytea primary key,
    body text not null
  );

  create table listeners (
    id text primary key,
    seen_at timestamptz not null default now(),
    position pg_snapshot not null default pg_current_snapshot()
  );
  create table happenings (
    place bigint generated always as identity,
    written_by xid8 not null default pg_current_xact_id(),
    events text not null
  );
  `,
  `
  create table outbox (
    seq bigint generated always as identity primary key,
    ids uuid[] not null,
    owner uuid not null,
    format smallint not null,
    put bytea not null
  );

  create table promotions (
    id uuid primary key,
    promoted_at timestamptz not null default now()
  );
  `,
  `
  create table payloads (
    id uuid primary key,
    loose_from timestamptz
  );
  create index payloads_loose on payloads (loose_from) where loose_from is not null;
  create table slices (
    payload uuid references payloads on delete cascade,
    at int,
    bytes bytea not null,
    primary key (payload, at)
  );
  alter table slices alter bytes set storage external;
  create table uses (
    payload uuid references payloads,
    job uuid,
    primary key (payload, job)
  );
  alter table jobs add column far bytea;
  `,
];

/** The version of the schema that this build writes and reads. */
export const schemaVersion = migrations.length;

/**
 * The oldest version of the schema whose builds may run beside this one. A migration that they
 * would not understand raises it to its own version.
 */
const oldestVersion = 3;

interface Found {
  readonly version: number;
  readonly oldest: number;
}

/** Creates the schema, or brings it up to this build's version. Returns the version before. */
export async function migrate(connection: Connection, schema: string): Promise<number> {
  await connection.run('begin');
  try {
    await connection.run('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`callsheet ${schema}`]);
    // Asked first: the role may own the schema without the right to make one.
    const there = await connection.run('select 1 from pg_namespace where nspname = $1', [schema]);
    if (there.length === 0) await connection.run(`create schema ${quoted(schema)}`);
    await connection.run(`set local search_path = ${quoted(schema)}, pg_catalog`);
    await connection.run('create table if not exists meta (version int not null)');
    await connection.run('alter table meta add column if not exists oldest int not null default 1');
    const [found] = await connection.run<{ version: number; oldest: number }>('select version, oldest from meta');
    const { version: before, oldest } = found ?? { version: 0, oldest: 0 };
    refuseNewer({ version: before, oldest }, schema);
    if (before < schemaVersion) {
      for (const migration of migrations.slice(before)) await connection.run(migration);
      await connection.run('delete from meta');
      await connection.run('insert into meta (version, oldest) values ($1, $2)', [schemaVersion, oldestVersion]);
    }
    await connection.run('commit');
    return before;
  } catch (error) {
    if (!connection.isLost) await connection.run('rollback');
    throw error;
  }
}

/** Refuses a schema that this build cannot use. */
export async function checkVersion(connection: Connection, schema: string): Promise<void> {
  const advice = `run \`callsheet migrate --postgres URL --schema ${schema}\``;
  const [found] = await connection.run<{ role: string; may_use: boolean }>(
    `select current_user as role, has_schema_privilege(space.oid, 'usage') as may_use
      from pg_namespace space join pg_class on relnamespace = space.oid and relname = 'meta' where nspname = $1`,
    [schema],
  );
  if (found === undefined)
    throw new DatabaseUnusableError(`the database has no tables of callsheet in schema ${schema}: ${advice}`);
  if (!found.may_use) {
    const grant = `grant usage on schema ${quoted(schema)} to ${quoted(found.role)}`;
    throw new DatabaseUnusableError(`the role ${found.role} may not use schema ${schema}: run \`${grant}\``);
  }
  // The first tables did not say which builds may use them.
  const read = `select version, coalesce((to_jsonb(meta) ->> 'oldest')::int, 1) as oldest from ${quoted(schema)}.meta`;
  const [{ version, oldest } = { version: 0, oldest: 0 }] = await connection.run<{ version: number; oldest: number }>(
    read,
  );
  refuseNewer({ version, oldest }, schema);
  if (version < schemaVersion)
    throw new DatabaseUnusableError(
      `schema ${schema} has version ${version}, and this build of callsheet needs ${schemaVersion}: ${advice}`,
    );
}

function refuseNewer({ version, oldest }: Found, schema: string): void {
  if (oldest > schemaVersion)
    throw new DatabaseVersionError(
      `schema ${schema} has version ${version}, and this build of callsheet knows ${schemaVersion}: update callsheet`,
    );
}
