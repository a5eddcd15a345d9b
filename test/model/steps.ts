/**
 * The steps of a random history: each is data, is performed on the model and on the runtime, and
 * may be refused by both.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { plays } from './jobs/all.js';
import { end } from './jobs/play.js';
import { type Asked, type Model, type ModelJob, type Refusal, type ScheduleAsked, tickName } from './model.js';
import { quotaAsked, type Real } from './real.js';

export const queueNames = ['', 'other'] as const;
/** The schedules, and the milliseconds by which their ticks come after whole seconds. */
const schedules = { s: 950, t: 970 } as const;
type ScheduleName = keyof typeof schedules;

/** A step on a job: `which` picks one of those that the step can apply to. */
type OnJob = { readonly which: number };

export type Step =
  | { readonly do: 'put'; readonly queue: string; readonly asked: Asked }
  | ({ readonly do: 'end'; readonly isFailure: boolean } & OnJob)
  | ({ readonly do: 'cancel' | 'fail' | 'remove' | 'put again' | 'add callback' } & OnJob)
  | ({ readonly do: 'change'; readonly priority: number; readonly quotas: readonly string[] } & OnJob)
  | ({ readonly do: 'add part'; readonly asked: Asked } & OnJob)
  | ({ readonly do: 'retry' | 'explain' } & OnJob)
  | { readonly do: 'pause'; readonly queue: string; readonly paused: boolean }
  | { readonly do: 'set quota'; readonly queue: string; readonly name: string; readonly size: number | undefined }
  | { readonly do: 'advance'; readonly ms: number }
  | { readonly do: 'kill thread'; readonly index: number }
  | { readonly do: 'set schedule'; readonly name: ScheduleName; readonly set: ScheduleAsked; readonly again: boolean }
  | { readonly do: 'pause schedule'; readonly name: ScheduleName; readonly paused: boolean }
  | { readonly do: 'trigger' | 'remove schedule'; readonly name: ScheduleName }
  | { readonly do: 'backfill'; readonly name: ScheduleName; readonly agoMs: number; readonly ms: number }
  | { readonly do: 'sleep'; readonly ms: number }
  | { readonly do: 'close' | 'crash' };

export interface Both {
  readonly model: Model;
  readonly real: Real;
  /** `true` after a crash. A second would make suspects run alone, which is tested elsewhere. */
  hasCrashed: boolean;
}

