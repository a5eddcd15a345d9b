/** Several processes with one directory: an owner, clients and standbys. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import * as net from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { map, type OpenOptions, open, type Runtime } from 'callsheet';
import { eventually } from '../harness/eventually.js';
import { Program } from '../harness/program.js';
import { temporaryDirectory } from '../harness/temporary.js';
import { allJobs, marks, numbers } from './jobs/all.js';

const sharer = new URL('./programs/sharer.js', import.meta.url);
const patienceMs = 60_000;
/** Long enough for a living owner to answer on a busy machine. */
const shortMs = 5_000;

async function started(t: TestContext, directory: string, share = 'owner', part = share): Promise<Program> {
  const program = new Program(t, sharer, directory, share);
  await program.says(`ready ${part}`);
  return program;
}

async function opened(t: TestContext, options: Partial<OpenOptions>): Promise<Runtime> {
  const runtime = await open({ jobs: allJobs, waitMs: patienceMs, graceMs: 0, ...options });
  t.after(() => runtime.close());
  return runtime;
}

const client = (t: TestContext, directory: string, options: Partial<OpenOptions> = {}) =>
  opened(t, { directory, share: 'client', ...options });

const linesOf = (file: string) => (existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : []);

describe('a client of another process', () => {
  it('[16.2] puts jobs, follows them and steers them, and its jobs are its own', async (t) => {
    const directory = temporaryDirectory();
    await started(t, directory);
    const callsheet = await client(t, directory);
    const queue = callsheet.queue();
    const [job, failed] = [await queue.put(numbers.add(1, 2)), await queue.put(numbers.divide(1, 0))];
    assert.equal(await job.result(), 3);
    assert.ok(await failed.failure());
    const events = callsheet.events();
    const gate = join(directory, '..', `${callsheet.id}.gate`);
    const [held, other] = await queue.putAll([marks.passUntil(5, gate), numbers.add(2, 3)]);
    await job.annotations.set('note', { a: 1 });
    assert.deepEqual(await job.annotations.get('note'), { a: 1 });
    const callback = await other.addCallback(numbers.add.with(1));
    assert.equal(await callback.result(), 6);
    writeFileSync(gate, '');
    assert.equal(await held.result(), 5);
    const { value } = await events.next();
    assert.equal(value!.type, 'job.put');
    await events.return();
    const mail = await callsheet.createQueue('mail');
    await mail.pause();
    const waiting = await mail.put(numbers.add(1, 1));
    assert.equal((await waiting.details()).owner, callsheet.id);
    await waiting.cancel();
    await callsheet
      .schedule('none')
      .next()
      .catch(() => {});
    const counts = await callsheet.monitor.counts({}, { by: ['status'] });
    assert.deepEqual(counts, [{ status: 'completed', count: 6 }]);
    assert.equal((await callsheet.dispatchers()).length, 1);
    assert.notEqual((await callsheet.dispatchers())[0]!.id, callsheet.id);
    const closed = await callsheet.close();
    assert.deepEqual(closed, { hangingThreads: [], interrupted: 0 });
    await assert.rejects(queue.put(numbers.add(1, 1)), { code: 'CLOSED' });
  });

  it('[16.2] loads neither the pool nor a thread, and refuses options about running', async (t) => {
    const directory = temporaryDirectory();
    await started(t, directory);
    const program = new Program(t, new URL('./programs/lean-client.js', import.meta.url), directory);
    await program.says('3 []');
    for (const options of [{ threads: 1 }, { agent: false }, { dispatcher: false }, { retry: {} }] as const)
      await assert.rejects(client(t, directory, options), { code: 'INVALID_OPTION', message: /left out by a client/ });
    await assert.rejects(open({ jobs: allJobs, share: 'client', durability: 'memory' }), /without a directory/);
  });

  it('[16.2] sends payloads of many megabytes both ways', async (t) => {
    const directory = temporaryDirectory();
    await started(t, directory);
    const callsheet = await client(t, directory);
    const bytes = Buffer.alloc(20_000_000, 'callsheet');
    const job = await callsheet.queue().put(numbers.echo(bytes));
    assert.ok(bytes.equals((await job.result()) as Uint8Array));
  });

  it('[16.2] feeds maps', async (t) => {
    const directory = temporaryDirectory();
    await started(t, directory);
    const callsheet = await client(t, directory);
    const items = map(
      Array.from({ length: 500 }, (_, n) => n),
      (n) => numbers.add(n, 1),
      { concurrency: 50 },
    );
    const done = await (await callsheet.queue().put(items)).result();
    let sum = 0;
    for await (const { result } of done) sum += result;
    assert.equal(sum, (500 * 501) / 2);
  });

  it('[16.3] is refused without an owner, at open and later, and goes on with the next', async (t) => {
    const directory = temporaryDirectory();
    await assert.rejects(client(t, directory, { waitMs: 20 }), { code: 'NO_OWNER', message: /no process has/ });
    const owner = await started(t, directory);
    const callsheet = await client(t, directory, { waitMs: shortMs });
    const job = await callsheet.queue().put(numbers.add(1, 2));
    await owner.kill();
    const message = /no process has .* open any more \(the last was the process with pid \d+ on .*\)/;
    await assert.rejects(callsheet.queue().put(numbers.add(1, 2)), { code: 'NO_OWNER', message });
    await assert.rejects(callsheet.queues(), { code: 'NO_OWNER', message });
    await started(t, directory);
    assert.equal((await callsheet.queues()).length, 1, 'at once, when there is one');
    assert.equal(await callsheet.job(job.id).result(), 3);
    assert.equal(await job.result(), 3);
  });

  it('[16.3] loses no put and makes none twice when owners die, and gets all results', async (t) => {
    const directory = temporaryDirectory();
    const file = join(temporaryDirectory(), 'marks');
    let owner = await started(t, directory);
    const callsheet = await client(t, directory);
    const queue = callsheet.queue();
    const count = 600;
    let accepted = 0;
    const results: string[] = [];
    let next = 0;
    const putOn = async () => {
      while (next < count) {
        const n = next++;
        const job = await queue.put(marks.mark(file, String(n)));
        accepted++;
        results[n] = await job.result();
      }
    };
    const all = Promise.all(Array.from({ length: 50 }, putOn));
    for (const share of [count / 10, count / 2]) {
      const standby = new Program(t, sharer, directory, 'standby');
      await eventually('some are put', () => accepted >= share);
      await owner.kill();
      await standby.says('ready owner');
      owner = standby;
    }
    await all;
    assert.deepEqual(
      results,
      results.map((_, n) => String(n)),
    );
    assert.deepEqual(await callsheet.monitor.counts({}, { by: ['status'] }), [{ status: 'completed', count }]);
    assert.equal(new Set(linesOf(file)).size, count);
  });

  it('[16.3] goes on through a release: the owner closes, and its standby takes over', async (t) => {
    const directory = temporaryDirectory();
    const owner = await started(t, directory);
    const standby = new Program(t, sharer, directory, 'standby');
    const callsheet = await client(t, directory);
    const events = callsheet.events();
    const jobEvent = async () => {
      let { type } = (await events.next()).value!;
      // An owner may still say that its dispatcher has come.
      while (type.startsWith('dispatcher.')) ({ type } = (await events.next()).value!);
      assert.match(type, /^job\./);
    };
    await callsheet.queue().put(numbers.add(1, 1));
    await jobEvent();
    let isOver = false;
    let puts = 0;
    const putting = (async () => {
      while (!isOver) {
        assert.equal(await (await callsheet.queue().put(numbers.add(1, puts))).result(), 1 + puts);
        puts++;
      }
    })();
    await eventually('it puts', () => puts > 20);
    const gate = join(temporaryDirectory(), 'gate');
    const last = await callsheet.queue().put(marks.passUntil(7, gate));
    await eventually('it runs', async () => (await last.status()) === 'active');
    owner.tell('close');
    await owner.says('closing');
    // The answer comes after the put was refused, since the owner still answers questions.
    const during = callsheet.queue().put(numbers.add(40, 2));
    await callsheet.queues();
    writeFileSync(gate, '');
    assert.equal(await last.result(), 7);
    assert.equal(await (await during).result(), 42);
    await standby.says('ready owner');
    await owner.says('closed');
    const before = puts;
    await eventually('it goes on', () => puts > before + 20);
    isOver = true;
    await putting;
    // The first owner's events that were read with the first one come before the gap.
    let event = (await events.next()).value!;
    while (event.type !== 'dropped') event = (await events.next()).value!;
    assert.equal(event.count, 0);
    await jobEvent();
  });

  it('[16.4] never takes over, not even from no owner at all', async (t) => {
    const directory = temporaryDirectory();
    const owner = await started(t, directory);
    const callsheet = await client(t, directory, { waitMs: shortMs });
    await owner.kill();
    await assert.rejects(callsheet.queues(), { code: 'NO_OWNER' });
    const next = await started(t, directory, 'auto', 'owner');
    const other = await started(t, directory, 'auto', 'client');
    await next.kill();
    await assert.rejects(opened(t, { directory, share: 'client', waitMs: 50 }), { code: 'NO_OWNER' });
    other.tell('close');
    await other.says('closing');
    await other.says('closed');
  });

  it('[16.4] a standby leaves the directory to a stopped owner, until that dies', async (t) => {
    const directory = temporaryDirectory();
    const owner = await started(t, directory);
    const [before, waitMs] = [await client(t, directory, { waitMs: 2000 }), 2000];
    await owner.freeze();
    const start = performance.now();
    await assert.rejects(before.queues(), { code: 'NO_OWNER', message: /pid \d+ .*not answer/ });
    assert.ok(performance.now() - start < 5 * waitMs, 'the silence counts');
    await assert.rejects(opened(t, { directory, share: 'standby', waitMs: 100 }), { code: 'JOURNAL_LOCKED' });
    await assert.rejects(client(t, directory, { waitMs: 100 }), { code: 'NO_OWNER', message: /pid \d+ .*not answer/ });
    const standby = new Program(t, sharer, directory, 'standby');
    await owner.kill();
    await standby.says('ready owner');
  });

  it('[16.5] of another version is refused, with both versions', async (t) => {
    const directory = temporaryDirectory();
    const runtime = await opened(t, { directory });
    const socket = net.connect(socketOf(directory));
    socket.write('{"callsheet":"client","protocols":[99],"client":"","pid":1}\n');
    const [answer] = await once(socket, 'data');
    assert.match(String(answer), /PROTOCOL_VERSION.*run the same version/);
    await once(socket.resume(), 'close');
    assert.deepEqual(await runtime.queues(), ['']);
    await runtime.close();
    const server = net.createServer((connection) => connection.write('{"callsheet":"owner","protocol":99,"pid":1}\n'));
    const elsewhere = temporaryDirectory();
    await new Promise<void>((resolve) => server.listen(join(elsewhere, 'journal-0000000001.lock'), resolve));
    t.after(() => server.close());
    await assert.rejects(client(t, elsewhere), { code: 'PROTOCOL_VERSION' });
  });

  it('[16.5] finds the owner behind the dead sockets of others, and in a directory with a long path', async (t) => {
    const directory = join(temporaryDirectory(), 'x'.repeat(100), 'y'.repeat(100));
    mkdirSync(directory, { recursive: true });
    for (let round = 0; round < 3; round++) {
      const owner = await started(t, directory);
      await owner.kill();
    }
    await started(t, directory);
    const callsheet = await client(t, directory);
    assert.equal(await (await callsheet.queue().put(numbers.add(1, 2))).result(), 3);
  });
});

const socketOf = (directory: string) =>
  join(
    directory,
    readdirSync(directory)
      .filter((name) => name.endsWith('.lock'))
      .sort()
      .at(-1)!,
  );
