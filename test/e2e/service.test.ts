/**
 * The README's service, as a user would copy it: one process, then a web process beside workers
 * that are started by the README's own command lines. It is driven over HTTP, stopped and killed.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { json } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { defineJobs, open } from 'callsheet';
import { exitCodes } from '../../src/cli/exit.js';
import { Running } from '../cli/command.js';
import { eventually } from '../harness/eventually.js';
import { readme, readmeProject } from '../harness/readme.js';

interface State {
  readonly id: string;
  readonly status: string;
  readonly progress?: { readonly done: number };
  readonly result?: unknown;
  readonly failure?: string;
}

/** Long enough to be met while it runs, mostly. */
const longRounds = 80_000;
const bound = 20;
const patient = { prefer: 'wait=60' };
const digests = new Map<string, string>();

function digestOf(text: string, rounds: number): string {
  const key = `${rounds} ${text}`;
  let known = digests.get(key);
  if (known === undefined) {
    let hash = createHash('sha256').update(text).digest();
    for (let done = 1; done < rounds; done++) hash = createHash('sha256').update(hash).digest();
    known = hash.toString('hex');
    digests.set(key, known);
  }
  return known;
}

/** A process of `service.mjs`. */
class Server {
  readonly process: ChildProcess;
  readonly exit: Promise<unknown[]>;
  #port = '';
  /** The accepted digests, each with its result. */
  readonly accepted: Map<string, string>;

