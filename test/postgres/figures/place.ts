/** A server with an empty schema, and the runtimes and processes on it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type OpenOptions, open, type Runtime } from 'callsheet';
import pg from 'pg';
import pino from 'pino';
import { type Own, startOwn } from '../../../bench/harness/postgres-server.js';
import { Connection, type Run } from '../../../src/store/postgres/connection.js';
import { Floors } from '../../../src/store/postgres/floors.js';
import { readWants } from '../../../src/store/postgres/reading.js';
import { migrate } from '../../../src/store/postgres/schema.js';
import { tablesOf } from '../../../src/store/postgres/tables.js';
import { slow } from '../../cli/jobs/defined.js';
import { realJobs } from '../../contract/real/jobs/all.js';
import { Program } from '../../harness/program.js';
import { temporaryDirectory } from '../../harness/temporary.js';
import { stall } from '../stall.js';
import type { HostOptions } from './host.js';
import { seen } from './jobs/all.js';

const logger = pino({ level: 'silent' });
export const schema = 'callsheet';
export const jobs = `"${schema}".jobs`;
export const lanes = `"${schema}".lanes`;

export interface Host {
  /** The UUID of its dispatcher. */
  readonly id: string;
  readonly program: Program;
}

export class Place {
  readonly #server: Own;
  readonly admin: pg.Client;
  readonly #open: Runtime[] = [];
  readonly #ends: (() => Promise<void>)[] = [];
  readonly #floors = new Floors();

  private constructor(server: Own, admin: pg.Client) {
    this.#server = server;
    this.admin = admin;
  }

  /** Settings of the server in the place of the usual ones of figures. */
  static async make(settings: Readonly<Record<string, string>> = {}): Promise<Place> {
    const server = await startOwn({
      fsync: 'on',
      synchronous_commit: 'on',
      shared_buffers: '512MB',
      autovacuum: 'off',
      track_commit_timestamp: 'on',
      shared_preload_libraries: 'pg_stat_statements',
      ...settings,
    });
    const connection = await Connection.open(server.url);
    await migrate(connection, schema);
    await connection.close();
    const admin = new pg.Client({ connectionString: server.url });
    await admin.connect();
    return new Place(server, admin);
  }

  async open(options: Partial<OpenOptions> = {}): Promise<Runtime> {
    const runtime = await open({
      postgres: this.#server.url,
      jobs: [slow, seen, ...realJobs],
      threads: 1,
      graceMs: 0,
      logger,
      ...options,
    });
    this.#open.push(runtime);
    return runtime;
  }

  /** Starts a host in a process of its own, whose clock is ahead. */
  async host(options: Omit<HostOptions, 'postgres'>, aheadMs = 0): Promise<Host> {
    const clock = join(temporaryDirectory(), 'clock');
    writeFileSync(clock, `${aheadMs}`);
    const of = (path: string) => new URL(path, import.meta.url);
    const preload = of('../../e2e/programs/clock-of-a-file.js');
    const program = new Program(
      { after: (end) => this.#ends.push(end as () => Promise<void>) },
      { program: of('./host.js'), preload, env: { CLOCK_FILE: clock } },
      JSON.stringify({ postgres: this.url, ...options }),
    );
    const [, id] = (await program.line())?.split(' ') ?? [];
    if (id === undefined) throw new Error(program.errors);
    return { id, program };
  }

  client(): Promise<Runtime> {
    return this.open({ dispatcher: false });
  }

  async row<T>(text: string): Promise<T> {
    return (await this.admin.query(text)).rows[0] as T;
  }

  async stall(ms: number): Promise<void> {
    await stall(this.#server, ms);
  }

  get url(): string {
    return this.#server.url;
  }

  /** Copies the only job of the table. The columns of a copy can be given as SQL. */
  async fill(count: number, more: Readonly<Record<string, string>> = {}): Promise<void> {
    const { id, header } = await this.row<{ id: string; header: Buffer }>(`select id, header from ${jobs} limit 1`);
    const at = header.indexOf(Buffer.from(id.replaceAll('-', ''), 'hex')) + 1;
    const columns = (await this.admin.query(`select * from ${jobs} limit 0`)).fields.map(({ name }) => name);
    const values = {
      id: 'new_id',
      header: `overlay(header placing uuid_send(new_id) from ${at})`,
      eligible: 'eligible + n',
      ...more,
    };
    const list = columns.map((name) => (values as Readonly<Record<string, string>>)[name] ?? name);
    await this.admin.query(`insert into ${jobs} (${columns.join(', ')}) select ${list.join(', ')} from
      (select j.*, n, gen_random_uuid() as new_id from ${jobs} j, generate_series(1, ${count}) n where j.id = '${id}') as copies`);
    await this.admin.query(`vacuum analyze ${jobs}`);
  }

  async #readLanes(run: Run, most: number, except: readonly string[], isLook: boolean): Promise<void> {
    const want = { kind: 'lanes', queue: '', except, now: Date.now(), after: undefined, most } as const;
    await readWants(run, tablesOf(schema), [want], isLook, this.#floors.begin(), async () => {});
  }

  /** Looks as a claim does. Those that follow begin where it has found jobs. */
  async look(): Promise<void> {
    await this.#readLanes(async (text, values) => (await this.admin.query(text, values)).rows, 64, [], true);
  }

  /** Keeps a snapshot of now, as a forgotten transaction does. Returns the way to end it. */
  async pin(): Promise<() => Promise<void>> {
    const pinned = new pg.Client({ connectionString: this.url });
    await pinned.connect();
    await pinned.query('begin isolation level repeatable read');
    await pinned.query('select 1');
    return () => pinned.end();
  }

  /** The pages that the server has touched. */
  async touched(): Promise<number> {
    const text = `select (blks_hit + blks_read)::float8 as pages from pg_stat_database where datname = 'postgres'`;
    return (await this.row<{ pages: number }>(text)).pages;
  }

  /** Buffers of the look of a claim, by the server's own count. */
  async buffersOfLook(most = 64, except: readonly string[] = []): Promise<{ buffers: number; ms: number }> {
    const best = { buffers: Number.POSITIVE_INFINITY, ms: Number.POSITIVE_INFINITY };
    for (let time = 0; time < 3; time++) {
      await this.admin.query('begin');
      let sum = { buffers: 0, ms: 0 };
      const run = async (text: string, values: unknown[] = []) => {
        const { rows } = await this.admin.query(`explain (analyze, buffers, format json) ${text}`, values);
        const [{ Plan: plan, 'Execution Time': ms }] = rows[0]['QUERY PLAN'];
        sum = { buffers: sum.buffers + plan['Shared Hit Blocks'] + plan['Shared Read Blocks'], ms: sum.ms + ms };
        return [];
      };
      await this.#readLanes(run, most, except, false);
      await this.admin.query('rollback');
      best.buffers = Math.min(best.buffers, sum.buffers);
      best.ms = Math.min(best.ms, sum.ms);
    }
    return best;
  }

  async close(): Promise<void> {
    await Promise.all(this.#ends.map((end) => end()));
    await Promise.all(this.#open.map((runtime) => runtime.close().catch(() => {})));
    await this.admin.end();
    await this.#server.stop();
  }
}
