/**
 * The threads' side of the coordinator. It carries runs from the release of their claim to the
 * command that settles them, and answers the requests of running jobs.
 */

import { idToText } from '../../codec/id.js';
import type { HandedBuffer } from '../../codec/transfer.js';
import { type Command, type InnerCommand, levelGate, type Settled } from '../../core/commands.js';
import { type Id, isAgentOf, type JobRecord, type Level, takesTurns } from '../../core/records.js';
import { ClaimLostError, JobStatusError, JournalCorruptError, TooManyWaitsError } from '../../errors.js';
import type { RunReport } from '../../protocol/board.js';
import { commandFromWire, type Received } from '../../protocol/commands.js';
import type { WireInnerPut } from '../../protocol/dispatch.js';
import type { Query, WireInnerCommand } from '../../protocol/messages.js';
import { unpackBatch } from '../../protocol/packing.js';
import type { RunSpan } from '../../protocol/run-span.js';
import type { Records, Store, Tell } from '../../store/store.js';
import type { AnnotationWaiter } from '../clients/annotation-waiters.js';
import type { OutcomeWaiter } from '../clients/outcomes.js';
import type { Context } from '../context.js';
import type { Parts } from '../parts.js';
import type { PoolOwner, PoolPort, Run } from '../pool/pool-port.js';
import { type AgentOptions, Claiming } from './claiming.js';
import { EndedRuns } from './ended-runs.js';
import { Estimates } from './estimates.js';
import { JobLines } from './job-lines.js';
import { type Guests, JobWaits } from './job-waits.js';
import { type PastRun, RunHistory } from './run-history.js';
import { runOf } from './run-of.js';
import { ThreadTimes } from './thread-times.js';

export class Runs implements PoolOwner {
  readonly #context: Context & Parts;
  readonly #claimLost: () => void;
  readonly #store: Store;
  readonly #dispatcher: Id;
  readonly #estimates = new Estimates();
  readonly history = new RunHistory();
  readonly lines = new JobLines();
  readonly threadTimes = new ThreadTimes();
  readonly #endedRuns: EndedRuns;
  readonly #waits: JobWaits;
  /** Questions about guests without an answer yet, and the ends of runs that wait for it. */
  #unlending = 0;
  readonly #ends: Parameters<Context['decide']>[] = [];
  readonly pool: PoolPort;
  readonly claiming: Claiming;
  /** Jobs whose claim was released, to be made ready by the next `prepareDue`. */
  #due: JobRecord[] = [];

