/**
 * The task that Piscina calls in its threads. It runs the jobs of a batch, one after another.
 *
 * It knows the board and the port that it shares with the coordinator, and no queue, store or
 * policy. Outcomes leave as data, thrown errors included.
 */
import { workerData } from 'node:worker_threads';
import { Board } from '../protocol/board.js';
import type { WorkerSetup, WorkerTask } from '../protocol/dispatch.js';
import { RunBatchReader } from '../protocol/run-batch.js';
import { JobContext, running } from './context.js';
import { Execution } from './execution.js';
import { loadAt } from './load.js';
import { describeModule, imported } from './modules.js';
import { ThreadContext } from './thread-context.js';
import { Wear } from './wear.js';

const setup = workerData as WorkerSetup;
const { modules, recycle } = setup;
const wear = new Wear(recycle);

let thread: ThreadContext | undefined;
let execution: Execution | undefined;
const never = new Promise<never>(() => {});
/**
 * Resolves when the current batch is done. A batch that arrives early waits for it, so that one job
 * runs at a time.
 */
let turn: Promise<unknown> = Promise.resolve();

/**
 * Logs an error thrown after its job ended, instead of ending the thread: the job has its outcome,
 * and the other jobs of the thread must not be harmed.
 */
process.on('uncaughtException', (error) => {
  const job = running.getStore();
  if (job === undefined || thread?.has(job) !== false) throw error;
  job.logger.error(error, 'thrown after the job was over');
});

/** Reports a call of `process.exit` with its stack, which only this thread can see. */
process.on('exit', (code) => {
  const stack = new Error().stack ?? '';
  const call = stack.indexOf('process.exit');
  if (call >= 0) thread?.say(['exits', code, stack.slice(stack.lastIndexOf('\n', call) + 1)]);
});

export default function perform(task: WorkerTask): Promise<unknown> {
  if (task.type === 'describe') return describeModule(modules[task.module]!);
  const { link } = task;
  if (link !== undefined) {
    thread = new ThreadContext(new Board(link.board), link.port, link.modules, setup);
    execution = new Execution(thread, modules);
  }
  const done = turn.then(() => {
    const isLate = wear.isWorn;
    const over = runAll(thread!, execution!, new RunBatchReader(task.batch));
    // The coordinator ends a worn thread with all that it was given. For Piscina, the answer to a
    // task that was ended is an error.
    return isLate ? never : over;
  });
  turn = done;
  return done;
}

/** Runs a batch. Resolves with `true` if the thread is worn and begins no more jobs. */
async function runAll(here: ThreadContext, execution: Execution, run: RunBatchReader): Promise<boolean> {
  while (run.next()) {
    if (wear.isWorn) break;
    const { slot, word } = run;
    if (!here.board.begin(slot, word)) continue;
    // Importing the module does not count as time of the first job that needs it.
    if (run.timed) await imported(modules, run.callable);
    const startedAt = Date.now();
    const start = performance.now();
    if (run.timed) here.say(['began', slot]);
    const job = new JobContext(here, run);
    here.enter(job);
    const begun = execution.begin(job, run);
    if (begun !== undefined) await begun;
    execution.end();
    const ranMs = performance.now() - start;
    execution.ran(slot, startedAt, ranMs);
    if (execution.isHooked) await finish(here, execution, word);
    else if (!here.board.publish(execution, word)) {
      here.say(['report', execution.keptReport(), 0]);
      here.board.publishedElsewhere(slot, word);
    }
    here.leave(job);
    const load = loadAt(start + ranMs);
    if (load !== undefined) here.say(['load', load]);
    wear.count();
  }
  here.sendTraced();
  return wear.isWorn;
}

/** Sends the outcome over the port and calls `tearDown` when the coordinator has stored it. */
async function finish(here: ThreadContext, execution: Execution, word: number): Promise<void> {
  const report = execution.keptReport();
  const stored = here.ask((request) => ['report', report, request]);
  here.board.publishedElsewhere(report.slot, word);
  await stored;
  await execution.finish();
}
