/**
 * Bad arguments of every call: each is a `TypeError` (wrong type, unknown option) or a `RangeError`
 * (value not allowed) with the code INVALID_OPTION, names the argument, the rule and the value, and
 * stores nothing. The compiler checks that each table has a row for every option.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  type AgentFilter,
  type AgentOptions,
  CallsheetError,
  type CloseOptions,
  type CompletedByOptions,
  defineJobs,
  type EventsOptions,
  type JobChanges,
  type JobOptions,
  type MapOptions,
  map,
  type OpenOptions,
  open,
  type Part,
  type PutOptions,
  type PutTogether,
  parallel,
  type QuotaOptions,
  type ResultOptions,
  type RetentionOptions,
  type RetryDefaults,
  type RetryErrorsOptions,
  type Runtime,
  retryErrors,
  serial,
  transfer,
  type WaitOptions,
} from 'callsheet';
import { openVirtual, type VirtualOptions } from 'callsheet/testing';
import type { ModuleHooks } from '../../src/definition/define-jobs.js';
import { numbers } from './jobs/all.js';

/** Values that an argument must not have: of another type, and of its type but not allowed. */
interface Bad {
  readonly type: readonly unknown[];
  readonly range?: readonly unknown[];
}

type Table<Options> = { readonly [Name in keyof Options]-?: Bad };

const integer = (...range: number[]): Bad => ({ type: ['1', null, {}], range: [Number.NaN, 1.5, ...range] });
const number = (...range: number[]): Bad => ({ type: ['1', null, [1]], range: [Number.NaN, ...range] });
const text = (...range: string[]): Bad => ({ type: [1, null, {}, ['a']], range });
const boolean: Bad = { type: ['true', 1, null] };
const array: Bad = { type: [5, 'abc', null, {}] };
const object: Bad = { type: [5, 'abc', null, [], () => {}, new Date(0), new Map()] };
const date: Bad = { type: [5, '2030-01-01', null, {}], range: [new Date(Number.NaN)] };
const func: Bad = { type: [5, 'abc', null, {}] };
const signal: Bad = { type: [5, null, {}, new AbortController()] };
const unstored = 'a\ud800';
const name = text('', 'x'.repeat(201), 'a\nb', 'a\0b', unstored);
const retry: Bad = { type: [5, {}, null, numbers.add(1, 1), 'often', () => true] };
const dispatcherId = text('', 'me');
const infinite = Number.POSITIVE_INFINITY;

const jobOptions: Table<JobOptions> = {
  priority: number(infinite, -infinite),
  beginAfter: {
    type: [null, {}, true, []],
    range: [-1, Number.NaN, infinite, 'tomorrow', '2030-01-01T00:00', '2030-02-31T00:00:00Z', new Date(Number.NaN)],
  },
  beginByMs: number(-1, infinite),
  timeoutMs: number(-1, 0, infinite),
  log: { type: [5, null, {}], range: ['loud', ''] },
  quotas: {
    type: [5, 'db', null, {}, [5], [null], [{}], [{ name: 5 }], [{ name: 'db', key: 5 }], [{ name: 'db', kee: 'a' }]],
    range: [[''], ['a\nb'], [unstored], [{ name: 'db', key: '' }], Array.from({ length: 900 }, (_, n) => `q${n}`)],
  },
  unique: text('', 'x'.repeat(501), unstored),
  replace: boolean,
  held: boolean,
  retry,
};

/** The options of a job that has its turn by itself. */
const { unique: _, replace: __, held: ___, ...partOptions } = jobOptions;

const putOptions: Table<PutOptions> = {
  ...jobOptions,
  durability: { type: [5, null], range: ['', 'FULL', 'full', 'process'] },
  signal,
  client: { type: [5, null, {}, { query: 5 }, { query: () => {} }] },
};

