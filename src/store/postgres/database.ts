/**
 * PostgreSQL as the database of a shared store.
 *
 * Transactions are SERIALIZABLE: the server itself keeps the promises of `database.ts` about rows
 * that were read, and rows that were not there. The price is that transactions conflict without
 * need. A process whose transactions conflicted twice in a row takes the table `patience` for
 * itself, so that all others wait for one transaction: each process gets on, however busy others
 * are.
 *
 * Nothing lasts beyond a transaction on a connection, so a pooler may stand between. Only the
 * connection that listens is different. A notification is a hint, and never sent in a transaction:
 * it would hold a lock of the whole server until the commit.
 */
import type { Id, JobRecord } from '../../core/records.js';
import { ClosedError } from '../../errors.js';
import {
  type Committed,
  ConflictError,
  ConnectionError,
  type Database,
  isPing,
  type KnownJob,
  type LastCommit,
  listenerMs,
  type News,
  type Posted,
  PostedError,
  type Purpose,
  type Rows,
  type Transaction,
  type Writes,
} from '../shared/database.js';
import type { FarPayload } from '../shared/far-payload.js';
import type { Want } from '../shared/wants.js';
import { Connection, type ConnectionOptions, type Copy, type Run } from './connection.js';
import { bothOf, Floors, type Hint, hintFrom, newsIn, positionsOf, type Reading, textOf } from './floors.js';
import {
  addedTo,
  dropSilent,
  type KeptChange,
  keptChange,
  keptColumns,
  keptOf,
  keptValues,
  readOldest,
  readSums,
  type Sums,
  sumsOf,
} from './kept.js';
import { arePosted, outboxStatement, takePosted } from './outbox.js';
import { nearBytes, sweepPayloads, upload } from './payloads.js';
import { all, readWants } from './reading.js';
import { checkVersion } from './schema.js';
import { type Tables, tablesOf } from './tables.js';
import { startWrites } from './writing.js';

export interface PostgresOptions {
  readonly connection: ConnectionOptions;
  readonly schema: string;
}

/** Milliseconds between two attempts to connect: at first, and at most. */
const againMs = { first: 50, most: 2000 };
/** Milliseconds between two notifications of one process, at least. */
const notifyMs = 10;
/** Milliseconds without a notification after which a ping shows that they come back. */
const provingMs = 15_000;
/** Milliseconds that the last notification may take. */
const lastNotificationMs = 500;
/** Milliseconds that a change waits for a lock. */
const lockMs = 5000;
/** Milliseconds that a process waits at random after a conflict. */
const jitterMs = 5;

export class PostgresDatabase implements Database {
  readonly tables: Tables;
  nearBytes = nearBytes;
  /** Tells the sessions of this process from those of others. */
  readonly life = crypto.randomUUID();
  readonly #options: PostgresOptions;
  readonly #channel: string;
  readonly #idle: Connection[] = [];
  readonly #watchers = new Set<(news?: News) => void>();
  #listener: Connection | undefined;
  #isListening = false;
  #hears = false;
  #notifiedAt = Number.NEGATIVE_INFINITY;
  /** The notification that waits. A ping only shows that notifications come back. */
  #waiting: { readonly at: number; readonly timer: NodeJS.Timeout | undefined; hint: Hint } | undefined;
  #isClosed = false;
  /** The statement that writes a put within a transaction of a user. */
  readonly outbox: string;
  /** Posted puts that this build cannot read. */
  readonly unreadable = new Set<number>();
  /** Lanes without gates, whose rows are there. */
  readonly freeLanes = new Set<Id>();
  readonly floors = new Floors();
  /** The totals of kept roots, with all commits of this process. Those of others may be missing. */
  totals: Sums | undefined;
  /** By session: the place of its row, which has as many versions as there were commits. */
  readonly rowOf = new Map<string, string>();
  /** Conflicts since the last commit. */
  conflictsInRow = 0;
  /** Changes in a row that had no answer, or that a read-only server refused. */
  lossesInRow = 0;

  constructor(options: PostgresOptions) {
    this.#options = options;
    this.tables = tablesOf(options.schema);
    this.outbox = outboxStatement(options.schema);
    this.#channel = `callsheet ${options.schema}`;
  }

