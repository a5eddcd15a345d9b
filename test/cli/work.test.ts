/** `callsheet work` in processes of its own. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Job, open, type Part } from 'callsheet';
import { eventually } from '../harness/eventually.js';
import { temporaryDirectory } from '../harness/temporary.js';
import { Running, run } from './command.js';
import { slow } from './jobs/defined.js';

const file = (name: string) => fileURLToPath(new URL(`./jobs/${name}.js`, import.meta.url));

/** Makes a directory in which jobs wait, and returns their ids. */
async function directoryWith(jobs: readonly Part[]) {
  const directory = join(temporaryDirectory(), 'jobs');
  const client = await open({ directory, jobs: [slow], dispatcher: false });
  await client.createQueue('other');
  const put = await client.queue().putAll(jobs);
  await client.close();
  return { directory, ids: put.map(({ id }) => id) };
}

/** Opens the directory as a client and asks something about a job. */
async function asked<T>(directory: string, id: string, ask: (job: Job) => Promise<T>): Promise<T> {
  const client = await open({ directory, jobs: [slow], dispatcher: false });
  try {
    return await ask(client.job(id));
  } finally {
    await client.close();
  }
}

const resultOf = (directory: string, id: string) => asked(directory, id, (job) => job.result());
const statusOf = (directory: string, id: string) => asked(directory, id, (job) => job.status());

async function ready(t: TestContext, directory: string, ...args: string[]): Promise<Running> {
  const worker = new Running(t, [
    'work',
    '-d',
    directory,
    '-j',
    file('defined'),
    '--threads',
    '1',
    '--log-level',
    'debug',
    ...args,
  ]);
  await eventually('the worker is ready', () => worker.has('the worker is ready'));
  return worker;
}