const keptLimits: Table<NonNullable<RetentionOptions['failed']>> = {
  ageMs: number(-1),
  count: number(-1),
  bytes: number(-1),
};
const retention: Table<RetentionOptions> = {
  ...keptLimits,
  failed: { type: [5, null, [], { age: 1 }, { ageMs: '1' }], range: [{ ageMs: -1 }] },
};
const defaults: Table<RetryDefaults> = { jobs: retry, callbacks: retry };
const agent: Bad = {
  type: [5, 'main', null, true, [], { sise: 1 }, { size: '1' }],
  range: [{ size: 0 }, { size: 1.5 }],
};

const openOptions: Table<OpenOptions> = {
  directory: { type: [5, null, {}, undefined], range: ['', new URL('https://example.com/')] },
  postgres: {
    type: [5, null, undefined, { ssl: { checkServerIdentity: () => undefined } }, { hots: 'db' }],
    range: ['', 'host=db.example', 'http://db.example'],
  },
  schema: { type: ['jobs'] },
  allowNetworkFileSystem: boolean,
  share: { type: [5, null], range: ['', 'both', 'client'] },
  waitMs: number(-1),
  jobs: { type: [undefined, null, 5, numbers, [{}], [undefined], [numbers, 'numbers']], range: [[numbers, numbers]] },
  threads: integer(0, -1, 1025, infinite),
  extraThreads: integer(-1, 1025),
  execArgv: { type: [5, '--import', null, [5]] },
  resourceLimits: {
    type: [5, [], { maxOldGenerationSizeMb: '100' }, { maxHeapMb: 100 }],
    range: [{ maxOldGenerationSizeMb: 63 }, { stackSizeMb: 0 }, { stackSizeMb: infinite }],
  },
  recycle: {
    type: [5, null, { after: 1 }, { afterJobs: '1' }, { aboveHeapMb: null }],
    range: [{ afterJobs: 0 }, { aboveHeapMb: 0 }, { aboveHeapMb: 2048 }],
  },
  importMs: number(0, 2 ** 31),
  durability: { type: [5, null, undefined], range: ['', 'FULL', 'full', 'process'] },
  payloadLimitBytes: integer(1023, 128 * 1024 * 1024 + 1),
  retention: { type: [5, null, [], { age: 1 }, { ageMs: '1' }], range: [{ ageMs: -1 }, { count: Number.NaN }] },
  stopGraceMs: number(-1),
  agent,
  dispatcher: boolean,
  graceMs: number(-1),
  signals: { type: [5, 'SIGTERM', null, [5]], range: [['SIGKILL'], ['SIGSTOP'], ['SIGNONE']] },
  pingMs: number(0, infinite),
  deathMs: number(7999, infinite),
  retry: { type: [5, null, { parts: retryErrors({ limit: 1 }) }, { jobs: 'often' }] },
  schedules: { type: [5, 'nightly', null, [], { nightly: 5 }, { nightly: {} }], range: [{ '': {} }] },
  pruneSchedules: boolean,
  logger: { type: [5, null, {}, console.log] },
};

const virtualOptions: Table<VirtualOptions> = {
  jobs: { type: [undefined, null, 5, [{}]], range: [[numbers, numbers]] },
  importModule: func,
  threads: openOptions.threads,
  extraThreads: openOptions.extraThreads,
  start: date,
  seed: integer(infinite),
  durability: { type: [5, null], range: ['FULL'] },
  payloadLimitBytes: openOptions.payloadLimitBytes,
  retention: openOptions.retention,
  stopGraceMs: openOptions.stopGraceMs,
  agent,
  dispatcher: boolean,
  pingMs: openOptions.pingMs,
  deathMs: openOptions.deathMs,
  retry: openOptions.retry,
  schedules: openOptions.schedules,
  pruneSchedules: boolean,
};

const quotaOptions: Table<QuotaOptions> = {
  size: integer(0, -1),
  rate: {
    type: [5, null, [], {}, { count: 1 }, { count: '1', periodMs: 1 }, { count: 1, perMs: 1 }],
    range: [
      { count: 0, periodMs: 1 },
      { count: 1.5, periodMs: 1 },
      { count: 1, periodMs: 0 },
    ],
  },
};

