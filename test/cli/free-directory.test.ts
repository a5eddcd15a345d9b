/** The commands that look, at a directory that no process has open. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { open, parallel } from 'callsheet';
import { check } from '../../src/cli/check.js';
import { explain } from '../../src/cli/look/explain.js';
import { failures } from '../../src/cli/look/failures.js';
import { history } from '../../src/cli/look/history.js';
import { job } from '../../src/cli/look/job.js';
import { jobs } from '../../src/cli/look/jobs.js';
import { schedules } from '../../src/cli/look/schedules.js';
import { status } from '../../src/cli/look/status.js';
import type { Session } from '../../src/cli/session.js';
import { cancel } from '../../src/cli/steer/jobs.js';
import { openReader } from '../../src/runtime/open-reader.js';
import { temporaryDirectory } from '../harness/temporary.js';
import { program, run } from './command.js';
import { slow } from './jobs/defined.js';
import { Printed } from './printed.js';

const directory = join(temporaryDirectory(), 'jobs');
const file = (name: string) => fileURLToPath(new URL(`./jobs/${name}.js`, import.meta.url));
const list = { limit: 20, order: 'newest' } as const;
const ids: Record<'failed' | 'whole' | 'waiting' | 'late', string> = { failed: '', whole: '', waiting: '', late: '' };
/** A time between two changes, and the answers of the owner. */
let middle: Date;
let owned: readonly string[];

before(async () => {
  const callsheet = await open({ directory, jobs: [slow], threads: 1 });
  const queue = callsheet.queue();
  await (await queue.put(slow.add(1, 2))).result();
  const failed = await queue.put(slow.fail('on purpose'));
  await failed.failure();
  const mail = await callsheet.createQueue('mail');
  await mail.pause();
  const waiting = await mail.put(slow.add(3, 4), { retry: slow.always as never });
  const whole = await queue.put(parallel([slow.add(1, 1), slow.add(2, 2)]), { beginAfter: 3_600_000 });
  const part = slow.sleep(1).with({ retry: slow.always as never });
  const summed = parallel([part], { postprocess: slow.isSmall });
  await queue.schedule('nightly', summed, { cron: '30 2 * * *' });
  // Changes of one millisecond have the same time.
  await delay(2);
  middle = new Date();
  await delay(2);
  const late = await queue.put(slow.add(5, 6));
  await late.result();
  Object.assign(ids, { failed: failed.id, whole: whole.id, waiting: waiting.id, late: late.id });
  owned = await answers({ callsheet, isLive: true });
  await callsheet.close();
});

