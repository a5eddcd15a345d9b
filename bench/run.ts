/**
 * Runs benches and reports. `main.ts` is the command line; tests run it with small inputs, so that
 * no bench can rot.
 */
import { availableParallelism } from 'node:os';
import { usualBenches } from './benches.js';
import { openApart } from './harness/apart.js';
import type { Bench, Context, Figure, Size } from './harness/bench.js';
import { leastSyncMs, measureSync } from './harness/fdatasync.js';
import { describeMachine } from './harness/machine.js';
import type { BenchReport, CaseReport, Report } from './harness/report.js';
import { measureInTurns } from './harness/rounds.js';
import { Scratch } from './harness/scratch.js';
import { defaultLimitMs } from './harness/time-limit.js';
import { stepsPerMs } from './jobs/spin.js';

const defaultRounds = 5;
/** Figures of every contestant with a journal, as evidence for durable figures. */
const journalFigures: readonly Figure[] = [
  { name: 'frames', unit: '', brief: true },
  { name: 'syncs', unit: '', brief: true },
];

export interface RunOptions {
  /** The benches to run. Default: all but those on demand. */
  readonly benches?: readonly Bench[];
  /** Rounds of each bench. Default: the bench's own number, or one for small inputs. */
  readonly rounds?: number;
  /** Default `full`. */
  readonly size?: Size;
  /** Threads that run jobs. Default: one per core. */
  readonly threads?: number;
  /** Parent of all journals, best on a real disk. Default: the system's temporary directory. */
  readonly directory?: string;
  /** Called at the beginning, and after each bench. */
  readonly onBegin?: (run: Omit<Report, 'benches'>) => void;
  readonly onBench?: (bench: BenchReport) => void;
}

export async function runBenches(options: RunOptions = {}): Promise<Report> {
  const { benches = usualBenches, size = 'full', threads = availableParallelism() } = options;
  const scratch = new Scratch(options.directory);
  const remove = () => scratch.remove();
  process.once('exit', remove);
  try {
    const run = {
      machine: describeMachine(),
      at: new Date().toISOString(),
      size,
      threads,
      fileSystem: scratch.fileSystem,
    };
    options.onBegin?.(run);
    const context = { threads, scratch, stepsPerMs: stepsPerMs() };
    const reports: BenchReport[] = [];
    for (const bench of benches) {
      const rounds = options.rounds ?? (size === 'full' ? (bench.rounds ?? defaultRounds) : 1);
      const report = await runBench(bench, size, rounds, context);
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
  { name, title, figures, cases, limitMs = defaultLimitMs }: Bench,
  size: Size,
  rounds: number,
  { threads, scratch, stepsPerMs }: Context,
): Promise<BenchReport> {
  const before = measureSync(scratch.newPath());
  const unsynced = before < leastSyncMs ? `fdatasync takes ${before.toFixed(3)} ms: this is no disk` : undefined;
  const reports: CaseReport[] = [];
  for (const one of cases(size)) {
    const apart = { bench: name, size, case: one.name, threads, stepsPerMs, directory: scratch.root };
    const rows = await measureInTurns(one.contestants, {
      figures: [...figures, ...journalFigures],
      rounds,
      open: ({ name: contestant }) => openApart({ ...apart, contestant }, limitMs),
      unsynced,
    });
    reports.push({ name: one.name, rows });
  }
  return { name, title, rounds, syncMs: [before, measureSync(scratch.newPath())], cases: reports };
}
