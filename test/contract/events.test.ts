/** Section 5 of the contract: lists and events of dispatchers, agents and jobs. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type CallsheetEvent,
  type CompletedJobs,
  type EventStream,
  type EventsOptions,
  type JobEvent,
  retryErrors,
} from 'callsheet';
import type { Kit } from 'callsheet/testing';
import { work } from './jobs/all.js';
import { openGate, seen } from './jobs/work.js';
import { opened } from './opened.js';

/** Returns all events of a stream up to its end. */
async function readAll(events: EventStream): Promise<CallsheetEvent[]> {
  const read: CallsheetEvent[] = [];
  for await (const event of events) read.push(event);
  return read;
}

/** Reads past the events of opening, which the first stream of a runtime begins with. */
async function fromNow({ runtime }: Kit, options: EventsOptions = {}): Promise<EventStream> {
  await runtime.events().return();
  return runtime.events(options);
}

const typesOf = (events: readonly CallsheetEvent[]) => events.map(({ type }) => type);

describe('5 agents and the jobs that they ran', () => {
  it('[5.3] lists the completed jobs of any dispatcher’s agent, newest first, by time', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const queue = kit.runtime.queue();
    const ids: string[] = [];
    for (const name of ['a', 'b', 'c']) {
      const job = await queue.put(work.mark(name));
      ids.unshift(job.id);
      await kit.waitForStatus(job, 'completed');
      await kit.clock.advance(1000);
    }
    await queue.put(work.hold('running'));
    await kit.untilIdle();
    const completed = async (options = {}) => (await queue.completedBy('main', options)).map(({ id }) => id);
    assert.deepEqual(await completed(), ids);
    assert.deepEqual(await completed({ limit: 2 }), ids.slice(0, 2));
    const from = kit.clock.now.getTime() - 3000;
    const dates = { from: new Date(from + 1), to: new Date(from + 2000) };
    assert.deepEqual(await completed(dates), [ids[1]]);
    assert.deepEqual(await completed({ dispatcher: kit.runtime.id }), ids);
    await assert.rejects(queue.completedBy('nobody'), { code: 'UNKNOWN_AGENT' });
    await assert.rejects(queue.completedBy('main', { limit: 0 }), RangeError);
    await kit.crash();
    await kit.reopen();
    assert.deepEqual(
      (await kit.runtime.queue().completedBy('main')).map(({ id }) => id),
      ids,
    );
  });

  it('[5.3] lists an agent’s jobs without callbacks, which do not count towards the limit', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const queue = kit.runtime.queue();
    const ids: string[] = [];
    for (const name of ['one', 'two']) {
      const job = await queue.put(work.mark(name));
      for (let n = 0; n < 3; n++) await job.addCallback(work.mark.with(`after ${name}`));
      await kit.waitForStatus(job, 'completed');
      ids.unshift(job.id);
      await kit.clock.advance(1);
    }
    assert.deepEqual(
      (await queue.completedBy('main', { limit: 2 })).map(({ id }) => id),
      ids,
    );
  });

  it('[5.1] shows which dispatcher has claimed a job', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const job = await kit.runtime.queue().put(work.mark('job'), { beginAfter: 1_000 });
    assert.equal((await job.details()).dispatcher, undefined);
    await kit.waitForResult(job);
    assert.equal((await job.details()).dispatcher, kit.runtime.id);
  });

  it('[5.3] lists no forgotten job', async (t) => {
    const kit = await opened(t, { retention: { count: 1 } });
    const queue = kit.runtime.queue();
    for (const name of ['a', 'b']) await kit.run(work.mark(name));
    await kit.untilIdle();
    assert.equal((await queue.completedBy('main')).length, 1);
  });
});

