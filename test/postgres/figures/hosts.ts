/** Figures of several hosts, each in a process of its own. */

import { loadavg } from 'node:os';
import { join } from 'node:path';
import { env } from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { pingKey } from '../../../src/core/records.js';
import { bytesOf, idFrom } from '../../../src/store/postgres/values.js';
import { slow } from '../../cli/jobs/defined.js';
import { marksIn } from '../../e2e/jobs/all.js';
import { temporaryDirectory } from '../../harness/temporary.js';
import { seen } from './jobs/all.js';
import { type Host, jobs, type Place, schema } from './place.js';
import { type Figure, median, rounded } from './values.js';

const tenMinutesMs = 600_000;
const hostCount = 4;

/** Starts hosts with clocks ten minutes apart. */
const startHosts = (place: Place, options: Parameters<Place['host']>[0], count = hostCount) =>
  Promise.all(Array.from({ length: count }, (_, at) => place.host(options, ((at % 3) - 1) * tenMinutesMs)));

const load = () => `load ${rounded(loadavg()[0]!)}`;

/** Waits until a count of rows fits. */
async function until(place: Place, text: string, fits: (count: number) => boolean): Promise<void> {
  while (!fits((await place.row<{ count: number }>(`select count(*)::int as count ${text}`)).count)) await delay(100);
}

export const hostFigures: Readonly<Record<string, Figure>> = {
  async rate(place) {
    const queue = (await place.client()).queue();
    await queue.setQuota('rate', { size: 1000, rate: { count: 100, periodMs: 1000 } });
    await queue.putAll(Array.from({ length: 8000 }, (_, n) => slow.add(n, 1).with({ quotas: ['rate'] })));
    await startHosts(place, { threads: 1 });
    // The rate's first burst is over.
    await delay(3000);
    const ended = async () => place.row<{ jobs: number }>(`select count(*)::int as jobs from ${jobs} where has_ended`);
    const [before, at] = [await ended(), performance.now()];
    await delay(60_000);
    const seconds = (performance.now() - at) / 1000;
    const starts = (await ended()).jobs - before.jobs;
    return `${starts} starts in ${rounded(seconds)} s over ${hostCount} hosts with clocks ±10 min, of a rate of 100 a second; ${load()}`;
  },
  async 'dead-host'(place) {
    const file = join(temporaryDirectory(), 'begun');
    const queue = (await place.client()).queue();
    const [count, victimCount, rounds] = [16, 4, 6];
    const hosts = await startHosts(place, { threads: 4 }, 2 * victimCount);
    const silences: number[] = [];
    let deaths = 0;
    for (let round = 0; round < rounds; round++) {
      const put = await queue.putAll(Array.from({ length: count }, () => seen.stays(file)));
      while (marksIn(file).length < count * (round + 1) + silences.length) await delay(100);
      const kill = async ({ id, program }: Host) => {
        await delay(Math.random() * 4000);
        await program.kill();
        const lost = await heldBy(place, id);
        const beat = await lastBeat(place, id);
        while (!lost.every((job) => beginsOf(file, job).length === 2)) await delay(100);
        silences.push(...lost.map((job) => beginsOf(file, job)[1]! - beat));
        deaths++;
      };
      await Promise.all(hosts.splice(0, victimCount).map(kill));
      await Promise.all(put.map((job) => job.cancel()));
      await until(place, `from ${jobs} where not has_ended`, (left) => left === 0);
      hosts.push(...(await startHosts(place, { threads: 4 }, victimCount)));
    }
    silences.sort((a, b) => a - b);
    const p99 = silences[Math.floor(silences.length * 0.99)]!;
    const seconds = [median(silences), p99, silences.at(-1)!].map((ms) => rounded(ms / 1000));
    return `last beat to begun elsewhere: p50, p99, most ${seconds.join(', ')} s; ${silences.length} jobs of ${deaths} killed hosts, clocks ±10 min; ${load()}`;
  },
  async stalls(place) {
    const file = join(temporaryDirectory(), 'begun');
    const client = await place.client();
    const hosts = await startHosts(place, { threads: 2 });
    const causes = { close: 0, thread: 0, process: 0 };
    const listening = (async () => {
      for await (const event of client.events())
        if (event.type === 'job.interrupted') causes[event.interruption!.cause]++;
    })();
    const running = `from ${jobs} where dispatcher is not null`;
    const jobCount = 2 * hostCount;
    const put = await client.queue().putAll(Array.from({ length: jobCount }, () => seen.stays(file)));
    const stallCount = 22;
    for (let time = 0; time < stallCount; time++) {
      await until(place, running, (held) => held === jobCount);
      await delay(8000 + Math.random() * 8000);
      await place.stall(30_000);
    }
    await delay(20_000);
    const { process: dead, close: stopped } = causes;
    await hosts[0]!.program.kill();
    while (causes.process === 0) await delay(100);
    await Promise.all(put.map((job) => job.cancel()));
    await client.close();
    await listening;
    return `${stallCount} stalls of 30 s: ${dead} jobs of hosts taken for dead, ${stopped} that a host stopped itself; afterwards a host was killed, and ${causes.process - dead} were taken; ${load()}`;
  },
  async outbox(place) {
    const client = await place.client();
    await place.host({ threads: 1 });
    const queue = client.queue();
    const own = new pg.Client({ connectionString: place.url });
    await own.connect();
    await own.query('create table orders (id int)');
    const took: Record<'without' | 'with', number[]> = { without: [], with: [] };
    const times = 500;
    for (let n = 0; n < 2 * times; n++) {
      const way = n % 2 === 0 ? 'without' : 'with';
      const at = performance.now();
      await own.query('begin');
      await own.query('insert into orders values ($1)', [n]);
      if (way === 'with') await queue.put(slow.add(n, 1), { client: own });
      await own.query('commit');
      took[way].push(performance.now() - at);
    }
    await own.end();
    await until(place, `from ${jobs} where has_ended`, (ended) => ended === times);
    const [without, added] = [median(took.without), median(took.with) - median(took.without)];
    return `p50 of a user's transaction ${rounded(without)} ms, with a put ${rounded(added)} ms more; ${load()}`;
  },
  async forgetting(place) {
    await place.admin.query(
      `alter table ${jobs} set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000)`,
    );
    const queue = (await place.client()).queue();
    await place.host({ threads: 2, retention: { count: 10_000 } });
    const many = Number(env.CALLSHEET_JOBS ?? 1_000_000);
    const [step, atOnce, ahead] = [many / 10, 1000, 10_000];
    const size = async () =>
      place.row<{ mib: number }>(`select sum(pg_total_relation_size(oid))::float8 / 2 ^ 20 as mib
        from pg_class where relkind = 'r' and relnamespace = '${schema}'::regnamespace`);
    const at = performance.now();
    const inLine = `from ${jobs} where queued`;
    // Vacuum comes and goes, so the largest size within a step is taken.
    const sizes = Array.from({ length: many / step }, () => 0);
    for (let put = 0; put < many; put += atOnce) {
      await queue.putAll(Array.from({ length: atOnce }, (_, n) => slow.add(put + n, 1)));
      await until(place, inLine, (count) => count < ahead);
      const at = Math.floor(put / step);
      sizes[at] = Math.max(sizes[at]!, (await size()).mib);
    }
    await until(place, `from ${jobs} where not has_ended`, (count) => count === 0);
    const seconds = (performance.now() - at) / 1000;
    const part = rounded(sizes.at(-1)! / sizes[0]!);
    return `most MiB of tables and indices within each ${step} jobs: ${sizes.map(Math.round).join(', ')}; the last over the first ${part}; ${Math.round(many / seconds)} jobs a second; ${load()}`;
  },
  async quota(place) {
    const file = join(temporaryDirectory(), 'within');
    const queue = (await place.client()).queue();
    const [size, count, killEveryMs] = [10, Number(env.CALLSHEET_JOBS ?? 10_000), 5000];
    await queue.setQuota('ten', { size });
    for (let n = 0; n < count; n += 1000)
      await queue.putAll(Array.from({ length: 1000 }, () => seen.within(file, 20).with({ quotas: ['ten'] })));
    const options = { threads: 5, pingMs: 500, deathMs: 2000 };
    const hosts = await startHosts(place, options);
    const [at, most] = [performance.now(), { held: 0 }];
    let kills = 0;
    for (let left = count; left > 0; ) {
      if (performance.now() - at > (kills + 1) * killEveryMs) {
        await hosts.shift()!.program.kill();
        kills++;
        void place.host(options).then((host) => hosts.push(host));
      }
      const seenNow = await place.row<{ held: number; left: number }>(
        `select (select count(*)::int from "${schema}".places) as held,
          (select count(*)::int from ${jobs} where is_unfinished) as left`,
      );
      left = seenNow.left;
      most.held = Math.max(most.held, seenNow.held);
      await delay(20);
    }
    const { held } = await place.row<{ held: number }>(`select count(*)::int as held from "${schema}".places`);
    const seconds = Math.round((performance.now() - at) / 1000);
    return `most places taken ${most.held}, most at once by the jobs' own notes ${mostWithin(file)}, of ${size}; left at the end ${held}; ${count} jobs in ${seconds} s, ${kills} hosts killed; ${load()}`;
  },
};

