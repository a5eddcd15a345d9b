/** The command line on a database: it asks no owner, and runs jobs only as `work`. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { open, type Runtime, serial } from 'callsheet';
import { openVisitor } from '../../src/runtime/open.js';
import { PostgresDatabase } from '../../src/store/postgres/database.js';
import { type Ended, Running, run, runWith } from '../cli/command.js';
import { slow } from '../cli/jobs/defined.js';
import { eventually } from '../harness/eventually.js';
import { openAloneOn } from '../shared-store/kits.js';
import { freshSchema, serverUrl } from './schemas.js';

const file = fileURLToPath(new URL('../cli/jobs/defined.js', import.meta.url));

interface Place {
  readonly postgres: string;
  readonly schema: string;
}

async function freshPlace(): Promise<Place> {
  return { postgres: await serverUrl(), schema: await freshSchema() };
}

const at = ({ postgres, schema }: Place) => ['--postgres', postgres, '--schema', schema];

async function opened(t: TestContext, place: Place, isHost = false): Promise<Runtime> {
  const runtime = await open({ ...place, jobs: [slow], threads: 1, dispatcher: isHost, graceMs: 0 });
  t.after(() => runtime.close());
  return runtime;
}

const rowsOf = ({ stdout, stderr }: Ended): Record<string, unknown>[] => {
  assert.equal(stderr, '');
  return stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Record<string, unknown>]));
};

test('[19.7] a worker runs what waits in a database, and ends with --once', async (t) => {
  const place = await freshPlace();
  const client = await opened(t, place);
  await client.createQueue('other');
  const [outer, sum] = await client.queue().putAll([slow.putInto('other'), slow.add(20, 22)]);
  const worker = run('work', ...at(place), '-j', file, '--once');
  assert.equal(worker.status, 0, worker.stderr);
  const inner = client.job(await outer.result());
  assert.deepEqual([await sum.result(), await inner.result()], [42, 3]);
  await client.queue().put(slow.add(1, 1));
  const plain = fileURLToPath(new URL('../cli/jobs/plain.js', import.meta.url));
  const other = run('work', ...at(place), '-j', `other=${plain}`, '--once');
  assert.deepEqual([other.status, /functions this worker does not have/.test(other.stderr)], [1, true]);
});

test('[19.7] commands look at the jobs of a database, and steer them', async (t) => {
  const place = await freshPlace();
  const client = await opened(t, place);
  const failed = await client.queue().put(slow.fail('no'));
  assert.equal(run('work', ...at(place), '-j', file, '--once').status, 0);
  assert.equal((await failed.failure())?.message, 'no');

  const env = { ...process.env, CALLSHEET_POSTGRES: place.postgres, CALLSHEET_SCHEMA: place.schema };
  const json = (...args: string[]) => rowsOf(runWith({ env }, ...args, '--json'));
  const [{ id } = {}] = json('put', 'slow#add', '20', '22', '--priority', '3');
  assert.deepEqual(
    json('jobs').map((job) => [job.id, job.callable, job.outcome]),
    [
      [id, 'slow#add', 'none'],
      [failed.id, 'slow#fail', 'failure'],
    ],
  );
  const [status] = json('status');
  const { database, isLive, jobs, id: own } = status! as Record<string, unknown> & { readonly jobs: object };
  assert.deepEqual([isLive, own], [true, undefined], 'the command itself is no part of the answer');
  assert.match(database as string, new RegExp(`^schema ${place.schema} of postgres://127.0.0.1:\\d+/postgres$`));
  assert.deepEqual(jobs, { new: 0, pending: 1, assigned: 0, active: 0, callbacks: 0, completed: 1 });
  const [{ details, arguments: args } = {}] = json('job', id as string, '--arguments') as [
    { readonly details: { readonly priority: number; readonly unknownCallable: boolean }; readonly arguments: unknown },
  ];
  assert.deepEqual([details!.priority, details!.unknownCallable, args], [3, false, [20, 22]]);
  json('pause', '');
  const [why] = json('explain', id as string);
  const codes = (why as { readonly reasons: readonly { readonly code: string }[] }).reasons.map(({ code }) => code);
  assert.ok(codes.includes('paused'), `${codes}`);
  const [{ retriedBy } = {}] = json('retry', failed.id);
  json('cancel', id as string);
  assert.equal((await client.job(id as string).failure())?.name, 'JobCancelledError');
  assert.equal((await failed.details()).retriedBy, retriedBy);
  const checked = runWith({ env }, 'check', '-j', file);
  assert.deepEqual([checked.status, checked.stdout], [0, ''], checked.stderr);
  assert.equal((await client.dispatchers()).filter(({ active }) => active).length, 0, 'no command became a host');
});

test('[19.7] a command waits for a job that a host runs, and names its agents', async (t) => {
  const place = await freshPlace();
  const host = await opened(t, place, true);
  const done = run('put', ...at(place), 'slow#add', '1', '2', '--wait', '--json');
  assert.deepEqual([done.status, JSON.parse(done.stdout).result], [0, 3], done.stderr);
  assert.equal(run('drain', ...at(place), '--timeout', '20s').status, 0);
  const unnamed = run('agent', 'set', ...at(place), '', 'main', '--size', '2');
  assert.deepEqual([unnamed.status, /--dispatcher/.test(unnamed.stderr)], [2, true]);
  assert.equal(run('agent', 'set', ...at(place), '', 'main', '--size', '2', '--dispatcher', host.id).status, 0);
  await eventually('its size has changed', async () => (await host.queue().agents())[0]?.size === 2);
});

test('[19.7] a command forgets no job: the hosts know how long theirs are kept', async (t) => {
  const place = await freshPlace();
  const open = () => new PostgresDatabase({ connection: place.postgres, schema: place.schema });
  const start = new Date('2020-01-01T00:00:00Z');
  const kit = await openAloneOn(open, { jobs: [], start, retention: { ageMs: Number.POSITIVE_INFINITY } });
  const { id } = await kit.runtime.queue().put(serial([]));
  await kit.waitForResult(kit.runtime.job(id));
  // A process that has a handle keeps its job from others.
  await kit.close();
  const visitor = await openVisitor(place.postgres, place.schema);
  t.after(() => visitor.close());
  // Each answer comes with a turn of its own, after earlier questions to the database.
  for (let left = 5; left > 0; left--) await visitor.queue().length();
  assert.equal(await visitor.job(id).status(), 'completed');
});

test('[19.7] the page and the live view of a database are served by commands', async (t) => {
  const place = await freshPlace();
  await opened(t, place, true);
  const page = new Running(t, ['web', ...at(place), '--port', '0']);
  await eventually('it has a link', () => /one-time link: http/.test(page.stdout));
  const link = /http\S+/.exec(page.stdout)![0];
  assert.equal((await fetch(link)).status, 200);
  page.process.kill('SIGTERM');
  assert.equal(await page.ended(), 0, page.stderr);
  const { status, stdout } = run('watch', ...at(place), '--limit', '1');
  assert.equal(status, 0);
  assert.match(stdout, /^schema .*: 1 dispatcher at work\njobs +none\n\nQUEUE +LINE +LATER +RUN +OLDEST\n/);
});

test('[19.7] a command says what it needs from a database, and how it ends without', async () => {
  const place = await freshPlace();
  const env = { ...process.env, CALLSHEET_POSTGRES: place.postgres, CALLSHEET_DIRECTORY: '/tmp/jobs' };
  const cases: [Ended, number, RegExp][] = [
    [
      run('jobs', '--postgres', 'postgres://a:secret@127.0.0.1:1/x'),
      3,
      /^callsheet: PostgreSQL cannot be reached: .*ECONN/,
    ],
    [run('jobs', '--postgres', 'db.example'), 2, /`postgres` must begin with postgres:\/\//],
    [
      run('work', '--postgres', place.postgres, '--schema', 'none', '-j', file),
      3,
      /no tables .* run `callsheet migrate/,
    ],
    [run('jobs', ...at(place), '-d', '/tmp/jobs'), 2, /either --directory or --postgres/],
    [runWith({ env }, 'jobs'), 2, /either CALLSHEET_DIRECTORY or CALLSHEET_POSTGRES/],
    [run('jobs', '-d', '/tmp/jobs', '--schema', 'x'), 2, /--schema is for a database/],
    [run('history', ...at(place)), 2, /a database keeps no earlier states/],
    [run('stats', ...at(place)), 2, /sums of its own work only/],
    [run('work', ...at(place), '-j', file, '--standby'), 2, /--standby is for a directory/],
  ];
  for (const [{ status, stderr }, code, message] of cases) {
    assert.match(stderr, message);
    assert.deepEqual([status, stderr.split('\n').length, /secret/.test(stderr)], [code, 2, false], stderr);
  }
});

test('[19.7] a place on the command line goes before that of the environment', async () => {
  const place = await freshPlace();
  const env = { ...process.env, CALLSHEET_DIRECTORY: '/nowhere', CALLSHEET_POSTGRES: '' };
  assert.equal(runWith({ env }, 'counts', ...at(place)).status, 0);
  const { status, stderr } = runWith({ env: { ...env, CALLSHEET_POSTGRES: place.postgres } }, 'jobs', '-d', '/nowhere');
  assert.deepEqual([status, /there is no directory \/nowhere/.test(stderr)], [3, true], stderr);
});
