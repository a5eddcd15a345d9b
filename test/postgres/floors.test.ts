/** Reads that begin where the last one found rows, and the rows that come before that. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it, mock, type TestContext } from 'node:test';
import type { Kit, VirtualOptions } from 'callsheet/testing';
import pg from 'pg';
import { idFromText } from '../../src/codec/id.js';
import { Connection } from '../../src/store/postgres/connection.js';
import { beginning } from '../../src/store/postgres/database.js';
import { bothOf, Floors, hintFrom, type Position, textOf } from '../../src/store/postgres/floors.js';
import { readWants } from '../../src/store/postgres/reading.js';
import { tablesOf } from '../../src/store/postgres/tables.js';
import { idFrom } from '../../src/store/postgres/values.js';
import type { Database, Transaction } from '../../src/store/shared/database.js';
import type { Want } from '../../src/store/shared/wants.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import { allJobs, work } from '../contract/jobs/all.js';
import { forget, openGate, seen } from '../contract/jobs/work.js';
import { noFaults } from '../shared-store/database.js';
import { openBeside } from '../shared-store/kits.js';
import { Neighbourhood } from './kits.js';
import { openDatabase, serverUrl } from './schemas.js';

const laterMs = 3000;
const lanes: Want = { kind: 'lanes', queue: '', except: [], now: 0, after: undefined, most: 2 };

/** A schema, a clock, and runtimes on them. */
class Place {
  readonly clock = new VirtualClock(Date.UTC(2030, 0));
  readonly all: Neighbourhood;
  readonly #t: TestContext;

  private constructor(t: TestContext, all: Neighbourhood) {
    this.#t = t;
    this.all = all;
  }

  static async make(t: TestContext): Promise<Place> {
    forget();
    return new Place(t, await Neighbourhood.make());
  }

  async host(database = () => this.all.connect(), pollMs?: number): Promise<Kit> {
    return this.#open({ threads: 1, retention: { count: 10 } }, database, pollMs);
  }

  async client(database = () => this.all.connect()): Promise<Kit> {
    return this.#open({ threads: 1, agent: false }, database);
  }

  async #open(options: Partial<VirtualOptions>, database: () => Database, pollMs?: number) {
    const beside = { database, clock: this.clock, ...(pollMs !== undefined && { pollMs }) };
    const kit = await openBeside({ jobs: allJobs, ...options }, beside);
    this.#t.after(() => kit.close());
    return kit;
  }
}

const md5Of = (text: string) => createHash('md5').update(text).digest('hex');

/** Keeps a snapshot of now until the test ends. */
async function pin(t: TestContext): Promise<void> {
  const client = new pg.Client({ connectionString: await serverUrl() });
  await client.connect();
  t.after(() => client.end());
  await client.query('begin isolation level repeatable read');
  await client.query('select 1');
}

/** Calls `sent` with each statement. */
function watchStatements(t: TestContext, sent: (text: string, values: unknown[]) => void): void {
  const { run } = Connection.prototype;
  mock.method(Connection.prototype, 'run', function (this: Connection, text: string, values: unknown[] = []) {
    sent(text, values);
    return run.call(this, text, values);
  });
  t.after(() => mock.restoreAll());
}

/** Runs a statement as the store does, and takes it back. */
async function asked(text: string, values: unknown[]): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: await serverUrl() });
  await client.connect();
  await client.query('begin');
  await client.query(beginning);
  const { rows } = await client.query(text, values);
  await client.end();
  return rows;
}

/** Returns the number of pages that the server touches for a statement. */
async function touchedBy(text: string, values: unknown[]): Promise<number> {
  const [row] = await asked(`explain (analyze, buffers, format json) ${text}`, values);
  const [{ Plan: plan }] = row!['QUERY PLAN'] as [{ Plan: Record<string, number> }];
  return plan['Shared Hit Blocks']! + plan['Shared Read Blocks']!;
}

