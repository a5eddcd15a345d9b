/**
 * What runs in Piscina's threads: the registered modules, and the jobs of a batch, one after another.
 *
 * It knows what it shares with the coordinator, and no more of callsheet: no queue, no store, no policy. Outcomes, thrown errors
 * among them, leave as data.
 */
import { workerData } from 'node:worker_threads';
import { Composition } from '../definition/compose.js';
import { JobCall } from '../definition/define-jobs.js';
import { Board, type Outcome } from '../protocol/board.js';
import { decodeValue } from '../protocol/completed-jobs.js';
import type { WireRun, WorkerSetup, WorkerTask } from '../protocol/dispatch.js';
import { decodeFailure, encodeFailure, type Failure, failureFrom, isFailure } from '../protocol/failure.js';
import { idFromBytes } from '../protocol/id.js';
import { packBatch, unpackBatch } from '../protocol/packing.js';
import { decodePayload, encodePayload } from '../protocol/payload.js';
import { JobContext, JobReference, referenceOf, running, ThreadContext } from './context.js';
import { describeModules, findFunction } from './modules.js';

const { modules } = workerData as WorkerSetup;

let thread: ThreadContext | undefined;
/** One job at a time: a batch that is here ahead of its time waits for the one before. */
let turn: Promise<unknown> = Promise.resolve();

export default function perform(task: WorkerTask): Promise<unknown> {
  if (task.type === 'describe') return describeModules(modules);
  const { link } = task;
  if (link !== undefined) thread = new ThreadContext(new Board(link.board), link.port, link.modules);
  const runs = unpackBatch<WireRun>(task.batch);
  turn = turn.then(() => runAll(thread!, runs));
  return turn;
}

async function runAll(here: ThreadContext, runs: readonly WireRun[]): Promise<void> {
  for (const run of runs) {
    const [slot, word, id, parent, , attempt, queue, agent, , , timed] = run;
    if (!here.board.begin(slot, word)) continue;
    const startedAt = Date.now();
    const start = performance.now();
    if (timed) here.say(['began', slot]);
    const job = new JobContext(here, { slot, word, id, parent, attempt, queue, agent });
    here.enter(job);
    let ended: Ended;
    try {
      const returned = running.run(job, call, here, run);
      ended = encodeReturned(job, isThenable(returned) ? await returned : returned);
    } catch (error) {
      const failure = failureFrom(error);
      ended = { kind: 'thrown', payload: encodeFailure(failure), note: namesOf(failure), inner: nothing };
    }
    here.leave(job);
    const outcome: Outcome = { slot, startedAt, ranMs: performance.now() - start, ...ended };
    if (here.board.publish(outcome)) continue;
    here.say(['outcome', outcome]);
    here.board.publishedElsewhere(slot);
  }
}

type Ended = Pick<Outcome, 'kind' | 'payload' | 'note' | 'inner'>;

const nothing = new Uint8Array();

/** A value; a failure that was meant; or a job whose outcome is taken. */
function encodeReturned(job: JobContext, value: unknown): Ended {
  let returned = value;
  if (value instanceof JobCall || value instanceof Composition) returned = job.put(value);
  const inner = job.inner.length === 0 ? nothing : packBatch(job.inner);
  if (returned instanceof JobReference) return { kind: 'job', payload: nothing, note: returned.internalId, inner };
  if (isFailure(returned)) return { kind: 'failure', payload: encodeFailure(returned), note: '', inner };
  const payload = encodePayload(returned, { root: 'result', code: 'RESULT_NOT_STORABLE', reference: referenceOf });
  return { kind: 'value', payload, note: '', inner };
}

/** The names of the error and its classes, in lines, of the characters that all have one byte. */
const namesOf = ({ names }: Failure) => names.join('\n').replace(/[^\x20-\x7e\n]/g, '?');

/** Synchronous where all is at hand, so that a short job costs no turn of the loop. */
function call(here: ThreadContext, [, , , , callable, , , , args, fed]: WireRun): unknown {
  const reference = (id: Uint8Array) => new JobReference(idFromBytes(id), here, true);
  const values = args === null ? [] : (decodePayload(args, { reference }) as unknown[]);
  if (fed !== null) values.push(fed[0] === 'failure' ? decodeFailure(fed[1]) : decodeValue(fed[0], fed[1]));
  const found = findFunction(modules, callable);
  return typeof found === 'function' ? found(...values) : found.then((handler) => handler(...values));
}

function isThenable(value: unknown): value is PromiseLike<never> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