  /** `claimLost` is called if a run that was taken from this dispatcher ends here all the same. */
  constructor(
    context: Context & Parts,
    makePool: (owner: PoolOwner) => PoolPort,
    claimLost: () => void,
    options: AgentOptions,
  ) {
    const { store, dispatcher } = context;
    this.#context = context;
    this.#claimLost = claimLost;
    this.#store = store;
    this.#dispatcher = dispatcher;
    this.#waits = new JobWaits();
    this.#endedRuns = new EndedRuns(context);
    this.pool = makePool(this);
    const own = { pool: this.pool, estimates: this.#estimates, waits: this.#waits };
    this.claiming = new Claiming({ ...context, ...own }, options);
  }

  /**
   * Takes a job whose claim was released. The next `prepareDue` makes it ready, and the next
   * `claiming.start()` passes it to a thread.
   */
  makeReady(id: Id, fence: number): void {
    const job = this.#claimedJob(id, fence);
    if (job === undefined) return;
    // A job claimed by another dispatcher reaches that one through its own store.
    if (!isAgentOf(job.agent, this.#dispatcher)) return;
    // A callback has no lane to go back to: if this build lacks it, it stays claimed until the next
    // open.
    const isRun = !this.#context.isClosing() && this.#context.build.knows(job.callable);
    if (isRun) {
      this.claiming.prepare(job);
      this.#due.push(job);
    } else if (takesTurns(job)) this.claiming.holdBack(id);
    else this.#context.decide({ type: 'giveBack', job: id, fence });
  }

  /** Makes the jobs ready that `makeReady` has taken. Their arguments are read together. */
  prepareDue(): void {
    const due = this.#due;
    if (due.length === 0) return;
    this.#due = [];
    const look = (records: Records) => due.map((job) => this.#runOf(records, job));
    // An error of the whole look has ended the store, which reports it itself.
    const tell = (_: unknown, runs: readonly (Run | JournalCorruptError)[] = none) => {
      for (let index = 0; index < runs.length; index++) {
        const run = runs[index]!;
        if (run instanceof JournalCorruptError) this.#cannotBegin(due[index]!, run);
        else this.#prepared(run);
      }
    };
    this.#store.read(look, tell, 'decided');
  }

  /** A payload damaged on the disk fails only the job that would be called with it. */
  #runOf(records: Records, job: JobRecord): Run | JournalCorruptError {
    try {
      return runOf(records, job, this.expectedMs(job.callable));
    } catch (error) {
      if (error instanceof JournalCorruptError) return error;
      throw error;
    }
  }

  #cannotBegin({ id, fence }: JobRecord, error: JournalCorruptError): void {
    this.#context.post(['log', 'error', error.message, `job ${idToText(id)} cannot begin`]);
    this.#context.decide({ type: 'cannotBegin', job: id, fence, error });
  }

  #prepared(run: Run): void {
    const { isExclusive } = this.#store;
    // Other stores may have needed time to read.
    const job = isExclusive ? undefined : this.#claimedJob(run.job, run.fence);
    if (!isExclusive && (job === undefined || this.#context.isClosing())) return this.claiming.drop(run.job);
    if (job?.cancelled) {
      this.claiming.drop(run.job);
      return this.notBegun(run);
    }
    this.claiming.makeReady(run);
    if (!isExclusive) this.turn();
  }

  /** Returns the job if an agent of this dispatcher has claimed it, under this fence. */
  #claimedJob(id: Id, fence: number): JobRecord | undefined {
    const job = this.#store.local.jobOfAgent(id);
    return job?.claimed && job.fence === fence ? job : undefined;
  }

  takeBack(id: Id): void {
    const run = this.claiming.withdraw(id);
    if (run === undefined) this.pool.takeBack(id);
    else this.notBegun(run);
  }

  takeBackAll(): void {
    for (const run of this.claiming.withdrawAll()) this.notBegun(run);
    this.pool.takeBackAll();
  }

  /**
   * `true` if a run can end while nothing is claimed. In a shared store, other dispatchers may run
   * the jobs that runs here wait for.
   */
  get canGoOn(): boolean {
    return this.pool.out > this.#blocked;
  }

  get #blocked(): number {
    let blocked = 0;
    if (this.#store.isExclusive && !this.#waits.isEmpty) {
      const tell = (_: unknown, found = 0) => {
        blocked = found;
      };
      this.#store.read(({ view }: Records) => this.#waits.blocked(view).size, tell, 'decided');
    }
    return blocked;
  }

  #refuseEndless(): void {
    const tell = (_: unknown, refuse?: (() => void) | undefined) => {
      refuse?.();
      // Without this wait, others may end.
      if (refuse !== undefined) this.#refuseEndless();
    };
    this.#store.read(({ view }: Records) => this.#waits.endless(view), tell, 'decided');
  }

  /** The usual milliseconds of a run of this callable; `Infinity` if not known. */
  expectedMs(callable: string): number {
    return this.#estimates.of(callable);
  }

  /** The usual milliseconds of a run, by callable. */
  get expectations(): ReadonlyMap<string, number> {
    return this.#estimates.all();
  }

  /** The jobs that a running job waits for inside. */
  awaitedInside(by: Id): readonly Id[] {
    return this.#waits.awaitedBy(by);
  }

  stop(id: Id): void {
    const run = this.claiming.withdraw(id);
    if (run === undefined) this.pool.stop(id);
    else this.notBegun(run);
  }

  /** Stops all runs: their jobs were taken from this dispatcher. */
  stopAll(): void {
    this.claiming.withdrawAll();
    this.pool.stopAll();
  }

