/**
 * What runs in Piscina's threads: the registered modules, and the jobs of a batch, one after
 * another.
 *
 * It knows what it shares with the coordinator, and no more of callsheet: no queue, no store, no
 * policy. Outcomes, thrown errors among them, leave as data.
 */
import { workerData } from 'node:worker_threads';
import { Board, type Outcome } from '../protocol/board.js';
import type { WireRun, WorkerSetup, WorkerTask } from '../protocol/dispatch.js';
import { readRunBatch } from '../protocol/run-batch.js';
import { JobContext, running } from './context.js';
import { Execution } from './execution.js';
import { describeModule, imported } from './modules.js';
import { ThreadContext } from './thread-context.js';
import { Wear } from './wear.js';

const setup = workerData as WorkerSetup;
const { modules, recycle } = setup;
const wear = new Wear(recycle);

let thread: ThreadContext | undefined;
/** One job at a time: a batch that is here ahead of its time waits for the one before. */
let turn: Promise<unknown> = Promise.resolve();

/**
 * What a job left behind is its own trouble, and nobody else's in its thread: it is over, and has
 * its outcome.
 */
process.on('uncaughtException', (error) => {
  const job = running.getStore();
  if (job === undefined || thread?.has(job) !== false) throw error;
  job.logger.error(error, 'thrown after the job was over');
});

/** Who called `process.exit` is known here only. */
process.on('exit', (code) => {
  const stack = new Error().stack ?? '';
  const call = stack.indexOf('process.exit');
  if (call >= 0) thread?.say(['exits', code, stack.slice(stack.lastIndexOf('\n', call) + 1)]);
});

export default function perform(task: WorkerTask): Promise<unknown> {
  if (task.type === 'describe') return describeModule(modules[task.module]!);
  const { link } = task;
  if (link !== undefined) thread = new ThreadContext(new Board(link.board), link.port, link.modules, setup);
  const runs = readRunBatch(task.batch);
  const done = turn.then(() => runAll(thread!, runs));
  turn = done;
  return done;
}

/** Gives whether the thread is worn: then it begins nothing more. */
async function runAll(here: ThreadContext, runs: readonly WireRun[]): Promise<boolean> {
  for (const run of runs) {
    if (wear.isWorn) break;
    const { slot, word } = run;
    if (!here.board.begin(slot, word)) continue;
    // The first job of a thread imports its module, which is not of the time that it may take.
    if (run.timed) await imported(modules, run.callable);
    const startedAt = Date.now();
    const start = performance.now();
    if (run.timed) here.say(['began', slot]);
    const job = new JobContext(here, run);
    here.enter(job);
    const execution = new Execution(here, modules, job, run);
    const begun = execution.begin();
    const ended = begun instanceof Promise ? await begun : begun;
    const outcome: Outcome = { slot, startedAt, ranMs: performance.now() - start, ...ended };
    if (execution.isHooked) await finish(here, execution, outcome, word);
    else if (!here.board.publish(outcome, word)) {
      here.say(['outcome', outcome, 0]);
      here.board.publishedElsewhere(slot, word);
    }
    here.leave(job);
    wear.count();
  }
  return wear.isWorn;
}

/** The outcome goes over the port, which answers when it is stored; then the rest is done. */
async function finish(here: ThreadContext, execution: Execution, outcome: Outcome, word: number): Promise<void> {
  const stored = here.ask((request) => ['outcome', outcome, request]);
  here.board.publishedElsewhere(outcome.slot, word);
  await stored;
  await execution.finish();
}
