/** Section 10 of the contract: inside a job. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type CompletedJobs, currentJob, map, type Part, parallel, retryErrors } from 'callsheet';
import { inside, work } from './jobs/all.js';
import { openGate, seen } from './jobs/work.js';
import { opened } from './opened.js';

/** The id of a job that was never put. */
const nobody = '0198f1c2-0000-7000-8000-000000000000';

type Self = ReturnType<typeof import('./jobs/inside.js').whoAmI>;

describe('10 inside a job', () => {
  it('[10.1] reads its id, attempt, queue and cancelled flag from any depth of the handler', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const queue = await kit.runtime.createQueue('mail');
    const job = await queue.put(inside.whoAmI());
    const { id, attempt, queue: name, cancelled } = (await kit.waitForResult(job)) as Self;
    assert.deepEqual({ id, attempt, name, cancelled }, { id: job.id, attempt: 1, name: 'mail', cancelled: false });
    const held = await queue.put(work.failUntil(3), { retry: retryErrors({ limit: 5 }) });
    assert.equal(await kit.waitForResult(held), 3);
  });

  it('[10.1] reads the name of its agent, and its dispatcher', async (t) => {
    const kit = await opened(t);
    const { agent, dispatcher } = (await kit.run(inside.whoAmI())) as Self;
    const [own] = await kit.runtime.dispatchers();
    assert.deepEqual({ agent, dispatcher }, { agent: 'main', dispatcher: own!.id });
  });

  it('[10.1] reads its own context while other jobs run in the same thread', async (t) => {
    const kit = await opened(t, { threads: 4 });
    const jobs = await kit.runtime.queue().putAll(['a', 'b', 'c'].map((name) => inside.idAfter(name)));
    await kit.untilIdle();
    for (const name of ['c', 'a', 'b']) openGate(name);
    for (const job of jobs) assert.equal(await kit.waitForResult(job), job.id);
  });

  it('[10.1] throws outside of a job', () => {
    assert.throws(() => currentJob(), { code: 'NOT_IN_JOB' });
  });

  it('[10.1] puts, annotates and reads without await in a synchronous handler', async (t) => {
    const kit = await opened(t);
    assert.equal(
      await kit.run(inside.annotate('name', { deep: [1, 2] })).then((value) => JSON.stringify(value)),
      '{"deep":[1,2]}',
    );
    assert.equal(await kit.run<unknown>(inside.addLater(1, 2) as never), 3);
    assert.equal(await kit.run(inside.listenSync('nothing')), 'nothing');
  });

  it('[10.2] shows an annotation set inside at once outside, while the job runs', async (t) => {
    const kit = await opened(t);
    const job = await kit.runtime.queue().put(inside.sayAndHold('progress', { done: 3 }));
    await kit.waitForStart(job);
    assert.deepEqual(await job.annotations.get('progress'), { done: 3 });
    assert.equal(await job.status(), 'active');
    openGate('progress');
    await kit.waitForResult(job);
    assert.deepEqual(await job.annotations.all(), Object.assign(Object.create(null), { progress: { done: 3 } }));
  });

  it('[10.2] delivers an annotation set outside at once to the running job that waits for it', async (t) => {
    const kit = await opened(t);
    const job = await kit.runtime.queue().put(inside.listen('order', 60_000));
    await kit.waitForStart(job);
    await kit.clock.advance(59_000);
    await job.annotations.set('order', 'go on');
    assert.equal(await kit.waitForResult(job), 'go on');
  });

  it('[10.2] returns the default when a wait expires, inside and outside', async (t) => {
    const kit = await opened(t);
    const job = await kit.runtime.queue().put(inside.listen('order', 60_000));
    const waiting = job.annotations.waitFor('other', { timeoutMs: 30_000, default: 'by default' });
    const start = kit.clock.now.getTime();
    assert.equal(await kit.waitForResult(job), 'nothing');
    assert.equal(kit.clock.now.getTime() - start, 60_000);
    assert.equal(await waiting, 'by default');
  });

  it('[10.2] ends a wait for an annotation that is already set at once', async (t) => {
    const kit = await opened(t);
    const job = await kit.runtime.queue().put(work.mark('job'));
    await job.annotations.set('there', 1);
    assert.equal(await job.annotations.waitFor('there', { timeoutMs: 0 }), 1);
    assert.equal(await kit.run(inside.listenTo(job as never, 'there')), 1);
  });

  it('[10.2] sets and reads annotations of any job by its handle', async (t) => {
    const kit = await opened(t);
    const other = await kit.runtime.queue().put(work.hold('other'));
    await kit.waitForStart(other);
    await kit.run(inside.annotate('from another', 'hello', other as never));
    assert.equal(await other.annotations.get('from another'), 'hello');
  });

  it('[10.2] keeps annotations over a failed run and a crash, until they are removed', async (t) => {
    const kit = await opened(t);
    const job = await kit.runtime.queue().put(inside.sayAndFail('note', 'kept'));
    await kit.waitForStatus(job, 'completed');
    await kit.crash();
    await kit.reopen();
    const again = kit.runtime.job(job.id);
    assert.equal(await again.annotations.get('note'), 'kept');
    await again.annotations.delete('note');
    assert.equal(await again.annotations.get('note'), undefined);
  });

  it('[10.2] reports progress as an annotation with a fixed shape', async (t) => {
    const kit = await opened(t);
    const job = await kit.runtime.queue().put(inside.progressAndHold('pages'));
    assert.equal(await job.progress(), undefined);
    await kit.waitForStart(job);
    assert.deepEqual(await job.progress(), { done: 3, total: 10, message: 'pages' });
    assert.deepEqual(await job.annotations.get('progress'), await job.progress());
    await job.annotations.set('progress', 'in a shape of its own');
    assert.equal(await job.progress(), undefined);
    await assert.rejects(kit.run(inside.progressBadly()), { message: /^`progress\.done` must be .* got -1/ });
  });

  it('[10.2] rejects an annotation that is too large or cannot be stored, with its name', async (t) => {
    const kit = await opened(t);
    const job = await kit.runtime.queue().put(work.mark('job'));
    await assert.rejects(job.annotations.set('big', new Uint8Array(70_000)), {
      code: 'PAYLOAD_TOO_LARGE',
      message: /annotations\.big/,
    });
    await assert.rejects(job.annotations.set('bad', { f: () => 1 }), {
      code: 'ARGUMENT_NOT_STORABLE',
      message: /annotations\.bad\.f/,
    });
    for (const name of ['', 'a'.repeat(201)])
      await assert.rejects(job.annotations.set(name, 1), { name: 'RangeError', message: /^`name` must/ });
    // The store would normalise these names to others.
    await assert.rejects(job.annotations.set('k\ud800', 1), { name: 'RangeError', message: /^`name` .*"k\\ud800"/ });
    await assert.rejects(job.annotations.set('__proto__', 1), { name: 'RangeError', message: /^`name` .*"__proto__"/ });
    for (const timeoutMs of [-1, Number.NaN, Number.POSITIVE_INFINITY])
      await assert.rejects(job.annotations.waitFor('a', { timeoutMs }), {
        name: 'RangeError',
        message: /^`timeoutMs` must/,
      });
    assert.deepEqual({ ...(await job.annotations.all()) }, {});
    const inJob = await kit.runtime.queue().put(inside.annotate('bad', new Uint8Array(70_000)));
    await kit.waitForStatus(inJob, 'completed');
    assert.equal((await inJob.failure())?.code, 'PAYLOAD_TOO_LARGE');
    assert.deepEqual(seen, ['job']);
  });

  it('[3.4] rejects unknown options inside a job as outside', async (t) => {
    const kit = await opened(t);
    assert.deepEqual(await kit.run(inside.misspell()), [
      'TypeError: `options` must have no options but queue, got "queu"',
      'TypeError: `options` must be a plain object, got null',
      'RangeError: `queue` must have no lone surrogate, which cannot be stored, got "\\ud800"',
      'TypeError: `options` must have no options but queue, got "queu"',
      'TypeError: `sides` must have no options but success, failure, got "failed"',
      'TypeError: `progress` must have no options but done, total, message, got "totl"',
      'TypeError: `progress` must be a plain object, got null',
      'TypeError: `options` must have no options but timeoutMs, default, got "timeout"',
      'TypeError: `options` must be a plain object, got null',
    ]);
  });

  it('[10.3] reads the parent of a part, an item and a callback', async (t) => {
    const kit = await opened(t);
    const queue = kit.runtime.queue();
    assert.equal(await kit.run(inside.parentId()), undefined);
    const whole = await queue.put(parallel([inside.parentId(), parallel([work.mark('a')])]));
    assert.equal(((await kit.waitForResult(whole)) as CompletedJobs).at(0)!.result, whole.id);
    const items = await queue.put(map([1], () => inside.parentId() as Part, { postprocess: work.collect as never }));
    assert.deepEqual(await kit.waitForResult(items), [items.id]);
    const job = await queue.put(work.mark('job'));
    const both = await job.addCallback(inside.parentId);
    const pair = await job.addCallbacks({ success: inside.parentId });
    assert.deepEqual([await kit.waitForResult(both), await kit.waitForResult(pair)], [job.id, job.id]);
  });

  it('[10.3] reads the status, times, arguments and annotations of parts in a postprocess', async (t) => {
    const kit = await opened(t);
    const parts = [inside.annotate('said', 'hello'), inside.annotate('said', 'again')];
    const seen = await kit.run(parallel(parts as Part[], { postprocess: inside.lookAtParts as never }));
    assert.deepEqual(seen, [
      ['completed', true, 1, ['said', 'hello'], 'hello'],
      ['completed', true, 1, ['said', 'again'], 'again'],
    ]);
  });

  it('[10.3] reads and awaits any job by its id', async (t) => {
    const kit = await opened(t);
    const queue = kit.runtime.queue();
    const held = await queue.put(work.mark('held'), { held: true });
    const done = await queue.put(work.mark('done'));
    await kit.untilIdle();
    assert.equal(await kit.run(inside.statusOf(held.id)), 'new');
    assert.equal(await kit.run(inside.statusOf(done.id)), 'completed');
    assert.equal(await kit.run(inside.resultOf(done.id)), 'done');
    assert.equal(await kit.run(inside.statusOf(nobody)), 'JOB_FORGOTTEN');
    assert.equal(await kit.run(inside.statusOf('no id')), 'UNKNOWN_JOB');
    assert.equal(await kit.run(inside.statusOfPut()), 'JOB_NOT_COMMITTED');
  });

  it('[10.3] returns a failure made of an error, and keeps the jobs that it put', async (t) => {
    const kit = await opened(t);
    const job = await kit.runtime.queue().put(inside.putAndReturnFailed('too far'));
    await kit.untilIdle();
    assert.deepEqual(seen, ['it stays']);
    assert.equal((await job.failure())?.check('RangeError'), true);
    assert.equal((await job.details()).attempts, 1);
  });
});
