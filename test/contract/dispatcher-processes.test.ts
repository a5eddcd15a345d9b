/**
 * Section 5 of the contract on real threads, journals and processes: the identity of a dispatcher,
 * clients, signals.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { defineJobs, type OpenOptions, open, type Runtime } from 'callsheet';
import { Program } from '../harness/program.js';
import { temporaryDirectory } from '../harness/temporary.js';
import { work } from './jobs/all.js';
import { openGate, seen } from './jobs/work.js';
import { opened } from './opened.js';
import { realJobs, stubborn, within } from './real/jobs/all.js';

const holder = new URL('./real/programs/holder.js', import.meta.url);

async function openedReal(t: TestContext, options: Partial<OpenOptions>): Promise<Runtime> {
  const runtime = await open({ jobs: realJobs, threads: 1, graceMs: 0, ...options });
  t.after(() => runtime.close());
  return runtime;
}

/** Starts a process that runs an endless job in each directory; returns it and the jobs' ids. */
async function holding(t: TestContext, signals: string, ...directories: string[]): Promise<[Program, string[]]> {
  const program = new Program(t, holder, signals, ...directories);
  const ids: string[] = [];
  for (const [index] of directories.entries()) {
    const [word, at, id] = (await program.line())?.split(' ') ?? [];
    assert.deepEqual([word, at], ['begun', String(index)], program.errors);
    ids.push(id!);
  }
  return [program, ids];
}

describe('5 the identity of a dispatcher', () => {
  it('[5.1] is stored in a file of its directory, and new without that file', async (t) => {
    const directory = temporaryDirectory();
    const first = await openedReal(t, { directory });
    await first.close();
    const file = join(directory, 'uuid.txt');
    assert.equal(readFileSync(file, 'utf8').split('\n')[0], first.id);
    rmSync(file);
    const second = await openedReal(t, { directory });
    assert.notEqual(second.id, first.id);
    assert.deepEqual(
      (await second.dispatchers()).map(({ id, active }) => [id, active]),
      [
        [first.id, false],
        [second.id, true],
      ],
    );
    await second.unregister(first.id);
    assert.deepEqual(
      (await second.queue().agents()).map(({ dispatcher }) => dispatcher),
      [second.id],
      'its agents went with it',
    );
  });

  it('[5.1] is read from the file that CALLSHEET_UUID names, with a directory or without', async (t) => {
    const file = join(temporaryDirectory(), 'me.txt');
    process.env.CALLSHEET_UUID = file;
    t.after(() => {
      delete process.env.CALLSHEET_UUID;
    });
    const directory = temporaryDirectory();
    const inDirectory = await openedReal(t, { directory });
    assert.equal(readFileSync(file, 'utf8').split('\n')[0], inDirectory.id);
    assert.ok(!existsSync(join(directory, 'uuid.txt')));
    const inMemory = await openedReal(t, {});
    assert.equal(inMemory.id, inDirectory.id);
    delete process.env.CALLSHEET_UUID;
    const without = await openedReal(t, {});
    assert.notEqual(without.id, inMemory.id);
    assert.ok(!existsSync('uuid.txt'), 'it writes no file without a directory');
  });
});

describe('5 clients', () => {
  it('[5.8] put and read jobs, and run none', async (t) => {
    const kit = await opened(t, { dispatcher: false });
    const queue = kit.runtime.queue();
    const job = await queue.put(work.mark('job'));
    const mail = await kit.runtime.createQueue('mail');
    await kit.untilIdle();
    assert.deepEqual([await job.status(), await job.arguments(), seen], ['pending', ['job'], []]);
    assert.deepEqual([await mail.agents(), await kit.runtime.dispatchers()], [[], []]);
    await job.cancel();
    const other = await queue.put(work.mark('other'));
    await kit.close();
    await kit.reopen({ dispatcher: true });
    assert.equal(await kit.waitForResult(kit.runtime.job(other.id)), 'other');
    assert.deepEqual(seen, ['other']);
  });

  it('[5.8] leave the jobs and callbacks that a dispatcher has begun to the next dispatcher', async (t) => {
    const kit = await opened(t);
    const job = await kit.runtime.queue().put(work.hold('job'));
    await job.addCallback(work.hold('callback') as never);
    await kit.waitForStart(job);
    openGate('job');
    await kit.waitForStatus(job, 'callbacks');
    await kit.crash();
    await kit.reopen({ dispatcher: false });
    await kit.clock.advance(60_000);
    assert.equal(await kit.runtime.job(job.id).status(), 'callbacks');
    await kit.close();
    await kit.reopen({ dispatcher: true });
    openGate('callback');
    await kit.waitForStatus(kit.runtime.job(job.id), 'completed');
  });

  it('[5.8] check the functions of a put without a thread to run them', async (t) => {
    const directory = temporaryDirectory();
    const client = await openedReal(t, { directory, dispatcher: false });
    const job = await client.queue().put(within.echo('hello'));
    const twin = defineJobs<{ nothing(): void }>('within', new URL('./real/jobs/within.js', import.meta.url));
    await assert.rejects(client.queue().put(twin.nothing), { code: 'UNKNOWN_EXPORT' });
    assert.deepEqual(await client.dispatchers(), []);
    await client.close();
    const runtime = await openedReal(t, { directory });
    assert.equal(await runtime.job(job.id).result(), 'hello');
    await assert.rejects(openedReal(t, { dispatcher: 'no' as never }), TypeError);
  });
});

