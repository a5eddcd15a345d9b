/** The cost of jobs on a PostgreSQL server that works for one contestant alone. */
import { readdirSync, readFileSync } from 'node:fs';
import pg from 'pg';
import { type Own, startOwn } from '../harness/postgres-server.js';

/** The settings that a new server has, in place of those of the tests. */
const shipped = {
  fsync: 'on',
  full_page_writes: 'on',
  synchronous_commit: 'on',
  shared_buffers: '128MB',
  max_connections: '100',
  jit: 'on',
  shared_preload_libraries: 'pg_stat_statements',
};

/** Clock ticks of a second in `/proc`. Linux fixes it for all programs. */
const ticks = 100;

/** The work of a server since it started. */
interface Work {
  /** CPU time of all its processes; undefined where the system does not report it. */
  readonly cpuUs: number | undefined;
  readonly walBytes: number;
  readonly statements: number;
  /** Transactions that have written. */
  readonly commits: number;
}

export class CostedServer {
  readonly url: string;
  readonly #server: Own;
  readonly #client: pg.Client;

  private constructor(server: Own, client: pg.Client) {
    this.url = server.url;
    this.#server = server;
    this.#client = client;
  }

  static async start(): Promise<CostedServer> {
    const server = await startOwn(shipped);
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    await client.query('create extension pg_stat_statements');
    return new CostedServer(server, client);
  }

  /** Runs work, and returns what each of its jobs cost. */
  async costOf<T>(
    work: () => Promise<T>,
    jobsOf: (done: T) => number,
  ): Promise<{ readonly done: T; readonly cost: Readonly<Record<string, number>> }> {
    const before = await this.#work();
    const done = await work();
    const after = await this.#work();
    const each = (what: (of: Work) => number) => (what(after) - what(before)) / jobsOf(done);
    const cost = {
      ...(before.cpuUs !== undefined && { 'server CPU': each(({ cpuUs }) => cpuUs!) }),
      WAL: each(({ walBytes }) => walBytes),
      statements: each(({ statements }) => statements),
      commits: each(({ commits }) => commits),
    };
    return { done, cost };
  }

  async stop(): Promise<void> {
    await this.#client.end();
    await this.#server.stop();
  }

  async #work(): Promise<Work> {
    const text = `select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 as wal,
      pg_snapshot_xmax(pg_current_snapshot())::text::float8 as commits,
      (select sum(calls)::float8 from pg_stat_statements) as statements`;
    const [row] = (await this.#client.query<{ wal: number; commits: number; statements: number }>(text)).rows;
    const { wal, commits, statements } = row!;
    return { cpuUs: cpuOf(this.#server.pid), walBytes: wal, commits, statements };
  }
}

/** Returns the CPU time in microseconds of a process and its children, also of those that ended. */
function cpuOf(server: number): number | undefined {
  let sum = 0;
  try {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      const fields = statOf(pid);
      if (fields === undefined) continue;
      const [parent, user, system, usersOfEnded, systemOfEnded] = [1, 11, 12, 13, 14].map((at) => Number(fields[at]));
      if (Number(pid) === server) sum += user! + system! + usersOfEnded! + systemOfEnded!;
      else if (parent === server) sum += user! + system!;
    }
  } catch {
    return undefined;
  }
  return (sum / ticks) * 1e6;
}

/** Returns the fields of a process behind its name; undefined if it has ended. */
function statOf(pid: string): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}