const agentOptions: Table<AgentOptions> = {
  size: { type: [undefined, '1', null], range: [0, -1, 1.5, Number.NaN] },
  filter: { type: [5, 'x', null, () => true, { module: [] }], range: [{ modules: ['x'.repeat(65_536)] }] },
  chooser: { type: [5, 'x', null, {}, () => [], numbers.add(1, 1)] },
  dispatcher: dispatcherId,
  retry: openOptions.retry,
};

const texts: Bad = { type: [5, 'a', null, {}, [5]], range: [[unstored]] };
const filter: Table<AgentFilter> = {
  callables: texts,
  modules: texts,
  quotas: texts,
  minPriority: number(),
  maxPriority: number(),
  by: { type: [5, 'x', null, {}, () => true] },
};

const retryOptions: Table<RetryErrorsOptions> = {
  limit: { type: [undefined, '1', null], range: [-1, 1.5, Number.NaN] },
  backoff: { type: [5, null, []] },
  only: { type: [5, 'TypeError', null, [TypeError]] },
};

const backoff: Table<NonNullable<RetryErrorsOptions['backoff']>> = {
  initialMs: number(-1, 1e13),
  factor: number(0, 1e7),
  maxMs: number(-1, 1e13),
  jitter: number(-1, 2),
};

const changes: Table<JobChanges> = {
  args: array,
  priority: jobOptions.priority,
  quotas: jobOptions.quotas,
  beginAfter: jobOptions.beginAfter,
  beginByMs: jobOptions.beginByMs,
  timeoutMs: jobOptions.timeoutMs,
};

const mapOptions: Table<MapOptions<number, number>> = {
  postprocess: { type: [5, 'x', null, {}, () => 1, numbers.add(1, 1)] },
  concurrency: integer(0, -1),
};

const completedBy: Table<CompletedByOptions> = { from: date, to: date, limit: integer(0), dispatcher: dispatcherId };
const result: Table<ResultOptions> = { timeoutMs: number(-1, 2 ** 31, infinite), signal };
const wait: Table<Pick<WaitOptions<number>, 'timeoutMs'>> = {
  timeoutMs: { type: [undefined, '1', null], range: [-1, Number.NaN, infinite] },
};
const events: Table<EventsOptions> = { limit: integer(0) };
const close: Table<CloseOptions> = { graceMs: number(-1) };
const put: Table<PutTogether> = {
  queue: { type: [5, null], range: [unstored] },
  job: { type: [undefined, 5, {}, () => 1] },
  options: object,
};
const hooks: Table<ModuleHooks<typeof import('./jobs/numbers.js')>> = {
  setUp: { type: [5, null, {}] },
  tearDown: { type: [5, null, {}] },
  log: { type: [5, null, { fails: 5 }], range: ['verbose', '', { fails: 'verbose' }] },
  capture: func,
};

const noJob = '0198a000-0000-7000-8000-000000000000';
const url = new URL('./jobs/numbers.js', import.meta.url);
const one = () => numbers.add(1, 1);

