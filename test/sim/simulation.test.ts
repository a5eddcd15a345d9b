/**
 * Histories by the hundred, each from one seed. `CALLSHEET_SEED=n` replays one; `CALLSHEET_SEEDS=100000` lives through as many (the
 * long form), from the seed on that `CALLSHEET_FIRST` names.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { faults, World } from './world.js';

const only = process.env.CALLSHEET_SEED;
const first = Number(only ?? process.env.CALLSHEET_FIRST ?? 1);
const count = only === undefined ? Number(process.env.CALLSHEET_SEEDS ?? 500) : 1;
const steps = 170;

async function live(seed: number): Promise<World> {
  const world = new World(seed);
  await world.run(steps).catch((error) => {
    const replay = `CALLSHEET_SEED=${seed} node --test dist/test/sim/simulation.test.js`;
    throw new Error(`seed ${seed}, step ${world.steps}, life ${world.lives}: ${error.message}\nto replay: ${replay}`, {
      cause: error,
    });
  });
  return world;
}

describe('the simulation', () => {
  it('[9.1] [9.2] keeps its promises in every history, and finishes when all is well again', {
    timeout: 3_600_000,
  }, async (t) => {
    const hits = new Map<string, number>(faults.map((fault) => [fault, 0]));
    let lives = 0;
    let snapshots = 0;
    let jobs = 0;
    for (let seed = first; seed < first + count; seed++) {
      const world = await live(seed);
      lives += world.lives;
      snapshots += world.snapshots;
      jobs += world.oracle.jobs.size;
      for (const [fault, times] of world.hits) hits.set(fault, hits.get(fault)! + times);
    }
    t.diagnostic(
      `${count} seeds from ${first}, ${count * steps} steps, ${lives} lives, ${jobs} jobs, ${snapshots} snapshots, 0 violations`,
    );
    t.diagnostic(`hits: ${[...hits].map(([fault, times]) => `${fault} ${times}`).join(', ')}`);
  });

  it('lives through the same history with the same seed', async () => {
    for (const seed of [1, 2, 3]) assert.equal((await live(seed)).trace, (await live(seed)).trace);
  });
});