describe('5 a killed dispatcher', () => {
  it('[5.7] is succeeded at once after SIGKILL, whatever its death interval', async (t) => {
    const directory = temporaryDirectory();
    const [program, [id]] = await holding(t, '', directory);
    await program.kill();
    const runtime = await openedReal(t, { directory, pingMs: 3_600_000, deathMs: 7_200_000 });
    const job = runtime.job(id!);
    assert.ok(await job.annotations.waitFor('begun', { timeoutMs: 30_000 }));
    const [dispatcher, ...others] = await runtime.dispatchers();
    assert.deepEqual([dispatcher!.active, dispatcher!.pid, others], [true, process.pid, []]);
    await job.cancel();
  });
});

describe('5 signals', () => {
  it('[5.9] close the runtime if asked, give running jobs back uncounted, and then end the process', async (t) => {
    const directories = [temporaryDirectory(), temporaryDirectory()];
    const [program, ids] = await holding(t, 'SIGTERM,SIGINT', ...directories);
    program.signal('SIGTERM');
    assert.deepEqual([await program.line(), await program.line()].sort(), ['CLOSED 0', 'CLOSED 1']);
    assert.equal(await program.end(), 'SIGTERM');
    for (const [index, directory] of directories.entries()) {
      const runtime = await openedReal(t, { directory, dispatcher: false });
      const [dispatcher] = await runtime.dispatchers();
      assert.equal(dispatcher!.active, false, 'it deactivated itself');
      const { status, attempts, interruptions } = await runtime.job(ids[index]!).details();
      assert.deepEqual({ status, attempts, interruptions }, { status: 'pending', attempts: 1, interruptions: 0 });
    }
  });

  it('[5.9] have listeners only while a runtime that asked for them is open', async (t) => {
    const counts = () => ['SIGINT', 'SIGTERM'].map((signal) => process.listenerCount(signal));
    const before = counts();
    await openedReal(t, {});
    assert.deepEqual(counts(), before);
    const signals: NodeJS.Signals[] = ['SIGTERM'];
    const [one, two] = await Promise.all([openedReal(t, { signals }), openedReal(t, { signals })]);
    assert.deepEqual(counts(), [before[0], before[1]! + 1]);
    await one.close();
    assert.deepEqual(counts(), [before[0], before[1]! + 1]);
    await two.close();
    assert.deepEqual(counts(), before);
    await assert.rejects(openedReal(t, { signals: ['SIGKILL'] }), RangeError);
    await assert.rejects(openedReal(t, { signals: 'SIGTERM' as never }), TypeError);
  });

  it('[5.9] leave the end of the process to the program’s own listener', async (t) => {
    const runtime = await openedReal(t, { signals: ['SIGUSR2'] });
    const job = await runtime.queue().put(stubborn.ignores);
    await job.annotations.waitFor('begun', { timeoutMs: 30_000 });
    let heard = 0;
    const listener = () => heard++;
    process.on('SIGUSR2', listener);
    t.after(() => process.off('SIGUSR2', listener));
    const kill = t.mock.method(process, 'kill');
    process.kill(process.pid, 'SIGUSR2');
    await assert.rejects(job.result(), { code: 'CLOSED' });
    await runtime.close();
    await new Promise(setImmediate);
    assert.deepEqual([heard, kill.mock.callCount()], [1, 1], 'the signal is not sent again');
  });
});
