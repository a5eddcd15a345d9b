/**
 * The coordinator's time by function: trivial jobs in a process under Node's profiler, which writes
 * a profile for each thread.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Context, Size } from './harness/bench.js';
import { runProgram } from './harness/program.js';
import type { TrivialFigures, TrivialWork } from './programs/trivial-jobs.js';

const inFlight = 1024;
/** The time of work, and its first part, which is loading and compiling and does not count. */
const times: Readonly<Record<Size, { readonly ms: number; readonly skippedMs: number }>> = {
  full: { ms: 13_000, skippedMs: 3_000 },
  small: { ms: 300, skippedMs: 0 },
};
const sampleEveryUs = 200;
/** The number of functions in the report. */
const mostFunctions = 10;

/** Only the coordinator runs this file. */
const coordinatorFile = '/src/coordinator/coordinator.js';

/** The profiler's names for the time in which a thread runs no code. */
const notRunning = new Set(['(idle)', '(root)']);

export interface CoordinatorProfile {
  readonly perSecond: number;
  /** Percentage of the time. */
  readonly busy: number;
  /** The functions by their own time, the longest first. */
  readonly functions: readonly FunctionTime[];
}

export interface FunctionTime {
  readonly name: string;
  /** `src/…/file.js:line`; empty for Node's and V8's own functions. */
  readonly place: string;
  /** Percentage of the thread's busy time, without called functions. */
  readonly self: number;
}

/** The fields of a `--cpu-prof` file that are read here. */
interface Profile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: CallFrame }[];
  readonly samples: readonly number[];
  /** Microseconds since the sample before. */
  readonly timeDeltas: readonly number[];
}

interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}

export async function profileCoordinator(
  { scratch, threads }: Omit<Context, 'stepsPerMs'>,
  size: Size,
): Promise<CoordinatorProfile> {
  const profiles = scratch.newPath();
  const { ms, skippedMs } = times[size];
  const work: TrivialWork = { directory: scratch.newPath(), threads, inFlight, ms };
  const flags = ['--cpu-prof', `--cpu-prof-dir=${profiles}`, `--cpu-prof-interval=${sampleEveryUs}`];
  const { perSecond } = await runProgram<TrivialFigures>('trivial-jobs', work, flags);
  for (const file of readdirSync(profiles)) {
    const profile = JSON.parse(readFileSync(join(profiles, file), 'utf8')) as Profile;
    if (profile.nodes.some(({ callFrame }) => callFrame.url.endsWith(coordinatorFile))) {
      return { perSecond, ...timesOf(profile, skippedMs * 1000) };
    }
  }
  throw new Error('no thread was the coordinator');
}

export function describeProfile({ perSecond, busy, functions }: CoordinatorProfile): string {
  const lines = functions.map(({ name, place, self }) =>
    `  ${self.toFixed(1).padStart(5)} %  ${name.padEnd(28)} ${place}`.trimEnd(),
  );
  const head = `${Math.round(perSecond)} trivial jobs a second under the profiler, ${inFlight} in flight, full; the coordinator's thread was busy for`;
  return `${head} ${busy.toFixed(0)} % of the time, and of that was in\n${lines.join('\n')}\n`;
}

function timesOf(
  { nodes, samples, timeDeltas }: Profile,
  skippedUs: number,
): Pick<CoordinatorProfile, 'busy' | 'functions'> {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const selfTimes = new Map<string, number>();
  let elapsed = 0;
  let all = 0;
  let busy = 0;
  for (const [at, node] of samples.entries()) {
    // A sample's node ran until the next sample.
    const us = Math.max(0, timeDeltas[at + 1] ?? 0);
    const frame = frames.get(node)!;
    elapsed += us;
    if (elapsed < skippedUs) continue;
    all += us;
    if (notRunning.has(frame.functionName)) continue;
    busy += us;
    const key = JSON.stringify([frame.functionName || '(anonymous)', placeOf(frame)]);
    selfTimes.set(key, (selfTimes.get(key) ?? 0) + us);
  }
  const functions = [...selfTimes]
    .sort(([, one], [, other]) => other - one)
    .slice(0, mostFunctions)
    .map(([key, us]) => {
      const [name, place] = JSON.parse(key) as [string, string];
      return { name, place, self: (100 * us) / busy };
    });
  return { busy: (100 * busy) / all, functions };
}

function placeOf({ url, lineNumber }: CallFrame): string {
  const file = /\/dist\/(src\/.*)$/.exec(url)?.[1] ?? /\/(node_modules\/.*)$/.exec(url)?.[1] ?? url;
  return file === '' ? '' : `${file}:${lineNumber + 1}`;
}