describe('5 dispatchers', () => {
  it('[5.2] are listed with their agents, which any process can add, resize, filter and remove', async (t) => {
    const kit = await opened(t, { threads: 2 });
    const { runtime } = kit;
    const queue = await runtime.createQueue('mail');
    const agents = async () => {
      const [only, ...others] = await runtime.dispatchers();
      assert.deepEqual([only!.id, only!.active, others], [runtime.id, true, []]);
      return only!.agents.map((agent) => [agent.queue, agent.name, agent.size, agent.filter]);
    };
    const { id: dispatcher } = runtime;
    await queue.setAgent('extra', { size: 1, dispatcher });
    await queue.setAgent('main', { size: 1, filter: { modules: ['work'] }, dispatcher });
    assert.deepEqual(await agents(), [
      ['', 'main', 2, undefined],
      ['mail', 'extra', 1, undefined],
      ['mail', 'main', 1, { modules: ['work'] }],
    ]);
    await queue.removeAgent('extra', { dispatcher });
    await queue.removeAgent('main', { dispatcher });
    assert.deepEqual(await agents(), [['', 'main', 2, undefined]]);
    const unknown = '01890a5d-ac96-774b-bcce-b302099a8057';
    await assert.rejects(queue.setAgent('main', { size: 1, dispatcher: unknown }), { code: 'UNKNOWN_DISPATCHER' });
    await assert.rejects(queue.setAgent('main', { size: 1, dispatcher: 'me' }), RangeError);
  });

  it('[5.4] cannot be unregistered while they are active', async (t) => {
    const kit = await opened(t);
    await assert.rejects(kit.runtime.unregister(kit.runtime.id), { code: 'DISPATCHER_ACTIVE' });
    assert.equal((await kit.runtime.dispatchers()).length, 1);
  });

  it('[5.7] work again at once after a kill', async (t) => {
    const kit = await opened(t);
    const job = await kit.runtime.queue().put(work.hold('job'));
    await kit.waitForStart(job);
    await kit.crash();
    const before = kit.clock.now.getTime();
    await kit.reopen();
    await kit.untilIdle();
    assert.deepEqual(seen, ['job', 'job']);
    assert.equal(kit.clock.now.getTime(), before);
  });
});

describe('3 broadcast', () => {
  it('[3.7] runs one copy on each active dispatcher with an agent there, and returns the list of outcomes', async (t) => {
    const kit = await opened(t);
    const queue = kit.runtime.queue();
    const all = await queue.broadcast(work.mark('copy'), { priority: 3 });
    const outcome = await kit.waitForResult(all);
    assert.deepEqual([outcome.length, outcome.at(0)!.result, seen], [1, 'copy', ['copy']]);
    assert.equal((await kit.runtime.job(outcome.at(0)!.id).details()).priority, 3);
    const mail = await kit.runtime.createQueue('mail');
    await mail.removeAgent('main');
    await assert.rejects(mail.broadcast(work.mark('nobody')), { code: 'UNKNOWN_AGENT' });
    await kit.untilIdle();
    assert.deepEqual(seen, ['copy']);
    await assert.rejects(queue.broadcast('mark' as never), TypeError);
  });

  it('[3.7] lists a failure for a dispatcher that dies', async (t) => {
    const kit = await opened(t);
    const all = await kit.runtime.queue().broadcast(work.hold('copy'));
    await kit.untilIdle();
    assert.deepEqual(seen, ['copy']);
    await kit.crash();
    await kit.reopen();
    const outcome = await kit.waitForResult(kit.runtime.job<CompletedJobs>(all.id));
    assert.ok(outcome.at(0)!.failure?.check('JobInterruptedError'));
    assert.deepEqual(seen, ['copy']);
  });
});

