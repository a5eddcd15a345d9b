/**
 * The coordinator: an actor with one mailbox and one state, between the clients, the store and the pool.
 *
 * Each turn takes what came in, lets the store decide it, claims what the threads have room for, and commits. Everything that others
 * see happens in `release`, when the store says that its gate is open. Nothing of a user's is decoded or imported here.
 */
import type { Command, Effect, Gate, JobSpec, Retention } from '../core/commands.js';
import { levelGate } from '../core/job.js';
import type { BuiltinPolicy, Id, JobRecord, Payload } from '../core/records.js';
import { hasForgettable } from '../core/retention.js';
import { ClosedError, JobForgottenError, JobInterruptedError } from '../errors.js';
import type { Outcome } from '../protocol/board.js';
import { packCompleted } from '../protocol/completed-list.js';
import { errorToData } from '../protocol/error-data.js';
import { encodeFailure, failureFrom } from '../protocol/failure.js';
import { idToText } from '../protocol/id.js';
import type { ClientMessage, CoordinatorMessage, JobInfo, WireJob } from '../protocol/messages.js';
import type { Store, StoreOwner } from '../store/store.js';
import { StoredPayload } from '../store/stored-payload.js';
import { Batches } from './batches.js';
import { Estimates } from './estimates.js';
import type { Pool, PoolOwner, Run } from './pool.js';

export interface CoordinatorPorts {
  readonly store: Store;
  /** Makes the pool, which calls back here. */
  readonly pool: (owner: PoolOwner) => Pool;
  readonly post: (message: CoordinatorMessage) => void;
  readonly now: () => number;
  /** Everything is closed: what was held for the store can go. */
  readonly closed: () => Promise<void> | undefined;
}

export interface CoordinatorOptions {
  /** The runtime's id, for what it puts. */
  readonly dispatcher: Id;
  readonly retention: Retention;
}

interface Closing {
  readonly requests: number[];
  readonly deadline: ReturnType<typeof setTimeout> | undefined;
  finishing: boolean;
}

const emptyList = packCompleted([]);

export class Coordinator implements PoolOwner, StoreOwner {
  readonly #store: Store;
  readonly #pool: Pool;
  readonly #post: (message: CoordinatorMessage) => void;
  readonly #now: () => number;
  readonly #closed: CoordinatorPorts['closed'];
  readonly #options: CoordinatorOptions;
  readonly #estimates = new Estimates();
  readonly #watchers = new Map<Id, number[]>();
  /** What this build can run: a job with another callable waits for a build that can. */
  #runnable: ReadonlySet<string> = new Set();
  /** Claimed and released, not yet with a thread. */
  #ready: Run[] = [];
  #closing: Closing | undefined;

  constructor({ store, pool, post, now, closed }: CoordinatorPorts, options: CoordinatorOptions) {
    this.#store = store;
    this.#closed = closed;
    this.#post = post;
    this.#now = now;
    this.#options = options;
    this.#pool = pool(this);
  }

  /** Opens the store, puts in order what the last process left, and begins to work. */
  async open(runnable: ReadonlySet<string>): Promise<{ jobs: number; unfinished: number }> {
    this.#runnable = runnable;
    await this.#store.open(this);
    const { state } = this.#store;
    let unfinished = 0;
    for (const job of state.jobs()) if (job.status !== 'completed') unfinished++;
    this.#decide({ type: 'recover', failure: interruption('its process died') });
    const found = { jobs: state.size, unfinished };
    this.turn();
    return found;
  }

  /** One batch of a client's messages. */
  receive(messages: readonly ClientMessage[]): void {
    for (const message of messages) this.#receive(message);
    this.turn();
  }