/** The answers that are the same with an owner and without. */
async function answers(session: Pick<Session, 'callsheet' | 'isLive'>): Promise<readonly string[]> {
  const printed = new Printed();
  const full = { ...session, out: printed.output({ json: true }), place: { directory } };
  await jobs(full, list);
  await jobs(full, { ...list, failed: true, callable: ['slow#*'] });
  await jobs(full, { ...list, order: 'claim', queue: ['mail'] });
  for (const id of Object.values(ids)) await job(full, id, { arguments: true, result: true });
  await failures(full, { limit: 20 });
  await schedules(full, undefined);
  // Runs before are known to the process that saw them.
  return printed.lines.map((line) => line.replaceAll(/"(asOf|walked|runs)":("[^"]*"|\d+|\[[^\]]*\])/g, ''));
}

/** Asks the journal. */
async function read(command: (session: Session) => Promise<number>, at?: Date): Promise<Printed & { code: number }> {
  const { runtime, kept } = await openReader(directory, at);
  try {
    const printed = new Printed();
    const session = {
      callsheet: runtime,
      out: printed.output({ json: true }),
      place: { directory },
      isLive: false,
      kept,
    };
    return Object.assign(printed, { code: await command(session) });
  } finally {
    await runtime.close();
  }
}

/** Everything in the directory, with the times of the files. */
function contents(): string {
  const hash = createHash('sha256');
  for (const name of readdirSync(directory).sort()) {
    const { mtimeMs, size } = statSync(join(directory, name));
    const isFile = statSync(join(directory, name)).isFile();
    hash.update(`${name} ${mtimeMs} ${size} `).update(isFile ? readFileSync(join(directory, name)) : '');
  }
  return hash.digest('hex');
}

describe('a directory that no process has open', () => {
  it('[11.8] answers as its owner did, and stays as it is', async () => {
    const before = contents();
    const { runtime } = await openReader(directory);
    const found = await answers({ callsheet: runtime, isLive: false });
    await assert.rejects(runtime.queue().put(slow.add(1, 1)), { code: 'UNKNOWN_MODULE' });
    await assert.rejects(runtime.job(ids.waiting).cancel(), { code: 'NO_OWNER' });
    await runtime.close();
    assert.deepEqual(found, owned);
    assert.equal(contents(), before);
  });

  it('[11.8] knows no function that is missing, and why a job waits', async () => {
    const { rows } = await read((session) => explain(session, ids.waiting));
    const codes = (rows[0]!.reasons as { code: string }[]).map(({ code }) => code);
    assert.ok(codes.includes('paused') && !codes.includes('unknown-callable'), codes.join());
  });

  it('[11.8] is shown as it was at an earlier time', async () => {
    const then = await read((session) => jobs(session, { ...list, role: 'root' }), middle);
    assert.ok(!then.text.includes(ids.late) && then.text.includes(ids.failed), then.text);
    const full = await read((session) => job(session, ids.failed, { arguments: true, result: true }), middle);
    assert.deepEqual(full.rows[0]!.arguments, ['on purpose']);
    assert.equal((await read(status, middle)).rows[0]!.asOf, middle.toISOString());
    const { from, to } = (await read((session) => history(session, false), new Date())).rows[0] as Record<
      string,
      string
    >;
    assert.ok(Date.parse(from!) < middle.getTime() && middle.getTime() < Date.parse(to!), `${from} ${to}`);
  });

  it('cannot be changed, and no job ends', async () => {
    await assert.rejects(
      read((session) => cancel(session, [ids.waiting], {})),
      { code: 'NO_OWNER' },
    );
    await assert.rejects(
      read((session) => job(session, ids.waiting, { wait: true })),
      { exitCode: 3 },
    );
    assert.equal((await read((session) => job(session, ids.failed, { wait: true }))).code, 1);
  });

  it('is checked for functions that job modules lack', async () => {
    assert.equal((await read((session) => check(session, [file('defined')]))).code, 0);
    const other = await read((session) => check(session, [file('plain')]));
    assert.equal(other.code, 1);
    const callables = other.rows.map(({ callable, queue, jobs }) => [callable, queue, jobs]);
    assert.ok(
      callables.some((row) => row.join() === 'slow#add,mail,1'),
      JSON.stringify(callables),
    );
    const needed = other.rows.map(({ callable, use, schedule, queue }) => [callable, use, schedule, queue]);
    for (const row of [
      ['slow#sleep', 'call', 'nightly', ''],
      ['slow#always', 'retry', 'nightly', ''],
      ['slow#isSmall', 'call', 'nightly', ''],
      ['slow#always', 'retry', undefined, 'mail'],
    ])
      assert.ok(
        needed.some((one) => one.join() === row.join()),
        `${row} in ${JSON.stringify(needed)}`,
      );
    await assert.rejects(
      read((session) => check(session, [file('nothing')])),
      { exitCode: 78 },
    );
  });

  it('of another version is refused with code 5', () => {
    const other = join(temporaryDirectory(), 'jobs');
    cpSync(directory, other, { recursive: true, filter: (path) => !path.endsWith('.lock') });
    writeFileSync(join(other, 'journal-of-the-future'), '');
    const { status, stderr } = run('jobs', '-d', other);
    assert.equal(status, 5, stderr);
    assert.match(stderr, /does not know; a newer one may have made it/);
  });

  it('of another user is refused with code 3', () => {
    // Root may read everything, so another user asks then.
    const isRoot = process.getuid!() === 0;
    if (!isRoot) chmodSync(directory, 0);
    const { status, stderr } = spawnSync(process.execPath, [program, 'jobs', '-d', directory], {
      encoding: 'utf8',
      ...(isRoot ? { uid: 65_534, cwd: '/' } : {}),
    });
    if (!isRoot) chmodSync(directory, 0o700);
    assert.equal(status, 3, stderr);
    assert.match(stderr, /this user may not read .* \(EACCES\): run the command as the user/);
  });

  it('is looked at by commands, which name what they read', () => {
    const listed = run('jobs', '-d', directory, '--failed', '--json');
    assert.equal(listed.status, 0, listed.stderr);
    assert.equal(JSON.parse(listed.stdout).id, ids.failed);
    assert.match(listed.stderr, /^no process has .* open; its last change was at 20/);
    const earlier = run('history', '-d', directory, '--at', '30d');
    assert.equal(earlier.status, 2);
    assert.match(earlier.stderr, /the journal in .* goes back to 20.*Z only/);
    const events = run('events', '-d', directory);
    assert.equal(events.status, 3);
    const inspected = run('inspect', '-d', directory, '--json');
    assert.equal(inspected.status, 0, inspected.stderr);
    const { jobs: found, damages } = JSON.parse(inspected.stdout);
    assert.deepEqual([damages, found.counts[0].queue], [[], '']);
    const checked = run('check', '-d', directory, '--jobs', `slow=${file('plain')}`);
    assert.equal(checked.status, 1, checked.stderr);
    assert.match(checked.stdout, /slow#add +mail +1/);
  });
});
