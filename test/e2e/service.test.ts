/**
 * The service of the README, copied as a user would copy it: requests, nonsense, kill -9 in the
 * middle of the work, and an orderly stop.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { eventually } from '../harness/eventually.js';
import { Program } from '../harness/program.js';

const root = new URL('../../../', import.meta.url);
const readme = readFileSync(new URL('README.md', root), 'utf8');

/** Writes the files of the README into a directory of this package, where `callsheet` is found. */
async function copied(t: TestContext): Promise<string> {
  const parent = fileURLToPath(new URL('dist/', root));
  mkdirSync(parent, { recursive: true });
  const directory = await mkdtemp(join(parent, 'service-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  for (const name of ['reports.mjs', 'service.mjs']) {
    const [, code] = new RegExp(`\`\`\`js\n// ${name}\n([\\s\\S]*?)\`\`\``).exec(readme)!;
    writeFileSync(join(directory, name), code!.replaceAll("'./jobs'", JSON.stringify(join(directory, 'jobs'))));
  }
  return directory;
}

/** A running service. */
class Service {
  readonly program: Program;
  #port = 0;

  constructor(t: TestContext, directory: string) {
    process.env.PORT = '0';
    this.program = new Program(t, pathToFileURL(join(directory, 'service.mjs')));
  }

  async listening(): Promise<this> {
    const line = await this.program.line();
    this.#port = Number(/^listening on (\d+)$/.exec(line ?? '')?.[1]);
    assert.ok(this.#port > 0, `${line}: ${this.program.errors}`);
    return this;
  }

  async ask(method: string, path: string, body?: string, headers: Record<string, string> = {}) {
    const response = await fetch(`http://127.0.0.1:${this.#port}${path}`, { method, headers, ...(body && { body }) });
    const text = await response.text();
    return { status: response.status, location: response.headers.get('location'), ...(text && JSON.parse(text)) };
  }
}

const key = { 'idempotency-key': 'one' };
/** The number of primes below a million. */
const primes = 78_498;

describe('the service of the README', () => {
  it('keeps each report through kill -9, refuses nonsense, and stops in order', async (t) => {
    const directory = await copied(t);
    const first = await new Service(t, directory).listening();
    const [report, again] = await Promise.all(
      [1, 2].map(() => first.ask('POST', '/reports', '{"below":1000000}', key)),
    );
    assert.deepEqual([report!.status, report!.location, again!.id], [202, `/reports/${report!.id}`, report!.id]);
    const path = `/reports/${report!.id}`;
    const done = async (service: Service) => (await service.ask('GET', path)).partsDone;
    const before = await eventually('parts are done', () => done(first));
    await first.program.kill();
    const second = await new Service(t, directory).listening();
    const state = await second.ask('GET', path);
    assert.ok(state.partsDone >= before && state.parts === 64, `${JSON.stringify(state)} after ${before} parts`);

    for (const [method, where, body, status] of [
      ['POST', '/reports', 'not JSON', 400],
      ['POST', '/reports', 'null', 400],
      ['POST', '/reports', '{"below":"many"}', 400],
      ['POST', '/reports', 'x'.repeat(10_001), 413],
      ['PUT', '/reports', '{}', 404],
      ['GET', '/reports', undefined, 404],
      ['GET', '/reports/no-id', undefined, 404],
      ['GET', '/reports/01a224c3-d793-701d-bbcc-f2c1f7f70ff5', undefined, 404],
      ['GET', `${path}/more`, undefined, 404],
      ['GET', '/__proto__', undefined, 404],
    ] as const) {
      const refused = await second.ask(method, where, body);
      assert.deepEqual([refused.status, typeof refused.error], [status, 'string'], `${method} ${where} ${body}`);
    }

    const ended = await eventually('the report is there', async () => {
      const { status: _, ...report } = await second.ask('GET', path);
      return report.result !== undefined && report;
    });
    assert.equal(ended.result, primes);
    assert.equal((await second.ask('DELETE', path)).status, 409, 'it is over');

    const long = await second.ask('POST', '/reports', '{"below":900000000}');
    assert.equal((await second.ask('DELETE', long.location!)).status, 204);
    const cancelled = await eventually('it is cancelled', async () => {
      const report = await second.ask('GET', long.location!);
      return report.error !== undefined && report;
    });
    assert.match(cancelled.error, /cancelled/);
    assert.equal((await second.ask('GET', '/health')).status, 200);

    const last = await second.ask('POST', '/reports', '{"below":1000}');
    second.program.signal('SIGTERM');
    assert.equal(await second.program.end(), 0, second.program.errors);
    const third = await new Service(t, directory).listening();
    await eventually('the last report is there', async () => (await third.ask('GET', last.location!)).result === 168);
    third.program.signal('SIGINT');
    assert.deepEqual([await third.program.end(), third.program.errors], [0, '']);
  });
});
