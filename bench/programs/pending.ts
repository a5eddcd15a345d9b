/**
 * A process with many pending jobs: its memory, and the latency of puts during a snapshot of all of
 * them.
 */
import { existsSync, readdirSync, watch } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { open, type Runtime } from 'callsheet';
import { stamps } from '../contestants/callsheet.js';
import { journalled } from '../contestants/journalled.js';
import type { Measured } from '../harness/bench.js';
import { programArguments, reportResult } from '../harness/program.js';
import { percentile } from '../harness/statistics.js';
import { settledMemory } from './memory.js';

export interface PendingWork {
  readonly directory: string;
  readonly threads: number;
  readonly jobs: number;
  /** Bytes of arguments of each job that runs to make a snapshot due. */
  readonly paddingBytes: number;
  /** Milliseconds without a fall after which the memory counts as settled. */
  readonly settleMs: number;
}

export interface PendingFigures extends Pick<Measured, 'journal' | 'void'> {
  readonly putsPerSecond: number;
  readonly bytesPerJob: number;
  readonly snapshotMs: number;
  /** The latency of puts while the snapshot was taken. */
  readonly putP99Ms: number;
  readonly putMaxMs: number;
  readonly putsMeanwhile: number;
}

const putAtOnce = 1000;
const ahead = 4;
const inFlight = 64;
const snapshotLimitMs = 600_000;

const { directory, threads, jobs, paddingBytes, settleMs } = programArguments<PendingWork>();
const callsheet = await open({ directory, threads, jobs: [stamps] });
const emptyBytes = await settledMemory(settleMs);
const before = await callsheet.stats();
const putsPerSecond = await fill(callsheet);
const after = await callsheet.stats();
const bytesPerJob = ((await settledMemory(settleMs)) - emptyBytes) / jobs;
const snapshot = await putWhileSnapshot(callsheet);
await callsheet.close();
const figures: PendingFigures = {
  putsPerSecond,
  bytesPerJob,
  ...snapshot,
  ...journalled(before, after, jobs / putAtOnce / ahead),
};
reportResult(figures);

async function fill(callsheet: Runtime): Promise<number> {
  const queue = await callsheet.createQueue('paused');
  await queue.pause();
  const start = performance.now();
  let from = 0;
  const putOn = async () => {
    while (from < jobs) {
      const first = from;
      from += putAtOnce;
      const length = Math.min(putAtOnce, jobs - first);
      await queue.putAll(Array.from({ length }, (_, at) => stamps.stamp(first + at)));
    }
  };
  await Promise.all(Array.from({ length: ahead }, putOn));
  return (jobs / (performance.now() - start)) * 1000;
}

/** Runs other jobs until the journal takes a snapshot and has published it. */
async function putWhileSnapshot(callsheet: Runtime) {
  while (readdirSync(directory).some(isUnfinished)) await sleep(10);
  let beganAt = Number.POSITIVE_INFINITY;
  let endedAt = Number.POSITIVE_INFINITY;
  const watcher = watch(directory, (_event, name) => {
    if (name === null || endedAt < Number.POSITIVE_INFINITY) return;
    if (beganAt === Number.POSITIVE_INFINITY && isUnfinished(name)) beganAt = performance.now();
    else if (name.endsWith('.snapshot') && existsSync(`${directory}/${name}`)) endedAt = performance.now();
  });
  const queue = callsheet.queue();
  const padding = 'x'.repeat(paddingBytes);
  const puts: { readonly at: number; readonly ms: number }[] = [];
  const limit = performance.now() + snapshotLimitMs;
  const loop = async () => {
    while (endedAt === Number.POSITIVE_INFINITY) {
      const at = performance.now();
      if (at > limit) throw new Error(`no snapshot was taken in ${snapshotLimitMs / 1000} s`);
      const job = await queue.put(stamps.stampPadded(1, padding));
      puts.push({ at, ms: performance.now() - at });
      await job.result();
    }
  };
  await Promise.all(Array.from({ length: inFlight }, loop));
  watcher.close();
  const meanwhile = puts.filter(({ at, ms }) => at + ms >= beganAt && at <= endedAt).map(({ ms }) => ms);
  return {
    snapshotMs: endedAt - beganAt,
    putP99Ms: percentile(meanwhile, 99),
    putMaxMs: meanwhile.reduce((longest, ms) => Math.max(longest, ms), 0),
    putsMeanwhile: meanwhile.length,
  };
}

function isUnfinished(name: string): boolean {
  return name.endsWith('.unfinished');
}