  settled(run: Run, report: RunReport, stored?: () => void): void {
    const { job, fence, callable } = run;
    // The time of a run that waited includes that of other jobs, so nothing is learned from it.
    if (!this.#over(job)) this.#estimates.learn(callable, report.ranMs);
    this.threadTimes.note(run.thread, job, callable, report.startedAt, report.ranMs);
    const inner = report.inner.byteLength === 0 ? none : this.#innerCommands(job, report.inner);
    const { startedAt } = report;
    if (report.kind === 'thrown' || report.kind === 'failure')
      this.#note(run, 'failed', report.note.split('\n', 1)[0]!, startedAt);
    const end = settledFrom(report, this.#store.payload);
    const command: Command = { type: 'settle', job, fence, startedAt, outcome: end, inner };
    if (stored === undefined) this.#end(command, this.#whenRefused);
    else this.#end(command, { gate: levelGate(this.#levelOf(job)), reply: stored });
    if (report.kind === 'job' && !this.#waits.isEmpty) this.#refuseEndless();
  }

  timedOut(run: Run, isEnded = false): void {
    const { job, fence } = run;
    if (isEnded) this.#endedRuns.lost(run, timedOut);
    this.#over(job);
    this.#note(run, 'timeout', '');
    const startedAt = this.#context.now();
    const outcome = { kind: 'timeout' } as const;
    this.#end({ type: 'settle', job, fence, startedAt, outcome, inner: none });
  }

  notBegun({ job, fence, free }: Run): void {
    // A callback has no lane to go back to: it stays claimed and runs after the next open.
    if (this.#context.isClosing() && free) return;
    this.#context.decide({ type: 'giveBack', job, fence });
  }

  interrupted(run: Run, error?: Error): void {
    const { job, fence } = run;
    this.#over(job);
    this.#endedRuns.lost(run, error ?? (this.#context.isClosing() ? closed : stopped));
    this.#note(run, 'interrupted', error?.name ?? '');
    const cause = this.#context.isClosing() ? ({ cause: 'close' } as const) : ({ cause: 'thread', error } as const);
    this.#end({ type: 'interrupt', job, fence, ...cause });
  }

  #note({ job: id, attempt, thread }: Run, end: PastRun['end'], error: string, startedAt?: number): void {
    const job = this.#store.local.jobOfAgent(id);
    const recorded = job?.begun ? job.lastStartAt : 0;
    const endedAt = this.#context.now();
    this.history.note(id, { attempt, thread, startedAt: startedAt ?? recorded, endedAt, end, error });
  }

  running({ job, fence }: Run): void {
    this.#context.decide({ type: 'begun', job, fence, at: this.#context.now() });
  }

  turn(): void {
    this.#context.turn();
  }

  threadDied(error: Error, run?: Run): void {
    const at = run === undefined ? 'no job' : `${run.callable}, job ${idToText(run.job)}, attempt ${run.attempt}`;
    const { job = '', callable = '', attempt = 0, thread = 0 } = run ?? {};
    this.threadTimes.noteEnd({
      ...{ thread, at: this.#context.now(), error: error.name, message: error.message.slice(0, longestMessage) },
      ...{ job, callable, attempt },
    });
    const message = `a worker thread died: ${error.name}: ${error.message}`;
    this.#context.post(['log', 'error', message, `it was at ${at}\n${error.stack ?? ''}`]);
  }

  traced(runs: readonly RunSpan[]): void {
    this.#endedRuns.traced(runs);
  }

  log(callable: string, line: string, job: Id): void {
    if (job !== '') this.lines.note(job, line);
    this.#context.post(['line', callable, line]);
  }

  annotate(job: Id, name: string, value: Uint8Array | null): void {
    this.#context.decide({ type: 'annotate', job, name, value: value === null ? null : this.#store.payload(value) });
    if (value !== null) this.#context.annotations.resolve(job, name, value);
  }

  ask(query: Query, then: Tell<unknown>): void {
    this.#context.ask(query, then, 'decided');
  }

  /**
   * Waits for an annotation. The job that sets it may need a thread, too. Since the wait has a
   * timeout, it is never refused.
   */
  waitForAnnotation(by: Id, job: Id, name: string, timeoutMs: number, then: AnnotationWaiter): void {
    let end = nothing;
    let isOver = false;
    this.#context.annotations.waitFor(job, name, timeoutMs, (value) => {
      isOver = true;
      end();
      then(value);
    });
    if (!isOver) end = this.#wait(by, job);
  }

  waitForOutcome(by: Id, job: Id, then: OutcomeWaiter): void {
    let end = nothing;
    let isOver = false;
    const tell: OutcomeWaiter = (error, outcome) => {
      if (isOver) return;
      isOver = true;
      end();
      then(error, outcome);
    };
    const look = ({ view }: Records) => {
      const awaited = view.job(job);
      return awaited?.outcome === 'none' ? { isEndless: this.#waits.isBehind(view, awaited, by) } : undefined;
    };
    const begin = (error: Error | undefined, open?: { readonly isEndless: boolean } | undefined) => {
      if (error !== undefined) return tell(error);
      if (open !== undefined && this.pool.threadOf(by) !== undefined) {
        const refused = open.isEndless ? endless(by, job) : this.#refusal(by, job);
        if (refused !== undefined) return tell(refused);
        end = this.#wait(by, job, () => tell(endless(by, job)));
      }
      this.#context.outcomes.waitFor(job, tell);
    };
    this.#store.read(look, begin, 'decided');
  }

  /** Returns the error that refuses a wait that would leave no thread for other jobs. */
  #refusal(by: Id, job: Id): Error | undefined {
    const waiting = new Set(this.#waits.waiting).add(by);
    const { size, mostThreads } = this.pool;
    if (waiting.size < mostThreads) return undefined;
    return new TooManyWaitsError(
      `${cannotWait(by, job)}: all ${mostThreads} threads would hold jobs that wait for others (threads ${size}, extraThreads ${mostThreads - size}). ` +
        'Return the job, which holds no thread, or open with more extraThreads.',
    );
  }

  /**
   * Begins a wait and moves the batch ahead to other threads. Returns the function that ends the
   * wait.
   */
  #wait(by: Id, job: Id, refuse?: () => void): () => void {
    const thread = this.pool.threadOf(by);
    if (thread === undefined) return nothing;
    const end = this.#waits.begin(by, job, refuse);
    this.pool.clear(thread);
    this.turn();
    return () => {
      end();
      this.#unlend();
      this.turn();
    };
  }

  /** Forgets the waits of a run that is over. Returns `true` if it had waited. */
  #over(job: Id): boolean {
    const hadWaited = this.#waits.over(job);
    if (hadWaited) this.#unlend();
    return hadWaited;
  }

  /** Gives guests their own places before the lent ones become free. */
  #unlend(): void {
    if (!this.#waits.hasGuests) return;
    this.#unlending++;
    const tell = (_: unknown, guests?: Guests) => {
      this.#unlending--;
      this.#waits.dropGuests(guests?.over ?? none);
      for (const { id: job, fence } of guests?.unlent ?? none) {
        this.#waits.dropGuests([job]);
        this.#context.decide({ type: 'ownPlaces', job, fence });
      }
      if (this.#unlending === 0) for (const end of this.#ends.splice(0)) this.#context.decide(...end);
    };
    this.#store.read(({ view }: Records) => this.#waits.guests(view), tell, 'decided');
  }

  /** Ends a run, whose places become free, once the guests in them have their own. */
  #end(command: Command, then?: Parameters<Context['decide']>[1]): void {
    if (this.#unlending === 0) this.#context.decide(command, then);
    else this.#ends.push([command, then]);
  }

  /** Puts at once, with the durability of the job that puts. */
  putNow(by: Id, put: WireInnerPut, then: (error: Error | undefined, same: readonly Id[] | null) => void): void {
    const level = this.#levelOf(by);
    const command = commandFromWire(put, this.#received(level));
    this.#context.decide(command, { gate: levelGate(level), reply: (error, same) => then(error, same ?? null) });
  }

  handOver(job: Id): readonly HandedBuffer[] {
    return this.#context.movedBuffers.take(job);
  }

  /** Reports the refused end of a job that was taken from this dispatcher. */
  readonly #onRefused = (error: Error, command: Command): void => {
    if (!(error instanceof ClaimLostError) || command.type !== 'settle') return;
    this.#context.post(['log', 'error', error.message, `job ${idToText(command.job)}`]);
    this.#claimLost();
  };

  readonly #whenRefused = { refused: this.#onRefused };

  /** The inner commands of a run, owned by this dispatcher and with the job's durability. */
  #innerCommands(job: Id, packed: Uint8Array): readonly InnerCommand[] {
    const received = this.#received(this.#levelOf(job));
    return unpackBatch<WireInnerCommand>(packed).map((wire) => commandFromWire(wire, received) as InnerCommand);
  }

  #received(level: Level): Received {
    return { owner: this.#dispatcher, level, payload: this.#store.payload };
  }

  /**
   * The durability of a job. A missing job was taken from its claim, and its commands will be
   * refused.
   */
  #levelOf(job: Id): Level {
    return this.#store.local.jobOfAgent(job)?.level ?? 'full';
  }
}

const timedOut = {
  name: 'JobTimeoutError',
  message: 'the job ran longer than its timeoutMs, and its thread was ended',
};
const stopped = { name: 'JobCancelledError', message: 'the job did not stop, and its thread was ended' };
const closed = { name: 'JobInterruptedError', message: 'the runtime was closed' };

const none: readonly never[] = [];
const nothing = () => {};
/** Characters that are kept of the message of a thread's end. */
const longestMessage = 500;

const cannotWait = (by: Id, job: Id) => `job ${idToText(by)} cannot wait for job ${idToText(job)}`;
const endless = (by: Id, job: Id) => new JobStatusError(`${cannotWait(by, job)}, which ends only after it`);

function settledFrom({ kind, payload: bytes, note }: RunReport, payload: Store['payload']): Settled {
  switch (kind) {
    case 'value':
      return { kind, payload: payload(bytes) };
    case 'failure':
    case 'thrown':
      return { kind, payload: payload(bytes), names: note.split('\n') };
    case 'job':
      return { kind, job: note };
  }
}