/** Performs the step on both and compares the results. Returns false if no job fits it. */
export async function perform(step: Step, both: Both): Promise<boolean> {
  const { model, real } = both;
  switch (step.do) {
    case 'put': {
      const put = model.put(step.queue, step.asked);
      const made = typeof put === 'object' && !real.ids.has(put.name) ? put : undefined;
      const job = await agreed(put, real.queue(step.queue).put(real.part(step.asked, made)));
      if (made !== undefined) real.meet(made.name, job!.id);
      else if (typeof put === 'object') assert.equal(real.nameOf(job!.id), put.name, 'the live job with the same key');
      return true;
    }
    case 'end': {
      const job = chosen(step, both, ({ running }) => running);
      if (job === undefined) return false;
      model.end(job, step.isFailure);
      end(job.name, step.isFailure);
      return true;
    }
    case 'cancel':
      return onJob(step, both, (job) => [model.cancel(job), real.job(job.name).cancel()]);
    case 'fail':
      return onJob(step, both, (job) => [
        model.fail(job),
        real.job(job.name).fail(Object.assign(new Error('failed from outside'), { name: 'OwnError' })),
      ]);
    case 'remove':
      return onJob(step, both, (job) => [model.remove(job), real.queue(job.queue).remove(real.job(job.name))]);
    case 'put again':
      return onJob(step, both, (job) => [model.putAgain(job), real.queue(job.queue).put(real.job(job.name))]);
    case 'change': {
      const { priority, quotas } = step;
      const changes = { priority, quotas: quotas.map(quotaAsked) };
      return onJob(step, both, (job) => [model.change(job, priority, quotas), real.job(job.name).change(changes)]);
    }
    case 'add callback': {
      const job = chosen(step, both);
      if (job === undefined) return false;
      const { name } = model.addCallback(job);
      real.meet(name, (await real.job(job.name).addCallback(plays.play.with(name) as never)).id);
      return true;
    }
    case 'add part': {
      const whole = chosen(step, both, ({ isWhole }) => isWhole);
      if (whole === undefined) return false;
      const part = model.addPart(whole, step.asked);
      const made = typeof part === 'object' ? part : undefined;
      const added = await agreed(part, real.job(whole.name).addParts([real.part(step.asked, made)]));
      if (made !== undefined) real.meet(made.name, added![0]!.id);
      return true;
    }
    case 'retry': {
      const job = chosen(step, both, ({ asked, outcome }) => asked.form === 'call' && outcome !== undefined);
      if (job === undefined) return false;
      const again = model.retry(job);
      const made = typeof again === 'object' && !real.ids.has(again.name) ? again : undefined;
      const args = [made?.name ?? 'refused'];
      const done = await agreed(again, real.kit.runtime.retry(real.job(job.name), { args, callbacks: 'none' }));
      if (made !== undefined) real.meet(made.name, done!.id);
      else if (typeof again === 'object') assert.equal(real.nameOf(done!.id), again.name, 'the live job with its key');
      return true;
    }
    case 'explain': {
      const job = chosen(step, both, (one) => one.role === 'root' && one.status === 'pending');
      if (job === undefined) return false;
      assert.deepEqual(await real.reasons(job.name), model.reasons(job), `why ${job.name} waits`);
      return true;
    }
    case 'pause':
      model.pause(step.queue, step.paused);
      await (step.paused ? real.queue(step.queue).pause() : real.queue(step.queue).resume());
      return true;
    case 'set quota': {
      const { queue, name, size } = step;
      if (size === undefined && !model.queues.get(queue)!.quotas.has(name)) return false;
      model.setQuota(queue, name, size);
      await (size === undefined ? real.queue(queue).removeQuota(name) : real.queue(queue).setQuota(name, { size }));
      return true;
    }
    case 'advance':
      model.advance(step.ms);
      await real.kit.clock.advance(step.ms);
      return true;
    case 'kill thread':
      return killThread(step.index, both);
    case 'set schedule': {
      const { name } = step;
      const set = (step.again ? model.schedules.get(name)?.asked : undefined) ?? step.set;
      await agreed(model.setSchedule(name, set), real.setSchedule(name, set));
      return true;
    }
    case 'pause schedule': {
      const there = real.kit.runtime.schedule(step.name);
      await agreed(model.pauseSchedule(step.name, step.paused), step.paused ? there.pause() : there.resume());
      return true;
    }
    case 'trigger': {
      const { name } = step;
      // A second job of one moment would have the same name.
      if (model.jobs.has(tickName({ name, at: model.now }))) return false;
      const job = await agreed(model.trigger(name), real.kit.runtime.schedule(name).trigger());
      if (job !== undefined) real.meet(tickName({ name, at: model.now }), job.id);
      return true;
    }
    case 'backfill': {
      const { name } = step;
      const [from, to] = [model.now - step.agoMs, model.now - step.agoMs + step.ms];
      // A tick of a removed schedule of this name may have a job of the same name.
      const isOfOther = ({ tick }: ModelJob) =>
        tick?.name === name && tick.at >= from && tick.at <= to && !model.schedules.get(name)?.hasJob(tick.at);
      if ([...model.jobs.values()].some(isOfOther)) return false;
      const filled = model.backfill(name, from, to);
      const jobs = await agreed(filled, real.kit.runtime.schedule(name).backfill(new Date(from), new Date(to)));
      if (typeof filled === 'string') return true;
      assert.equal(jobs!.length, filled.length, 'the ticks without a job');
      for (const [index, { name: tick }] of filled.entries()) real.meet(tick, jobs![index]!.id);
      return true;
    }
    case 'remove schedule':
      await agreed(model.removeSchedule(step.name), real.kit.runtime.schedule(step.name).remove());
      return true;
    case 'close':
      await real.kit.close();
      await real.kit.reopen();
      model.reopened(true);
      return true;
    case 'sleep':
      await real.kit.close();
      await real.kit.clock.set(new Date(model.now + step.ms));
      await real.kit.reopen();
      model.reopened(true, step.ms);
      return true;
    case 'crash':
      if (both.hasCrashed) return false;
      both.hasCrashed = true;
      await real.kit.crash();
      await real.kit.reopen();
      model.reopened(false);
      return true;
  }
}