describe('5 events', () => {
  it('[5.5] include the start of a job that ends at once', async (t) => {
    const kit = await opened(t);
    const read = readAll(kit.runtime.events());
    const startedAt = kit.clock.now;
    const { id } = await kit.runtime.queue().put(work.mark('quick'));
    await kit.waitForResult(kit.runtime.job(id));
    await kit.close();
    const events = (await read).filter((event) => 'job' in event && event.job === id);
    assert.deepEqual(typesOf(events), ['job.put', 'job.started', 'job.completed']);
    assert.equal((events[1] as JobEvent).attempts, 1);
    assert.deepEqual((events[1] as JobEvent).at, startedAt);
  });

  it('[5.5] follow a job from its put to its end', async (t) => {
    const kit = await opened(t);
    const { id } = kit.runtime;
    const read = readAll(kit.runtime.events());
    const job = await kit.runtime.queue().put(work.hold('job'));
    await kit.waitForStart(job);
    await kit.clock.advance(5000);
    openGate('job');
    await kit.waitForStatus(job, 'completed');
    const endedAt = kit.clock.now;
    await kit.close();
    const events = await read;
    const ofJob = events.filter((event) => 'job' in event);
    assert.deepEqual(typesOf(ofJob), ['job.put', 'job.started', 'job.completed']);
    assert.deepEqual(ofJob.at(-1), {
      type: 'job.completed',
      at: endedAt,
      job: job.id,
      callable: 'work#hold',
      queue: '',
      attempts: 1,
      agent: 'main',
      dispatcher: id,
    });
    assert.deepEqual([ofJob[0]!.agent, ofJob[0]!.dispatcher], [undefined, undefined]);
  });

  it('[5.5] omit a refused put, and include the puts sent with it', async (t) => {
    const kit = await opened(t);
    const queue = kit.runtime.queue();
    const read = readAll(kit.runtime.events());
    const refused = queue.putAll([work.mark('a'), work.mark('b').with({ quotas: ['unknown'] })]);
    const { id } = await queue.put(work.mark('c'));
    await assert.rejects(refused, { code: 'UNKNOWN_QUOTA' });
    await kit.close();
    const ofJobs = (await read).filter((event) => 'job' in event);
    assert.deepEqual(new Set(ofJobs.map(({ job }) => job)), new Set([id]));
  });

  it('[5.5] include failures, retries and interruptions', async (t) => {
    const kit = await opened(t);
    const read = readAll(kit.runtime.events());
    const queue = kit.runtime.queue();
    const failing = await queue.put(work.fail('no'), { retry: retryErrors({ limit: 1 }) });
    await kit.waitForStatus(failing, 'completed');
    const held = await queue.put(work.hold('held'));
    await kit.waitForStart(held);
    await kit.killThread();
    await kit.close();
    const events = await read;
    const typesFor = ({ id }: { id: string }) => typesOf(events.filter((event) => 'job' in event && event.job === id));
    assert.deepEqual(typesFor(failing), ['job.put', 'job.started', 'job.retried', 'job.started', 'job.failed']);
    assert.deepEqual(typesFor(held).slice(0, 3), ['job.put', 'job.started', 'job.interrupted']);
  });

  it('[5.5] include changes of queues and dispatchers', async (t) => {
    const kit = await opened(t);
    const read = readAll(kit.runtime.events());
    const { id } = kit.runtime;
    await kit.runtime.createQueue('mail');
    await kit.runtime.createQueue('mail');
    await kit.close();
    const events = await read;
    assert.deepEqual(
      events.map((event) => [event.type, 'queue' in event ? event.queue : 'dispatcher' in event && event.dispatcher]),
      [
        ['dispatcher.registered', id],
        ['dispatcher.activated', id],
        ['queue.added', 'mail'],
        ['dispatcher.deactivated', id],
      ],
    );
  });

  it('[5.5] begin when a reader subscribes, and end when it returns', async (t) => {
    const kit = await opened(t);
    await kit.run(work.mark('before'));
    const events = await fromNow(kit);
    await kit.run(work.mark('during'));
    for await (const event of events) {
      assert.equal(event.type, 'job.put');
      break;
    }
    assert.deepEqual(await events.next(), { done: true, value: undefined });
    await kit.run(work.mark('after'));
    assert.deepEqual(await events.next(), { done: true, value: undefined });
  });

  it('[5.5] are buffered for a slow reader up to a limit, and counted beyond', async (t) => {
    const kit = await opened(t);
    const slow = await fromNow(kit, { limit: 4 });
    const quick = kit.runtime.events();
    await kit.runtime.queue().putAll(Array.from({ length: 10 }, () => work.hold('job')));
    await kit.runtime.createQueue('mail');
    const first = await Promise.all(Array.from({ length: 5 }, () => slow.next()));
    assert.deepEqual(typesOf(first.map(({ value }) => value!)), [...Array(4).fill('job.put'), 'dropped']);
    const dropped = first[4]!.value!;
    assert.ok(dropped.type === 'dropped' && dropped.count >= 7, `${JSON.stringify(dropped)}`);
    await kit.runtime.createQueue('books');
    const next = (await slow.next()).value!;
    assert.ok(next.type === 'queue.added' && next.queue === 'books');
    const all = await Promise.all(Array.from({ length: 11 }, () => quick.next()));
    assert.deepEqual(typesOf(all.map(({ value }) => value!)), [...Array(10).fill('job.put'), 'queue.added']);
    assert.throws(() => kit.runtime.events({ limit: 0 }), RangeError);
  });
});
