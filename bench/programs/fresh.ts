/**
 * A contestant in a fresh process: its CPU time until the first result, and the cost of jobs right
 * after it or, with `warmUpJobs`, later.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { journalled } from '../contestants/journalled.js';
import type { Pool } from '../contestants/pool.js';
import type { Measured } from '../harness/bench.js';
import { programArguments, reportResult } from '../harness/program.js';
import { Scratch } from '../harness/scratch.js';
import { percentile } from '../harness/statistics.js';
import { cpuOfThread } from '../harness/thread-cpu.js';
import { spin } from '../jobs/spin.js';
import { checkStamp } from '../jobs/stamp.js';

export type FreshContestant = 'piscina' | 'bare worker threads' | 'callsheet, full';

export interface FreshWork {
  readonly contestant: FreshContestant;
  readonly directory: string;
  readonly threads: number;
  readonly inFlight: number;
  readonly jobs: number;
  /** Jobs between the first result and the measured ones. */
  readonly warmUpJobs: number;
  /** Milliseconds between two jobs of one loop. */
  readonly idleMs?: number;
  /** Steps that each job computes. Default: the trivial job. */
  readonly steps?: number;
}

const work = programArguments<FreshWork>();
const { contestant, threads, inFlight, jobs, warmUpJobs, idleMs, steps } = work;
const tasks = '/proc/self/task';
/** Node starts the thread of V8's timers and its four helpers first. */
const v8Threads = systemThreads().slice(1, 6);
const scratch = new Scratch(work.directory);
const pool = await openPool();
let next = 0;
await runJobs(1);
const untilFirst = cpuOfProcess();
await runJobs(warmUpJobs);
const measured = await measure();
await pool.close();
scratch.remove();
reportResult(measured);

async function measure(): Promise<Measured> {
  const before = await pool.figures?.();
  const costsBefore = costs();
  const start = performance.now();
  const took = await runJobs(jobs);
  const seconds = (performance.now() - start) / 1000;
  const costsAfter = costs();
  const after = await pool.figures?.();
  const figures: Record<string, number> = {
    jobs: jobs / seconds,
    'CPU until first result': untilFirst / 1000,
    p50: percentile(took, 50),
    p99: percentile(took, 99),
    max: percentile(took, 100),
  };
  for (const [name, cost] of Object.entries(costsAfter)) figures[name] = (cost - costsBefore[name]!) / jobs;
  if (steps !== undefined) figures.overhead = figures['CPU per job']! - cpuOfJob(steps);
  if (before === undefined || after === undefined) return { figures };
  figures['frames per job'] = (after.frames - before.frames) / jobs;
  figures['syncs per job'] = (after.syncs - before.syncs) / jobs;
  // One sync covers at most one job of each loop.
  return { figures, ...journalled(before, after, jobs / inFlight - 1) };
}

/** Returns microseconds and switches since the beginning, of the process and of its threads. */
function costs(): Record<string, number> {
  const all = { 'CPU per job': cpuOfProcess() };
  const threadsNow = systemThreads();
  if (threadsNow.length === 0) return all;
  const v8 = v8Threads.reduce((sum, thread) => sum + cpuOfThread(thread), 0);
  const main = cpuOfThread(String(process.pid));
  const coordinator = pool.coordinatorCpu?.() ?? 0;
  return {
    ...all,
    main,
    ...(pool.coordinatorCpu && { coordinator }),
    V8: v8,
    'workers and disk': all['CPU per job'] - main - coordinator - v8,
    switches: threadsNow.reduce((sum, thread) => sum + switchesOf(thread), 0),
  };
}

function cpuOfProcess(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

function systemThreads(): string[] {
  try {
    return readdirSync(tasks).sort((one, other) => Number(one) - Number(other));
  } catch {
    return [];
  }
}

/** Returns how often a thread went to sleep. */
function switchesOf(thread: string): number {
  const status = readFileSync(`${tasks}/${thread}/status`, 'utf8');
  return Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)![1]);
}

/** Returns the milliseconds of each job. */
async function runJobs(count: number): Promise<number[]> {
  const forbidden = new Set(pool.forbiddenThreads ?? [0]);
  const took: number[] = [];
  const end = next + count;
  const loop = async () => {
    while (next < end) {
      const number = next++;
      if (idleMs !== undefined) await sleep(idleMs);
      const start = performance.now();
      const result = await pool.run(number);
      took.push(performance.now() - start);
      if (steps === undefined) checkStamp(result, number, forbidden);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, loop));
  return took;
}

/** Opens the contestant, which loads only its own code. */
async function openPool(): Promise<Pool> {
  if (contestant === 'bare worker threads') return (await import('../contestants/bare.js')).openBareStamps(threads);
  if (contestant === 'piscina') {
    const { openPiscina, openPiscinaOf } = await import('../contestants/peers.js');
    return steps === undefined ? openPiscina(threads) : openPiscinaOf('spin', threads, () => steps);
  }
  const { asPool, openCallsheet, spins } = await import('../contestants/callsheet.js');
  const opened = await openCallsheet('full', { threads, scratch, stepsPerMs: 0 });
  const trivial = asPool(opened);
  if (steps === undefined) return trivial;
  const queue = opened.callsheet.queue();
  return { ...trivial, run: async () => (await queue.put(spins.spin(steps))).result() };
}

/** Returns the CPU time of the job's own computing, in microseconds. */
function cpuOfJob(count: number): number {
  const took = Array.from({ length: 50 }, () => {
    const before = cpuOfProcess();
    spin(count);
    return cpuOfProcess() - before;
  });
  return Math.min(...took);
}