  private constructor(t: TestContext, directory: string, accepted: Map<string, string>, env: NodeJS.ProcessEnv) {
    this.accepted = accepted;
    this.process = spawn(process.execPath, ['service.mjs'], {
      cwd: directory,
      env: { ...process.env, PORT: '0', BOUND: String(bound), ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.exit = once(this.process, 'exit');
    t.after(() => this.process.kill('SIGKILL'));
  }

  static async started(
    t: TestContext,
    directory: string,
    accepted: Map<string, string>,
    env: NodeJS.ProcessEnv = {},
  ): Promise<Server> {
    const server = new Server(t, directory, accepted, env);
    const { value } = await createInterface(server.process.stdout!)[Symbol.asyncIterator]().next();
    assert.match(String(value), /^listening on \d+$/);
    server.#port = value!.replace('listening on ', '');
    return server;
  }

  /** Each request has a connection of its own: the server may close an idle one at any moment. */
  fetch(path: string, init: RequestInit & { headers?: Record<string, string> } = {}): Promise<Response> {
    const headers = { ...init.headers, connection: 'close' };
    return fetch(`http://127.0.0.1:${this.#port}${path}`, { ...init, headers });
  }

  /** Posts a digest. Without a worker it is refused after a while, and posted again. */
  async post(text: string, rounds: number, headers: Record<string, string> = {}): Promise<State> {
    const init = { method: 'POST', body: text, headers };
    let response = await this.fetch(`/digests?rounds=${rounds}`, init);
    while (response.status === 503) response = await this.fetch(`/digests?rounds=${rounds}`, init);
    const state = (await response.json()) as State;
    assert.ok(response.status === 200 || response.status === 202, JSON.stringify(state));
    assert.equal(response.headers.get('location'), `/jobs/${state.id}`);
    assert.equal(response.status === 200, state.status === 'completed');
    this.accepted.set(state.id, digestOf(text, rounds));
    return state;
  }

  async state(id: string, headers: Record<string, string> = {}): Promise<State> {
    return (await (await this.fetch(`/jobs/${id}`, { headers })).json()) as State;
  }

  /** Asks for a state with patience. Resolves when the server has the request. */
  async asks(id: string): Promise<() => Promise<State>> {
    const headers = { ...patient, expect: '100-continue' };
    const asked = request({ port: this.#port, path: `/jobs/${id}`, headers }).end();
    const answered = once(asked, 'response') as Promise<[IncomingMessage]>;
    await once(asked, 'continue');
    return async () => (await json((await answered)[0])) as State;
  }

  /** Posts short digests and a long one, and returns the id of the long one. */
  async loaded(name: string): Promise<string> {
    await Promise.all(Array.from({ length: 8 }, (_, n) => this.post(`${name} ${n}`, 500)));
    return (await this.post('long', longRounds)).id;
  }

  /** Posts a digest that takes for ever. Returns its path when it runs. */
  async runsEndless(): Promise<string> {
    const response = await this.fetch(`/digests?rounds=${1e9}`, { method: 'POST', body: 'endless' });
    const { id } = (await response.json()) as State;
    await eventually('it runs', async () => (await this.state(id)).progress);
    return `/jobs/${id}`;
  }

  /** Cancels the endless digest, which must still run or wait. */
  async endsEndless(path: string): Promise<void> {
    const { failure } = (await (await this.fetch(path, { method: 'DELETE', headers: patient })).json()) as State;
    assert.equal(failure, 'the job was cancelled');
  }

  /** Asserts that each accepted digest ends with its result, exactly as computed here. */
  async keepsAll(): Promise<void> {
    const states = await Promise.all(Array.from(this.accepted.keys(), (id) => this.state(id, patient)));
    assert.deepEqual(
      states,
      Array.from(this.accepted, ([id, result]) => ({ id, status: 'completed', result })),
    );
  }
}

const run = promisify(execFile);
const installed = 'node_modules/.bin/callsheet';

/** The paths that a test has in place of those in the README's command lines. */
const paths: Readonly<Record<string, string>> = { '--directory': './jobs', '--health-file': './health' };

/** Returns the arguments of a command line of the README, with paths in the project. */
function workLine(pattern: RegExp, words: (line: string) => string[]): string[] {
  const line = pattern.exec(readme)?.[1];
  assert.ok(line, `the README must have a line like ${pattern}`);
  const [file, ...args] = words(line);
  assert.equal(file, installed);
  return args.map((arg, index) => paths[args[index - 1] ?? ''] ?? arg);
}

const split = (line: string) => line.trim().split(/\s+/);

describe('the README’s service', () => {
  it('answers, refuses, stops, and loses nothing that it accepted, in one process and in two', async (t) => {
    const directory = await readmeProject(t, ['texts.mjs', 'service.mjs']);
    const accepted = new Map<string, string>();
    let server = await Server.started(t, directory, accepted);

    await t.test('it answers with results under load', async () => {
      const texts = Array.from({ length: bound / 2 }, (_, n) => `text ${n}`);
      const states = await Promise.all(texts.map((text) => server.post(text, 200, patient)));
      assert.deepEqual(
        states.map(({ result }) => result),
        texts.map((text) => digestOf(text, 200)),
      );
      const report = { method: 'POST', body: 'to be or\fnot to be\f', headers: patient };
      const { result } = (await (await server.fetch('/reports', report)).json()) as State;
      assert.deepEqual(result, [
        ['be', 2],
        ['to', 2],
        ['not', 1],
        ['or', 1],
      ]);
    });

    await t.test('it refuses nonsense and large bodies', async () => {
      const body = 'x'.repeat(1_000_001);
      const unknown = '/jobs/01a224c3-d793-701d-bbcc-f2c1f7f70ff5';
      for (const [path, init, expected] of [
        ['/jobs/nonsense', {}, 404],
        [unknown, {}, 410],
        [`${unknown}/events`, {}, 410],
        ['//[', {}, 404],
        ['/constructor', { method: 'POST' }, 404],
        ['/digests', {}, 404],
        ['/digests?rounds=many', { method: 'POST', body: 'x' }, 400],
        ['/digests', { method: 'POST', body: 'x', headers: { 'idempotency-key': 'x'.repeat(501) } }, 400],
        ['/digests', { method: 'POST', body }, 413],
      ] as const) {
        const response = await server.fetch(path, init);
        assert.equal(response.status, expected, path);
        assert.match(((await response.json()) as { error: string }).error, /\w/);
      }
    });

    await t.test('it refuses what does not fit into the queue, and gives the same job for the same key', async () => {
      const texts = defineJobs('texts', pathToFileURL(join(directory, 'texts.mjs')));
      const operator = await open({ directory: join(directory, 'jobs'), jobs: [texts], share: 'client' });
      await operator.queue().pause();
      const key = { 'idempotency-key': 'ada' };
      const { id, status } = await server.post('Ada', 200, key);
      assert.equal(status, 'pending');
      assert.equal((await server.post('Ada', 200, key)).id, id);
      // More at once than there is room for, then one after another: the queue is full either way.
      const post = () => server.fetch('/digests?rounds=200', { method: 'POST', body: 'many' });
      const responses = await Promise.all(Array.from({ length: 2 * bound }, post));
      do responses.push(await post());
      while (responses.at(-1)!.status === 202);
      const ids = await Promise.all(
        responses.filter(({ status }) => status === 202).map(async (one) => ((await one.json()) as State).id),
      );
      assert.equal(ids.length, bound - 1);
      for (const one of ids) accepted.set(one, digestOf('many', 200));
      for (const response of responses.filter(({ status }) => status !== 202)) {
        assert.deepEqual([response.status, response.headers.get('retry-after')], [429, '1']);
        await response.text();
      }
      const health = (await (await server.fetch('/health')).json()) as object;
      assert.deepEqual(health, { name: '', length: bound, unfinished: bound, paused: true, bound, putsWaiting: 0 });
      const gone = (await (await server.fetch(`/jobs/${ids[0]}`, { method: 'DELETE' })).json()) as State;
      assert.deepEqual(gone, { id: ids[0], status: 'completed', failure: 'the job was cancelled' });
      accepted.delete(ids[0]!);
      await server.post('now there is room', 200);
      await operator.queue().resume();
      await operator.close();
      await server.keepsAll();
    });

    await t.test('it streams the progress of a job until its end', async () => {
      const path = await server.runsEndless();
      const response = await server.fetch(`${path}/events`);
      assert.equal(response.headers.get('content-type'), 'text/event-stream');
      const states: State[] = [];
      for await (const event of createInterface(Readable.fromWeb(response.body!))) {
        if (event !== '') states.push(JSON.parse(event.replace(/^data: /, '')) as State);
        if (event !== '' && states.length === 3) await server.endsEndless(path);
      }
      assert.equal(states.pop()!.failure, 'the job was cancelled');
      const done = states.map(({ progress }) => progress!.done);
      assert.deepEqual(
        done,
        [...new Set(done)].sort((a, b) => a - b),
        'it goes up',
      );
      assert.ok(done.length >= 3);
    });

    await t.test('after kill -9 in the middle it goes on', async () => {
      await server.loaded('killed');
      const path = await server.runsEndless();
      server.process.kill('SIGKILL');
      await server.exit;
      server = await Server.started(t, directory, accepted);
      await server.endsEndless(path);
      await server.keepsAll();
    });

    await t.test('on SIGTERM in the middle it answers, lets running jobs end, and keeps the rest', async () => {
      const long = await server.loaded('stopped');
      const following = await server.fetch(`/jobs/${long}/events`);
      const answer = await server.asks(long);
      server.process.kill('SIGTERM');
      assert.equal((await answer()).id, long);
      assert.match(await following.text(), new RegExp(`^data: .*"${long}"`));
      assert.deepEqual(await server.exit, [0, null]);
    });

    await t.test('a web process goes on while its worker is killed and the next one takes over', async () => {
      const container = workLine(/^ENTRYPOINT (\[.*\])$/m, (line) => (JSON.parse(line) as string[]).slice(1));
      const unit = workLine(/^ExecStart=\/usr\/bin\/node (.*)$/m, split);
      const first = new Running(t, container, { file: installed, cwd: directory });
      server = await Server.started(t, directory, accepted, { SHARE: 'client' });
      await server.keepsAll();
      const health = /^HEALTHCHECK CMD (.*)$/m.exec(readme)![1]!.replace('/tmp/health', './health');
      await run('sh', ['-c', health], { cwd: directory });
      await assert.rejects(run('sh', ['-c', health.replace('./health', './none')], { cwd: directory }));
      await server.loaded('apart');
      const path = await server.runsEndless();
      first.process.kill('SIGKILL');
      const during = server.post('during', 200, { 'idempotency-key': 'during' });
      const second = new Running(t, unit, { file: installed, cwd: directory });
      await during;
      await server.endsEndless(path);
      await server.keepsAll();
      second.process.kill('SIGTERM');
      assert.equal(await second.ended(), exitCodes.done, second.stderr);
      server.process.kill('SIGTERM');
      assert.deepEqual(await server.exit, [0, null]);
    });
  });

  it('has supervisors that stop on the codes after which a restart cannot help', () => {
    const final = [exitCodes.usage, exitCodes.version, exitCodes.configuration];
    assert.deepEqual(/^RestartPreventExitStatus=(.*)$/m.exec(readme)?.[1]?.split(' ').map(Number), final);
    assert.match(readme, new RegExp(`^SuccessExitStatus=${exitCodes.givenBack}$`, 'm'));
    assert.ok(readme.includes(`stop_exit_codes: [${final.join(', ')}]`));
  });
});
