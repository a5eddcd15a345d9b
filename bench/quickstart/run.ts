/**
 * One run of the quickstart: continues the job of an interrupted run, or puts a new one, and waits
 * for its result.
 */
import {
  defineJobs,
  type Job,
  JobFailedError,
  JobForgottenError,
  open,
  parallel,
  type Runtime,
  UnknownJobError,
} from 'callsheet';
import type { Options } from './options.js';
import { showProgress } from './progress.js';
import { readRunNote, removeRunNote, writeRunNote } from './run-note.js';

const pi = defineJobs<typeof import('./pi.js')>('pi', new URL('./pi.js', import.meta.url));

/** Milliseconds for running parts after an interruption. The next run repeats unfinished ones. */
const graceMs = 1_000;

/** The result of a run. */
export interface Finished {
  readonly pi: number;
  readonly parts: number;
  readonly darts: number;
  /** Parts done by this run, and the milliseconds from its start to the result. */
  readonly partsDoneNow: number;
  readonly ms: number;
}

interface Started {
  readonly job: Job<number>;
  readonly parts: number;
  readonly darts: number;
  /** Parts done before this run, and the time when it began. */
  readonly partsDone: number;
  readonly since: number;
}

/** Runs until the result; `undefined` if interrupted. The runtime is closed when this resolves. */
export async function run(options: Options, signal: AbortSignal): Promise<Finished | undefined> {
  const opening = performance.now();
  const callsheet = await open({ directory: options.directory, jobs: [pi] });
  const close = () => callsheet.close({ graceMs });
  signal.addEventListener('abort', close);
  try {
    if (signal.aborted) return undefined;
    const started = (await resume(callsheet, options, opening)) ?? (await begin(callsheet, options));
    const { job, parts, darts, partsDone, since } = started;
    const { result, at } = await withProgress(job, parts);
    await removeRunNote(options.directory);
    return { pi: result, parts, darts, partsDoneNow: parts - partsDone, ms: at - since };
  } catch (error) {
    // A failed job is finished, too, so the next run must not continue it.
    if (error instanceof JobFailedError) await removeRunNote(options.directory);
    // The runtime was closed meanwhile; the finished parts are in the journal.
    if (signal.aborted) return undefined;
    throw error;
  } finally {
    await close();
  }
}

/** Returns the interrupted run's job, if there is one. It runs since the journal was opened. */
async function resume(callsheet: Runtime, options: Options, opening: number): Promise<Started | undefined> {
  const note = await readRunNote(options.directory);
  if (note === undefined) return undefined;
  try {
    const job = callsheet.job<number>(note.job);
    const { parts, partsDone } = await job.details();
    console.log(`Resuming an interrupted run: ${partsDone} of its ${parts} parts were already done.`);
    if (parts !== options.parts || note.darts !== options.darts) {
      console.log(`It throws ${note.darts} darts in each part; --parts and --darts are for a new run.`);
    }
    return { job, parts, darts: note.darts, partsDone, since: opening };
  } catch (error) {
    if (!(error instanceof JobForgottenError || error instanceof UnknownJobError)) throw error;
    console.log('The job of the last run is not in the journal: a new run begins.');
    return undefined;
  }
}

async function begin(callsheet: Runtime, options: Options): Promise<Started> {
  const { directory, parts, darts } = options;
  if (callsheet.found.unfinished > 0) await finishForgottenRun(callsheet);
  const since = performance.now();
  const samples = Array.from({ length: parts }, () => pi.generateSample(darts));
  const job = await callsheet.queue().put(parallel(samples, { postprocess: pi.processSamples }));
  await writeRunNote(directory, { job: job.id, darts });
  return { job, parts, darts, partsDone: 0, since };
}

/**
 * Finishes a job without a note: a run was interrupted between its put and its note, or the note
 * was lost. The parts of that job are first in line.
 */
async function finishForgottenRun(callsheet: Runtime): Promise<void> {
  console.log('Finishing an interrupted run that left no note of its job, before a new one begins.');
  const behindIt = await callsheet.queue().put(pi.generateSample(1));
  await behindIt.result();
}

async function withProgress(job: Job<number>, parts: number): Promise<{ result: number; at: number }> {
  const endProgress = showProgress(job, parts);
  try {
    return { result: await job.result(), at: performance.now() };
  } finally {
    await endProgress();
  }
}
