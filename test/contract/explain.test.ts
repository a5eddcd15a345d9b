/** Section 11 of the contract: why a job does not run. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it, type TestContext } from 'node:test';
import { type Explanation, type Job, map, type Part, parallel, type Reason, retryErrors, serial } from 'callsheet';
import type { Kit } from 'callsheet/testing';
import { type Random, randomFrom, seedOf } from '../harness/randomness.js';
import { allJobs, asked, inside, work } from './jobs/all.js';
import { chooserSays, filterSays, forgetQuestions, laterAnswer, say } from './jobs/asked.js';
import { openGate } from './jobs/work.js';
import { busy, hourMs, opened } from './opened.js';

const codes = ({ reasons }: Explanation) => reasons.map(({ code }) => code);

/** Explains a job in line or not, and checks the shape of the answer. */
async function explained(kit: Kit, job: { readonly id: string }): Promise<Explanation> {
  const explanation = await kit.runtime.monitor.explain(job.id);
  assert.equal(explanation.job, job.id);
  assert.match(explanation.summary, /^[A-Z][^\n]*\.$/);
  for (const { text } of explanation.reasons) assert.match(text, /^[^\n.][^\n]*[^.]$/);
  return explanation;
}

/** Returns the only reason, which has this code, without its sentence. */
async function reasonOf(kit: Kit, job: { readonly id: string }, code: string): Promise<Record<string, unknown>> {
  const explanation = await explained(kit, job);
  assert.deepEqual(codes(explanation), [code], explanation.summary);
  const { text: _, code: __, ...reason } = explanation.reasons[0]!;
  return reason as Record<string, unknown>;
}

