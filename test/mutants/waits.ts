/** Planted bugs against jobs that wait for others, what is put ahead, and what must run alone. */
import type { Mutant } from './mutant.js';

const alone = ['contract/retries-alone.test.ts'];
const waits = ['contract/job-waits.test.ts'];
const fairness = ['e2e/fairness.test.ts'];

export const waitsInThreads: readonly Mutant[] = [
  {
    bug: 'no thread is started for what is waited for',
    tags: ['2.7'],
    tests: waits,
    in: 'coordinator/claiming/claiming.ts#claimAwaited',
    find: 'if (lacksThread && batches.lacksThread) pool.grow();',
    replace: '',
  },
  {
    bug: 'a wait that would leave no thread is not refused',
    tags: ['2.7'],
    tests: waits,
    in: 'coordinator/claiming/runs.ts#refusal',
    find: 'if (waiting.size < mostThreads) return undefined;',
    replace: 'if (waiting.size < 1e9) return undefined;',
  },
  {
    bug: 'a wait for what ends only after the job is not refused',
    tags: ['2.7'],
    tests: waits,
    in: 'coordinator/claiming/runs.ts#refusal',
    find: 'if (this.#waits.isBehind(awaited, by))',
    replace: 'if (awaited.id === by)',
  },
  {
    bug: 'a job that returns who waits for it is waited for without end',
    tags: ['2.7'],
    tests: waits,
    in: 'coordinator/claiming/runs.ts#settled',
    find: "if (report.kind === 'job' && !this.#waits.isEmpty) this.#waits.refuseEndless();",
    replace: '',
  },
  {
    bug: 'a callback keeps its agent’s place from what it waits for',
    tags: ['5.2'],
    tests: waits,
    in: 'coordinator/claiming/claiming.ts#batches',
    find: 'forAwaited: size }',
    replace: 'forAwaited: size - store.state.calledBack(agent) }',
  },
  {
    bug: 'of a whole that is waited for, the parts have no thread of their own',
    tags: ['2.7'],
    tests: waits,
    in: 'core/waits.ts#neededFor',
    find: "if (job.outcome === 'none') for (const part of state.parts(job)) yield* neededFor(state, part, seen);",
    replace: 'if (job.outcome === "none");',
  },
  {
    bug: 'all jobs have the threads that are there for what is waited for',
    tags: ['5.2'],
    tests: waits,
    in: 'coordinator/claiming/batches.ts#constructor',
    find: 'this.#idleLeft = threads;',
    replace: 'this.#idleLeft = 2 * threads;',
  },
  {
    bug: 'a job that waits keeps its agent’s place from what it waits for',
    tags: ['5.2'],
    tests: waits,
    in: 'coordinator/claiming/batches.ts#takePlace',
    find: 'if (!waits) left.forAwaited--;',
    replace: 'left.forAwaited--;',
  },
  {
    bug: 'what stands ahead is shared only by how long it takes itself',
    tags: ['5.2'],
    tests: fairness,
    in: 'coordinator/pool/pool.ts#share',
    find: 'const frontMs = front?.expectedMs ?? 0;',
    replace: 'const frontMs = 0;',
  },
  {
    bug: 'what must run alone waits for ever for the others to end',
    tags: ['8.4'],
    tests: alone,
    in: 'coordinator/claiming/claiming.ts#mayBeginAlone',
    find: 'if (isQuiet || this.#quiet?.over) return true;',
    replace: 'if (isQuiet) return true;',
  },
  {
    bug: 'while a job runs alone nothing that it waits for is claimed',
    tags: ['8.4'],
    tests: alone,
    in: 'coordinator/claiming/claiming.ts#claim',
    find: 'if (hasWaits) this.#claimAwaited(batches, unplaced);',
    replace: 'if (hasWaits && !isAlone) this.#claimAwaited(batches, unplaced);',
  },
  {
    bug: 'a close waits for a job that waits for one that is claimed no more',
    tags: ['5.9'],
    tests: ['contract/agents.test.ts'],
    in: 'coordinator/claiming/runs.ts#canGoOn',
    find: 'this.#store.isExclusive ? this.#waits.blocked.size : 0',
    replace: '0',
  },
  {
    bug: 'a close does not wait for a job whose inner job runs',
    tags: ['5.9'],
    tests: ['contract/agents.test.ts'],
    in: 'coordinator/claiming/runs.ts#canGoOn',
    find: 'this.pool.out > (',
    replace: 'this.pool.out - 1 > (',
  },
];
