/** Runs histories from seeds, and sums them up. */
import { createHash } from 'node:crypto';
import { atOnce } from '../../src/core/decision.js';
import { type Fault, faults, World } from './world.js';

// So that random wholes are large.
atOnce.parts = 2;

export const stepsOfHistory = 170;

export interface Sum {
  seeds: number;
  lives: number;
  jobs: number;
  snapshots: number;
  hits: Record<Fault, number>;
  /** The hash of all traces, in the order of their seeds: the same seeds give the same hash. */
  trace: string;
}

/** Runs the history of one seed. Rejects with the violation, and the command that replays it. */
export async function live(seed: number): Promise<World> {
  const world = new World(seed, process.env.CALLSHEET_STORY === undefined ? undefined : (line) => console.log(line));
  await world.run(stepsOfHistory).catch((error: Error) => {
    const replay = `CALLSHEET_SEED=${seed} node --test dist/test/sim/simulation.test.js`;
    throw new Error(`seed ${seed}, step ${world.steps}, life ${world.lives}: ${error.message}\nto replay: ${replay}`, {
      cause: error,
    });
  });
  return world;
}

/** Runs the histories of `count` seeds from `first` on, one after another. */
export async function liveAll(first: number, count: number): Promise<Sum> {
  const sum = emptySum();
  const traces = createHash('sha1');
  for (let seed = first; seed < first + count; seed++) {
    const world = await live(seed);
    sum.seeds += 1;
    sum.lives += world.lives;
    sum.snapshots += world.snapshots;
    sum.jobs += world.oracle.known;
    for (const [fault, times] of world.hits) sum.hits[fault] += times;
    traces.update(world.trace);
  }
  sum.trace = traces.digest('hex');
  return sum;
}

export function emptySum(): Sum {
  const hits = Object.fromEntries(faults.map((fault) => [fault, 0])) as Record<Fault, number>;
  return { seeds: 0, lives: 0, jobs: 0, snapshots: 0, hits, trace: '' };
}

export function add(to: Sum, more: Sum): void {
  for (const key of ['seeds', 'lives', 'jobs', 'snapshots'] as const) to[key] += more[key];
  for (const fault of faults) to.hits[fault] += more.hits[fault];
}

export function printed({ seeds, lives, jobs, snapshots, hits }: Sum): string {
  const counted = Object.entries(hits).map(([fault, times]) => `${fault} ${times}`);
  return `${seeds} seeds, ${seeds * stepsOfHistory} steps, ${lives} lives, ${jobs} jobs, ${snapshots} snapshots\nhits: ${counted.join(', ')}`;
}
