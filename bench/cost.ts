/**
 * The CPU of a job in each thread, and its frames, syncs and thread switches. For the coordinator
 * and a worker thread alone, also the bytes that they allocate for a job; for the coordinator, its
 * memory when it remembers 100,000.
 */
import { type Fresh, freshContestant } from './contestants/fresh.js';
import type { Bench, Contestant, Measured } from './harness/bench.js';
import { runProgram } from './harness/program.js';
import type { CoordinatorWork } from './programs/coordinator.js';
import type { WorkerWork } from './programs/worker.js';

export const cost: Bench = {
  name: 'cost',
  title: 'CPU of each thread per job, and frames, syncs and switches of threads',
  figures: [
    { name: 'CPU per job', unit: 'µs', compared: true },
    { name: 'overhead', unit: 'µs', compared: true },
    ...['main', 'coordinator', 'workers and disk', 'V8'].map((name) => ({ name, unit: 'µs' })),
    { name: 'allocated per job', unit: 'B' },
    { name: 'heap', unit: 'MB' },
    ...['frames per job', 'syncs per job', 'switches'].map((name) => ({ name, unit: '' })),
  ],
  cases: (size) => {
    const full = size === 'full';
    const costOf = (name: string, fresh: Fresh) => ({
      name,
      contestants: (['piscina', 'callsheet, full'] as const).map((one) => freshContestant(one, fresh)),
    });
    const trivial = { jobs: full ? 50_000 : 200, warmUpJobs: full ? 200_000 : 0 };
    const computing = { jobs: full ? 5000 : 20, inFlight: full ? 64 : 4, jobMs: 1 };
    const trivialCases = (full ? [64, 1024] : [8]).map((inFlight) =>
      costOf(`trivial, ${inFlight} in flight, warm`, { ...trivial, inFlight }),
    );
    const aloneCases = (full ? [64, 1024] : [8]).map((inFlight) => ({
      name: `the coordinator alone, ${inFlight} in flight`,
      contestants: [coordinatorAlone({ inFlight, jobs: full ? 100_000 : 64, warmUpJobs: full ? 120_000 : 0 })],
    }));
    return [
      ...trivialCases,
      ...aloneCases,
      {
        name: `a worker thread alone, ${full ? 64 : 8} jobs in a batch`,
        contestants: [workerAlone(full ? { inBatch: 64, batches: 2000, warmUpBatches: 3000 } : smallWorker)],
      },
      costOf('jobs of 1 ms, cold', { ...computing, warmUpJobs: 0 }),
      costOf('jobs of 1 ms, warm', { ...computing, warmUpJobs: full ? 5000 : 20 }),
    ];
  },
};

const smallWorker: WorkerWork = { inBatch: 8, batches: 3, warmUpBatches: 1 };

function workerAlone(work: WorkerWork): Contestant {
  return { name: 'callsheet', open: async () => ({ measure: () => runProgram<Measured>('worker', work) }) };
}

function coordinatorAlone(work: Omit<CoordinatorWork, 'directory' | 'threads'>): Contestant {
  return {
    name: 'callsheet, full',
    synced: true,
    open: async ({ threads, scratch }) => ({
      measure: () =>
        runProgram<Measured>('coordinator', { directory: scratch.root, threads, ...work }, ['--expose-gc']),
    }),
  };
}
