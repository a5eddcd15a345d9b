/**
 * Moves the records of a journal into empty tables, in one transaction: either all are there, or
 * none. The table `promotions` tells whether they are, so that a second try doubles nothing.
 */
import { encodeOwnFailure } from '../../codec/failure.js';
import {
  type AnnotationRecord,
  type Id,
  type JobRecord,
  type Payload,
  payloadSlots,
  settingKey,
} from '../../core/records.js';
import { annotationKey } from '../../core/state/annotations.js';
import { CompactJob } from '../../core/state/compact-job.js';
import type { View } from '../../core/state/view.js';
import { DatabaseUnusableError, DirectoryUnusableError } from '../../errors.js';
import type { Lock } from '../../journal/lock.js';
import { markPromotion, type Promotion, promotionOf, unmarkPromotion } from '../../journal/promotion.js';
import { JournalStore } from '../journal/journal-store.js';
import { positionsAtOnce, type Writes } from '../shared/database.js';
import { FarPayload } from '../shared/far-payload.js';
import { lanesOf, noLaneWrites } from '../shared/lanes.js';
import { Connection, type ConnectionOptions, type Run } from './connection.js';
import { countAllKept } from './kept.js';
import { nearBytes, upload } from './payloads.js';
import { all } from './reading.js';
import { checkVersion } from './schema.js';
import { type Tables, tablesOf } from './tables.js';
import { startWrites } from './writing.js';

export interface PromotedCounts {
  readonly jobs: number;
  readonly settings: number;
  readonly annotations: number;
}

/** Rows of one statement, and the bytes of their payloads from which a statement is full. */
const most = { rows: 500, bytes: 8 * 1024 * 1024 };

/**
 * Moves the jobs of a directory whose lock is held, and marks the directory. Returns `undefined` if
 * the database had them already.
 *
 * @param to The database in words, for the mark.
 * @throws {DatabaseUnusableError} the tables are missing or not empty, or the database cannot be
 * used.
 * @throws {DirectoryUnusableError} the jobs have moved to another database, or are moving there.
 */
export async function promote(
  lock: Lock,
  options: ConnectionOptions,
  schema: string,
  to: string,
): Promise<PromotedCounts | undefined> {
  const { directory } = lock;
  const before = promotionOf(directory);
  if (before !== undefined && before.to !== to)
    throw new DirectoryUnusableError(
      `the jobs of ${directory} ${before.isDone ? 'have moved' : 'are moving'} to ${before.to}: name that database`,
    );
  if (before?.isDone) return undefined;
  const promotion: Promotion = { id: before?.id ?? crypto.randomUUID(), to, isDone: false };
  const counts = await Connection.first(options, async (connection) => {
    await checkVersion(connection, schema);
    const tables = tablesOf(schema);
    await connection.run('begin');
    if (!(await isEmpty(connection, tables, schema, promotion.id))) {
      await connection.close();
      return undefined;
    }
    const store = await recovered(lock);
    try {
      const copied = await new Copying(connection, tables, store).run();
      await connection.run(`insert into ${tables.promotions} (id) values ($1)`, [promotion.id]);
      // From now on the jobs may be in the database.
      markPromotion(directory, promotion);
      await commit(connection, directory);
      return copied;
    } finally {
      await store.close();
    }
  });
  markPromotion(directory, { ...promotion, isDone: true });
  return counts;
}

/** Commits. After a refusal the jobs are only in the directory, as before. */
async function commit(connection: Connection, directory: string): Promise<void> {
  try {
    await connection.run('commit');
  } catch (error) {
    if (!connection.isLost) unmarkPromotion(directory);
    throw error;
  }
  await connection.close();
}

/**
 * Keeps others from writing until the end of the transaction. Returns `false` if the jobs are there
 * already.
 */
async function isEmpty(connection: Connection, tables: Tables, schema: string, id: string): Promise<boolean> {
  await connection.run(`lock table ${tables.jobs}, ${tables.settings} in share row exclusive mode`);
  const done = await connection.run(`select 1 from ${tables.promotions} where id = $1`, [id]);
  if (done.length > 0) return false;
  const used = await connection.run(
    `select 1 where exists (select 1 from ${tables.jobs}) or exists (select 1 from ${tables.settings})`,
  );
  if (used.length === 0) return true;
  throw new DatabaseUnusableError(
    `schema ${schema} has jobs or settings already: name another one, made by \`callsheet migrate\``,
  );
}

