/**
 * Tells a tracer in this process of ended runs: of those that their threads did not trace, of those
 * that ended with their threads, and of wholes. Nothing here is made for anyone else.
 */
import { countItems, parentOf } from '../../core/map.js';
import { agentName, type JobRecord, type Payload, takesTurns } from '../../core/records.js';
import { JournalCorruptError } from '../../errors.js';
import { longestStack, type RunEnd, type RunSpan, spanAttempt } from '../../protocol/run-span.js';
import type { Records, Store } from '../../store/store.js';
import type { Feed } from '../clients/feed.js';
import type { Run } from '../pool/pool-port.js';

interface Surroundings {
  readonly store: Store;
  readonly runFeed: Feed<RunSpan>;
  readonly now: () => number;
}

/** Larger arguments are not sent just for the trace in them. */
const mostBytes = 64 * 1024;

export class EndedRuns {
  readonly #store: Store;
  readonly #feed: Feed<RunSpan>;
  readonly #now: () => number;

  constructor({ store, runFeed, now }: Surroundings) {
    this.#store = store;
    this.#feed = runFeed;
    this.#now = now;
  }

  /** A thread without a tracer has run these. */
  traced(runs: readonly RunSpan[]): void {
    for (const run of runs) this.#feed.push(run);
    this.#feed.flush();
  }

  /** The run ended with its thread. */
  lost(run: Run, error: NonNullable<RunEnd['error']>): void {
    if (!this.#feed.isHeard) return;
    const { job, parent, isPart, callable, queue, thread, args } = run;
    const record = this.#store.local.jobOfAgent(job);
    const now = this.#now();
    const attempt = spanAttempt(run.attempt, run.fed !== null && (isPart || parent === ''));
    this.#feed.push({
      ...{ job, parent, callable, queue, attempt, thread, agent: agentName(run.agent) },
      role: isPart ? 'part' : parent === '' ? 'root' : 'callback',
      outcome: 'interrupted',
      error: { name: error.name, message: error.message, stack: error.stack?.slice(0, longestStack) },
      startedAt: record?.begun ? record.lastStartAt : now,
      endedAt: now,
      args: args !== null && args.byteLength <= mostBytes ? args : null,
    });
  }

  /** A job has its outcome. A whole ends in no thread. */
  whole(job: JobRecord): void {
    const { form } = job;
    if ((form !== 'serial' && form !== 'parallel' && form !== 'map') || !this.#feed.isHeard) return;
    const { id, role, callable, queue, agent, attempts, firstStartAt, endAt, outcome } = job;
    const [name = ''] = job.errorNames.split('\n', 1);
    const run: Omit<RunSpan, 'parent' | 'whole' | 'args'> = {
      ...{
        job: id,
        callable,
        queue,
        agent: agentName(agent),
        attempt: spanAttempt(attempts, callable !== ''),
        thread: 0,
      },
      role: takesTurns(job) ? 'callback' : role === 'root' ? 'root' : 'part',
      ...(outcome === 'failure' ? { outcome, error: { name, message: 'the job failed' } } : { outcome: 'value' }),
      startedAt: firstStartAt === 0 ? endAt : firstStartAt,
      endedAt: endAt,
    };
    const look = (records: Records) => {
      const { view } = records;
      const parts = form === 'map' ? countItems(view, job).taken : job.parts;
      return { parent: parentOf(view, job), whole: { form, parts }, args: bytesOf(records, job.args) };
    };
    const tell = (_: unknown, found?: ReturnType<typeof look>) => {
      if (found === undefined) return;
      this.#feed.push({ ...run, ...found });
      this.#feed.flush();
    };
    this.#store.read(look, tell, 'decided');
  }
}

/** Returns `null` for damaged arguments: the span then lacks its trace. */
function bytesOf(records: Records, args: Payload | null): Uint8Array | null {
  if (args === null || args.byteLength > mostBytes) return null;
  try {
    return records.bytes(args);
  } catch (error) {
    if (error instanceof JournalCorruptError) return null;
    throw error;
  }
}
