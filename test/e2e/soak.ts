/**
 * Runs a busy runtime in a real directory for a long time, and measures its memory, file handles
 * and disk.
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Job, open, parallel } from 'callsheet';
import { type Random, randomFrom } from '../harness/randomness.js';
import { allJobs, numbers } from './jobs/all.js';

const batchJobs = 200;
const batchesInFlight = 4;
/** One of `keptPart` completed jobs is remembered. */
const keptPart = 50;
const mostBallastBytes = 2000;
/**
 * About the bytes that a job takes beside its arguments and result: its header in a snapshot and
 * the heads of its payloads.
 */
const headBytes = 160;

export interface Sample {
  readonly jobs: number;
  readonly rssMiB: number;
  readonly heapMiB: number;
  readonly handles: number;
  readonly diskBytes: number;
  readonly liveBytes: number;
}

export interface SoakFigures {
  readonly jobs: number;
  readonly jobsPerSecond: number;
  readonly snapshots: number;
  readonly bytesWritten: number;
  readonly samples: readonly Sample[];
}

/** Works until `jobs` jobs are done; calls `tell` with each sample. */
export async function soak(directory: string, jobs: number, seed: number, tell: (sample: Sample) => void) {
  const random = randomFrom(seed);
  const retention = { count: Math.ceil(jobs / keptPart) };
  await using callsheet = await open({ directory, threads: 2, jobs: allJobs, retention });
  const startedAt = performance.now();
  const samples: Sample[] = [];
  const sampleEvery = Math.max(batchJobs * batchesInFlight, Math.ceil(jobs / 40));
  let sampleAt = sampleEvery;
  let done = 0;
  let put = 0;
  const work = async () => {
    while (put < jobs) {
      put += batchJobs;
      await runBatch(callsheet.queue(), random);
      done += batchJobs;
      if (done >= sampleAt) {
        sampleAt += sampleEvery;
        const sample = await measure(directory, done, (await callsheet.stats()).jobs);
        samples.push(sample);
        tell(sample);
      }
    }
  };
  await Promise.all(Array.from({ length: batchesInFlight }, work));
  const jobsPerSecond = done / ((performance.now() - startedAt) / 1000);
  const { snapshots, bytesWritten } = await callsheet.stats();
  return { jobs: done, jobsPerSecond, snapshots, bytesWritten, samples } satisfies SoakFigures;
}

/** Puts calls with ballast. One of them is cancelled; at times a whole with parts is added. */
async function runBatch(queue: ReturnType<Awaited<ReturnType<typeof open>>['queue']>, random: Random): Promise<void> {
  const ballast = () => Buffer.alloc(random(mostBallastBytes), random(256));
  const calls = Array.from({ length: batchJobs }, () => numbers.echo(ballast()));
  const jobs: Job<unknown>[] = await queue.putAll(calls);
  if (random(20) === 0) jobs.push(await queue.put(parallel(Array.from({ length: 20 }, () => numbers.echo(ballast())))));
  await jobs[random(jobs.length)]!.cancel().catch(() => undefined);
  await Promise.all(jobs.map((job) => job.failure()));
}

async function measure(directory: string, jobs: number, remembered: number): Promise<Sample> {
  const { rss, heapUsed } = process.memoryUsage();
  const sizes = readdirSync(directory).map(
    (name) => statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0,
  );
  return {
    jobs,
    rssMiB: rss / 2 ** 20,
    heapMiB: heapUsed / 2 ** 20,
    handles: readdirSync('/proc/self/fd').length,
    diskBytes: sizes.reduce((sum, size) => sum + size, 0),
    // On average, arguments and result each have half of `mostBallastBytes`.
    liveBytes: remembered * (headBytes + mostBallastBytes),
  };
}

/**
 * Growth of a figure in a million jobs: the slope of the line through the second half of the
 * samples.
 */
export function slope(samples: readonly Sample[], of: (sample: Sample) => number): number {
  const half = samples.slice(Math.floor(samples.length / 2));
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const x = mean(half.map(({ jobs }) => jobs));
  const y = mean(half.map(of));
  const up = half.reduce((sum, sample) => sum + (sample.jobs - x) * (of(sample) - y), 0);
  const across = half.reduce((sum, { jobs }) => sum + (jobs - x) ** 2, 0);
  return (up / across) * 1e6;
}