describe('11 looking at it: why a job does not run', () => {
  beforeEach(forgetQuestions);

  it('[11.3] names a date, a retry, a pause and a hold, since when and until when', async (t) => {
    const kit = await opened(t);
    const queue = kit.runtime.queue();
    const [start, later] = [kit.clock.now, new Date(kit.clock.now.getTime() + hourMs)].map((at) => at.toISOString());
    const dated = await queue.put(work.mark('dated'), { beginAfter: hourMs });
    assert.deepEqual(await reasonOf(kit, dated, 'not-due'), { because: 'date', since: start, until: later });
    const retry = retryErrors({ limit: 5, backoff: { initialMs: hourMs, jitter: 0 } });
    const failing = await queue.put(work.failUntil(2), { retry });
    await kit.untilIdle();
    assert.deepEqual(await reasonOf(kit, failing, 'not-due'), { because: 'retry', until: later });
    assert.deepEqual(await reasonOf(kit, await queue.put(work.mark('held'), { held: true }), 'held'), {});
    await queue.pause();
    const paused = await queue.put(work.mark('paused'));
    await kit.clock.advance(1000);
    await queue.pause();
    assert.deepEqual(await reasonOf(kit, paused, 'paused'), { queue: '', since: start });
    assert.equal((await explained(kit, paused)).position, 0);
    await queue.resume();
    await kit.untilIdle();
    const { state, outcome, summary, position } = await explained(kit, paused);
    assert.deepEqual([state, outcome, position], ['completed', 'value', undefined]);
    assert.match(summary, /completed.*succeeded/);
  });

  it('[11.3] names full quotas with their holders, and rates', async (t) => {
    const kit = await opened(t, { threads: 4 });
    const queue = kit.runtime.queue();
    await queue.setQuota('tenant', { size: 1 });
    await queue.setQuota('often', { size: 5, rate: { count: 1, periodMs: 60_000 } });
    const quotas = [{ name: 'tenant', key: 'acme' }];
    const holder = await queue.put(work.hold('holder'), { quotas });
    await kit.waitForStart(holder);
    await kit.untilIdle();
    const blocked = await queue.put(work.mark('blocked'), { quotas });
    const { since, ...full } = await reasonOf(kit, blocked, 'quota-full');
    assert.deepEqual(full, { quota: 'tenant', key: 'acme', size: 1, jobs: [holder.id], count: 1 });
    assert.ok(since === undefined || since === kit.clock.now.toISOString());
    await kit.run(work.mark('first').with({ quotas: ['often'] }));
    const rated = await queue.put(work.mark('rated'), { quotas: ['often'] });
    const { until, ...rate } = await reasonOf(kit, rated, 'rate');
    assert.deepEqual(rate, { quota: 'often', key: undefined });
    const both = await queue.put(work.mark('both'), { quotas: ['often', ...quotas] });
    assert.deepEqual(codes(await explained(kit, both)), ['rate', 'quota-full']);
    await kit.clock.advanceTo(new Date(until as string));
    assert.equal((await explained(kit, rated)).state, 'completed', 'it ran at the time that was given');
    openGate('holder');
    await kit.waitForResult(blocked);
  });

  it('[11.3] names the agents that do not take a job, and those that have no place for it', async (t) => {
    const kit = await opened(t, { threads: 4, agent: false });
    const queue = kit.runtime.queue();
    const job = await queue.put(work.mark('job'), { priority: 1 });
    assert.deepEqual(await reasonOf(kit, job, 'no-agent'), { queue: '' });
    await queue.setAgent('urgent', { size: 1, filter: { minPriority: 5 } });
    assert.deepEqual(await reasonOf(kit, job, 'not-taken'), { agent: 'urgent', term: 'minPriority' });
    await queue.setAgent('busy', { size: 1, filter: { callables: ['work#hold', 'work#mark'] } });
    await kit.waitForResult(job);
    const running = await queue.put(work.hold('running'));
    await kit.waitForStart(running);
    const behind = await queue.put(work.mark('behind'));
    const last = await queue.put(work.mark('last'));
    const explanation = await explained(kit, behind);
    assert.deepEqual(codes(explanation), ['not-taken', 'agent-full']);
    const full = explanation.reasons[1] as Extract<Reason, { code: 'agent-full' }>;
    assert.deepEqual([full.agent, full.size, full.count, full.running[0]?.job], ['busy', 1, 1, running.id]);
    const next = (await explained(kit, last)).reasons[1];
    assert.deepEqual([next?.code, (next as { first?: string }).first], ['behind', behind.id]);
    assert.equal((await explained(kit, last)).position, 1);
    openGate('running');
    await kit.waitForResult(last);
  });

  it('[11.3] names busy threads and the jobs that run there', async (t) => {
    const { kit, queue } = await busy(t);
    const [running] = (await kit.runtime.monitor.jobs()).items;
    const waiting = await queue.put(work.mark('waiting'));
    const reason = await reasonOf(kit, waiting, 'threads-busy');
    assert.deepEqual([reason.threads, reason.running], [1, [{ thread: 1, job: running!.id }]]);
    const { state, thread, summary, reasons } = await explained(kit, running!);
    assert.deepEqual([state, thread, reasons], ['runs', 1, []]);
    assert.match(summary, /^The job runs in thread 1/);
  });

  it('[11.3] estimates the time at which a busy thread may be free', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const queue = kit.runtime.queue();
    openGate('usual');
    await kit.run(work.hold('usual'));
    const start = kit.clock.now.getTime();
    const after = (ms: number) => new Date(start + ms).toISOString();
    await kit.waitForStart(await queue.put(work.hold('long')));
    const waiting = await queue.put(work.mark('waiting'));
    // The kit reports a second for each run.
    const times = async () => {
      const { since, estimate } = await reasonOf(kit, waiting, 'threads-busy');
      return [since, estimate];
    };
    assert.deepEqual(await times(), [after(0), after(1000)]);
    await kit.clock.advance(400);
    assert.deepEqual(await times(), [after(0), after(1000)]);
    await kit.clock.advance(2000);
    assert.deepEqual(await times(), [after(0), after(2400)], 'it may end at any time');
    openGate('long');
    await kit.waitForResult(waiting);
  });

  it('[11.3] names filters that refuse or have not answered, choosers, and policies that are asked', async (t) => {
    const kit = await opened(t, { agent: false });
    const queue = kit.runtime.queue();
    await queue.setAgent('mine', { size: 1, filter: asked.takes });
    filterSays((name) => name !== 'no');
    const refused = await queue.put(work.mark('no'));
    await kit.untilIdle();
    assert.deepEqual(await reasonOf(kit, refused, 'refused'), {
      ...{ agent: 'mine', callable: 'asked#takes', problem: undefined },
    });
    filterSays(() => {
      throw new Error('no answer');
    });
    const unasked = await queue.put(work.mark('unasked'));
    await kit.untilIdle();
    assert.match((await reasonOf(kit, unasked, 'not-asked')).problem as string, /no answer/);
    const mail = await kit.runtime.createQueue('mail');
    await mail.setAgent('choosing', { size: 1, chooser: asked.choose });
    chooserSays(() => []);
    const unchosen = await mail.put(work.mark('unchosen'));
    await kit.untilIdle();
    assert.equal((await reasonOf(kit, unchosen, 'not-chosen')).callable, 'asked#choose');
    const other = await kit.runtime.createQueue('other');
    await other.setAgent('main', { size: 1 });
    const { promise, give } = laterAnswer();
    say(promise);
    const held = await other.put(work.fail('asked'), { retry: asked.policy });
    await kit.waitFor('its policy is asked', async () => codes(await explained(kit, held))[0] === 'policy');
    assert.equal((await reasonOf(kit, held, 'policy')).callable, 'asked#policy');
    give(false);
    await kit.waitForStatus(held, 'completed');
    assert.match((await explained(kit, held)).summary, /failed/);
  });

  it('[11.3] names the jobs that a composition, its parts, a callback and a returned job wait for', async (t) => {
    const { kit, queue } = await busy(t);
    const whole = await queue.put(serial([work.hold('one'), work.mark('two')]));
    const pair = await whole.addCallbacks({ success: work.hold('back'), failure: work.mark('never') });
    const second = await whole.addCallback(work.mark('second'));
    const [one, two] = (await kit.runtime.monitor.job(whole.id)).parts;
    const waits = async (job: { readonly id: string }) => {
      const { what, jobs } = await reasonOf(kit, job, 'waits-for');
      return [what, jobs];
    };
    assert.deepEqual(await waits(two!), ['whole', [whole.id]]);
    assert.deepEqual(await waits(pair), ['call', [whole.id]]);
    assert.deepEqual(await waits(pair.onSuccess!), ['call', [whole.id]]);
    openGate('before');
    await kit.waitForStart(kit.runtime.job(one!.id));
    assert.deepEqual(await waits(whole), ['parts', [one!.id, two!.id]]);
    assert.deepEqual(await waits(two!), ['turn', [one!.id]]);
    openGate('one');
    await kit.waitForStart(pair.onSuccess!);
    assert.deepEqual(await waits(whole), ['callbacks', [pair.id, second.id]]);
    assert.equal((await explained(kit, whole)).state, 'callbacks');
    assert.deepEqual(await waits(second), ['turn', [pair.id]]);
    assert.deepEqual(codes(await explained(kit, pair.onFailure!)), ['not-needed']);
    openGate('back');
    await kit.waitForStatus(whole, 'completed');
    const outer = await queue.put(inside.returnHeld('inner') as Part);
    await kit.waitForStatus(outer, 'active');
    await kit.untilIdle();
    const inner = (await outer.details()).returned!;
    assert.deepEqual(await waits(outer), ['returned', [inner]]);
    openGate('inner');
    await kit.waitForResult(outer);
  });

  it('[11.3] names functions that this build does not have, also of callbacks', async (t) => {
    const kit = await opened(t);
    await kit.runtime.queue().pause();
    const job = await kit.runtime.queue().put(work.mark('elsewhere'));
    await kit.close();
    await kit.reopen({ jobs: allJobs.filter((module) => module !== work) });
    await kit.runtime.queue().resume();
    await kit.untilIdle();
    assert.deepEqual(await reasonOf(kit, job, 'unknown-callable'), { callable: 'work#mark' });
    await assert.rejects(kit.runtime.monitor.explain('no id'), { code: 'UNKNOWN_JOB' });
    await assert.rejects(kit.runtime.monitor.explain(kit.runtime.id), { code: 'JOB_FORGOTTEN' });
  });

  it('[11.3] names the job that must run alone, to it and to the others', async (t) => {
    const kit = await opened(t, { threads: 2 });
    const aside = await kit.runtime.createQueue('aside');
    const { id } = await aside.put(work.hold('suspect'));
    await kit.untilIdle();
    await kit.crash();
    await kit.reopen();
    await kit.untilIdle();
    await kit.runtime.queue('aside').pause();
    await kit.crash();
    await kit.reopen();
    await kit.clock.advance(1000);
    const queue = kit.runtime.queue();
    await kit.waitForStart(await queue.put(work.hold('long')));
    await kit.runtime.queue('aside').resume();
    const next = await queue.put(work.mark('next'));
    await kit.untilIdle();
    assert.deepEqual(codes(await explained(kit, { id })), ['quiet']);
    assert.deepEqual(await reasonOf(kit, next, 'runs-alone'), { by: id });
    await kit.clock.advance(1000);
    assert.equal((await explained(kit, { id })).state, 'runs');
    assert.deepEqual(await reasonOf(kit, next, 'runs-alone'), { by: id });
    for (const gate of ['suspect', 'long']) openGate(gate);
    await kit.waitForResult(next);
  });

  it('[11.3] names waits inside a job, a map without items, and a runtime that runs nothing', async (t) => {
    const kit = await opened(t);
    const queue = kit.runtime.queue();
    const inner = await queue.put(work.hold('inner'));
    const outer = await queue.put(inside.waitForGiven(inner as never));
    await kit.waitForStart(outer);
    await kit.waitFor('it waits inside', async () => codes(await explained(kit, outer)).length > 0);
    assert.deepEqual(await reasonOf(kit, outer, 'waits-for'), { what: 'inside', jobs: [inner.id], count: 1 });
    openGate('inner');
    await kit.waitForResult(outer);
    let end = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    async function* items() {
      yield 1;
      await ended;
    }
    const mapped = await queue.put(map(items(), (n) => work.add(n, n)));
    await kit.waitFor('it has no more items', async () => codes(await explained(kit, mapped))[0] === 'no-input');
    end();
    await kit.waitForResult(mapped);
    const client = await opened(t, { dispatcher: false });
    const waiting = await client.runtime.queue().put(work.mark('never'));
    assert.deepEqual(await reasonOf(client, waiting, 'inactive'), {});
  });

  it('[11.3] names the cause: a job runs as soon as its reasons are removed, whatever they are', async (t) => {
    const random = randomFrom(seedOf(t));
    for (let round = 0; round < 5; round++) await removesReasons(t, random);
  });
});

