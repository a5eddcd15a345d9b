/**
 * Misuse by a newcomer: each case is a clear error with a code, stores nothing, and the runtime
 * goes on.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  defineJobs,
  map,
  type OpenOptions,
  open,
  type Part,
  parallel,
  type RetryPolicy,
  type Runtime,
  retryErrors,
  serial,
} from 'callsheet';
import { openVirtual } from 'callsheet/testing';
import { numbers } from './jobs/all.js';

const run = promisify(execFile);

describe('a misused runtime', () => {
  it('opens under flags that Node does not allow for a thread', async () => {
    const program = fileURLToPath(new URL('./programs/adds.js', import.meta.url));
    const { stdout } = await run(process.execPath, ['--max-old-space-size=512', '--expose-gc', program]);
    assert.equal(stdout.trim(), '42');
  });

  it('[3.4] refuses an invalid retry policy, an invalid filter and a composition that is too deep', async () => {
    await using callsheet = await open({ jobs: [numbers], threads: 1 });
    const queue = callsheet.queue();
    for (const retry of [{ limit: 3 }, 3, 'x', null] as unknown[] as RetryPolicy[]) {
      await assert.rejects(queue.put(numbers.add(1, 1), { retry }), { code: 'INVALID_OPTION' });
    }
    for (const filter of [() => true, { modules: 3 }, { bogus: 1 }, 'x'] as object[]) {
      await assert.rejects(queue.setAgent('odd', { size: 1, filter }), { code: 'INVALID_OPTION' });
    }
    let deep: Part = numbers.add(1, 1);
    for (let depth = 0; depth < 1000; depth++) deep = parallel([deep]);
    await assert.rejects(queue.put(deep), { code: 'INVALID_OPTION' });
    assert.equal((await callsheet.stats()).jobs, 0);
    assert.equal(await (await queue.put(numbers.add(20, 22))).result(), 42);
  });
});

describe('a call with options', () => {
  let callsheet: Runtime;
  const queue = () => callsheet.queue();
  const one = () => numbers.add(1, 1);
  const url = new URL('./jobs/numbers.js', import.meta.url);
  before(async () => {
    callsheet = await open({ jobs: [numbers], threads: 1 });
  });
  after(async () => {
    assert.equal((await callsheet.stats()).jobs, 0, 'nothing was stored');
    await callsheet.close();
  });

  /**
   * Calls that take options: the name of the options in errors, the call, and a misspelt option
   * with the right spelling.
   */
  const calls: [where: string, call: (options: never) => unknown, misspelt: string, right: string][] = [
    ['options', (options) => open(options), 'directry', 'directory'],
    ['agent', (agent) => open({ jobs: [numbers], agent }), 'sise', 'size'],
    ['retention', (retention) => open({ jobs: [numbers], retention }), 'age', 'ageMs'],
    ['retry', (retry) => open({ jobs: [numbers], retry }), 'job', 'jobs'],
    ['options', (options) => callsheet.close(options), 'grace', 'graceMs'],
    ['options', (options) => callsheet.events(options), 'limt', 'limit'],
    ['puts[0]', (put) => callsheet.putTogether([put]), 'opts', 'options'],
    ['puts[0].options', (options) => callsheet.putTogether([{ job: one(), options }]), 'prio', 'priority'],
    ['options', (options) => queue().put(one(), options), 'priorty', 'priority'],
    ['options', (options) => queue().putAll([one()], options), 'durabilty', 'durability'],
    ['options', (options) => queue().broadcast(one(), options), 'beginBy', 'beginByMs'],
    ['options', (options) => queue().put(callsheet.job(noJob), options), 'priorty', 'priority'],
    ['quotas[0]', (quota) => queue().put(one(), { quotas: [quota] }), 'kee', 'key'],
    ['options', (options) => queue().setQuota('db', options), 'sise', 'size'],
    ['rate', (rate) => queue().setQuota('db', { rate }), 'perodMs', 'periodMs'],
    ['options', (options) => queue().setAgent('odd', options), 'filters', 'filter'],
    ['filter', (filter) => queue().setAgent('odd', { size: 1, filter }), 'module', 'modules'],
    ['retry', (retry) => queue().setAgent('odd', { size: 1, retry }), 'callback', 'callbacks'],
    ['options', (options) => queue().removeAgent('main', options), 'dispacher', 'dispatcher'],
    ['options', (options) => queue().completedBy('main', options), 'form', 'from'],
    ['changes', (changes) => callsheet.job(noJob).change(changes), 'arguments', 'args'],
    ['sides', (sides) => callsheet.job(noJob).addCallbacks(sides), 'onFailure', 'failure'],
    ['options', (options) => callsheet.job(noJob).annotations.waitFor('x', options), 'timeout', 'timeoutMs'],
    ['options', (options) => one().with(options), 'timeout', 'timeoutMs'],
    ['sides', (sides) => one().on(sides), 'failed', 'failure'],
    ['parallel: options', (options) => parallel([one()], options), 'postproces', 'postprocess'],
    ['options', (options) => parallel([one()]).with(options), 'uniqe', 'unique'],
    ['sides', (sides) => parallel([one()]).on(sides), 'succes', 'success'],
    ['serial: options', (options) => serial([one()], options), 'postproces', 'postprocess'],
    ['map: options', (options) => map([1], one, options), 'concurency', 'concurrency'],
    ['options', (options) => map([1], one).with(options), 'hold', 'held'],
    ['sides', (sides) => map([1], one).on(sides), 'succes', 'success'],
    ['options', (options) => retryErrors(options), 'limits', 'limit'],
    ['backoff', (backoff) => retryErrors({ limit: 1, backoff }), 'max', 'maxMs'],
    ['hooks', (hooks) => defineJobs('hooked', url, hooks), 'setup', 'setUp'],
    ['options', (options) => openVirtual(options), 'sed', 'seed'],
  ];
  const noJob = '0198a000-0000-7000-8000-000000000000';

  for (const [where, call, misspelt, right] of calls) {
    const text = String(call).replace(/^\(\w+\) => /, '');
    it(`[3.4] refuses a misspelt option: ${text}`, async () => {
      await assert.rejects(
        async () => call({ [misspelt]: 1 } as never),
        (error: NodeJS.ErrnoException) => {
          assert.deepEqual([error.name, error.code], ['TypeError', 'INVALID_OPTION'], `${error}`);
          assert.ok(error.message.startsWith(`${where}.${misspelt}: `), error.message);
          assert.match(error.message, new RegExp(`\\b${right}\\b`));
          return true;
        },
      );
    });

    it(`[3.4] refuses null as options: ${text}`, async () => {
      await assert.rejects(
        async () => call(null as never),
        (error: Error) => {
          assert.equal(error.name, 'TypeError', `${error}`);
          assert.ok(error.message.startsWith(`${where}: `), error.message);
          return true;
        },
      );
    });
  }

  it('[3.4] refuses options that are not an object', async () => {
    for (const options of [5, 'full', [], () => {}] as never[])
      await assert.rejects(queue().put(one(), options), { name: 'TypeError', message: /^options: an object/ });
    await assert.rejects(open(undefined as never), { name: 'TypeError', message: /^options: / });
  });

  it('[3.4] refuses options for a job that has its own', async () => {
    const given = queue().put(callsheet.job(noJob), { priority: 1 });
    await assert.rejects(given, { name: 'TypeError', message: /^options: .*change\(\)/ });
  });

  it('[3.4] refuses a logger that cannot log, and a hole in a list of jobs', async () => {
    for (const logger of [{}, null] as unknown[] as Required<OpenOptions>['logger'][])
      await assert.rejects(open({ jobs: [numbers], logger }), { name: 'TypeError', message: /^logger: / });
    // biome-ignore lint/suspicious/noSparseArray: the hole is refused.
    const holed = [one(), , one()] as Part[];
    await assert.rejects(queue().putAll(holed), { name: 'TypeError', message: /^jobs\[1\] / });
  });
});