describe('the command work', () => {
  it('runs what waits, also in queues that its jobs put into, and ends with --once', async () => {
    const { directory, ids } = await directoryWith([slow.putInto('other'), slow.add(20, 22)]);
    const { status, stderr } = run('work', '-d', directory, '-j', file('defined'), '--once');
    assert.equal(status, 0, stderr);
    const inner = (await resultOf(directory, ids[0]!)) as string;
    assert.deepEqual([await resultOf(directory, ids[1]!), await resultOf(directory, inner)], [42, 3]);
  });

  it('[16.4] stands by until the owner is dead, and can be stopped before', async (t) => {
    const { directory, ids } = await directoryWith([slow.add(20, 22)]);
    const owner = await ready(t, directory);
    const args = ['work', '-d', directory, '-j', file('defined'), '--standby', '--once'];
    const standbys = [new Running(t, args), new Running(t, args)] as const;
    for (const standby of standbys) await eventually('it stands by', () => standby.has('the worker stands by'));
    // A worker that begins later and does not wait has ended by then.
    assert.equal(run('work', '-d', directory, '-j', file('defined')).status, 3);
    standbys[0].process.kill('SIGTERM');
    assert.equal(await standbys[0].ended(), 0);
    assert.ok(standbys[0].has('the worker ends before it is ready'));
    assert.ok(!standbys[1].has('the worker is ready'));
    owner.process.kill('SIGKILL');
    assert.equal(await standbys[1].ended(), 0);
    assert.ok(standbys[1].has('the worker is ready'));
    assert.equal(await resultOf(directory, ids[0]!), 42);
  });

  it('ends with --once and code 1 if functions are missing', async () => {
    const { directory } = await directoryWith([slow.add(1, 1)]);
    const { status, stderr } = run('work', '-d', directory, '-j', `other=${file('plain')}`, '--once');
    assert.equal(status, 1);
    assert.match(stderr, /jobs are left whose functions this worker does not have/);
  });

  it('ends with its code although an imported file keeps the process alive', async () => {
    const { directory } = await directoryWith([slow.add(1, 1)]);
    assert.equal(run('work', '-d', directory, '-j', file('defined'), file('alive'), '--once').status, 0);
    assert.equal(run('work', '-d', '/dev/null/nowhere', '-j', file('alive'), '--once').status, 3);
  });

  it('lets running jobs end after SIGTERM, and ends with code 0', async (t) => {
    const { directory, ids } = await directoryWith([slow.sleep(500), slow.add(1, 1)]);
    const worker = await ready(t, directory);
    await eventually('the job runs', () => worker.has('a job began'));
    worker.process.kill('SIGTERM');
    assert.equal(await worker.ended(), 0, worker.stderr);
    assert.equal(await resultOf(directory, ids[0]!), 'slept');
    assert.equal(await statusOf(directory, ids[1]!), 'pending');
  });

  it('gives running jobs back after the grace, and ends with code 75', async (t) => {
    const { directory, ids } = await directoryWith([slow.sleep(60_000)]);
    const worker = await ready(t, directory, '--grace', '100ms');
    await eventually('the job runs', () => worker.has('a job began'));
    worker.process.kill('SIGINT');
    assert.equal(await worker.ended(), 75, worker.stderr);
    assert.equal(await statusOf(directory, ids[0]!), 'pending');
  });

  it('ends at once at the second signal', async (t) => {
    const { directory } = await directoryWith([slow.sleep(60_000)]);
    const worker = await ready(t, directory);
    await eventually('the job runs', () => worker.has('a job began'));
    worker.process.kill('SIGTERM');
    await eventually('it closes', () => worker.has('the worker ends'));
    worker.process.kill('SIGTERM');
    assert.equal(await worker.ended(), 143);
  });

  it('writes a health file while it is well', async (t) => {
    const { directory } = await directoryWith([]);
    const health = join(temporaryDirectory(), 'health.json');
    const worker = await ready(t, directory, '--health-file', health);
    await eventually('the file is there', () => existsSync(health));
    const again = run('work', '-d', directory, '-j', file('defined'), '--health-file', `${health}/x`);
    assert.equal(again.status, 78);
    assert.match(
      again.stderr,
      /^callsheet: the health file .*x cannot be written: a part of the path is a file \(ENOTDIR\)\n$/,
    );
    assert.equal(JSON.parse(readFileSync(health, 'utf8')).pid, worker.process.pid);
    worker.process.kill('SIGTERM');
    assert.equal(await worker.ended(), 0);
    assert.equal(existsSync(health), false);
  });

  it('takes sizes of agents, and a module under the name of its file', async (t) => {
    const { directory } = await directoryWith([]);
    const worker = await ready(t, directory, '-j', file('plain'), '--agent', '=3', '--agent', 'mail=2');
    worker.process.kill('SIGUSR2');
    await eventually('it shows its state', () => worker.has('the state of the worker'));
    const { queues } = worker.log.find(({ msg }) => msg === 'the state of the worker') as { queues: unknown[] };
    assert.deepEqual(
      queues.filter((queue) => (queue as { name: string }).name !== 'other'),
      [
        { name: '', length: 0, agents: [{ name: 'main', size: 3, running: 0 }] },
        { name: 'mail', length: 0, agents: [{ name: 'main', size: 2, running: 0 }] },
      ],
    );
    worker.process.kill('SIGTERM');
    assert.equal(await worker.ended(), 0);
  });

  it('names the owner of a locked directory, with code 3', async () => {
    const { directory } = await directoryWith([]);
    const owner = await open({ directory, jobs: [slow] });
    const { status, stderr } = run('work', '-d', directory, '-j', file('defined'));
    await owner.close();
    assert.equal(status, 3);
    assert.match(stderr, new RegExp(`^callsheet: .*${process.pid}`));
  });

  for (const [args, code, message] of [
    [['work'], 2, /required option '-j, --jobs/],
    [['work', '-j', 'nothing.js'], 2, /no directory: name one with --directory or CALLSHEET_DIRECTORY/],
    [['work', '-d', 'x', '-j', file('defined'), '-j', file('defined')], 78, /^callsheet: .*slow.*\n$/],
    [['work', '-d', 'x', '-j', 'nothing.js'], 78, /there is no file ".*\/nothing\.js"/],
    [['work', '-d', 'x', '-j', file('defined'), '--threads', '0'], 2, /must be an integer from 1 to 1024/],
    [['work', '-d', 'x', '-j', file('defined'), '--grace', '5'], 2, /must be a duration such as 250ms/],
    [['work', '-d', 'x', '-j', file('defined'), '--agent', 'mail'], 2, /must be a queue and a size/],
    [['work', '-d', 'x', '-j', file('defined'), '--log-level', 'loud'], 2, /Allowed choices are trace/],
  ] as const) {
    it(`refuses \`${args
      .slice(0, 6)
      .join(' ')
      .replaceAll(/\/\S*\//g, '')}\` with code ${code}`, () => {
      const { status, stdout, stderr } = run(...args);
      assert.deepEqual([status, stdout], [code, '']);
      assert.match(stderr, message);
      assert.doesNotMatch(stderr, /\n\s+at /);
    });
  }
});
