/**
 * Runs benches and reports. `main.ts` is its command line; the tests run it with small inputs, so that no bench can rot.
 */
import { availableParallelism } from 'node:os';
import { benches as allBenches } from './benches.js';
import type { Bench, Context, Size } from './harness/bench.js';
import { leastSyncMs, measureSync } from './harness/fdatasync.js';
import { describeMachine } from './harness/machine.js';
import type { BenchReport, CaseReport, Report } from './harness/report.js';
import { measureCase } from './harness/rounds.js';
import { Scratch } from './harness/scratch.js';

export interface RunOptions {
  /** Those to run: all by default. */
  readonly benches?: readonly Bench[];
  /** 5 by default, and 1 with small inputs. */
  readonly rounds?: number;
  /** `full` by default. */
  readonly size?: Size;
  /** Threads that run jobs: one per core by default. */
  readonly threads?: number;
  /** Where directories for journals are made: the system's directory for temporary files by default. It should be on a real disk. */
  readonly directory?: string;
  /** Told when it begins, and of each bench when it is done. */
  readonly onBegin?: (run: Omit<Report, 'benches'>) => void;
  readonly onBench?: (bench: BenchReport) => void;
}

export async function runBenches(options: RunOptions = {}): Promise<Report> {
  const {
    benches = allBenches,
    size = 'full',
    rounds = size === 'full' ? 5 : 1,
    threads = availableParallelism(),
  } = options;
  const scratch = new Scratch(options.directory);
  const remove = () => scratch.remove();
  process.once('exit', remove);
  try {
    const run = {
      machine: describeMachine(),
      at: new Date().toISOString(),
      size,
      threads,
      rounds,
      fileSystem: scratch.fileSystem,
    };
    options.onBegin?.(run);
    const reports: BenchReport[] = [];
    for (const bench of benches) {
      const report = await runBench(bench, size, rounds, { threads, scratch });
      reports.push(report);
      options.onBench?.(report);
    }
    return { ...run, benches: reports };
  } finally {
    process.off('exit', remove);
    remove();
  }
}

async function runBench(
  { name, title, figures, cases }: Bench,
  size: Size,
  rounds: number,
  context: Context,
): Promise<BenchReport> {
  const before = measureSync(context.scratch.newPath());
  const unsynced = before < leastSyncMs ? `fdatasync takes ${before.toFixed(3)} ms: this is no disk` : undefined;
  const reports: CaseReport[] = [];
  for (const one of cases(size)) {
    reports.push({ name: one.name, rows: await measureCase(one, { figures, rounds, context, unsynced }) });
  }
  return { name, title, syncMs: [before, measureSync(context.scratch.newPath())], cases: reports };
}
