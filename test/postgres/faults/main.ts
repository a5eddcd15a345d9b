/**
 * Hosts as processes on a real server. The server fails, and so do they. Counts the jobs that are
 * lost, doubled, stale or stuck afterwards.
 *
 *   npm run test:long -- postgres-faults [--part 0.2] [--seed N] [--hosts 3] [--slower 4]
 *     [--restarts N] …
 *
 * Each kind of fault is a round with a schema of its own. While it strikes, hosts and a client put
 * jobs of all forms. Then all must end within a minute, and:
 *
 *   - lost: an acknowledged job is not there;
 *   - doubled: two jobs of one name, or a second run of a job that may run once;
 *   - stale: a result is that of an earlier run than the last;
 *   - late: a run began after a later one of the same job;
 *   - stuck: a job has not ended.
 *
 * `--part` is the part of the usual numbers; a number of its own says how often one kind strikes.
 * `--slower 4` makes the intervals of pings and deaths those of the product, and faults as much
 * longer.
 * Exits with 1 if anything is wrong.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { argv, execPath, stderr, stdout } from 'node:process';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { open, type Runtime } from 'callsheet';
import pg from 'pg';
import pino from 'pino';
import { type Own, startOwn } from '../../../bench/harness/postgres-server.js';
import { Connection } from '../../../src/store/postgres/connection.js';
import { migrate } from '../../../src/store/postgres/schema.js';
import { marksIn } from '../../e2e/jobs/all.js';
import { type Random, randomFrom } from '../../harness/randomness.js';
import { temporaryDirectory } from '../../harness/temporary.js';
import { stall } from '../stall.js';
import type { HostOptions } from './host.js';
import { noted } from './jobs/all.js';
import type { Run } from './jobs/noted.js';
import { once as onceMark, putOn, quota } from './load.js';
import { Way } from './way.js';

/** Milliseconds in which all jobs must end once nothing fails any more. */
const patienceMs = 60_000;
/** Jobs in flight of each process. */
const inFlight = 8;

/** How often each kind strikes. */
const usual = {
  restarts: 200,
  terminations: 1000,
  kills: 500,
  stops: 200,
  cuts: 200,
  stalls: 100,
  'read-only': 20,
} as const;
type Kind = keyof typeof usual;

const options = ['part', 'seed', 'hosts', 'slower', ...Object.keys(usual)];
const given = parseArgs({
  args: argv.slice(2),
  options: Object.fromEntries(options.map((name) => [name, { type: 'string' } as const])),
}).values as Readonly<Record<string, string | undefined>>;

const slower = Number(given.slower ?? 1);
const pingMs = 1000 * slower;
const deathMs = 3000 * slower;

/** As a disk that matters; commits take long enough to be met. */
const settings = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  commit_delay: '2000',
  commit_siblings: '0',
};

class Host {
  readonly #process;
  readonly ready: Promise<unknown>;
  readonly #ended: Promise<unknown>;
  readonly way: Way;

