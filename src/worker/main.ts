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
import { currentJob, JobContext, JobReference, referenceOf, running, ThreadContext } from './context.js';
import { describeModule, findFunction, hooksOf } from './modules.js';

const { modules } = workerData as WorkerSetup;

let thread: ThreadContext | undefined;
/** One job at a time: a batch that is here ahead of its time waits for the one before. */
let turn: Promise<unknown> = Promise.resolve();

export default function perform(task: WorkerTask): Promise<unknown> {
  if (task.type === 'describe') return describeModule(modules[task.module]!);
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
    const hooks = hooksOf(modules, run[4]);
    const hooked = hooks === undefined ? undefined : new HookedRun(here, hooks);
    let ended: Ended;
    try {
      const returned = running.run(job, hooked === undefined ? call : callHooked, here, run, hooked);
      ended = encodeReturned(job, isThenable(returned) ? await returned : returned);
    } catch (error) {
      const failure = failureFrom(error);
      ended = { kind: 'thrown', payload: encodeFailure(failure), note: namesOf(failure), inner: nothing };
    }
    const outcome: Outcome = { slot, startedAt, ranMs: performance.now() - start, ...ended };
    if (hooked !== undefined) await running.run(job, () => hooked.finish(outcome));
    else if (!here.board.publish(outcome)) {
      here.say(['outcome', outcome, 0]);
      here.board.publishedElsewhere(slot);
    }
    here.leave(job);
  }
}

/** What runs around a job: the value of the first is handed to the second, which runs when the outcome is stored. */
class HookedRun {
  readonly #here: ThreadContext;
  readonly #hooks: { readonly setUp?: string; readonly tearDown?: string };
  #value: unknown;

  constructor(here: ThreadContext, hooks: { readonly setUp?: string; readonly tearDown?: string }) {
    this.#here = here;
    this.#hooks = hooks;
  }

  async setUp(captured: unknown): Promise<void> {
    if (this.#hooks.setUp === undefined) return;
    const setUp = await findFunction(modules, this.#hooks.setUp);
    this.#value = await setUp(captured);
  }

  /** Its own failure changes nothing any more. */
  async finish(outcome: Outcome): Promise<void> {
    const stored = this.#here.ask((request) => ['outcome', outcome, request]);
    this.#here.board.publishedElsewhere(outcome.slot);
    await stored;
    if (this.#hooks.tearDown === undefined) return;
    try {
      const tearDown = await findFunction(modules, this.#hooks.tearDown);
      await tearDown(this.#value);
    } catch (error) {
      currentJob().logger.fatal(error, 'tearDown failed');
    }
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
  const { values } = decodeArguments(here, args);
  if (fed !== null) values.push(fed[0] === 'failure' ? decodeFailure(fed[1]) : decodeValue(fed[0], fed[1]));
  const found = findFunction(modules, callable);
  return typeof found === 'function' ? found(...values) : found.then((handler) => handler(...values));
}

async function callHooked(here: ThreadContext, run: WireRun, hooked: HookedRun | undefined): Promise<unknown> {
  await hooked!.setUp(decodeArguments(here, run[8]).captured);
  return call(here, run);
}

/** A list; or the list with what its module's definition captured when the job was put. */
function decodeArguments(here: ThreadContext, bytes: Uint8Array | null): { values: unknown[]; captured?: unknown } {
  if (bytes === null) return { values: [] };
  const reference = (id: Uint8Array) => new JobReference(idFromBytes(id), here, true);
  const decoded = decodePayload(bytes, { reference }) as unknown[] | { args: unknown[]; captured: unknown };
  return Array.isArray(decoded) ? { values: decoded } : { values: decoded.args, captured: decoded.captured };
}

function isThenable(value: unknown): value is PromiseLike<never> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
