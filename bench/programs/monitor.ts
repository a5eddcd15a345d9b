/**
 * A process with many pending jobs, and a tenth as many completed ones, that is asked about them
 * while it runs others.
 */
import { open, type Queue } from 'callsheet';
import { stamps } from '../contestants/callsheet.js';
import { programArguments, reportResult } from '../harness/program.js';
import { percentile } from '../harness/statistics.js';

export interface MonitorWork {
  readonly threads: number;
  readonly jobs: number;
  /** Milliseconds for which each question is asked, ten times a second, while other jobs run. */
  readonly ms: number;
}

export type MonitorFigures = Readonly<Record<string, number>>;

const putAtOnce = 1000;
const inFlight = 64;
const echoEachMs = 2;
/** A dashboard that shows ten questions, each second anew. */
const askEachMs = 100;

const { threads, jobs, ms } = programArguments<MonitorWork>();
const callsheet = await open({ durability: 'memory', threads, jobs: [stamps] });
const paused = await callsheet.createQueue('paused');
await paused.pause();
for (let from = 0; from < jobs; from += putAtOnce)
  await paused.putAll(Array.from({ length: Math.min(putAtOnce, jobs - from) }, (_, at) => stamps.stamp(from + at)));

const some = (await paused.at(0))!.id;
const last = (await paused.at(-1))!.id;
await callsheet.job(last).annotations.set('mark', 7);
// Completed jobs, one in a hundred of them failed.
for (let left = jobs / 1000; left > 0; left--) {
  const failing = await callsheet.queue().put(stamps.stamp(left), { held: true, log: 'silent' });
  await failing.fail(new RangeError('for the bench'));
}
let completed = 0;
await runJobs(callsheet.queue(), () => completed++ < jobs / 10);

const { monitor } = callsheet;
/** The questions, each with its name; without a question first. */
const questions: [name: string, ask: () => Promise<unknown>][] = [
  ['nothing', () => sleepFor(1)],
  ['at(0)', () => paused.at(0)],
  ['first page', () => firstOf(paused)],
  ['pull()', () => paused.pull()],
  ['counts', () => monitor.counts({}, { by: ['queue', 'callable', 'status'] })],
  ['stats', () => monitor.stats()],
  ['next', () => monitor.next('paused')],
  ['last', () => monitor.last()],
  ['job', () => monitor.job(some)],
  ['explain', () => monitor.explain(last)],
  ['failures', () => monitor.failures()],
  ['active', () => monitor.active()],
  ['queues', () => monitor.queues()],
  ['status', () => monitor.status()],
  ['jobs, behind the completed', () => monitor.jobs({ status: 'pending' })],
  ['jobs, one of all', () => monitor.jobs({ annotation: 'mark' }, { limit: 1, order: 'oldest' })],
  ['at(middle)', () => paused.at(jobs >> 1)],
];

const figures: Record<string, number> = {};
for (const [name, ask] of questions) {
  const took: number[] = [];
  const asked = (async () => {
    const endAt = performance.now() + ms;
    do {
      const start = performance.now();
      await ask();
      took.push(performance.now() - start);
      await sleepFor(Math.max(1, start + askEachMs - performance.now()));
    } while (performance.now() < endAt);
  })();
  const echo = longestEcho(asked);
  figures[`jobs, ${name}`] = await timedRun(asked);
  figures[`echo, ${name}`] = await echo;
  if (name !== 'nothing') figures[name] = percentile(took, 0.5);
}
figures['jobs, nothing again'] = await timedRun(sleepFor(ms));
figures['longest turn'] = (await monitor.status()).turns.longestMs;
await callsheet.close();
reportResult(figures);

async function firstOf(queue: Queue): Promise<unknown> {
  for await (const job of queue) return job;
  return undefined;
}

function sleepFor(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}

/**
 * Returns the longest answer to a question that costs nothing, of many asked until `work` is over:
 * the longest turn of the coordinator, and the way there and back beside the jobs.
 */
async function longestEcho(work: Promise<unknown>): Promise<number> {
  let isOver = false;
  const over = work.then(() => {
    isOver = true;
  });
  let longest = 0;
  while (!isOver) {
    const start = performance.now();
    await callsheet.queues();
    longest = Math.max(longest, performance.now() - start);
    await sleepFor(echoEachMs);
  }
  await over;
  return longest;
}

/** Runs trivial jobs until `work` is over. Returns how many were done in a second. */
async function timedRun(work: Promise<unknown>): Promise<number> {
  let isOver = false;
  const over = work.then(() => {
    isOver = true;
  });
  const start = performance.now();
  const done = await runJobs(callsheet.queue(), () => !isOver);
  await over;
  return (done / (performance.now() - start)) * 1000;
}

async function runJobs(queue: Queue, keepsOn: () => boolean): Promise<number> {
  let done = 0;
  const runOn = async () => {
    do {
      await (await queue.put(stamps.stamp(done))).result();
      done++;
    } while (keepsOn());
  };
  await Promise.all(Array.from({ length: inFlight }, runOn));
  return done;
}
