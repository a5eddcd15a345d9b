/** Queues over several databases, as the guide shows it: a simulation of the route. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { open } from 'callsheet';
import { slow } from '../cli/jobs/defined.js';
import { freshSchema, serverUrl } from './schemas.js';

const weight = (key: string, name: string) => createHash('sha256').update(`${name}\0${key}`).digest().readUInt32BE(0);
const route = (key: string, names: readonly string[]): string =>
  names.reduce((best, name) => (weight(key, name) > weight(key, best) ? name : best));

const keys = Array.from({ length: 10_000 }, (_, n) => `customer ${n}`);

test('a route spreads keys evenly, and a new database takes only its share', () => {
  const four = ['a', 'b', 'c', 'd'];
  const five = [...four, 'e'];
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(route(key, four), (counts.get(route(key, four)) ?? 0) + 1);
  for (const name of four) assert.ok(Math.abs(counts.get(name)! - 2500) < 150, `${name} has ${counts.get(name)}`);
  const moved = keys.filter((key) => route(key, four) !== route(key, five));
  assert.ok(moved.every((key) => route(key, five) === 'e'));
  assert.ok(Math.abs(moved.length - 2000) < 150, `${moved.length} keys move`);
});

test('jobs of one key meet in one store, and other stores know nothing of them', async (t) => {
  const postgres = await serverUrl();
  const schemas = [await freshSchema(), await freshSchema()];
  const stores = new Map(
    await Promise.all(
      schemas.map(async (schema) => {
        const store = await open({ postgres, schema, jobs: [slow], threads: 1, graceMs: 0 });
        t.after(() => store.close());
        return [schema, store] as const;
      }),
    ),
  );
  const put = (key: string) =>
    stores.get(route(key, schemas))!.queue().put(slow.add(1, 2), { unique: key, beginAfter: 3_600_000 });
  const some = keys.slice(0, 20);
  const jobs = await Promise.all(some.map(put));
  const again = await Promise.all(some.map(put));
  assert.deepEqual(
    again.map(({ id }) => id),
    jobs.map(({ id }) => id),
  );
  for (const [schema, store] of stores) {
    const here = some.filter((key) => route(key, schemas) === schema).length;
    const [counted] = await store.monitor.counts();
    assert.ok(here > 0 && counted!.count === here, `${schema} has ${counted!.count} of ${here}`);
  }
});
