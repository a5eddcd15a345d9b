/** Traces with OpenTelemetry: real threads, real tracers, a restart, a client over the socket. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { defineJobs, map, open, parallel, type Runtime, retryErrors, retryNever, serial } from 'callsheet';
import { openVirtual } from 'callsheet/testing';
import { pino } from 'pino';
import { type Instrumentation, instrument } from '../../src/otel/index.js';
import { eventually } from '../harness/eventually.js';
import { type Seen, Spans, spansIn } from './spans.js';

const traced = defineJobs<typeof import('./jobs.js')>('traced', new URL('./jobs.js', import.meta.url));
const spans = new Spans();
new NodeTracerProvider({ spanProcessors: [spans] }).register();
const tracer = trace.getTracer('the caller');

const folder = mkdtempSync(join(tmpdir(), 'callsheet-otel-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const openHere = (directory?: string, execArgv: string[] = []) =>
  open({
    jobs: [traced],
    logger: pino({ level: 'silent' }),
    threads: 2,
    stopGraceMs: 20,
    execArgv,
    ...(directory === undefined ? { durability: 'memory' } : { directory }),
  });

function named(found: readonly Seen[], name: string): Seen {
  const span = found.find((one) => one.name === name);
  assert.ok(span, `no span is named ${name}: ${found.map((one) => one.name).join(', ')}`);
  return span;
}

const runs = (found: readonly Seen[]) => found.filter(({ kind }) => kind === SpanKind.CONSUMER);
const byCallable = (callable: string) =>
  spans.ended.filter(
    ({ attributes, kind }) => kind === SpanKind.CONSUMER && attributes['callsheet.callable'] === callable,
  );

describe('traces, made when the runs have ended', () => {
  const directory = join(folder, 'after');
  let callsheet: Runtime;
  let tracing: Instrumentation;
  const begin = async () => {
    callsheet = await openHere(directory);
    tracing = instrument(callsheet);
  };
  before(begin);
  after(() => callsheet.close());

  it('[18.1] [18.3] have a span for the put, and a linked trace for the run', async () => {
    const job = await callsheet.queue().put(traced.add(1, 2));
    assert.equal(await job.result(), 3);
    const found = await spans.of(job.id, 2);
    const [put, run] = [named(found, 'put'), named(found, 'process traced#add')];
    assert.deepEqual([put.kind, run.kind], [SpanKind.PRODUCER, SpanKind.CONSUMER]);
    assert.equal(put.attributes['messaging.operation.type'], 'send');
    assert.deepEqual([run.links, run.parent], [[put.id], undefined]);
    assert.notEqual(run.trace, put.trace);
    const { 'thread.id': thread, ...others } = run.attributes;
    assert.ok(Number(thread) > 0);
    assert.deepEqual(others, {
      'messaging.system': 'callsheet',
      'messaging.operation.type': 'process',
      'messaging.operation.name': 'process',
      'messaging.destination.name': '',
      'messaging.message.id': job.id,
      'callsheet.role': 'root',
      'callsheet.attempt': 1,
      'callsheet.callable': 'traced#add',
      'callsheet.agent': 'main',
      'callsheet.outcome': 'value',
    });
    assert.deepEqual(await job.arguments(), [1, 2]);
  });

  it('begin below the active span, and name the queue', async () => {
    const letters = await callsheet.createQueue('letters');
    const [job, request] = await tracer.startActiveSpan('request', async (span) => {
      const job = await letters.put(traced.add(1, 2));
      span.end();
      return [job, span.spanContext()] as const;
    });
    const put = named(await spans.of(job.id, 2), 'put letters');
    assert.equal(put.parent, `${request.traceId} ${request.spanId}`);
  });

  it('[18.1] have a span for a retry, to which the run of the new job is linked', async () => {
    const failed = await callsheet.queue().put(traced.fail('no'));
    await failed.failure();
    const again = await callsheet.retry(failed);
    await again.failure();
    const found = await spans.of(again.id, 2);
    const [retry, run] = [named(found, 'retry'), named(found, 'process traced#fail')];
    assert.deepEqual([retry.kind, run.links], [SpanKind.PRODUCER, [retry.id]]);
    assert.equal(retry.attributes['callsheet.retry_of'], failed.id);
    assert.deepEqual(await again.arguments(), ['no']);
  });

  it('[18.2] show each attempt, and its error', async () => {
    const retry = retryErrors({ limit: 5, backoff: { initialMs: 1 } });
    const job = await callsheet.queue().put(traced.unsteady, { retry });
    assert.equal(await job.result(), 3);
    const attempts = runs(await spans.of(job.id, 4));
    assert.deepEqual(
      attempts.map(({ attributes }) => [attributes['callsheet.attempt'], attributes['callsheet.outcome']]),
      [
        [1, 'failure'],
        [2, 'failure'],
        [3, 'value'],
      ],
    );
    assert.equal(new Set(attempts.map(({ trace }) => trace)).size, 3);
    const failed = await callsheet.queue().put(traced.fail('no'));
    await failed.failure();
    const run = named(await spans.of(failed.id, 2), 'process traced#fail');
    assert.deepEqual(run.status, { code: SpanStatusCode.ERROR, message: 'no' });
    const [exception] = run.exceptions;
    assert.deepEqual([exception!['exception.type'], exception!['exception.message']], ['RangeError', 'no']);
    assert.match(String(exception!['exception.stacktrace']), /jobs\.js/);
    assert.equal(run.attributes['error.type'], 'RangeError');
  });

  it('show a refused put', async () => {
    await assert.rejects(callsheet.queue('nowhere').put(traced.add(1, 2)), { code: 'UNKNOWN_QUEUE' });
    await assert.rejects(callsheet.queue().put(null as never), { code: 'INVALID_OPTION' });
    await assert.rejects(callsheet.queue().put(traced.add(1, (() => {}) as never)), { path: 'arguments[1]' });
    const refused = spans.ended.filter(({ name, status }) => name.startsWith('put') && status.code !== 0).slice(-3);
    assert.deepEqual(
      refused.map(({ name, attributes }) => [name, attributes['error.type']]),
      [
        ['put nowhere', 'UnknownQueueError'],
        ['put', 'TypeError'],
        ['put', 'NotStorableError'],
      ],
    );
  });

  it('[18.1] go on in callbacks, and in jobs that a job puts', async () => {
    const job = await callsheet.queue().put(traced.add(1, 2).onBoth(traced.hear.with('Ada')));
    const put = named(await spans.of(job.id, 2), 'put');
    const callback = await spans.when(() => byCallable('traced#hear')[0]);
    assert.deepEqual([callback.name, callback.links], ['callback traced#hear', [put.id]]);
    assert.equal(callback.attributes['callsheet.parent'], job.id);

    const [later, request] = await tracer.startActiveSpan('later', async (span) => {
      const later = await job.addCallback(traced.hear.with('Grace'));
      span.end();
      return [later, span.spanContext()] as const;
    });
    const [run] = await spans.of(later.id, 1);
    assert.deepEqual(run!.links, [`${request.traceId} ${request.spanId}`]);

    const outer = await callsheet.queue().put(traced.putsAnother);
    assert.equal(await outer.result(), 42);
    const first = await spans.of(outer.id, 2);
    assert.equal(named(first, 'process traced#putsAnother').attributes['callsheet.outcome'], 'job');
    const inner = await spans.when(() =>
      byCallable('traced#add').find(({ links }) => links[0] === named(first, 'put').id),
    );
    assert.equal(inner.parent, undefined);
  });

  it('[18.4] show a whole in one span', async () => {
    const parts = [traced.add(1, 1), traced.add(2, 2), traced.add(3, 3)];
    const before = byCallable('traced#add').length;
    const whole = await callsheet.queue().put(parallel(parts, { postprocess: traced.sum }));
    assert.equal(await whole.result(), 3);
    const found = await spans.of(whole.id, 3);
    const span = named(found, 'process parallel traced#sum');
    assert.deepEqual(span.links, [named(found, 'put').id]);
    assert.deepEqual([span.attributes['callsheet.form'], span.attributes['callsheet.parts']], ['parallel', 3]);
    assert.deepEqual(named(found, 'process traced#sum').links, span.links);
    for (const { attributes } of runs(found)) assert.equal(attributes['callsheet.attempt'], 1);

    const bare = await callsheet.queue().put(serial([traced.add(1, 1), traced.fail('no')]));
    assert.equal((await bare.result()).length, 2);
    assert.deepEqual((await spans.of(bare.id, 2)).map(({ name }) => name).sort(), ['process serial', 'put']);

    const ones = Array.from({ length: 1000 }, () => 1);
    const items = await callsheet.queue().put(map(ones, (one) => traced.add(one, 0), { postprocess: traced.count }));
    assert.equal(await items.result(), 1000);
    const all = await spans.of(items.id, 3);
    assert.equal(named(all, 'process map traced#count').attributes['callsheet.parts'], 1000);
    assert.equal(byCallable('traced#add').length, before);
  });

  it('[18.2] show runs that end with their threads, once', async () => {
    const late = await callsheet.queue().put(traced.loops, { timeoutMs: 20 });
    const gone = await callsheet.queue().put(traced.exits, { retry: retryNever });
    assert.equal((await late.failure())!.name, 'JobTimeoutError');
    assert.equal((await gone.failure())!.name, 'JobInterruptedError');
    for (const [job, error] of [
      [late, 'JobTimeoutError'],
      [gone, 'Error'],
    ] as const) {
      const [run, ...more] = runs(await spans.of(job.id, 2));
      assert.deepEqual([run!.attributes['callsheet.outcome'], more], ['interrupted', []]);
      assert.equal(run!.attributes['error.type'], error);
      assert.equal(run!.links[0], named(await spans.of(job.id, 2), 'put').id);
    }
  });

  it('[18.3] begin anew with each job of a schedule', async () => {
    const set = () => callsheet.queue().schedule('nightly', traced.add(5, 5), { every: '1d' });
    const schedule = await tracer.startActiveSpan('set', (span) => set().finally(() => span.end()));
    const { nextAt } = await schedule.details();
    const jobs = [await schedule.trigger(), await schedule.trigger()];
    const found = await Promise.all(jobs.map(async (job) => runs(await spans.of(job.id, 1))[0]!));
    assert.deepEqual(
      found.map(({ links, parent }) => [links, parent]),
      [
        [[], undefined],
        [[], undefined],
      ],
    );
    assert.notEqual(found[0]!.trace, found[1]!.trace);
    await set();
    assert.deepEqual((await schedule.details()).nextAt, nextAt);
  });

  it('[18.1] go through a restart, also of a job whose arguments were changed', async () => {
    const paused = await callsheet.createQueue('paused');
    await paused.pause();
    const job = await paused.put(traced.work);
    const changed = await paused.put(traced.add(1, 2));
    await changed.change({ args: [20, 22] });
    const put = named(await spans.of(job.id, 1), 'put paused');
    await callsheet.close();
    await begin();
    await callsheet.queue('paused').resume();
    await callsheet.job(job.id).result();
    assert.equal(await callsheet.job(changed.id).result(), 42);
    assert.deepEqual(runs(await spans.of(job.id, 2))[0]!.links, [put.id]);
    assert.equal(runs(await spans.of(changed.id, 2)).length, 1);
  });

  it('[18.1] have one span for the run of a client’s job', async () => {
    const client = await open({ jobs: [traced], directory, share: 'client' });
    instrument(client);
    const job = await client.queue().put(traced.add(1, 2));
    await job.result();
    const found = await spans.of(job.id, 2);
    assert.deepEqual(named(found, 'process traced#add').links, [named(found, 'put').id]);
    await client.close();
    assert.equal(runs(await spans.of(job.id, 2)).length, 1);
  });

  it('end with stop, and refuse nonsense', async () => {
    assert.throws(() => instrument(callsheet), { code: 'INVALID_OPTION', message: /stop\(\)/ });
    assert.throws(() => instrument({} as never), { code: 'INVALID_OPTION' });
    assert.throws(() => instrument(callsheet, { relation: 'cousin' as never }), { code: 'INVALID_OPTION' });
    assert.throws(() => instrument(callsheet, { span: 'all' } as never), { code: 'INVALID_OPTION' });
    await tracing.stop();
    const before = spans.ended.length;
    // The run of each must be over: a later one would be traced again.
    for (const job of await callsheet.queue().putAll([traced.add(1, 2), traced.hear('Ada', 3)])) await job.result();
    tracing = instrument(callsheet);
    const next = await callsheet.queue().put(traced.add(1, 2));
    await next.result();
    await spans.of(next.id, 2);
    assert.equal(spans.ended.length, before + 2);
  });
});

describe('the relation of a run to its put', () => {
  it('[18.3] [18.4] is that of a child for parent, also of sampled items', async () => {
    await using callsheet = await openHere();
    instrument(callsheet, { relation: 'parent', spans: 'all' });
    const before = byCallable('traced#add').length;
    const items = await callsheet.queue().put(
      map(
        Array.from({ length: 1000 }, () => 1),
        (one) => traced.add(one, 0),
      ),
    );
    for await (const item of await items.result()) assert.equal(item.result, 1);
    const found = await spans.of(items.id, 2);
    const put = named(found, 'put');
    assert.equal(named(found, 'process map').parent, put.id);
    const sampled = await spans.when(() => {
      const all = byCallable('traced#add').slice(before);
      return all.length === 191 ? all : undefined;
    });
    for (const { parent, trace, attributes } of sampled)
      assert.deepEqual([parent, trace, attributes['callsheet.role']], [put.id, put.trace, 'part']);
    assert.equal(sampled[0]!.attributes['callsheet.parent'], items.id);
  });

  it('is chosen by auto: a child if it was put alone and begins at once', async () => {
    await using callsheet = await openHere();
    instrument(callsheet, { relation: 'auto', spans: 'all' });
    const queue = callsheet.queue();
    const alone = await queue.put(traced.add(1, 2).onBoth(traced.hear.with('Ada')));
    const dated = await queue.put(traced.add(1, 2), { beginAfter: 1 });
    const [one, other] = await queue.putAll([traced.add(1, 2), traced.add(1, 2)]);
    const whole = await queue.put(parallel([traced.work, traced.work]));
    const put = named(await spans.of(alone.id, 2), 'put');
    assert.equal(runs(await spans.of(alone.id, 2))[0]!.parent, put.id);
    const callback = await spans.when(() => byCallable('traced#hear').find(({ parent }) => parent === put.id));
    assert.equal(callback.trace, put.trace);
    for (const [job, count] of [
      [dated, 2],
      [one, 1],
      [other, 1],
    ] as const) {
      const [run] = runs(await spans.of(job.id, count));
      assert.deepEqual([run!.parent, run!.links.length], [undefined, 1]);
    }
    assert.notEqual(runs(await spans.of(whole.id, 2))[0]!.parent, undefined);
    const parts = await spans.when(() => {
      const all = byCallable('traced#work').filter(({ attributes }) => attributes['callsheet.parent'] === whole.id);
      return all.length === 2 ? all : undefined;
    });
    for (const { parent, links } of parts) assert.deepEqual([parent, links.length], [undefined, 1]);
  });
});

describe('a tracer in the threads', () => {
  const file = join(folder, 'spans.ndjson');
  let callsheet: Runtime;
  before(async () => {
    writeFileSync(file, '');
    process.env.CALLSHEET_SPANS = file;
    const tracer = fileURLToPath(new URL('./thread-tracer.js', import.meta.url));
    callsheet = await openHere(undefined, ['--import', tracer]);
    instrument(callsheet);
  });
  after(() => callsheet.close());
  const inThreads = async (job: string) => {
    const find = () => spansIn(file).find(({ attributes }) => attributes['messaging.message.id'] === job);
    await eventually('the span of a thread', () => find() !== undefined);
    return find()!;
  };

  it('[18.2] makes the spans of runs there, above those of the job, and only there', async () => {
    const job = await callsheet.queue().put(traced.work);
    const id = await job.result();
    const run = await inThreads(job.id);
    assert.equal(run.trace, id);
    const own = named(spansIn(file), 'own work');
    assert.equal(own.parent, run.id);
    const failed = await callsheet.queue().put(traced.fail('no'));
    await failed.failure();
    const failure = await inThreads(failed.id);
    assert.deepEqual(failure.status, { code: SpanStatusCode.ERROR, message: 'no' });
    const outer = await callsheet.queue().put(traced.putsAnother);
    assert.equal(await outer.result(), 42);
    const above = await inThreads(outer.id);
    await eventually('the inner job', () => spansIn(file).some(({ links }) => links[0] === above.id));
    const scheduled = await callsheet.queue().schedule('ticks', traced.add(1, 2), { every: '1d' });
    const tick = await scheduled.trigger();
    await tick.result();
    assert.deepEqual((await inThreads(tick.id)).links, []);
    // A run that ends with its thread is the last that could have a span here.
    const gone = await callsheet.queue().put(traced.exits, { retry: retryNever });
    await gone.failure();
    assert.equal(runs(await spans.of(gone.id, 2)).length, 1);
    for (const { id } of [job, failed, outer, tick])
      assert.deepEqual(runs(spans.ended.filter(({ attributes }) => attributes['messaging.message.id'] === id)), []);
    const put = named(await spans.of(job.id, 1), 'put');
    assert.deepEqual(run.links, [put.id]);
  });
});

describe('a tracer that fails', () => {
  it('[18.2] costs spans, and no job', async () => {
    const broken = fileURLToPath(new URL('./broken-tracer.js', import.meta.url));
    await using callsheet = await openHere(undefined, ['--import', broken]);
    instrument(callsheet);
    const job = await callsheet.queue().put(traced.add(1, 2));
    assert.equal(await job.result(), 3);
    assert.equal(runs(await spans.of(job.id, 2)).length, 1);
  });
});

describe('the test kit', () => {
  it('traces on its clock', async () => {
    const kit = await openVirtual({ jobs: [traced] });
    instrument(kit.runtime);
    const job = await kit.runtime.queue().put(traced.add(1, 2));
    assert.equal(await kit.waitForResult(job), 3);
    const found = await spans.of(job.id, 2);
    assert.deepEqual(named(found, 'process traced#add').links, [named(found, 'put').id]);
    await kit.close();
  });
});
