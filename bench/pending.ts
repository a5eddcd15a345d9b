/**
 * A directory with very many pending jobs: memory, snapshots and reopening, in processes of their
 * own.
 */
import type { Bench, Context, Measured } from './harness/bench.js';
import { runProgram } from './harness/program.js';
import type { PendingFigures, PendingWork } from './programs/pending.js';
import type { ReopeningFigures, ReopeningWork } from './programs/reopening.js';

/** Large enough for few jobs to grow the journal by half a segment, when a snapshot is due. */
const smallPaddingBytes = 32 * 1024;

export const pending: Bench = pendingBench('pending', 1_000_000, { rounds: 3, limitMs: 600_000 });

/** Takes many minutes, and gigabytes of memory and disk. */
export const manyPending: Bench = pendingBench('pending-10m', 10_000_000, {
  rounds: 1,
  limitMs: 3_600_000,
  onDemand: true,
});

function pendingBench(name: string, jobs: number, how: Pick<Bench, 'rounds' | 'limitMs' | 'onDemand'>): Bench {
  return {
    name,
    title: `${jobs.toLocaleString('en')} pending jobs: memory, puts while a snapshot of them is taken, and opening them again`,
    figures: [
      { name: 'puts', unit: '/s' },
      { name: 'memory per job', unit: 'B' },
      { name: 'memory per job, reopened', unit: 'B' },
      { name: 'reopened in', unit: 'ms' },
      { name: 'put p99, snapshot', unit: 'ms' },
      { name: 'put max, snapshot', unit: 'ms' },
      { name: 'puts meanwhile', unit: '', brief: true },
      { name: 'snapshot took', unit: 'ms' },
    ],
    ...how,
    cases: (size) => {
      const work =
        size === 'full'
          ? { jobs, paddingBytes: 0, settleMs: 2000 }
          : { jobs: 1000, paddingBytes: smallPaddingBytes, settleMs: 50 };
      const open = async (context: Context) => ({ measure: () => measure(context, work) });
      return [{ name: `${work.jobs} pending`, contestants: [{ name: 'callsheet, full', synced: true, open }] }];
    },
  };
}

async function measure(
  { scratch, threads }: Context,
  work: Omit<PendingWork, 'directory' | 'threads'>,
): Promise<Measured> {
  const directory = scratch.newPath();
  const none = scratch.newPath();
  try {
    const filling: PendingWork = { ...work, directory, threads };
    const filled = await runProgram<PendingFigures>('pending', filling);
    const reopening: ReopeningWork = { directory, threads, settleMs: work.settleMs };
    const reopened = await runProgram<ReopeningFigures>('reopening', reopening);
    const empty = await runProgram<ReopeningFigures>('reopening', { ...reopening, directory: none });
    if (reopened.unfinished !== work.jobs) {
      throw new Error(`of ${work.jobs} jobs that were put, ${reopened.unfinished} were found again`);
    }
    return {
      figures: {
        puts: filled.putsPerSecond,
        'memory per job': filled.bytesPerJob,
        'memory per job, reopened': (reopened.bytes - empty.bytes) / work.jobs,
        'reopened in': reopened.openMs,
        'put p99, snapshot': filled.putP99Ms,
        'put max, snapshot': filled.putMaxMs,
        'puts meanwhile': filled.putsMeanwhile,
        'snapshot took': filled.snapshotMs,
      },
      journal: filled.journal,
      void: filled.void,
    };
  } finally {
    scratch.remove(directory);
    scratch.remove(none);
  }
}