/** Opens the journal, and takes back all that its last process had claimed. */
async function recovered(lock: Lock): Promise<JournalStore> {
  const outside = { dispatcher: '', now: Date.now, random: Math.random, listening: false, holding: false };
  const store = new JournalStore(lock.directory, { ...outside, failure: encodeOwnFailure }, { lock });
  const nothing = () => {};
  await store.open({
    ...{ release: nothing, changed: nothing, gone: nothing, heard: nothing, repaired: nothing, fatal: nothing },
    ...{ awaits: () => false, awaited: () => ({ outcomes: [], annotations: [], events: false }) },
  });
  await new Promise<void>((resolve, reject) => {
    const reply = (error: Error | undefined) => (error === undefined ? resolve() : reject(error));
    // No process feeds the maps of the directory any more.
    store.transact({ command: { type: 'recover' }, gate: 'synced', reply });
    store.commit();
  });
  return store;
}

const nothingWritten: Writes = {
  ...{ jobs: [], inserted: [], forgotten: [], settings: new Map(), annotations: new Map(), buckets: [], events: [] },
  lanes: noLaneWrites,
};

/** Copies all records, some in each statement. */
class Copying {
  readonly #connection: Connection;
  readonly #tables: Tables;
  readonly #store: JournalStore;
  readonly #view: View;
  #jobs: JobRecord[] = [];
  #annotations = new Map<string, AnnotationRecord>();
  #bytes = 0;

  constructor(connection: Connection, tables: Tables, store: JournalStore) {
    this.#connection = connection;
    this.#tables = tables;
    this.#store = store;
    this.#view = store.view;
  }

  async run(): Promise<PromotedCounts> {
    const settings = new Map([...this.#view.settings()].map((setting) => [settingKey(setting), setting]));
    await this.#write({ ...nothingWritten, settings });
    const counts = { jobs: 0, settings: settings.size, annotations: 0 };
    let lastPosition = 0;
    for (const job of this.#view.jobs()) {
      counts.jobs++;
      lastPosition = Math.max(lastPosition, job.eligible);
      const record = { ...CompactJob.toRecord(job) };
      for (const slot of payloadSlots) record[slot] = await this.#moved(job[slot]);
      this.#jobs.push(record);
      await this.#flush(most.rows);
    }
    for (const said of this.#view.annotations()) {
      counts.annotations++;
      this.#annotations.set(annotationKey(said.job, said.name), { ...said, value: this.#copied(said.value)! });
      await this.#flush(most.rows);
    }
    await this.#flush(1);
    await countAllKept(this.#run, this.#tables);
    // Jobs that are put later are behind those that wait.
    const block = Math.ceil(lastPosition / positionsAtOnce) + 1;
    await this.#connection.run('select setval($1::text::regclass, $2)', [this.#tables.positions, block]);
    return counts;
  }

  /** Returns a payload as a row has it. */
  async #moved(payload: Payload | null): Promise<Payload | null> {
    if (payload === null || payload.byteLength <= nearBytes) return this.#copied(payload);
    const far = new FarPayload(payload.byteLength);
    await upload(this.#run, this.#tables, far, this.#store.bytes(payload), 'within');
    return far;
  }

  /** Returns the bytes of a payload. A place in the journal means nothing to the database. */
  #copied(payload: Payload | null): Payload | null {
    if (payload === null) return null;
    const bytes = Buffer.from(this.#store.bytes(payload));
    this.#bytes += bytes.length;
    return bytes;
  }

  /** Writes the rows that were taken, if they have this number, or are large. */
  async #flush(rows: number): Promise<void> {
    if (this.#jobs.length + this.#annotations.size < rows && this.#bytes < most.bytes) return;
    const lanes = { ...noLaneWrites, joined: [...lanesOf(this.#jobs).values()] };
    await this.#write({ ...nothingWritten, jobs: this.#jobs, annotations: this.#annotations, lanes });
    this.#jobs = [];
    this.#annotations = new Map();
    this.#bytes = 0;
  }

  #write(writes: Writes): Promise<void> {
    return all(startWrites(this.#run, this.#tables, writes, this.#above(writes.jobs)));
  }

  readonly #run: Run = (text, values) => this.#connection.run(text, values);

  /** The jobs above some jobs, by which a row knows its root. */
  #above(jobs: readonly JobRecord[]): ReadonlyMap<Id, JobRecord> {
    const here = new Set(jobs.map(({ id }) => id));
    const above = new Map<Id, JobRecord>();
    for (const { parent } of jobs)
      for (let id = parent; id !== '' && !here.has(id) && !above.has(id); ) {
        const job = this.#view.job(id)!;
        above.set(id, job);
        id = job.parent;
      }
    return above;
  }
}