  constructor(options: HostOptions, way: Way, hear: (line: string) => void) {
    this.way = way;
    const program = fileURLToPath(new URL('./host.js', import.meta.url));
    this.#process = spawn(execPath, [program, JSON.stringify(options)], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#process.stdin.on('error', () => {});
    this.#ended = once(this.#process, 'close');
    const lines = createInterface(this.#process.stdout);
    this.ready = Promise.race([once(lines, 'line'), this.#ended]);
    lines.on('line', hear);
    createInterface(this.#process.stderr).on('line', (line) => hear(`log ${line}`));
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }

  /** Ends its puts. */
  putNoMore(): void {
    this.#process.stdin.write('end\n');
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.#ended;
  }

  async close(): Promise<void> {
    this.#process.stdin.end();
    await Promise.race([this.#ended, delay(patienceMs / 2, undefined, { ref: false })]);
    await this.kill();
  }
}

class Round {
  readonly #file = join(temporaryDirectory(), 'runs');
  readonly #schema: string;
  readonly #random: Random;
  readonly #hostCount: number;
  readonly hosts: Host[] = [];
  #names = 0;
  server: Own;
  /** Ids of acknowledged jobs, by name. */
  readonly #acknowledged = new Map<string, string>();
  readonly #ended = new Set<string>();
  readonly #failed = new Map<string, string>();
  #longestMs = 0;
  /** The lines that hosts wrote to their standard errors, by their first words. */
  readonly #logs = new Map<string, number>();

  constructor(server: Own, schema: string, random: Random, hostCount: number) {
    this.server = server;
    this.#schema = schema;
    this.#random = random;
    this.#hostCount = hostCount;
  }

  random(limit: number): number {
    return this.#random(limit);
  }

  async run(strike: (round: Round) => Promise<void>, times: number): Promise<Result> {
    const connection = await Connection.open(this.server.url);
    await migrate(connection, this.#schema);
    await connection.close();
    const ending = new AbortController();
    const client = await this.#openClient();
    await client.queue().setQuota(quota, { size: 4 });
    for (let left = this.#hostCount; left > 0; left--) await this.addHost();
    const load = { file: this.#file, prefix: 'client', random: this.#random, inFlight };
    const putting = putOn(client, load, (line) => this.#hear(line), ending.signal);
    const before = await this.#counters();
    const startedAt = performance.now();
    for (let time = 0; time < times; time++) {
      await strike(this);
      if (stderr.isTTY || time % 20 === 19) stderr.write(`${this.#schema}: ${time + 1} of ${times}\n`);
    }
    const tookMs = performance.now() - startedAt;
    ending.abort();
    for (const host of this.hosts) host.putNoMore();
    await Promise.race([putting, delay(patienceMs, undefined, { ref: false })]);
    const stuck = await this.#waitForEnd();
    const found = await this.#check(client, stuck);
    const after = await this.#counters();
    await Promise.all([...this.hosts.map((host) => host.close()), client.close()]);
    for (const { way } of this.hosts) way.close();
    return {
      times,
      tookMs,
      acknowledged: this.#acknowledged.size,
      longestMs: this.#longestMs,
      deadlocks: after.deadlocks - before.deadlocks,
      ...found,
      logs: this.#logs,
    };
  }

  async addHost(way?: Way): Promise<void> {
    const through = way ?? (await Way.to(this.server.port));
    const postgres = this.server.url.replace(`:${this.server.port}/`, `:${through.port}/`);
    const options = { postgres, schema: this.#schema, file: this.#file, pingMs, deathMs, inFlight };
    const named = { prefix: `host${this.#names++}`, seed: this.#random(2 ** 31) };
    const host = new Host({ ...options, ...named }, through, (line) => this.#hear(line));
    this.hosts.push(host);
    await host.ready;
  }

  /** Starts another host in the place of one that has ended. */
  async replace(host: Host): Promise<void> {
    this.hosts.splice(this.hosts.indexOf(host), 1);
    host.way.mend();
    await this.addHost(host.way);
  }

  get anyHost(): Host {
    return this.hosts[this.#random(this.hosts.length)]!;
  }

  async #openClient(): Promise<Runtime> {
    const place = { postgres: this.server.url, schema: this.#schema, jobs: [noted] };
    return open({ ...place, dispatcher: false, logger: pino({ level: 'silent' }) });
  }

  #hear(line: string): void {
    const [what, name, rest] = line.split(' ') as [string, string, string];
    if (what === 'put') this.#acknowledged.set(name, rest);
    else if (what === 'ended') {
      this.#ended.add(name);
      this.#longestMs = Math.max(this.#longestMs, Number(rest));
    } else if (what === 'failed') this.#failed.set(name, rest);
    else if (what === 'log') this.#noteLog(line.slice(4));
  }

  #noteLog(line: string): void {
    const text = line.startsWith('{') ? (JSON.parse(line) as { msg: string }).msg : line;
    const words = text.replace(/[0-9a-f-]{36}|\d+/g, 'N').slice(0, 90);
    this.#logs.set(words, (this.#logs.get(words) ?? 0) + 1);
  }

  /** Waits until no job is left, and returns the number of those that are. */
  async #waitForEnd(): Promise<number> {
    const until = performance.now() + patienceMs;
    for (;;) {
      const left = await this.#ask<{ jobs: number }>(
        `select count(*)::int as jobs from "${this.#schema}".jobs where not has_ended`,
      );
      if (left.jobs === 0 || performance.now() > until) return left.jobs;
      await delay(100);
    }
  }

  async #check(client: Runtime, stuck: number) {
    const wrong: string[] = [];
    const runs = new Map<string, { readonly ids: Set<string>; readonly attempts: number[] }>();
    for (const line of marksIn(this.#file)) {
      const [name, id, attempt] = line.split(' ') as [string, string, string];
      const seen = runs.get(name) ?? { ids: new Set(), attempts: [] };
      seen.ids.add(id);
      seen.attempts.push(Number(attempt));
      runs.set(name, seen);
    }
    const counts = { lost: 0, doubled: 0, stale: 0, late: 0, runs: 0, interrupted: 0 };
    for (const [name, { ids, attempts }] of runs) {
      counts.runs += attempts.length;
      const most = name.endsWith(onceMark) ? 1 : Number.POSITIVE_INFINITY;
      if (ids.size > 1 || attempts.length > most || new Set(attempts).size < attempts.length) {
        counts.doubled++;
        wrong.push(`doubled: ${name} ${[...ids]} ${attempts}`);
      }
      if (attempts.some((attempt, at) => attempt < Math.max(...attempts.slice(0, at)))) {
        counts.late++;
        wrong.push(`late: ${name} ${attempts}`);
      }
    }
    const check = (run: Run) => {
      const [name, attempt] = run.split('#') as [string, string];
      const last = Math.max(...(runs.get(name)?.attempts ?? []));
      if (Number(attempt) === last) return;
      counts.stale++;
      wrong.push(`stale: ${run} in place of ${last}`);
    };
    for (const [name, id] of this.#acknowledged) {
      const job = client.job<Run | { run: Run; parts: Run[] }>(id);
      try {
        const value = await job.result({ timeoutMs: 1000 });
        const gathered = typeof value === 'string' ? { run: value, parts: [] } : value;
        for (const run of [gathered.run, ...gathered.parts]) check(run);
      } catch (error) {
        const { code, message } = error as { code?: string; message: string };
        if (code === 'WAIT_TIMEOUT') continue;
        if (name.endsWith(onceMark) && message.includes('interrupted')) counts.interrupted++;
        else {
          counts.lost++;
          wrong.push(`lost: ${name} ${id} ${code} ${message}`);
        }
      }
    }
    return { ...counts, stuck, wrong };
  }

  async #counters(): Promise<{ deadlocks: number }> {
    return this.#ask(`select deadlocks::int from pg_stat_database where datname = 'postgres'`);
  }

  async #ask<T>(text: string): Promise<T> {
    const admin = await this.admin();
    try {
      return (await admin.query(text)).rows[0] as T;
    } finally {
      await admin.end();
    }
  }

  /** Connects as the owner of the server, beside all faults. */
  async admin(): Promise<pg.Client> {
    const options = '-c default_transaction_read_only=off';
    const client = new pg.Client({ connectionString: this.server.url, application_name: 'admin', options });
    client.on('error', () => {});
    await client.connect();
    return client;
  }
}

interface Result {
  readonly times: number;
  readonly tookMs: number;
  readonly acknowledged: number;
  readonly runs: number;
  readonly interrupted: number;
  readonly lost: number;
  readonly doubled: number;
  readonly stale: number;
  readonly late: number;
  readonly stuck: number;
  readonly longestMs: number;
  readonly deadlocks: number;
  readonly logs: ReadonlyMap<string, number>;
  readonly wrong: readonly string[];
}

const others = `from pg_stat_activity where backend_type = 'client backend' and application_name <> 'admin'`;

const strikes: Readonly<Record<Kind, (round: Round) => Promise<void>>> = {
  async restarts(round) {
    await delay(round.random(3000));
    await round.server.halt('QUIT');
    await delay(round.random(3) * round.random(300));
    round.server = await startOwn(settings, round.server);
  },
  async terminations(round) {
    await delay(round.random(100));
    const admin = await round.admin();
    const isCommit = round.random(3) === 0;
    const which = isCommit ? `and state = 'active' and query = 'commit'` : 'order by random()';
    const text = `select pg_terminate_backend(pid) from (select pid ${others} ${which} limit 1) as one`;
    for (let tries = 0; tries < 500; tries++) if ((await admin.query(text)).rowCount === 1) break;
    await admin.end();
  },
  async kills(round) {
    await delay(round.random(1500));
    const host = round.anyHost;
    await host.kill();
    await round.replace(host);
  },
  async stops(round) {
    const host = round.anyHost;
    host.signal('SIGSTOP');
    await delay(deathMs + pingMs * 2 + round.random(deathMs));
    host.signal('SIGCONT');
    await delay(round.random(2 * deathMs));
  },
  async cuts(round) {
    await delay(round.random(500));
    const { way } = round.anyHost;
    if (round.random(3) === 0) await way.cutInCommit(2000);
    else way.cut();
    await delay(round.random(4) === 0 ? deathMs + round.random(deathMs) : round.random(500));
    way.mend();
  },
  async stalls(round) {
    await delay(deathMs + round.random(deathMs));
    await stall(round.server, 2.5 * deathMs);
  },
  async 'read-only'(round) {
    await delay(round.random(1000));
    const admin = await round.admin();
    await admin.query('alter database postgres set default_transaction_read_only = on');
    await admin.query(`select pg_terminate_backend(pid) ${others}`);
    await delay(round.random(2 * deathMs));
    await admin.query('alter database postgres reset default_transaction_read_only');
    await admin.end();
  },
};

async function main(): Promise<number> {
  const seed = Number(given.seed ?? Math.floor(Math.random() * 2 ** 31));
  const isChosen = Object.keys(usual).some((kind) => given[kind] !== undefined);
  const part = Number(given.part ?? (isChosen ? 0 : 1));
  stdout.write(`--seed ${seed}\n`);
  let isWrong = false;
  for (const [kind, times] of Object.entries(usual) as [Kind, number][]) {
    const count = Number(given[kind] ?? Math.ceil(times * part));
    if (count === 0) continue;
    const server = await startOwn(settings);
    const round = new Round(server, kind, randomFrom(seed), Number(given.hosts ?? 3));
    try {
      const { wrong, logs, tookMs, ...result } = await round.run(strikes[kind], count);
      const figures = Object.entries(result).map(([name, value]) => `${name} ${value}`);
      stdout.write(`${kind} in ${Math.round(tookMs / 1000)} s: ${figures.join(', ')}\n`);
      for (const [words, often] of logs) stdout.write(`  ${often} × ${words}\n`);
      for (const line of wrong) stdout.write(`  ${line}\n`);
      const { lost, doubled, stale, late, stuck, deadlocks } = result;
      isWrong ||= lost + doubled + stale + late + stuck + deadlocks > 0;
    } finally {
      for (const host of round.hosts) await host.kill();
      await round.server.stop();
    }
  }
  return isWrong ? 1 : 0;
}

process.exitCode = await main();