const keys = ['a', 'b'];

/** Puts jobs under random settings. Each runs after the reasons that are given are removed. */
async function removesReasons(t: TestContext, random: Random): Promise<void> {
  const kit = await opened(t, { threads: 1 + random(3), agent: false });
  const queue = kit.runtime.queue();
  const oneOf = <T>(all: readonly T[]): T => all[random(all.length)]!;
  const names = keys.slice(0, random(3));
  for (const name of names)
    await queue.setQuota(name, { size: 1 + random(2), ...oneOf([{}, { rate: { count: 2, periodMs: 1000 } }]) });
  for (let agent = random(3); agent > 0; agent--)
    await queue.setAgent(`agent ${agent}`, {
      size: 1 + random(2),
      filter: { minPriority: random(3), modules: ['work'] },
    });
  if (random(2) === 0) await queue.pause();
  const jobs: Job[] = [];
  for (let n = 0; n < 12; n++) {
    const quotas = names.filter(() => random(2) === 0);
    const options = { priority: random(4), quotas, ...oneOf([{}, {}, { beginAfter: 1 + random(2000) }]) };
    const one = (name: string) => work.hold(name).with({ quotas: names.filter(() => random(4) === 0) });
    const call = oneOf<() => Part>([
      () => work.hold(`${n}`),
      () => work.mark(`${n}`),
      () => parallel([one(`${n}, first`), one(`${n}, second`)]),
      () => serial([one(`${n}, first`), one(`${n}, second`)]),
    ])();
    jobs.push(await queue.put(call, options));
  }
  const gateOf = async (id: string) => openGate(String((await kit.runtime.job(id).arguments())[0]));
  for (const job of jobs) {
    for (let left = 200; (await job.status()) !== 'completed'; left--) {
      assert.ok(left > 0, `it never ran: ${(await explained(kit, job)).summary}`);
      await kit.untilIdle();
      await noneInLineWithoutReason(kit);
      await remove(kit, await explained(kit, job), gateOf);
      await kit.untilIdle();
    }
  }
  await kit.close();
}