  /** Connects once, so that a wrong address or schema is an error now. */
  async open(): Promise<void> {
    await Connection.first(this.#options.connection, async (connection) => {
      await checkVersion(connection, this.#options.schema);
      await dropSilent((text, values) => connection.run(text, values), this.tables);
      this.#idle.push(connection);
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    // Any connection will do, if the listener has not begun.
    await Promise.race([this.#notifyNow(this.#listener ?? this.#idle.at(-1)), pause(lastNotificationMs)]);
    const open = [...this.#idle.splice(0), ...(this.#listener === undefined ? [] : [this.#listener])];
    this.#listener = undefined;
    await Promise.all(open.map((connection) => connection.close()));
  }

  begin(purpose: Purpose): Transaction {
    return new PostgresTransaction(this, purpose);
  }

  watch(wake: (news?: News) => void): () => void {
    this.#watchers.add(wake);
    void this.#listen();
    return () => this.#watchers.delete(wake);
  }

  async addListener(listener: string): Promise<void> {
    const { listeners } = this.tables;
    await this.#with((connection) =>
      connection.run(`insert into ${listeners} (id) values ($1) on conflict do nothing`, [listener]),
    );
    this.notify();
  }

  async removeListener(listener: string): Promise<void> {
    const { listeners } = this.tables;
    await this.#with((connection) => connection.run(`delete from ${listeners} where id = $1`, [listener]));
    await this.sweepEvents();
  }

  async sweepEvents(reader?: { readonly listener: string; readonly position: string }): Promise<void> {
    const { listeners, happenings } = this.tables;
    const noted = `update ${listeners} set seen_at = now(), position = $2::pg_snapshot where id = $1`;
    const gone = `delete from ${listeners} where seen_at < now() - interval '${listenerMs} ms'`;
    const read = `delete from ${happenings} where not exists (
      select from ${listeners} where not pg_visible_in_snapshot(written_by, position))`;
    await this.#with((connection) =>
      all([
        ...(reader === undefined ? [] : [connection.run(noted, [reader.listener, reader.position])]),
        connection.run(gone),
        connection.run(read),
      ]),
    );
  }

  leavePosted(seq: number): void {
    this.unreadable.add(seq);
  }

  /** Takes a connection, for as long as its user needs it. */
  async take(): Promise<Connection> {
    for (let connection = this.#idle.pop(); connection !== undefined; connection = this.#idle.pop())
      if (!connection.isLost) return connection;
    for (let waitMs = againMs.first; ; waitMs = Math.min(2 * waitMs, againMs.most)) {
      if (this.#isClosed) throw new ClosedError('the store is closed');
      try {
        return await Connection.open(this.#options.connection);
      } catch (error) {
        if (!(error instanceof ConnectionError)) throw error;
        await pause(waitMs * (0.5 + Math.random() / 2));
      }
    }
  }

  give(connection: Connection): void {
    if (connection.isLost || this.#isClosed) {
      // The cause may have ended the others, too: a failover leaves none.
      for (const other of this.#idle.splice(0)) other.drop();
      connection.drop();
    } else this.#idle.push(connection);
  }

  /** Tells other processes that there is something new. */
  notify(hint: Hint = 'anything', isClaim = false): void {
    const now = performance.now();
    if (hint === 'ping' && now < this.#notifiedAt + provingMs) return;
    // The first one after a pause leaves at once. Ends that follow a claim must not wait for it.
    const at = Math.max(this.#notifiedAt + notifyMs, now + (isClaim ? notifyMs : 0));
    const before = this.#waiting;
    const both = bothOf(before?.hint ?? 'ping', hint);
    if (before !== undefined && before.at <= at) before.hint = both;
    else {
      clearTimeout(before?.timer);
      const timer = at > now ? setTimeout(() => void this.#notifyNow(), at - now).unref() : undefined;
      this.#waiting = { at, timer, hint: both };
      // A timer would take a millisecond.
      if (timer === undefined) void this.#notifyNow();
    }
  }

  /** Sends the notification that waits. Without a listener, it waits for one. */
  async #notifyNow(by = this.#listener): Promise<void> {
    if (this.#waiting === undefined || by === undefined) return;
    const payload = textOf(this.#waiting.hint);
    this.#waiting = undefined;
    this.#notifiedAt = performance.now();
    // A pooler may take it, and deliver none.
    this.#hears = false;
    // The server would sync a notification as it does a change, and delay both.
    const unsynced = `set_config('synchronous_commit', 'off', true)`;
    await by.run(`select ${unsynced}, pg_notify($1, $2)`, [this.#channel, payload]).catch(() => {});
  }

  /** Others have committed something. */
  hear(hint: Hint): void {
    if (hint === 'ping') return;
    this.floors.lower(hint === 'anything' ? undefined : hint);
    for (const watcher of this.#watchers) watcher(newsIn(hint));
  }

  readAll(): void {
    this.floors.lower(undefined);
    this.totals = undefined;
  }

  /** `true` if the last notification of this process came back. */
  get hears(): boolean {
    return this.#hears && this.#listener !== undefined;
  }

  arePosted(): Promise<boolean> {
    return this.#with((connection) =>
      arePosted((text, values) => connection.run(text, values), this.tables, this.unreadable),
    );
  }

  upload(payload: FarPayload, bytes: Uint8Array): Promise<void> {
    return this.#with((connection) =>
      upload((text, values) => connection.run(text, values), this.tables, payload, bytes),
    );
  }

  sweepPayloads(): Promise<void> {
    return this.#with((connection) => sweepPayloads((text, values) => connection.run(text, values), this.tables));
  }

  async #with<T>(use: (connection: Connection) => Promise<T>): Promise<T> {
    const connection = await this.take();
    try {
      return await use(connection);
    } catch (error) {
      if (!(error instanceof ConnectionError)) connection.drop();
      throw error;
    } finally {
      this.give(connection);
    }
  }

  /** Listens for others, and begins again whenever the connection is lost. */
  async #listen(): Promise<void> {
    if (this.#isListening) return;
    this.#isListening = true;
    const wake = (payload = '', isOwn = false) => {
      if (isOwn) this.#hears = true;
      else this.hear(hintFrom(payload));
    };
    for (let waitMs = againMs.first; !this.#isClosed; waitMs = Math.min(2 * waitMs, againMs.most)) {
      try {
        let lost = () => {};
        const isLost = new Promise<void>((resolve) => {
          lost = resolve;
        });
        const listener = await Connection.open(this.#options.connection, lost);
        await listener.listen(this.#channel, wake);
        if (this.#isClosed) return listener.drop();
        this.#listener = listener;
        waitMs = againMs.first;
        // Nothing was heard before, and perhaps nothing sent.
        wake();
        this.notify();
        void this.#notifyNow();
        await isLost;
        this.#listener = undefined;
      } catch {
        // Polls find all that is not heard.
      }
      if (!this.#isClosed) await pause(waitMs);
    }
  }
}

const pause = (ms: number) =>
  new Promise<void>((resolve) => {
    setTimeout(resolve, ms).unref();
  });

/**
 * The server keeps the plans of statements, also while the tables grow: they must use the indices
 * from the beginning, read a line in its order instead of sorting all of it, and join no table as a
 * whole.
 */
const planning = {
  ...{ enable_seqscan: 'off', enable_bitmapscan: 'off', enable_hashjoin: 'off', enable_mergejoin: 'off' },
  jit: 'off',
};
/** A session that has gone quiet in a transaction must not hold its locks for longer. */
const limits = { idle_in_transaction_session_timeout: '10000' };
/**
 * Statements that write read little, but the server expects more, and clears as much memory as they
 * may have each time that one begins.
 */
const little = { work_mem: '64kB' };

function set(settings: Readonly<Record<string, string>>): string {
  const each = Object.entries(settings).map(([name, value]) => `set_config('${name}', '${value}', true)`);
  return `select ${each.join(', ')}`;
}

export const beginningLook = set({ ...planning, ...limits });
export const beginning = set({ ...planning, ...limits, ...little });
const beginningProof = set({ ...planning, ...limits, ...little, lock_timeout: `${lockMs}` });

/** `true` if a commit has nothing but claims. */
function isClaim({ jobs, forgotten, settings, annotations, events }: Writes): boolean {
  const areClaimed = jobs.every(({ claimed, cancelled, outcome }) => claimed && !cancelled && outcome === 'none');
  return areClaimed && forgotten.length + settings.size + annotations.size + events.length === 0;
}

class PostgresTransaction implements Transaction {
  readonly #database: PostgresDatabase;
  readonly #known = new Map<Id, JobRecord>();
  readonly #assumptions;
  #reading: Reading | undefined;
  /** The totals as this transaction has read them. */
  #totals: Sums | undefined;
  #connection: Connection | undefined;
  #isEnded = false;
  readonly #purpose: Purpose;

  constructor(database: PostgresDatabase, purpose: Purpose) {
    this.#database = database;
    this.#assumptions = { versions: new Map<Id, string>(), unheard: false, lanes: database.freeLanes };
    this.#purpose = purpose;
  }

  async load(wants: readonly Want[]): Promise<Rows> {
    return this.#guard(async () => {
      const begun = await this.#begin();
      const read = readWants(this.#run, this.#database.tables, wants, this.#isLook, this.#reading!, this.#copy);
      const posted = wants.some(({ kind }) => kind === 'posted') && this.#arePosted();
      await all([...begun, read, ...(posted ? [posted] : [])]);
      const rows = await read;
      rows.posted = await posted;
      if (wants.some(({ kind }) => kind === 'oldest')) this.#totals = sumsOf(rows.kept);
      if (!this.#isLook) this.#database.lossesInRow = 0;
      const missing: Id[] = [];
      for (const [id, job] of rows.jobs) {
        if (job === undefined) missing.push(id);
        else this.#known.set(id, job);
      }
      if (missing.length > 0 && !this.#takesPosted && (await this.#arePosted(missing))) throw new PostedError();
      return rows;
    });
  }

  assume(jobs: readonly KnownJob[], unheard: boolean): void {
    for (const { job, version } of jobs) {
      this.#known.set(job.id, job);
      this.#assumptions.versions.set(job.id, version);
    }
    this.#assumptions.unheard = unheard;
  }

  async takePosted(): Promise<readonly Posted[]> {
    this.#takesPosted = true;
    const { tables, unreadable } = this.#database;
    return this.#guard(async () => {
      const begun = await this.#begin();
      const taken = takePosted(this.#run, tables, unreadable);
      await all([...begun, taken]);
      return taken;
    });
  }

  #arePosted(jobs?: readonly Id[]): Promise<boolean> {
    const { tables, unreadable } = this.#database;
    return arePosted(this.#run, tables, unreadable, jobs);
  }

  async lastCommit(session: string): Promise<LastCommit | undefined> {
    return this.#guard(async () => {
      const { sessions } = this.#database.tables;
      const id = this.#idOf(session);
      for (;;) {
        const begun = await this.#begin();
        // The lock waits for the end of a lost commit, so that the answer is final.
        const text = `select last_group::int as group, last_attempt as attempt from ${sessions} where id = $1 for update`;
        const asked = this.#run<LastCommit & Record<string, unknown>>(text, [id]);
        await all([...begun, asked]);
        const [last] = await asked;
        if (last !== undefined) return last.group < 0 ? undefined : last;
        await this.#run('rollback');
        await this.#run(`insert into ${sessions} (id) values ($1) on conflict do nothing`, [id]);
        this.#hasBegun = false;
      }
    });
  }

  async commit(session: string, { group, attempt }: LastCommit, writes: Writes): Promise<Committed> {
    const begun = this.#hasBegun ? [] : await this.#guard(() => this.#begin());
    const database = this.#database;
    const { tables, freeLanes, floors, rowOf } = database;
    const { sessions } = tables;
    const id = this.#idOf(session);
    const change = keptChange(writes, this.#known);
    const [sums, values] = keptValues(tables, change, 4);
    const added = keptColumns.map((name, at) => `${name} = old.${name} + ${sums[at]}`).join(', ');
    const set = `last_group = $2, last_attempt = $3, seen_at = now(), ${added}`;
    const came = positionsOf(writes, this.#known);
    floors.lower(came);
    // All is sent in this turn, so the bytes are those of now.
    const runs = [...begun, ...startWrites(this.#run, tables, writes, this.#known, this.#assumptions)];
    const noted = this.#run<{ version: string; place: string }>(
      `with there as (
          update ${sessions} old set ${set} where ctid = $4::text::tid and id = $1 returning ctid),
        made as (
          insert into ${sessions} as old (id, last_group, last_attempt, ${keptColumns.join(', ')})
            select $1, $2, $3, ${sums.join(', ')} where not exists (select from there)
            on conflict (id) do update set ${set} returning ctid)
        select pg_current_xact_id()::xid::text as version, ctid::text as place
          from (select ctid from there union all select ctid from made) as noted`,
      [id, group, attempt, rowOf.get(id) ?? null, ...values],
    );
    const committed = this.#run('commit');
    const changesJobs = writes.jobs.length + writes.forgotten.length > 0;
    const kept = changesJobs ? this.#readKept(change) : undefined;
    return this.#guard(async () => {
      if (kept !== undefined) database.totals = undefined;
      await all([...runs, noted, committed, ...(kept === undefined ? [] : [kept])]);
      this.#hasBegun = false;
      database.conflictsInRow = 0;
      for (const { id, gates } of writes.lanes.joined) if (gates.length === 0) freeLanes.add(id);
      database.notify(isPing(writes) ? 'ping' : came, isClaim(writes));
      const { version, place } = (await noted)[0]!;
      rowOf.set(id, place);
      if (kept !== undefined) database.totals = (await kept).sums;
      return { version, kept: (await kept)?.kept };
    });
  }

  /** Returns the totals behind this commit: those that were read before, and its change. */
  async #readKept(change: KeptChange): Promise<{ readonly sums: Sums; readonly kept: Rows['kept'] }> {
    const { tables, totals } = this.#database;
    const before = this.#totals ?? totals;
    const [sums, oldest] = await Promise.all([
      before === undefined || change.moved.size > 0 ? readSums(this.#run, tables) : addedTo(before, change.sums),
      readOldest(this.#run, tables, this.#reading!),
    ]);
    return { sums, kept: keptOf(sums, oldest) };
  }

  end(): void {
    this.#isEnded = true;
    if (this.#reading !== undefined) this.#database.floors.end(this.#reading);
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection === undefined) return;
    if (this.#hasBegun && !connection.isLost) connection.run('rollback').catch(() => connection.drop());
    this.#database.give(connection);
  }

  #hasBegun = false;
  #takesPosted = false;

  #idOf(session: string): string {
    return `${this.#database.life} ${session}`;
  }

  readonly #run: Run = (text, values) => this.#connection!.run(text, values);
  readonly #copy: Copy = (text, take) => this.#connection!.copy(text, take);

  get #isLook(): boolean {
    return this.#purpose === 'look';
  }

  /** Begins at the first use. Returns the statements that are on their way. */
  async #begin(): Promise<Promise<unknown>[]> {
    if (this.#hasBegun) return [];
    const { conflictsInRow, lossesInRow, tables, floors } = this.#database;
    // A read-only server takes each connection and refuses each change.
    if (!this.#isLook && lossesInRow > 1)
      await pause(Math.min(againMs.first * 2 ** (lossesInRow - 2), againMs.most) * (0.5 + Math.random() / 2));
    if (conflictsInRow > 0) await pause(jitterMs * conflictsInRow * Math.random());
    this.#connection ??= await this.#database.take();
    if (this.#isEnded) throw new ConnectionError('the transaction has ended');
    this.#hasBegun = true;
    this.#reading ??= floors.begin();
    if (this.#isLook) return [this.#run('begin isolation level repeatable read read only'), this.#run(beginningLook)];
    const begin = 'begin isolation level serializable';
    if (this.#purpose === 'proof') return [this.#run(begin), this.#run(beginningProof)];
    const mode = conflictsInRow < 2 ? 'row share' : 'exclusive';
    // A lock of a table takes no snapshot: the transaction sees what others committed before it.
    const lock = `set local lock_timeout = ${lockMs}; lock table ${tables.patience} in ${mode} mode`;
    return [this.#run(`${begin}; ${lock}`), this.#run(beginning)];
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof ConflictError) this.#database.conflictsInRow++;
      else if (error instanceof ConnectionError && !this.#isLook) this.#database.lossesInRow++;
      throw error;
    }
  }
}
