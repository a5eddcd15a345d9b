/** Kits whose records are in PostgreSQL. To the database each kit is a process of its own. */
import assert from 'node:assert/strict';
import type { VirtualOptions } from 'callsheet/testing';
import type { JobRecord } from '../../src/core/records.js';
import { jobFrom } from '../../src/store/job-bytes.js';
import { Connection } from '../../src/store/postgres/connection.js';
import { PostgresDatabase, type PostgresOptions } from '../../src/store/postgres/database.js';
import { type Hint, hintFrom, newsIn, textOf } from '../../src/store/postgres/floors.js';
import { tablesOf } from '../../src/store/postgres/tables.js';
import {
  type Committed,
  ConflictError,
  ConnectionError,
  type Database,
  type KnownJob,
  type LastCommit,
  type News,
  type Rows,
  type Transaction,
  type Writes,
} from '../../src/store/shared/database.js';
import type { Want } from '../../src/store/shared/wants.js';
import type { Kit } from '../../src/testing/kit.js';
import { type Faults, noFaults } from '../shared-store/database.js';
import { openAloneOn } from '../shared-store/kits.js';
import { freshSchema, serverUrl } from './schemas.js';

/** Opens a kit with a schema of its own. Users must not be able to tell it from any other kit. */
export async function openOnPostgres(options: VirtualOptions): Promise<Kit> {
  const all = await Neighbourhood.make();
  return openAloneOn(() => all.connect(), options);
}

/**
 * A schema and its processes. They wake each other within this process, so that a history hangs on
 * no notification that comes by its own time. `faults` strike in the place of the network.
 */
export class Neighbourhood {
  readonly #url: string;
  readonly schema: string;
  readonly #neighbours = new Set<Neighbour>();
  faults: Faults = noFaults;
  /** See `Database.nearBytes`. Default: that of the product. */
  nearBytes: number | undefined;
  readonly struck = { conflict: 0, lost: 0, before: 0, after: 0, later: 0, forgotten: 0 };

  private constructor(url: string, schema: string) {
    this.#url = url;
    this.schema = schema;
  }

  static async make(): Promise<Neighbourhood> {
    return new Neighbourhood(await serverUrl(), await freshSchema());
  }

  /** Connects another process. */
  connect(): Database {
    return new Neighbour({ connection: this.#url, schema: this.schema }, this);
  }

  /** All committed jobs, for checks. The totals kept of them must be those of the rows. */
  async jobs(): Promise<JobRecord[]> {
    const connection = await Connection.open(this.#url);
    const { jobs, sessions } = tablesOf(this.schema);
    const [kept] = await connection.run(`select
      (select array[sum(succeeded), sum(succeeded_bytes), sum(failed), sum(failed_bytes)] from ${sessions})::text as sums,
      (select array[count(*) filter (where j.completed_at is not null and not r.has_failed),
        coalesce(sum(j.completed_bytes) filter (where not r.has_failed), 0),
        count(*) filter (where j.completed_at is not null and r.has_failed),
        coalesce(sum(j.completed_bytes) filter (where r.has_failed), 0)]
        from ${jobs} j join ${jobs} r on r.id = coalesce(j.root, j.id))::text as rows`);
    if (kept!.rows !== '{0,0,0,0}') assert.equal(kept!.sums, kept!.rows);
    const stored = await connection.run<{ header: Buffer; args: Buffer | null; result: Buffer | null }>(
      `select header, args, result from ${jobs}`,
    );
    await connection.close();
    // A payload that was uploaded is null here.
    return stored.map(({ header, args, result }) => jobFrom(header, args, result));
  }

  join(one: Neighbour): () => void {
    this.#neighbours.add(one);
    return () => this.#neighbours.delete(one);
  }

  notify(hint: Hint, from: Neighbour): void {
    for (const one of this.#neighbours) {
      if (one === from) continue;
      if (this.faults.forgets()) this.struck.forgotten++;
      else one.hear(hintFrom(textOf(hint)));
    }
  }
}

class Neighbour extends PostgresDatabase {
  readonly #all: Neighbourhood;
  #wake: (news?: News) => void = () => {};

  constructor(options: PostgresOptions, all: Neighbourhood) {
    super(options);
    this.#all = all;
    if (all.nearBytes !== undefined) this.nearBytes = all.nearBytes;
  }

  override begin(purpose: 'change' | 'look'): Transaction {
    return new Troubled(super.begin(purpose), this.#all);
  }

  override watch(wake: (news?: News) => void): () => void {
    this.#wake = wake;
    return this.#all.join(this);
  }

  override async upload(...given: Parameters<Database['upload']>): Promise<void> {
    if (this.#all.faults.loses()) throw new ConnectionError('the connection was lost');
    return super.upload(...given);
  }

  override hear(hint: Hint): void {
    super.hear(hint);
    if (hint !== 'ping') this.#wake(newsIn(hint));
  }

  override notify(hint: Hint = 'anything'): void {
    this.#all.notify(hint, this);
  }
}

/** A transaction on a connection that fails. */
class Troubled implements Transaction {
  readonly #inner: Transaction;
  readonly #all: Neighbourhood;
  /** The commit that goes on by itself. */
  #late: Promise<unknown> | undefined;

  constructor(inner: Transaction, all: Neighbourhood) {
    this.#inner = inner;
    this.#all = all;
  }

  async load(wants: readonly Want[]): Promise<Rows> {
    this.#mayLose();
    // The clocks of kits are not those of the machine.
    return { ...(await this.#inner.load(wants)), now: undefined };
  }

  assume(jobs: readonly KnownJob[], unheard: boolean): void {
    this.#inner.assume(jobs, unheard);
  }

  async lastCommit(session: string): Promise<LastCommit | undefined> {
    this.#mayLose();
    return this.#inner.lastCommit(session);
  }

  async commit(session: string, last: LastCommit, writes: Writes): Promise<Committed> {
    const { faults, struck } = this.#all;
    if (faults.conflicts()) {
      struck.conflict++;
      throw new ConflictError();
    }
    const lost = faults.commit();
    if (lost === 'never') return this.#inner.commit(session, last, writes);
    struck[lost]++;
    if (lost === 'after') await this.#inner.commit(session, last, writes);
    if (lost === 'later') this.#late = this.#inner.commit(session, last, writes).catch(() => {});
    throw new ConnectionError('the connection was lost during a commit');
  }

  end(): void {
    if (this.#late === undefined) this.#inner.end();
    else void this.#late.then(() => this.#inner.end());
  }

  #mayLose(): void {
    if (!this.#all.faults.loses()) return;
    this.#all.struck.lost++;
    throw new ConnectionError('the connection was lost');
  }
}
