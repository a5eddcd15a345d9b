/**
 * Figures of the store on a real server, one after another.
 *
 *   npm run test:long -- postgres-figures [NAME…]
 */
import { argv, cpuUsage, memoryUsage, stdout } from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { parallel, serial } from 'callsheet';
import { slow } from '../cli/jobs/defined.js';
import { stubborn } from '../contract/real/jobs/all.js';
import { deadFigures } from './figures/dead.js';
import { hostFigures, serverSettings } from './figures/hosts.js';
import { largeFigures } from './figures/large.js';
import { jobs, lanes, Place, schema } from './figures/place.js';
import { type Figure, median, rounded } from './figures/values.js';

/** Puts the job that `fill` copies. */
async function oneWaiting(place: Place): Promise<void> {
  const client = await place.client();
  await client.queue().put(slow.add(1, 2));
  await client.close();
}

const figures: Readonly<Record<string, Figure>> = {
  ...hostFigures,
  ...largeFigures,
  ...deadFigures,
  async 'look-many'(place) {
    await oneWaiting(place);
    await place.fill(10_000);
    const few = await place.buffersOfLook();
    await place.fill(990_000, { eligible: 'eligible + 10000 + n' });
    await place.fill(1_000_000, {
      queued: 'false',
      has_ended: 'true',
      is_unfinished: 'false',
      completed_at: '1e12 + n',
    });
    const many = await place.buffersOfLook();
    return `buffers ${few.buffers} → ${many.buffers}; ${rounded(few.ms)} → ${rounded(many.ms)} ms`;
  },
  async 'look-full'(place) {
    await oneWaiting(place);
    await place.fill(10_000);
    const before = await place.buffersOfLook();
    // All are ahead of those that wait already.
    await place.admin.query(`insert into ${lanes}
      select md5(n::text)::uuid, queue, callable, array[convert_to('full ' || n, 'UTF8')], convert_to('full ' || n, 'UTF8'), null,
        0, 1, 1, -1e7 from ${lanes}, generate_series(1, 100000) n`);
    await place.admin.query(
      `insert into "${schema}".places select parked_at, id from ${lanes} where parked_at is not null`,
    );
    await place.fill(1_000_000, { lane: 'md5((1 + n % 100000)::text)::uuid', eligible: 'n - 1e7' });
    await place.admin.query(`vacuum analyze ${lanes}`);
    const full = await place.buffersOfLook();
    await place.admin.query(`insert into ${lanes}
      select md5('unknown')::uuid, queue, 'unknown', '{}', null, null, 0, 1, 1, -2e7 from ${lanes} where gates = '{}'`);
    await place.fill(100_000, { lane: `md5('unknown')::uuid`, callable: `'unknown'`, eligible: 'n - 2e7' });
    const unknown = await place.buffersOfLook(64, ['unknown']);
    return `buffers ${before.buffers} → ${full.buffers} with 1,000,000 blocked jobs of 100,000 full keys ahead → ${unknown.buffers} with 100,000 of an unknown callable, too; ${rounded(before.ms)} → ${rounded(full.ms)} → ${rounded(unknown.ms)} ms`;
  },
  async 'look-dead'(place) {
    await oneWaiting(place);
    await place.fill(200_000);
    const before = await place.buffersOfLook();
    const unpin = await place.pin();
    await place.admin.query(
      `delete from ${jobs} where id in (select id from ${jobs} where queued order by eligible limit 100000)`,
    );
    const first = await place.buffersOfLook();
    await place.look();
    const next = await place.buffersOfLook();
    await unpin();
    await place.admin.query(`vacuum ${jobs}`);
    const after = await place.buffersOfLook();
    return `buffers ${before.buffers} → ${first.buffers} for the first look with 100,000 dead under an old snapshot → ${next.buffers} for those that follow → ${after.buffers} after vacuum; ${rounded(before.ms)} → ${rounded(first.ms)} → ${rounded(next.ms)} → ${rounded(after.ms)} ms`;
  },
  async 'open-many'(place) {
    const empty = await openedIn(place);
    await oneWaiting(place);
    await place.admin.query(`update ${jobs} set queued = false`);
    await place.fill(1_000_000, { queued: 'true', queue: `'other'::bytea` });
    const many = await openedIn(place);
    return `open ${empty.ms} → ${many.ms} ms; memory of the process ${empty.mib} → ${many.mib} MiB with 1,000,000 pending elsewhere`;
  },
  async blocked(place) {
    const client = await place.client();
    const queue = client.queue();
    const keys = 10_000;
    await queue.setQuota('full', { size: 1 });
    // Another job holds the place of each key.
    await place.admin.query(`insert into "${schema}".places
      select '\\x0a66756c6c00'::bytea || convert_to(n::text, 'UTF8'), gen_random_uuid() from generate_series(0, ${keys - 1}) n`);
    for (let n = 0; n < 2 * keys; n += 1000)
      await queue.putAll(
        Array.from({ length: 1000 }, (_, at) =>
          slow.add(1, 2).with({ quotas: [{ name: 'full', key: `${(n + at) % keys}` }] }),
        ),
      );
    const free = await queue.put(slow.add(1, 2));
    const host = await place.open({ threads: 4 });
    const at = performance.now();
    await free.result();
    const ms = performance.now() - at;
    await delay(2000);
    const before = await place.touched();
    const more = await Promise.all(Array.from({ length: 50 }, (_, n) => queue.put(slow.add(n, 1))));
    await Promise.all(more.map((job) => job.result({ timeoutMs: 120_000 }).catch(() => {})));
    await delay(1500);
    const after = await place.touched();
    await host.close();
    return `first free job behind ${2 * keys} of ${keys} keys: ${Math.round(ms)} ms; 50 more: ${Math.round((after - before) / 50)} buffers a job`;
  },
  async parts(place) {
    await place.open({ threads: 2 });
    const queue = (await place.client()).queue();
    const timed = async (count: number, work: () => Promise<unknown>) => {
      const before = await statementsOf(place);
      const at = performance.now();
      await work();
      return {
        us: ((performance.now() - at) * 1000) / count,
        statements: ((await statementsOf(place)) - before) / count,
      };
    };
    const of = (count: number) => Array.from({ length: count }, (_, n) => slow.add(n, 1));
    const plain = await timed(2000, async () => Promise.all((await queue.putAll(of(2000))).map((job) => job.result())));
    const parts = await timed(2000, async () => (await queue.put(parallel(of(2000)))).result());
    const row = await timed(300, async () => (await queue.put(serial(of(300)))).result());
    const one = await timed(100, async () => {
      for (let n = 0; n < 100; n++) await (await queue.put(slow.add(n, 1))).result();
    });
    return `µs a job: plain ${Math.round(plain.us)}, part of a parallel ${Math.round(parts.us)}, one at a time ${Math.round(one.us)}, part of a serial ${Math.round(row.us)}`;
  },
  async latency(place) {
    await place.open({ threads: 2 });
    const client = await place.client();
    const queue = client.queue();
    await delay(2000);
    const results: number[] = [];
    const cancels: number[] = [];
    for (let n = 0; n < 40; n++) {
      await delay(100);
      const at = performance.now();
      await (await queue.put(slow.add(1, 2))).result();
      results.push(performance.now() - at);
      const long = await queue.put(stubborn.listens());
      await long.annotations.waitFor('begun', { timeoutMs: 30_000 });
      const cancelledAt = performance.now();
      await long.cancel();
      await long.result().catch(() => {});
      cancels.push(performance.now() - cancelledAt);
    }
    return `p50 put to result on another host ${rounded(median(results))} ms, cancel to outcome ${rounded(median(cancels))} ms`;
  },
  async idle(place) {
    await place.open({ threads: 2 });
    // V8 gives the memory of the start back for half a minute.
    await delay(60_000);
    const [before, cpu, seconds] = [await statementsOf(place), cpuUsage(), 60];
    await delay(seconds * 1000);
    const { user, system } = cpuUsage(cpu);
    const statements = ((await statementsOf(place)) - before) / seconds;
    return `${rounded(statements)} statements a second, ${rounded((user + system) / 1e4 / seconds)} % of a core`;
  },
};

async function openedIn(place: Place): Promise<{ ms: number; mib: number }> {
  globalThis.gc?.();
  const before = memoryUsage().rss;
  const at = performance.now();
  const runtime = await place.open();
  const ms = Math.round(performance.now() - at);
  await delay(2000);
  globalThis.gc?.();
  const mib = Math.round((memoryUsage().rss - before) / 2 ** 20);
  await runtime.close();
  return { ms, mib };
}

/** Statements that the server has run, other than those of this program. */
async function statementsOf(place: Place): Promise<number> {
  const text = `select sum(calls)::float8 as calls from pg_stat_statements where query not like '%pg_stat%'`;
  await place.admin.query('create extension if not exists pg_stat_statements');
  return (await place.row<{ calls: number }>(text)).calls;
}

const chosen = argv.slice(2);
for (const [name, figure] of Object.entries(figures)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue;
  const place = await Place.make(serverSettings[name]);
  try {
    stdout.write(`${name}: ${await figure(place)}\n`);
  } catch (error) {
    stdout.write(`${name}: ${(error as Error).stack}\n`);
    process.exitCode = 1;
  } finally {
    await place.close();
  }
}
