/**
 * A process with many pending jobs that is asked about them, alone and while it runs other jobs.
 */
import { open, type Queue } from 'callsheet';
import { stamps } from '../contestants/callsheet.js';
import { programArguments, reportResult } from '../harness/program.js';
import { percentile } from '../harness/statistics.js';

export interface MonitorWork {
  readonly threads: number;
  readonly jobs: number;
  /** How often each question is asked. */
  readonly times: number;
  /** Milliseconds for which other jobs run, with and without questions. */
  readonly ms: number;
}

export type MonitorFigures = Readonly<Record<string, number>>;

const putAtOnce = 1000;
const inFlight = 64;

const { threads, jobs, times, ms } = programArguments<MonitorWork>();
const callsheet = await open({ durability: 'memory', threads, jobs: [stamps] });
const paused = await callsheet.createQueue('paused');
await paused.pause();
for (let from = 0; from < jobs; from += putAtOnce)
  await paused.putAll(Array.from({ length: Math.min(putAtOnce, jobs - from) }, (_, at) => stamps.stamp(from + at)));

/** The questions, each with its name. */
const questions: [name: string, ask: () => Promise<unknown>][] = [
  ['at(0)', () => paused.at(0)],
  ['first page', () => firstOf(paused)],
  ['pull()', () => paused.pull()],
  ['counts', () => callsheet.monitor.counts({}, { by: ['queue', 'callable', 'status'] })],
  ['stats', () => callsheet.monitor.stats()],
  ['at(middle)', () => paused.at(jobs >> 1)],
];

const run = (keepsOn: () => boolean) => runJobs(callsheet.queue(), keepsOn);
await timedRun(Promise.resolve());
const figures: Record<string, number> = { 'echo, idle': await longestEcho(sleepFor(ms)) };
for (const [name, ask] of questions) {
  const asked = (async () => {
    const took: number[] = [];
    for (let left = times; left > 0; left--) {
      const start = performance.now();
      await ask();
      took.push(performance.now() - start);
    }
    return took;
  })();
  figures[`echo, ${name}`] = await longestEcho(asked);
  figures[name] = percentile(await asked, 0.5);
}
figures['jobs alone'] = await timedRun(sleepFor(ms));
const endAt = performance.now() + ms;
figures['jobs, questions'] = await timedRun(
  (async () => {
    while (performance.now() < endAt) for (const [, ask] of questions) await ask();
  })(),
);
figures['jobs alone again'] = await timedRun(sleepFor(ms));
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
 * the longest turn of the coordinator, and the way there and back.
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
  const done = await run(() => !isOver);
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
