/** Planted bugs against jobs that wait for others, jobs put ahead, and jobs that must run alone. */
import type { Mutant } from './mutant.js';

const alone = ['contract/retries-alone.test.ts'];
const waits = ['contract/job-waits.test.ts'];
const fairness = ['e2e/fairness.test.ts'];

export const waitsInThreads: readonly Mutant[] = [
  {
    bug: 'no extra thread is started for an awaited job',
    tags: ['2.7'],
    tests: waits,
    in: 'coordinator/claiming/claiming.ts#claimAwaited',
    find: 'if (lacksThread && batches.lacksThread) pool.grow();',
    replace: '',
  },
  {
    bug: 'a wait that would leave no thread is not rejected',
    tags: ['2.7'],
    tests: waits,
    in: 'coordinator/claiming/runs.ts#refusal',
    find: 'if (waiting.size < mostThreads) return undefined;',
    replace: 'if (waiting.size < 1e9) return undefined;',
  },
  {
    bug: 'a wait for a job that ends only after the waiting one is not rejected',
    tags: ['2.7'],
    tests: waits,
    in: 'coordinator/claiming/runs.ts#refusal',
    find: 'if (this.#waits.isBehind(awaited, by))',
    replace: 'if (awaited.id === by)',
  },
  {
    bug: 'a job may return one that waits for it in its thread',
    tags: ['2.7'],
    tests: waits,
    in: 'coordinator/claiming/runs.ts#settled',
    find: "if (report.kind === 'job' && !this.#waits.isEmpty) this.#waits.refuseEndless();",
    replace: '',
  },
  {
    bug: 'a callback keeps its agent’s place from the job that it waits for',
    tags: ['5.2'],
    tests: waits,
    in: 'coordinator/claiming/claiming.ts#batches',
    find: 'forAwaited: size }',
    replace: 'forAwaited: size - store.state.calledBack(agent) }',
  },
  {
    bug: 'the parts of an awaited composition have no extra thread',
    tags: ['2.7'],
    tests: waits,
    in: 'core/waits.ts#neededFor',
    find: "if (job.outcome === 'none') for (const part of state.parts(job)) yield* neededFor(state, part, seen);",
    replace: 'if (job.outcome === "none");',
  },
  {
    bug: 'extra threads run any job',
    tags: ['5.2'],
    tests: waits,
    in: 'coordinator/claiming/batches.ts#constructor',
    find: 'this.#idleLeft = threads;',
    replace: 'this.#idleLeft = 2 * threads;',
  },
  {
    bug: 'a waiting job keeps its agent’s place from the job that it waits for',
    tags: ['5.2'],
    tests: waits,
    in: 'coordinator/claiming/batches.ts#takePlace',
    find: 'if (!waits) left.forAwaited--;',
    replace: 'left.forAwaited--;',
  },
  {
    bug: 'jobs ahead are shared only by their own duration',
    tags: ['5.2'],
    tests: fairness,
    in: 'coordinator/pool/pool.ts#share',
    find: 'const frontMs = front?.expectedMs ?? 0;',
    replace: 'const frontMs = 0;',
  },
  {
    bug: 'a job that must run alone waits without limit for the others to end',
    tags: ['8.4'],
    tests: alone,
    in: 'coordinator/claiming/claiming.ts#mayBeginAlone',
    find: 'if (isQuiet || this.#quiet?.over) return true;',
    replace: 'if (isQuiet) return true;',
  },
  {
    bug: 'a job that runs alone keeps the job that it waits for from being claimed',
    tags: ['8.4'],
    tests: alone,
    in: 'coordinator/claiming/claiming.ts#claim',
    find: 'if (hasWaits) this.#claimAwaited(batches, unplaced);',
    replace: 'if (hasWaits && !isAlone) this.#claimAwaited(batches, unplaced);',
  },
  {
    bug: 'a close waits for a job whose awaited job can no longer be claimed',
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