  /** Gives the threads what they have room for, and commits what was decided. */
  turn(): void {
    if (this.#closing === undefined) this.#claim();
    const { state } = this.#store;
    if (hasForgettable(state, this.#options.retention, this.#now())) {
      this.#decide({ type: 'forget', keep: this.#options.retention });
    }
    this.#store.commit();
    if (this.#closing !== undefined && this.#pool.idle) void this.#finishClosing();
  }

  release(effects: readonly Effect[]): void {
    for (const effect of effects) {
      switch (effect.type) {
        case 'run':
          this.#ready.push(this.#run(this.#store.state.job(effect.job)!, effect.fence));
          break;
        case 'settled':
          this.#tellOutcome(effect.job);
          break;
      }
    }
    this.#startReady();
  }

  fatal(error: Error): void {
    this.#post(['fatal', errorToData(error)]);
  }

  settled(run: Run, { kind, payload, startedAt, ranMs }: Outcome): void {
    this.#estimates.learn(run.callable, ranMs);
    this.#decide({
      type: 'settle',
      job: run.job,
      fence: run.fence,
      outcome: kind,
      payload: StoredPayload.of(payload),
      startedAt,
    });
  }

  notBegun({ job, fence }: Run): void {
    this.#decide({ type: 'giveBack', job, fence });
  }

  interrupted({ job, fence }: Run): void {
    const cause = this.#closing === undefined ? 'thread' : 'close';
    const failure = interruption(cause === 'thread' ? 'its thread died' : 'the runtime was closed');
    this.#decide({ type: 'interrupt', job, fence, cause, failure });
  }

  running({ job, fence }: Run): void {
    this.#decide({ type: 'begun', job, fence, at: this.#now() });
  }

  threadDied(error: Error): void {
    this.#post(['log', 'error', 'a worker thread died', errorToData(error)[1]]);
  }

  #receive(message: ClientMessage): void {
    const { state } = this.#store;
    const [type, request] = message;
    switch (type) {
      case 'put': {
        const [, , queue, level, jobs] = message;
        const command: Command = {
          type: 'put',
          queue,
          owner: this.#options.dispatcher,
          level,
          jobs: jobs.map(specFromWire),
        };
        const reply = (error?: Error) => this.#answer(request, error);
        if (this.#closing !== undefined) return reply(new ClosedError('the runtime is closing'));
        this.#decide(command, levelGate(level), reply);
        return;
      }
      case 'outcome': {
        const job = state.job(message[2]);
        if (job === undefined) return this.#answer(request, this.#unknown(message[2]));
        const watching = this.#watchers.get(job.id);
        if (watching === undefined) this.#watchers.set(job.id, [request]);
        else watching.push(request);
        if (job.outcome !== 'none') this.#store.whenDurable(() => this.#tellOutcome(job.id));
        return;
      }
      case 'info': {
        const job = state.job(message[2]);
        if (job === undefined) return this.#answer(request, this.#unknown(message[2]));
        this.#store.whenDurable((error) => {
          if (error !== undefined) this.#answer(request, error);
          else this.#post(['answer', request, this.#info(job)]);
        });
        return;
      }
      case 'stats':
        this.#post(['answer', request, { ...this.#store.figures, jobs: state.size }]);
        return;
      case 'close':
        this.#close(request, message[2]);
    }
  }

  #decide(command: Command, gate: Gate = 'decided', reply?: (error?: Error) => void): void {
    this.#store.transact([reply === undefined ? { command, gate } : { command, gate, reply }]);
  }

  #answer(request: number, error?: Error): void {
    if (error === undefined) this.#post(['done', [request]]);
    else this.#post(['error', request, errorToData(error)]);
  }

  #unknown(id: Id): JobForgottenError {
    return new JobForgottenError(
      `no job ${idToText(id)} is remembered: it was forgotten after it completed, or never put here`,
    );
  }

  /** Claims as much as the threads have room for. */
  #claim(): void {
    const { state } = this.#store;
    const batches = new Batches<null>(this.#pool.loads(), this.#estimates);
    for (const { callable } of this.#ready) batches.place(callable, null);
    for (const queue of state.queuesInLine()) {
      for (;;) {
        const job = state.firstQueued(queue, this.#runnable);
        if (job === undefined) break;
        if (job.stage === 'call' && !batches.place(job.callable, null)) return;
        this.#decide({ type: 'claim', job: job.id });
      }
    }
  }

  #startReady(): void {
    if (this.#ready.length === 0) return;
    const batches = new Batches<Run>(this.#pool.loads(), this.#estimates);
    const waiting = this.#ready.filter((run) => !batches.place(run.callable, run));
    for (const { thread, items } of batches.filled) if (!this.#pool.start(thread, items)) waiting.unshift(...items);
    this.#ready = waiting;
  }

  #run(job: JobRecord, fence: number): Run {
    const { id, callable, queue } = job;
    const args = job.args === null ? null : this.#bytes(job.args);
    const completed = job.form === 'call' ? null : this.#completedParts(job);
    return { job: id, fence, callable, queue, attempt: job.attempts + (job.begun ? 0 : 1), args, completed };
  }

  #completedParts(whole: JobRecord): Uint8Array {
    if (whole.parts === 0) return emptyList;
    return packCompleted(
      Array.from(this.#store.state.parts(whole), (part) => ({
        id: part.id,
        kind: part.outcome,
        payload: this.#outcomeBytes(part),
      })),
    );
  }

  #outcomeBytes(job: JobRecord): Uint8Array {
    return job.outcome === 'list' ? this.#completedParts(job) : this.#bytes(job.result!);
  }

  #bytes(payload: Payload): Uint8Array {
    return this.#store.bytes(payload as StoredPayload);
  }

  #tellOutcome(id: Id): void {
    const requests = this.#watchers.get(id);
    const job = this.#store.state.job(id);
    if (requests === undefined || job === undefined || job.outcome === 'none') return;
    this.#watchers.delete(id);
    const payload = this.#outcomeBytes(job);
    for (const request of requests) this.#post(['outcome', request, job.outcome, payload]);
  }

  #info(found: JobRecord): JobInfo {
    const job = this.#store.state.job(found.id) ?? found;
    const {
      callable,
      queue,
      parts,
      partsDone,
      attempts,
      interruptions,
      putAt,
      firstStartAt,
      lastStartAt,
      endAt,
      completedAt,
    } = job;
    const status = job.status === 'assigned' && this.#pool.isRunning(job.id) ? 'active' : job.status;
    return {
      status,
      callable,
      queue,
      parts,
      partsDone,
      attempts,
      interruptions,
      putAt,
      firstStartAt,
      lastStartAt,
      endAt,
      completedAt,
    };
  }

  /** Claims no more, waits for what runs, then interrupts the rest and gives it back. */
  #close(request: number, graceMs: number): void {
    if (this.#closing !== undefined) {
      this.#closing.requests.push(request);
      return;
    }
    const limited = Number.isFinite(graceMs);
    const deadline = limited
      ? setTimeout(() => void this.#finishClosing(), Math.min(graceMs, longestTimerMs))
      : undefined;
    this.#closing = { requests: [request], deadline, finishing: false };
    for (const run of this.#ready) this.notBegun(run);
    this.#ready = [];
    this.#pool.takeBackAll();
  }

  async #finishClosing(): Promise<void> {
    const closing = this.#closing!;
    if (closing.finishing) return;
    closing.finishing = true;
    clearTimeout(closing.deadline);
    const hanging = await this.#pool.destroy();
    await this.#store.close();
    await this.#closed();
    for (const request of closing.requests) this.#post(['answer', request, { hanging }]);
  }
}

/** A timer beyond this would fire at once. */
const longestTimerMs = 2 ** 31 - 1;

/** What a job fails with if it was interrupted too often. */
function interruption(how: string): StoredPayload {
  return StoredPayload.of(encodeFailure(failureFrom(new JobInterruptedError(`the job was interrupted: ${how}`))));
}

function specFromWire([id, form, callable, args, priority, policy, parts]: WireJob): JobSpec {
  return {
    id,
    form,
    callable,
    args: args === null ? null : StoredPayload.of(args),
    priority,
    policy: policy as BuiltinPolicy,
    parts: parts.map(specFromWire),
  };
}