/** The turn is over: each job that is still in line has a reason. */
async function noneInLineWithoutReason(kit: Kit): Promise<void> {
  for (const { id, due } of await kit.runtime.monitor.next('', { limit: 1000 })) {
    const explanation = await explained(kit, { id });
    assert.ok(explanation.reasons.length > 0, explanation.summary);
    assert.equal(due !== undefined, codes(explanation)[0] === 'not-due');
  }
}

/** Removes the first reason of a job; of one that runs, lets it end. */
async function remove(
  kit: Kit,
  { job, state, reasons }: Explanation,
  end: (id: string) => Promise<void>,
): Promise<void> {
  const queue = kit.runtime.queue();
  if (state === 'runs') return end(job);
  const [reason] = reasons;
  if (reason === undefined) return;
  const follow = async (ids: readonly string[]) => {
    for (const id of ids) await remove(kit, await explained(kit, { id }), end);
  };
  switch (reason.code) {
    case 'paused':
      return queue.resume();
    case 'no-agent':
      return queue.setAgent('added', { size: 1 });
    case 'not-taken':
      return queue.setAgent(reason.agent, { size: 1 });
    case 'agent-full':
      return queue.setAgent(reason.agent, { size: reason.size + 1 });
    case 'quota-full':
      return queue.setQuota(reason.quota, { size: reason.size + 1 });
    case 'not-due':
    case 'rate':
      return kit.clock.advanceTo(new Date(reason.until!));
    case 'threads-busy':
      // A thread may have a job that it has not begun.
      return reason.running.length === 0 ? undefined : end(reason.running[0]!.job);
    case 'behind':
      return follow([reason.first]);
    case 'waits-for':
      return follow(reason.jobs);
    case 'claimed': {
      // Its thread may run another job.
      const [first] = await kit.runtime.monitor.active();
      return first && end(first.id);
    }
    default:
      assert.fail(`no job here has the reason ${reason.code}`);
  }
}