/**
 * Only the runtime knows which job the thread runs: the model learns which, and judges the rest.
 */
async function killThread(index: number, { model, real }: Both): Promise<boolean> {
  await real.kit.killThread(index);
  await real.kit.untilIdle();
  for (const job of [...model.jobs.values()]) {
    if (!job.running) continue;
    const { interruptions, dueAt } = await real.job(job.name).details();
    if (interruptions === job.interruptions) continue;
    model.killed(job, dueAt?.getTime());
    return true;
  }
  return false;
}

/** Picks a job that the runtime has seen, most often an unfinished one. */
function chosen(
  { which }: OnJob,
  { model, real }: Both,
  fits: (job: ModelJob) => boolean = () => true,
): ModelJob | undefined {
  const met = [...model.jobs.values()].filter((job) => real.ids.has(job.name) && fits(job));
  const live = met.filter(({ status }) => status !== 'completed');
  const among = which % 8 === 0 || live.length === 0 ? met : live;
  return among[which % among.length];
}

async function onJob(
  step: OnJob,
  both: Both,
  act: (job: ModelJob) => [expected: Refusal | undefined, done: Promise<unknown>],
): Promise<boolean> {
  const job = chosen(step, both);
  if (job === undefined) return false;
  await agreed(...act(job));
  return true;
}

/** Asserts that both accept the command, or refuse it with the same code. */
async function agreed<T>(expected: unknown, done: Promise<T>): Promise<T | undefined> {
  const refusal = typeof expected === 'string' ? expected : undefined;
  let code: unknown;
  const value = await done.catch((error: { code?: string }) => {
    if (error.code === undefined) throw error;
    code = error.code;
    return undefined;
  });
  assert.equal(code, refusal, 'refused');
  return value;
}

// The contract does not order events that come due at the same moment, so each event gets a moment
// of its own. Dates and deadlines have different milliseconds. A retry does not come after whole
// seconds, lest it meets the timeout of a job that began whole seconds later; timeouts of jobs that
// began whole seconds apart differ too.

const which = fc.nat(1000);
const queue = fc.constantFrom(...queueNames);
const rarely = <T>(of: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: of });
const quotas = fc.oneof(
  { weight: 3, arbitrary: fc.constant<string[]>([]) },
  { weight: 2, arbitrary: fc.subarray(['a', 'b', 'k/1', 'k/2'], { minLength: 1, maxLength: 2 }) },
);
const seconds = (most: number, offsetMs: number) => fc.integer({ min: 1, max: most }).map((n) => n * 1000 + offsetMs);

const call: fc.Arbitrary<Asked> = fc.record({
  form: fc.constant('call' as const),
  parts: fc.constant([]),
  postprocess: fc.constant(false),
  priority: fc.constantFrom(0, 0, 0, 1, -1),
  quotas,
  retry: fc.constantFrom('default', 'default', 'never', 'forever', 'at once', 'later'),
  beginAfterMs: rarely(seconds(9, 0)),
  beginByMs: rarely(seconds(12, 500)),
  timeoutMs: rarely(seconds(9, 450)),
  unique: rarely(fc.constantFrom('key', 'lock')),
  replace: fc.boolean(),
  callbacks: fc.constantFrom(0, 0, 0, 1, 2),
});

/** Two schedules with ticks of different density, so that some are missed alone. */
const setSchedule = fc
  .record({
    name: fc.constantFrom('s' as const, 't' as const),
    queue,
    asked: call,
    isRare: fc.boolean(),
    overlap: fc.constantFrom('skip' as const, 'queue' as const, 'allow' as const, 'replace' as const),
    missed: fc.constantFrom('one' as const, 'skip' as const, 'all' as const),
    windowMs: fc.constantFrom(10_000, 60_000, 100_000),
    pauseOnFailure: fc.boolean(),
    again: fc.boolean(),
  })
  .map(({ name, asked, isRare, again, ...handling }): Step => {
    // Jobs with the same date stand in line by their ids, and that of a tick's job does not show
    // when it was made. So such a job gets no date.
    const retry = asked.retry === 'later' ? 'at once' : asked.retry;
    const free = { beginAfterMs: undefined, beginByMs: undefined, timeoutMs: undefined, unique: undefined, retry };
    const ticks = { everyMs: isRare ? 80_000 : 6000, anchorMs: schedules[name] };
    return { do: 'set schedule', name, again, set: { ...handling, ...ticks, asked: { ...asked, ...free } } };
  });