describe('under an old snapshot', () => {
  it('the statements of each job touch no more pages, however many jobs have ended', async (t) => {
    const place = await Place.make(t);
    const host = await place.host();
    const queue = host.runtime.queue();
    await pin(t);
    const { sessions } = tablesOf(place.all.schema);
    const kinds = [/\.lanes where queue\b/, /completed_at >= \$1 and not/, /^with there as/];
    const last: [string, unknown[]][] = [];
    watchStatements(t, (text, values) => {
      const kind = kinds.findIndex((one) => one.test(text));
      if (kind >= 0) last[kind] = [text, values];
    });
    const touched = async () => {
      last.length = 0;
      await host.waitForResult(await queue.put(work.add(1, 2)));
      await host.untilIdle();
      assert.equal(last.filter((one) => one !== undefined).length, kinds.length);
      const [id, ...rest] = last[2]![1];
      const [row] = await asked(`select ctid::text as place from ${sessions} where id = $1`, [id]);
      last[2]![1] = [id, ...rest.with(2, row!.place)];
      return Promise.all(last.map(([text, values]) => touchedBy(text, values)));
    };
    await touched();
    const before = await touched();
    for (let round = 0; round < 4; round++) {
      await queue.putAll(Array.from({ length: 100 }, (_, n) => work.add(n, 1)));
      await host.clock.advance(10);
    }
    await touched();
    const after = await touched();
    for (const [kind, pages] of after.entries())
      assert.ok(pages < before[kind]! + 15, `${before} pages before, ${after} behind 400 jobs`);
  });
});

describe('to forget some jobs', () => {
  it('the server reads these, however many others there are', async (t) => {
    const place = await Place.make(t);
    const client = await place.client();
    await client.runtime.queue().put(work.mark('copied'));
    const tables = tablesOf(place.all.schema);
    const connection = await Connection.open(await serverUrl());
    const [columns] = await connection.run<{ names: string }>(
      `select string_agg(attname, ', ') as names from pg_attribute
        where attrelid = '${tables.jobs}'::regclass and attnum > 0 and attname <> 'id'`,
    );
    await connection.run(`insert into ${tables.jobs} (id, ${columns!.names})
      select md5(n::text)::uuid, ${columns!.names} from ${tables.jobs}, generate_series(1, 5000) n`);
    await connection.run(`analyze ${tables.jobs}`);
    await connection.close();
    const ids = Array.from({ length: 64 }, (_, n) => idFrom(md5Of(`${n + 1}`)));
    let pages = 0;
    const run = async (text: string, values: unknown[] = []) => {
      pages += await touchedBy(text, values);
      return [];
    };
    for (const [isAlone, most] of [
      [false, 30],
      [true, 3],
    ] as const) {
      pages = 0;
      const trees = ids.map((id): Want => ({ kind: 'tree', id, isAlone }));
      await readWants(run, tables, trees, false, new Floors().begin(), async () => {});
      assert.ok(pages < most * ids.length, `${pages} pages for ${ids.length} jobs`);
    }
  });
});

describe('a row that comes before the first one', () => {
  it('[3.2] is claimed first, if another process has put it with a higher priority', async (t) => {
    const place = await Place.make(t);
    const [host, client] = [await place.host(), await place.client()];
    await client.runtime.queue().putAll([work.hold('first'), work.mark('second'), work.mark('third')]);
    await host.untilIdle();
    await client.runtime.queue().put(work.mark('urgent'), { priority: 1 });
    await host.untilIdle();
    openGate('first');
    await host.untilIdle();
    assert.deepEqual(seen, ['first', 'urgent', 'second', 'third']);
  });

  it('[19.1] is claimed as soon as its transaction commits, though others drew later places', async (t) => {
    const place = await Place.make(t);
    let commits = 0;
    let open = () => {};
    const isOpen = new Promise<void>((resolve) => {
      open = resolve;
    });
    let reach = () => {};
    const isReached = new Promise<void>((resolve) => {
      reach = resolve;
    });
    const [host, client] = [await place.host(), await place.client()];
    // So that the lane is there.
    await client.runtime.queue().put(work.mark('first'));
    await host.untilIdle();
    const late = await place.client(() => {
      const database = place.all.connect();
      const begin = database.begin.bind(database);
      database.begin = (purpose) => {
        const transaction = begin(purpose);
        const commit = transaction.commit.bind(transaction);
        transaction.commit = async (...args: Parameters<Transaction['commit']>) => {
          if (!args[2].jobs.some(({ callable }) => callable.includes('mark'))) return commit(...args);
          commits++;
          reach();
          await isOpen;
          return commit(...args);
        };
        return transaction;
      };
      return database;
    });
    const put = late.runtime.queue().put(work.mark('late'));
    await isReached;
    await client.runtime.queue().putAll([work.mark('next'), work.mark('more')]);
    await host.untilIdle();
    assert.deepEqual(seen, ['first', 'next', 'more']);
    open();
    await put;
    await host.untilIdle();
    assert.deepEqual(seen, ['first', 'next', 'more', 'late']);
    assert.equal(commits, 1, 'the late one has the first place');
  });

  it('[19.1] is found by a poll, if the notification is lost', async (t) => {
    const place = await Place.make(t);
    const [host, client] = [await place.host(() => place.all.connect(), 1000), await place.client()];
    await client.runtime.queue().putAll([work.hold('first'), work.mark('second')]);
    await host.untilIdle();
    place.all.faults = { ...noFaults, forgets: () => true };
    await client.runtime.queue().put(work.mark('urgent'), { priority: 1 });
    await host.clock.advance(1000);
    openGate('first');
    await host.untilIdle();
    assert.deepEqual(seen, ['first', 'urgent', 'second']);
  });

  it('[2.4] is run at its date, though others wait for later ones', async (t) => {
    const place = await Place.make(t);
    const [host, client] = [await place.host(), await place.client()];
    await client.runtime.queue().put(work.mark('later'), { beginAfter: 2 * laterMs });
    await host.untilIdle();
    await client.runtime.queue().put(work.mark('sooner'), { beginAfter: laterMs });
    await host.untilIdle();
    await host.clock.advance(laterMs);
    assert.deepEqual(seen, ['sooner']);
    await host.clock.advance(laterMs);
    assert.deepEqual(seen, ['sooner', 'later']);
  });

  it('is there for the next claim, if another transaction had locked it and claimed nothing', async (t) => {
    const place = await Place.make(t);
    const client = await place.client();
    const jobs = await client.runtime.queue().putAll(Array.from({ length: 6 }, (_, n) => work.mark(`${n}`)));
    const { schema } = place.all;
    const [a, b] = [await openDatabase(schema), await openDatabase(schema)];
    const read = async (transaction: Transaction) => {
      const rows = await transaction.load([lanes]);
      return rows.jobs.flatMap(([id]) => jobs.findIndex((job) => idFromText(job.id) === id));
    };
    const [holding, passing, next] = [a.begin('change'), b.begin('change'), b.begin('change')];
    assert.deepEqual(await read(holding), [0, 1]);
    assert.deepEqual(await read(passing), [2, 3]);
    passing.end();
    holding.end();
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual(await read(next), [0, 1]);
    next.end();
  });
});

