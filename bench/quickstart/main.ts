/**
 * The quickstart, `npm run quickstart`: π by Monte Carlo on all cores, durably. `run.ts` is the
 * code that a user of callsheet would write; this file prints its progress and result.
 */
import { availableParallelism } from 'node:os';
import { CallsheetError } from 'callsheet';
import { watchForInterruption } from './interruption.js';
import { measureOneThread } from './one-thread.js';
import { type Options, parseOptions, UsageError, usage } from './options.js';
import { type Finished, run } from './run.js';

/** Parts measured on one thread, if there are as many; the others are assumed to be as fast. */
const measuredParts = 8;

const interruption = watchForInterruption();
process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  try {
    const options = parseOptions(args);
    if (options.help) process.stdout.write(usage);
    else await computePi(options);
    return interruption.exitCode ?? 0;
  } catch (error) {
    if (interruption.exitCode !== undefined) return interruption.exitCode;
    console.error(`quickstart: ${explain(error)}`);
    return error instanceof UsageError ? 2 : 1;
  }
}

async function computePi(options: Options): Promise<void> {
  const { signal } = interruption;
  console.log(`Node ${process.version}, ${availableParallelism()} cores. The journal is in ${options.directory}`);
  const finished = await run(options, signal);
  if (finished === undefined) {
    console.log('Interrupted. Run it again with the same directory: it goes on where it was.');
    return;
  }
  console.log(`π ≈ ${finished.pi.toFixed(6)}, from ${finished.parts} × ${finished.darts} darts.`);
  if (finished.partsDoneNow === 0) console.log('All of its parts had been done before.');
  else await compareWithOneThread(finished, signal);
}

async function compareWithOneThread({ parts, darts, partsDoneNow, ms }: Finished, signal: AbortSignal): Promise<void> {
  console.log(`Time: ${seconds(ms)} for ${partsDoneNow} of ${parts} parts.`);
  const measured = Math.min(measuredParts, partsDoneNow);
  const partMs = await measureOneThread(measured, darts, signal);
  const oneThreadMs = partMs * partsDoneNow;
  console.log(`One bare worker thread: ${seconds(oneThreadMs)} for as many, ${measured} of them measured just now.`);
  console.log(`Speed-up: ${(oneThreadMs / ms).toFixed(2)}× on ${availableParallelism()} cores.`);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 100 ? 4 : 2)} s`;
}

function explain(error: unknown): string {
  if (error instanceof UsageError) return `${error.message}\nTry --help.`;
  if (error instanceof CallsheetError) return `${error.message} (${error.code})`;
  if (!(error instanceof Error)) return String(error);
  return 'syscall' in error ? error.message : (error.stack ?? error.message);
}
