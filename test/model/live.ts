/** Runs one history on the model and on the runtime side by side. */
import assert from 'node:assert/strict';
import { Model, type ModelJob, type ModelSchedule } from './model.js';
import { Real, type SeenJob, type SeenSchedule } from './real.js';
import { type Both, perform, queueNames, type Step } from './steps.js';

const start = Date.UTC(2030, 0);
const agentSize = 2;
/** Steps between comparisons of everything. Other steps compare expected changes only. */
const stepsBetweenLooks = 16;

/** Compares both after each step. Returns the number of steps that could be done. */
export async function live(steps: readonly Step[]): Promise<number> {
  const model = new Model(start, agentSize, queueNames);
  const real = await Real.open(start, agentSize, queueNames);
  try {
    const both: Both = { model, real, hasCrashed: false };
    for (const queue of queueNames) {
      for (const name of ['a', 'b', 'k']) {
        model.setQuota(queue, name, 1);
        await real.queue(queue).setQuota(name);
      }
    }
    let done = 0;
    const seen = new Map<string, string>();
    for (const step of steps) {
      if (!(await perform(step, both))) continue;
      if (++done % stepsBetweenLooks === 0) seen.clear();
      await compare(both, seen);
    }
    await compare(both, new Map());
    return done;
  } finally {
    await real.kit.close();
  }
}

/** Skips the things whose expected state has not changed since they were last compared. */
async function compare({ model, real }: Both, seen: Map<string, string>): Promise<void> {
  await real.kit.untilIdle();
  compareStarts(model.started.splice(0), real);
  const look = async (what: string, expected: unknown, actual: () => Promise<unknown>) => {
    const text = JSON.stringify(expected);
    if (seen.get(what) === text) return;
    assert.deepEqual(await actual(), expected, what);
    seen.set(what, text);
  };
  // First, because it makes the jobs of ticks known.
  for (const [name, there] of model.schedules)
    await look(`the schedule "${name}"`, scheduleOf(there), () => real.schedule(name));
  for (const queue of queueNames) {
    const line = model.line(queue).map(({ name }) => name);
    await look(`the line of "${queue}"`, line, () => real.line(queue));
    await look(`the quotas of "${queue}"`, quotasOf(model, queue), () => real.quotas(queue));
  }
  const met = [...model.jobs.values()].filter(({ name }) => real.ids.has(name));
  await Promise.all(met.map((job) => look(job.name, seenOf(job), () => real.look(job.name))));
}

/**
 * Compares the order of starts per line. Callbacks stand in no line and begin in any order. Jobs
 * that must not begin twice are a line of their own: they are claimed in turn, but begin only when
 * their start is on the disk.
 */
function compareStarts(expected: readonly ModelJob[], real: Real): void {
  const starts = real.takeStarts();
  const wanted = new Map(expected.map((job) => [job.name, job]));
  const lineOf = (name: string) => {
    const job = wanted.get(name);
    if (job === undefined) return 'unexpected';
    return job.role === 'callback' ? 'of callbacks' : `of "${job.queue}"${job.asked.retry === 'never' ? ', once' : ''}`;
  };
  const lines = (names: readonly string[]) => {
    const found: Record<string, string[]> = {};
    for (const name of names) found[lineOf(name)] = [...(found[lineOf(name)] ?? []), name];
    found['of callbacks']?.sort();
    return found;
  };
  assert.deepEqual(lines(starts.map(({ name }) => name)), lines(expected.map(({ name }) => name)), 'what began');
  for (const { name, heard } of starts) assert.equal(heard, callOf(wanted.get(name)!), `what ${name} was called with`);
}

function callOf(job: ModelJob): string {
  if (job.isWhole) return job.parts.map(({ outcome }) => outcome).join();
  return job.role === 'callback' ? job.above!.outcome! : '';
}

function quotasOf(model: Model, queue: string): Record<string, unknown> {
  return Object.fromEntries(
    [...model.queues.get(queue)!.quotas].map(([name, size]) => [
      name,
      {
        size,
        holders: model
          .holders(queue, name)
          .map((job) => job.name)
          .sort(),
      },
    ]),
  );
}

/** A schedule shows its last twenty jobs. */
function scheduleOf({ jobs, paused, nextAt, lastAt, successAt, missed, skipped }: ModelSchedule): SeenSchedule {
  const last = jobs.slice(-20).reverse();
  const times = { nextAt: paused ? undefined : nextAt, lastAt, successAt };
  return { paused, ...times, fired: jobs.length, missed, skipped, jobs: last.map(({ name }) => name) };
}

function seenOf(job: ModelJob): SeenJob {
  const { status, outcome, priority, due, deadline, attempts, errors, interruptions, partsDone, callbacksDone } = job;
  const counts = { attempts, errors, interruptions, parts: job.parts.length, partsDone };
  return { status, outcome, priority, due, deadline, ...counts, callbacks: job.callbacks.length, callbacksDone };
}
