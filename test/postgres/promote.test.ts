/**
 * A directory moves into a database: nothing is lost, and nothing is doubled, however often the
 * command is killed.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { open, parallel } from 'callsheet';
import { Connection, quoted } from '../../src/store/postgres/connection.js';
import { program, run, runWith } from '../cli/command.js';
import { slow } from '../cli/jobs/defined.js';
import { eventually } from '../harness/eventually.js';
import { temporaryDirectory } from '../harness/temporary.js';
import { freshSchema, serverUrl } from './schemas.js';

const soon = { timeoutMs: 30_000 };

const promoting = (directory: string, postgres: string, schema: string) =>
  ['promote', directory, '--postgres', postgres, '--schema', schema, '--json'] as const;

async function counted(postgres: string, schema: string): Promise<number> {
  const connection = await Connection.open(postgres);
  const [row] = await connection.run<{ jobs: number }>(`select count(*)::int as jobs from ${quoted(schema)}.jobs`);
  await connection.close();
  return row!.jobs;
}

test('[19.10] a directory moves into a database with all that it holds', async (t) => {
  const [postgres, schema, directory] = [await serverUrl(), await freshSchema(), join(temporaryDirectory(), 'jobs')];
  const before = await open({ directory, jobs: [slow], threads: 1 });
  const mail = await before.createQueue('mail');
  await mail.setQuota('db', { size: 1 });
  const done = await before.queue().put(slow.add(20, 22));
  const failed = await before.queue().put(slow.fail('no'));
  await Promise.all([done.result(), failed.failure()]);
  await mail.pause();
  const [first, second] = await mail.putAll([slow.add(1, 2), slow.add(3, 4)], { quotas: ['db'] });
  const whole = await mail.put(parallel([slow.add(1, 1), slow.add(2, 2)]), { unique: 'whole' });
  await first.annotations.set('note', { text: 'kept' });
  await before.queue().schedule('nightly', slow.add(1, 2), { cron: '30 2 * * *' });
  const running = await before.queue().put(slow.sleep(600_000));
  await running.annotations.waitFor('sleeps', { timeoutMs: 30_000 });

  const inUse = run(...promoting(directory, postgres, schema));
  assert.deepEqual([inUse.status, /is in use by/.test(inUse.stderr)], [3, true], inUse.stderr);
  await before.close({ graceMs: 0 });
  const moved = run(...promoting(directory, postgres, schema));
  assert.equal(moved.status, 0, moved.stderr);
  // The schedule keeps a template of its job.
  assert.equal(JSON.parse(moved.stdout).jobs, 9);

  const refusal = { code: 'DIRECTORY_UNUSABLE', message: /have moved to schema .* of postgres:\/\/127/ };
  await assert.rejects(open({ directory, jobs: [slow] }), refusal);
  const again = run(...promoting(directory, postgres, schema));
  assert.deepEqual([again.status, JSON.parse(again.stdout).before], [0, true], again.stderr);
  const other = run(...promoting(directory, postgres, await freshSchema()));
  assert.deepEqual([other.status, /have moved to .*: name that database/.test(other.stderr)], [3, true], other.stderr);

  const after = await open({ postgres, schema, jobs: [slow], threads: 2, graceMs: 0 });
  t.after(() => after.close());
  assert.equal(await after.job(done.id).result(soon), 42);
  assert.equal((await after.job(failed.id).failure())?.message, 'no');
  assert.deepEqual(await after.job(first.id).annotations.get('note'), { text: 'kept' });
  assert.deepEqual(
    (await after.schedules()).map(({ name }) => name),
    ['nightly'],
  );
  const line = [];
  for await (const { id } of after.queue('mail')) line.push(id);
  const later = await after.queue('mail').put(slow.add(5, 6));
  assert.deepEqual(line, [first.id, second.id, whole.id]);
  assert.equal((await after.queue('mail').at(-1))?.id, later.id, 'new jobs are behind those that moved');
  assert.equal((await after.queue('mail').put(slow.add(0, 0), { unique: 'whole' })).id, whole.id);
  await after.queue('mail').resume();
  assert.deepEqual(await Promise.all([first, second, later].map(({ id }) => after.job(id).result(soon))), [3, 7, 11]);
  await after.job(whole.id).result(soon);
  await eventually('the job that ran begins again', async () => (await after.job(running.id).status()) === 'active');
  await after.job(running.id).cancel();
});

test('[19.10] a promotion that is killed at any moment moves each job once', async () => {
  const [postgres, schema, directory] = [await serverUrl(), await freshSchema(), join(temporaryDirectory(), 'jobs')];
  const jobs = 3000;
  const before = await open({ directory, jobs: [slow], dispatcher: false });
  await before.queue().putAll(Array.from({ length: jobs }, (_, n) => slow.add(n, 1)));
  await before.close();
  const mark = join(directory, 'journal-promoted');
  const killed = async (when: () => Promise<unknown>) => {
    const child = spawn(process.execPath, [program, ...promoting(directory, postgres, schema)], { stdio: 'ignore' });
    const ended = once(child, 'exit');
    await Promise.race([when(), ended]);
    child.kill('SIGKILL');
    await ended;
  };
  for (const ms of [200, 500, 900, 1400]) await killed(() => delay(ms));
  await killed(async () => {
    while (!existsSync(mark)) await delay(1);
  });
  const refused = await open({ directory, jobs: [slow] }).catch((error: Error & { code: string }) => error);
  assert.ok('code' in refused && refused.code === 'DIRECTORY_UNUSABLE', 'its jobs may be in the database');
  const last = run(...promoting(directory, postgres, schema));
  assert.equal(last.status, 0, last.stderr);
  assert.equal(await counted(postgres, schema), jobs);
  // As a kill after the commit leaves it.
  writeFileSync(mark, JSON.stringify({ ...JSON.parse(readFileSync(mark, 'utf8')), isDone: false }));
  assert.equal(JSON.parse(run(...promoting(directory, postgres, schema)).stdout).before, true);
  assert.equal(await counted(postgres, schema), jobs);
});

test('[19.10] what cannot be promoted is refused, and stays as it is', async () => {
  const [postgres, schema, directory] = [await serverUrl(), await freshSchema(), join(temporaryDirectory(), 'jobs')];
  const before = await open({ directory, jobs: [slow], dispatcher: false });
  const job = await before.queue().put(slow.add(1, 2));
  await before.close();
  const used = await open({ postgres, schema, jobs: [slow], dispatcher: false });
  await used.queue().put(slow.add(1, 2));
  await used.close();
  const { CALLSHEET_POSTGRES: _, ...env } = process.env;
  const cases = [
    [run(...promoting(directory, postgres, schema)), 3, /has jobs or settings already/],
    [run(...promoting(directory, postgres, 'none')), 3, /no tables .* run `callsheet migrate/],
    [run(...promoting(directory, 'postgres://127.0.0.1:1/x', schema)), 3, /PostgreSQL cannot be reached/],
    [run(...promoting(join(directory, 'none'), postgres, schema)), 3, /there is no directory/],
    [run(...promoting(temporaryDirectory(), postgres, await freshSchema())), 3, /there is no journal in/],
    [runWith({ env }, 'promote', directory), 2, /no database: name one with --postgres/],
  ] as const;
  for (const [{ status, stderr }, code, message] of cases) {
    assert.match(stderr, message);
    assert.equal(status, code, stderr);
  }
  const after = await open({ directory, jobs: [slow], threads: 1 });
  assert.equal(await after.job(job.id).result(soon), 3, 'the directory is as before');
  await after.close();
});