describe('a bad argument', () => {
  let callsheet: Runtime;
  const queue = () => callsheet.queue();
  before(async () => {
    callsheet = await open({ jobs: [numbers], threads: 1 });
  });
  after(async () => {
    assert.equal((await callsheet.stats()).jobs, 0, 'nothing was stored');
    await callsheet.close();
  });

  /** Checks the form of the error of a call, and that the error begins with the path `where`. */
  async function isRefused(call: () => unknown, where: string, name: 'TypeError' | 'RangeError'): Promise<void> {
    await assert.rejects(
      async () => call(),
      (error: NodeJS.ErrnoException) => {
        assert.deepEqual([error.name, error.code], [name, 'INVALID_OPTION'], `${where}: ${error.stack}`);
        assert.ok(!(error instanceof CallsheetError));
        assert.match(error.message, /^`[^`]+` must .+, got .+$/s);
        assert.ok(error.message.startsWith(`\`${where}`), `not at ${where}: ${error.message}`);
        return true;
      },
    );
  }

  /** Calls that take options, with the options that a call needs beside the bad one. */
  const tables: [
    call: (options: never) => unknown,
    table: Readonly<Record<string, Bad>>,
    where: string,
    rest: object,
  ][] = [
    [(options) => open(options), openOptions, '', { jobs: [numbers] }],
    [(options) => openVirtual(options), virtualOptions, '', { jobs: [numbers] }],
    [(retention) => open({ jobs: [numbers], retention }), retention, 'retention.', {}],
    [(failed) => open({ jobs: [numbers], retention: { failed } }), keptLimits, 'retention.failed.', {}],
    [(retry) => open({ jobs: [numbers], retry }), defaults, 'retry.', {}],
    [(options) => callsheet.close(options), close, '', {}],
    [(options) => callsheet.events(options), events, '', {}],
    [(put) => callsheet.putTogether([put]), put, 'puts[0].', { job: one() }],
    [(options) => callsheet.putTogether([{ job: one(), options }]), jobOptions, 'puts[0].', {}],
    [(options) => queue().put(one(), options), putOptions, '', {}],
    [(options) => queue().put(one().with(options)), jobOptions, '', {}],
    [(options) => queue().put(parallel([one()]).with(options)), jobOptions, '', {}],
    [(options) => queue().put(map([1], one).with(options)), jobOptions, '', {}],
    [(options) => queue().put(parallel([one().with(options)])), partOptions, 'parts[0].', {}],
    [(options) => queue().putAll([one(), one()], options), putOptions, '', {}],
    [(options) => queue().setQuota('db', options), quotaOptions, '', {}],
    [(options) => queue().setAgent('odd', options), agentOptions, '', { size: 1 }],
    [(filter) => queue().setAgent('odd', { size: 1, filter }), filter, 'filter.', {}],
    [(retry) => queue().setAgent('odd', { size: 1, retry }), defaults, 'retry.', {}],
    [(options) => queue().removeAgent('main', options), { dispatcher: dispatcherId }, '', {}],
    [(options) => queue().completedBy('main', options), completedBy, '', {}],
    [(options) => callsheet.job(noJob).change(options), changes, '', {}],
    [(options) => callsheet.job(noJob).result(options), result, '', {}],
    [(options) => callsheet.job(noJob).annotations.waitFor('x', options), wait, '', {}],
    [(options) => retryErrors(options), retryOptions, '', { limit: 1 }],
    [(backoff) => retryErrors({ limit: 1, backoff }), backoff, 'backoff.', {}],
    [(options) => map([1], one, options), mapOptions, '', {}],
    [(options) => parallel([one()], options), { postprocess: mapOptions.postprocess }, '', {}],
    [(options) => defineJobs('hooked', url, options), hooks, 'hooks.', {}],
  ];
  for (const [call, table, where, rest] of tables) {
    const text = String(call).replace(/^\(\w+\) => /, '');
    it(`[3.4] is refused as an option of ${text}`, async () => {
      for (const [name, { type, range = [] }] of Object.entries(table)) {
        // Of several jobs, the error names the first.
        const path = text.includes('putAll') && name in jobOptions ? 'jobs[0].' : where;
        for (const value of type)
          await isRefused(() => call({ ...rest, [name]: value } as never), path + name, 'TypeError');
        for (const value of range)
          await isRefused(() => call({ ...rest, [name]: value } as never), path + name, 'RangeError');
      }
    });
  }

  /** Calls that take the argument `name` itself. */
  const plain: [call: (value: never) => unknown, name: string, bad: Bad][] = [
    [(value) => callsheet.queue(value), 'name', { type: [5, null], range: [unstored] }],
    [(value) => callsheet.createQueue(value), 'name', name],
    [(value) => callsheet.removeQueue(value), 'name', { type: [5, null], range: [unstored] }],
    [(value) => callsheet.unregister(value), 'dispatcher', dispatcherId],
    [(value) => callsheet.putTogether(value), 'puts', array],
    [(value) => queue().put(value), 'job', { type: [undefined, null, 5, {}, () => 1, 'numbers#add'] }],
    [(value) => queue().putAll(value), 'jobs', array],
    [(value) => queue().putAll([one(), value]), 'jobs[1]', { type: [undefined, 5, map([1], one)] }],
    [(value) => queue().broadcast(value), 'job', { type: [undefined, 5, map([1], one)] }],
    [(value) => queue().pull(value), 'index', { type: [], range: [0, -1, 1.5] }],
    [(value) => queue().remove(value), 'job', { type: [undefined, noJob, {}] }],
    [(value) => queue().setBound(value), 'bound', integer(-1)],
    [(value) => queue().setQuota(value), 'name', name],
    [(value) => queue().removeQuota(value), 'name', name],
    [(value) => queue().setAgent(value, { size: 1 }), 'name', name],
    [(value) => queue().removeAgent(value), 'name', name],
    [(value) => queue().completedBy(value), 'name', name],
    [(value) => callsheet.job(noJob).addParts(value), 'parts', array],
    [(value) => callsheet.job(noJob).addParts([value]), 'parts[0]', { type: [5, map([1], one)] }],
    [(value) => callsheet.job(noJob).addCallback(value), 'both', func],
    [(value) => callsheet.job(noJob).addCallbacks({ success: value }), 'success', func],
    [
      (value) => callsheet.job(noJob).annotations.set(value, 1),
      'name',
      text('', 'x'.repeat(201), unstored, '__proto__'),
    ],
    [(value) => defineJobs(value, url), 'name', text('', ' ', 'a b', 'a#b', '../up', 'x'.repeat(101))],
    [
      (value) => defineJobs('numbers', value),
      'url',
      text('./jobs/numbers.js', 'https://example.com/jobs.js', 'node:fs'),
    ],
    [(value) => parallel(value), 'parts', array],
    [(value) => serial([one(), value]), 'parts[1]', { type: [undefined, 5, map([1], one)] }],
    [(value) => map(value, one), 'items', { type: [5, null, {}] }],
    [(value) => map([1], value), 'toJob', func],
    [
      (value) => transfer(value),
      'value',
      { type: [5, 'abc', new SharedArrayBuffer(1)], range: [new Uint8Array(new ArrayBuffer(8), 4)] },
    ],
  ];
  for (const [call, name, { type, range = [] }] of plain) {
    const text = String(call).replace(/^\(\w+\) => /, '');
    it(`[3.4] is refused as the value of ${text}`, async () => {
      for (const value of type) await isRefused(() => call(value as never), name, 'TypeError');
      for (const value of range) await isRefused(() => call(value as never), name, 'RangeError');
    });
  }

  it('[3.4] is refused by the clock of the kit', async () => {
    await using kit = await openVirtual({ jobs: [numbers] });
    for (const ms of ['1', null]) await isRefused(() => kit.clock.advance(ms as never), 'ms', 'TypeError');
    for (const ms of [-1, Number.NaN, infinite]) await isRefused(() => kit.clock.advance(ms), 'ms', 'RangeError');
    for (const call of [kit.clock.advanceTo, kit.clock.set]) {
      for (const moment of date.type) await isRefused(() => call(moment as never), 'moment', 'TypeError');
      await isRefused(() => call(new Date(Number.NaN)), 'moment', 'RangeError');
    }
    await isRefused(() => kit.clock.advanceTo(new Date(0)), 'moment', 'RangeError');
    await isRefused(() => kit.killThread(7), 'index', 'RangeError');
    for (const withinMs of ['1', null]) {
      const limits = { withinMs: withinMs as never };
      await isRefused(() => kit.waitFor('it', () => true, limits), 'withinMs', 'TypeError');
    }
    await isRefused(() => kit.waitFor('it', () => true, { withinMs: -1 }), 'withinMs', 'RangeError');
  });

  it('[3.4] is shown in the message by its rule and its value', async () => {
    const shows = (call: Promise<unknown>, message: string) => assert.rejects(call, { message });
    await shows(queue().put(one(), { priority: Number.NaN }), '`priority` must be a finite number, got NaN');
    const unique = 'x'.repeat(501);
    const cut = `"${'x'.repeat(60)}"… (501 characters)`;
    await shows(queue().put(one(), { unique }), `\`unique\` must be a string of 1 to 500 characters, got ${cut}`);
    const pairs: [unknown, string][] = [
      ['8', '"8"'],
      [8n, '8n'],
      [null, 'null'],
      [[], 'an array'],
      [{}, 'an object'],
      [() => 8, 'a function'],
      [Symbol('8'), 'Symbol(8)'],
      [new Date(Number.NaN), 'Invalid Date'],
    ];
    for (const [threads, shown] of pairs) {
      const opening = open({ jobs: [numbers], threads: threads as number });
      await shows(opening, `\`threads\` must be an integer from 1 to 1024, got ${shown}`);
    }
  });

  /** Calls that take options, the path of these in errors, a misspelt option, and the right one. */
  const calls: [where: string, call: (options: never) => unknown, misspelt: string, right: string][] = [
    ['options', (options) => open(options), 'directry', 'directory'],
    ['agent', (agent) => open({ jobs: [numbers], agent }), 'sise', 'size'],
    ['retention', (retention) => open({ jobs: [numbers], retention }), 'age', 'ageMs'],
    ['retention.failed', (failed) => open({ jobs: [numbers], retention: { failed } }), 'age', 'ageMs'],
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
    ['options', (options) => parallel([one()], options), 'postproces', 'postprocess'],
    ['options', (options) => parallel([one()]).with(options), 'uniqe', 'unique'],
    ['sides', (sides) => parallel([one()]).on(sides), 'succes', 'success'],
    ['options', (options) => serial([one()], options), 'postproces', 'postprocess'],
    ['options', (options) => map([1], one, options), 'concurency', 'concurrency'],
    ['options', (options) => map([1], one).with(options), 'hold', 'held'],
    ['sides', (sides) => map([1], one).on(sides), 'succes', 'success'],
    ['options', (options) => retryErrors(options), 'limits', 'limit'],
    ['backoff', (backoff) => retryErrors({ limit: 1, backoff }), 'max', 'maxMs'],
    ['hooks', (hooks) => defineJobs('hooked', url, hooks), 'setup', 'setUp'],
    ['options', (options) => openVirtual(options), 'sed', 'seed'],
  ];

  for (const [where, call, misspelt, right] of calls) {
    const text = String(call).replace(/^\(\w+\) => /, '');
    it(`[3.4] is refused if it is a misspelt option of ${text}`, async () => {
      await assert.rejects(
        async () => call({ [misspelt]: 1 } as never),
        (error: NodeJS.ErrnoException) => {
          assert.deepEqual([error.name, error.code], ['TypeError', 'INVALID_OPTION'], `${error}`);
          assert.ok(error.message.startsWith(`\`${where}\` must have no options but `), error.message);
          assert.ok(error.message.endsWith(`, got "${misspelt}"`), error.message);
          assert.match(error.message, new RegExp(`\\b${right}\\b`));
          return true;
        },
      );
    });

    it(`[3.4] is refused if it is null in place of the options of ${text}`, () =>
      isRefused(() => call(null as never), where, 'TypeError'));
  }

  it('[3.4] is refused if it is no object in place of options', async () => {
    for (const options of [5, 'full', [], () => {}, new Date(0), new Map()] as never[])
      await isRefused(() => queue().put(one(), options), 'options` must be a plain object', 'TypeError');
    await isRefused(() => open(undefined as never), 'options', 'TypeError');
  });

  it('[3.4] is refused if it gives options to a job that was put before', () =>
    isRefused(() => queue().put(callsheet.job(noJob), { priority: 1 }), 'options', 'TypeError'));

  it('[3.4] is refused if it is a hole among jobs', async () => {
    // biome-ignore lint/suspicious/noSparseArray: the hole is refused.
    const holed = [one(), , one()] as Part[];
    await isRefused(() => queue().putAll(holed), 'jobs[1]', 'TypeError');
  });
});