describe('the jobs that a process runs', () => {
  it('[2.10] are looked at when others have changed them, and only then', async (t) => {
    const place = await Place.make(t);
    const [host, client] = [await place.host(), await place.client()];
    const job = await client.runtime.queue().put(work.hold('held'));
    await host.untilIdle();
    assert.deepEqual(host.running, [job.id]);
    let looks = 0;
    watchStatements(t, (text) => {
      if (text.includes('where dispatcher = $1')) looks++;
    });
    await client.runtime.queue().put(work.mark('later'), { beginAfter: laterMs });
    await host.untilIdle();
    assert.equal(looks, 0);
    await job.cancel();
    await host.untilIdle();
    assert.deepEqual(host.running, []);
    assert.equal(await job.status(), 'completed');
  });
});

describe('floors', () => {
  const at = (position: number): Position => [position];
  const came = (position: number) => new Map([['line', at(position)]]);

  it('are not raised beyond rows that came while a transaction read', () => {
    const floors = new Floors();
    const reading = floors.begin();
    floors.lower(came(5));
    reading.found('line', at(7));
    assert.deepEqual(floors.of('line'), at(5));
    floors.end(reading);
    const next = floors.begin();
    next.found('line', at(7));
    assert.deepEqual(floors.of('line'), at(7));
    floors.lower(came(9));
    assert.deepEqual(floors.of('line'), at(7), 'a row behind the floor leaves it');
    floors.lower(undefined);
    next.found('line', at(8));
    assert.equal(floors.of('line'), undefined, 'anything may have come since the transaction began');
  });

  it('go with a notification, as far as it has room, and as another build understands it', () => {
    const hint = new Map([
      ['line', [-1, 0, 1, 5, 'ab']],
      ['due', [7]],
    ]);
    assert.deepEqual(hintFrom(textOf(hint)), hint);
    assert.equal(hintFrom(textOf('ping')), 'ping');
    const nonsense = ['{', 'null', '7', '[7]', '{"due":7}', '{"due":[null]}', '{"due":[[7]]}'];
    for (const text of ['', 'all', textOf('anything'), ...nonsense]) assert.equal(hintFrom(text), 'anything');
    const many = new Map(Array.from({ length: 1000 }, (_, n) => [`${n}`, at(n)]));
    assert.equal(textOf(many), '');
    assert.deepEqual(bothOf(came(5), came(3)), came(3));
    assert.deepEqual(bothOf('ping', came(3)), came(3));
    assert.equal(bothOf(came(3), 'anything'), 'anything');
  });
});