/** Settings of the server for some figures. */
export const serverSettings: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  forgetting: { autovacuum: 'on', autovacuum_naptime: '10s' },
};

/** Returns the jobs that a dispatcher has claimed. */
async function heldBy(place: Place, dispatcher: string): Promise<string[]> {
  const { rows } = await place.admin.query(`select id::text from ${jobs} where dispatcher = $1`, [dispatcher]);
  return rows.map(({ id }) => id);
}

/** Returns the moment of the last ping, by the server's clock. */
async function lastBeat(place: Place, dispatcher: string): Promise<number> {
  const text = `select extract(epoch from pg_xact_commit_timestamp(xmin))::float8 * 1000 as at from "${schema}".settings where key = $1`;
  const { rows } = await place.admin.query(text, [bytesOf(pingKey(idFrom(dispatcher)))]);
  return rows[0].at;
}

/** Returns the moments at which a job has begun. */
const beginsOf = (file: string, job: string) =>
  marksIn(file).flatMap((mark) => (mark.startsWith(job) ? [Number(mark.split(' ')[1])] : []));

/** A job whose host was killed ends when it begins again. */
function mostWithin(file: string): number {
  const running = new Set<string>();
  let most = 0;
  for (const mark of marksIn(file)) {
    const [sign, id] = mark.split(' ') as [string, string];
    if (sign === '+') running.add(id);
    else running.delete(id);
    most = Math.max(most, running.size);
  }
  return most;
}
