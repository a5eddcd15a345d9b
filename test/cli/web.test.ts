/** `callsheet web`, and the page of `callsheet work`. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Job, open, type Runtime } from 'callsheet';
import { address } from '../../src/cli/values.js';
import { eventually } from '../harness/eventually.js';
import { temporaryDirectory } from '../harness/temporary.js';
import { Running, run } from './command.js';
import { slow } from './jobs/defined.js';

/** Follows a link as a browser does, and returns a function that asks with its cookie. */
async function signIn(link: string) {
  const response = await fetch(link);
  assert.equal(response.status, 200);
  const cookie = response.headers.get('set-cookie')!.split(';')[0]!;
  const { origin } = new URL(link);
  return async (path: string, body?: object) => {
    const headers = { cookie, origin, 'content-type': 'application/json' };
    const sent = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
    return fetch(`${origin}/${path}`, { ...sent, headers });
  };
}

const linksIn = (text: string) => text.match(/http:\/\/\S+token=[\w-]+/g) ?? [];

describe('the command web', () => {
  const directory = join(temporaryDirectory(), 'jobs');
  let callsheet: Runtime;
  let job: Job;
  before(async () => {
    callsheet = await open({ directory, jobs: [slow], threads: 1 });
    job = await callsheet.queue().put(slow.add(1, 2), { beginAfter: 3_600_000 });
  });
  after(() => callsheet.close({ graceMs: 0 }));

  it('serves the page of another process by one-time links, read-only unless asked, until a signal', async (t) => {
    const readOnly = new Running(t, ['web', '-d', directory, '--port', '0']);
    const writing = new Running(t, ['web', '-d', directory, '--port', '0', '--write', '--show-values']);
    for (const { stdout } of [readOnly, writing]) assert.equal(stdout, '');
    await eventually('it has links', () => linksIn(readOnly.stdout + writing.stdout).length === 2);
    const look = await signIn(linksIn(readOnly.stdout)[0]!);
    assert.equal((await look('api/overview')).status, 200);
    assert.match(await (await look(`api/job?id=${job.id}`)).text(), /"hidden":"redacted/);
    assert.equal((await look('api/actions', { action: 'cancel', job: job.id })).status, 403);
    await eventually('it gives another link', () => linksIn(readOnly.stdout).length === 2);
    assert.equal((await fetch(linksIn(readOnly.stdout)[0]!)).status, 403);

    const act = await signIn(linksIn(writing.stdout)[0]!);
    assert.match(await (await act(`api/job?id=${job.id}`)).text(), /"arguments":\{"value":\[1,2\]\}/);
    assert.equal((await act('api/actions', { action: 'cancel', job: job.id })).status, 200);
    assert.equal((await job.failure())?.name, 'JobCancelledError');
    const port = new URL(linksIn(writing.stdout)[0]!).port;
    const { status, stderr } = run('web', '-d', directory, '--port', port);
    assert.deepEqual([status, /EADDRINUSE/.test(stderr)], [3, true], stderr);
    for (const one of [readOnly, writing]) {
      one.process.kill('SIGTERM');
      assert.equal(await one.ended(), 0, one.stderr);
    }
  });

  it('refuses what it cannot serve', () => {
    const nothing = run('web', '-d', join(directory, 'none'));
    assert.deepEqual([nothing.status, /there is no directory/.test(nothing.stderr)], [3, true]);
    assert.equal(run('web', '-d', directory, '--port', 'http').status, 2);
    assert.deepEqual(address('7070'), { host: '127.0.0.1', port: 7070 });
    assert.deepEqual(address('[::1]:0'), { host: '::1', port: 0 });
    assert.deepEqual(address('jobs.example:80'), { host: 'jobs.example', port: 80 });
    for (const wrong of ['', ':', 'host', '1:99999', 'a:b', '[::1]'])
      assert.throws(() => address(wrong), /must be/, wrong);
  });

  it('is part of a worker that is asked for it', async (t) => {
    const own = join(temporaryDirectory(), 'jobs');
    const jobs = fileURLToPath(new URL('./jobs/defined.js', import.meta.url));
    const worker = new Running(t, ['work', '-d', own, '-j', jobs, '--threads', '1', '--web', '127.0.0.1:0']);
    await eventually('it logs a link', () => linksIn(worker.stderr.replaceAll('"', ' ')).length > 0);
    const look = await signIn(linksIn(worker.stderr.replaceAll('"', ' '))[0]!);
    const overview = (await (await look('api/overview')).json()) as { runtime: { pid: number } };
    assert.equal(overview.runtime.pid, worker.process.pid);
    const tab = await look('events?view=overview');
    await tab.body!.getReader().read();
    worker.process.kill('SIGTERM');
    assert.equal(await worker.ended(), 0, worker.stderr);
  });
});