const scheduleName = fc.constantFrom('s' as const, 't' as const);

/** A part has no key, because its whole puts it. */
const partCall = call.map((asked) => ({ ...asked, unique: undefined }));

function whole(parts: fc.Arbitrary<Asked>, postprocess: fc.Arbitrary<boolean>): fc.Arbitrary<Asked> {
  return fc
    .tuple(
      call,
      fc.constantFrom('serial' as const, 'parallel' as const),
      fc.array(parts, { maxLength: 3 }),
      postprocess,
    )
    .map(([asked, form, parts, post]) => ({ ...asked, form, parts, postprocess: post }));
}

const innerWhole = whole(partCall, fc.constant(true)).map((asked) => ({ ...asked, unique: undefined }));
const asked = fc.oneof(
  { weight: 4, arbitrary: call },
  {
    weight: 1,
    arbitrary: whole(fc.oneof({ weight: 4, arbitrary: partCall }, { weight: 1, arbitrary: innerWhole }), fc.boolean()),
  },
);

const kinds: readonly [weight: number, kind: fc.Arbitrary<Step>][] = [
  [10, fc.record({ do: fc.constant('put'), queue, asked })],
  [10, fc.record({ do: fc.constant('end'), which, isFailure: fc.constantFrom(false, false, true) })],
  [2, fc.record({ do: fc.constant('cancel'), which })],
  [1, fc.record({ do: fc.constant('fail'), which })],
  [1, fc.record({ do: fc.constant('remove'), which })],
  [1, fc.record({ do: fc.constant('put again'), which })],
  [1, fc.record({ do: fc.constant('change'), which, priority: fc.constantFrom(-1, 0, 1, 2), quotas })],
  [2, fc.record({ do: fc.constant('add callback'), which })],
  [1, fc.record({ do: fc.constant('add part'), which, asked: partCall })],
  [2, fc.record({ do: fc.constant('retry'), which })],
  [2, fc.record({ do: fc.constant('explain'), which })],
  [1, fc.record({ do: fc.constant('pause'), queue, paused: fc.boolean() })],
  [
    2,
    fc.record({
      do: fc.constant('set quota'),
      queue,
      name: fc.constantFrom('a', 'b', 'k'),
      size: fc.constantFrom(undefined, 1, 1, 2, 3),
    }),
  ],
  [4, fc.record({ do: fc.constant('advance'), ms: fc.nat(6).map((n) => n * 1000) })],
  [1, fc.record({ do: fc.constant('kill thread'), index: fc.nat(4) })],
  [1, fc.record({ do: fc.constantFrom('close', 'crash') })],
  [2, setSchedule],
  [1, fc.record({ do: fc.constant('pause schedule'), name: scheduleName, paused: fc.boolean() })],
  [1, fc.record({ do: fc.constantFrom('trigger', 'trigger', 'trigger', 'remove schedule'), name: scheduleName })],
  [
    1,
    fc.record({
      do: fc.constant('backfill'),
      name: scheduleName,
      agoMs: fc.nat(60).map((n) => n * 1000),
      ms: fc.nat(40).map((n) => n * 1000),
    }),
  ],
  [1, fc.record({ do: fc.constant('sleep'), ms: fc.nat(100).map((n) => n * 1000) })],
];

const anyStep: fc.Arbitrary<Step> = fc.oneof(...kinds.map(([weight, arbitrary]) => ({ weight, arbitrary })));

/** Histories of up to `most` steps. */
export const history = (most: number): fc.Arbitrary<Step[]> =>
  fc.array(anyStep, { maxLength: most, size: 'max' }).map((steps) => {
    let dates = 0;
    let timeouts = 0;
    const dated = (asked: Asked): Asked => ({
      ...asked,
      beginAfterMs: asked.beginAfterMs && asked.beginAfterMs + (++dates % 400),
      beginByMs: asked.beginByMs && asked.beginByMs + (++dates % 400),
      timeoutMs: asked.timeoutMs && asked.timeoutMs + (++timeouts % 50),
      parts: asked.parts.map(dated),
    });
    return steps.map((step) => ('asked' in step ? { ...step, asked: dated(step.asked) } : step));
  });
