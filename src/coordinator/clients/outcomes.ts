/**
 * The delivery of outcomes. The client that put a job, and the clients and jobs that wait for it,
 * get its outcome when its gate opens. A client with handles from a put of several gets it before
 * the job is forgotten.
 */
import { newId } from '../../codec/id.js';
import type { Id, JobRecord } from '../../core/records.js';
import { JournalCorruptError } from '../../errors.js';
import type { EncodedOutcome } from '../../protocol/completed-list.js';
import { errorToData } from '../../protocol/error-data.js';
import type { Records } from '../../store/store.js';
import type { Build } from '../claiming/build.js';
import { outcomeFor } from '../claiming/outcome-bytes.js';
import type { Context } from '../context.js';
import type { Caller, Callers } from './caller.js';
import { forgotten, requireJob } from './remembered.js';
import { Waiters } from './waiters.js';

export type OutcomeWaiter = (error: Error | undefined, outcome?: EncodedOutcome) => void;

interface Waiting {
  readonly then: OutcomeWaiter;
  /** Undefined for a running job. */
  readonly caller: Caller | undefined;
}

/** Outcomes, and who takes them. */
interface Due {
  readonly jobs: JobRecord[];
  /** The client that put the jobs; undefined if it does not take the outcomes now. */
  readonly owner: Caller | undefined;
  /** The requests of its puts. */
  readonly puts: number[];
  /** Those who wait for the only job. */
  readonly thens: readonly OutcomeWaiter[];
  /** The bytes of the outcomes. */
  bytes: number;
}

/** Outcomes with more bytes in all are sent in several messages. */
const longestDeliveryBytes = 65_536;

export class Outcomes {
  readonly #context: Context;
  readonly #build: Build;
  readonly #callers: Callers;
  readonly #waiters = new Waiters<Waiting>();
  /** The outcomes to be sent by the next `sendDue`. */
  #due: Due[] = [];
  /** The outcomes that callers do not take yet, each read when it is sent. */
  readonly #unsent = new Map<Caller, Map<Id, OutcomeWaiter[]>>();

  /** Made before any id of a put that comes after the last two calls of `holdsFrom`. */
  #marks: readonly [Id, Id] = [newId(), newId()];

  constructor(context: Context, build: Build, callers: Callers) {
    this.#context = context;
    this.#build = build;
    this.#callers = callers;
  }

  /** Calls back when the job's call has ended; at once if it has. */
  waitFor(id: Id, then: OutcomeWaiter, caller?: Caller): void {
    const waiting = { then, caller };
    this.#waiters.add(id, waiting);
    const { store } = this.#context;
    const ended = (error: Error | undefined, outcome?: Ended) => {
      if (outcome !== undefined) return this.#deliver(outcome);
      if (error === undefined) return;
      // It may have been lost while it was read.
      if (this.#waiters.remove(id, waiting)) then(error);
    };
    const look = ({ view }: Records) => view.job(id);
    store.read(
      look,
      (_, job) => {
        if (job?.outcome === 'none') this.#build.logAwaited(job);
        else store.read((records: Records) => endOf(records, requireJob(records.view, id)), ended);
      },
      'decided',
    );
  }

  /** Delivers the outcome of a job that has ended before its put was expected to deliver it. */
  catchUp(id: Id): void {
    const look = (records: Records) => {
      const job = records.view.job(id);
      return job && endOf(records, job);
    };
    this.#context.store.read(look, (_, ended) => {
      if (ended !== undefined) this.#deliver(ended);
    });
  }

  /** Answers all that wait for a job that another process has forgotten. */
  lose(id: Id): void {
    const error = forgotten(id);
    for (const { then } of this.#waiters.take(id)) then(error);
    for (const { puts, post } of this.#callers.all()) {
      const put = puts.get(id);
      if (put === undefined) continue;
      puts.delete(id);
      post(['unreadable', put, errorToData(error)]);
    }
  }

  /** Ends the waits of a caller that is gone. */
  leave(caller: Caller): void {
    this.#unsent.delete(caller);
    this.#waiters.removeAll((waiting) => waiting.caller === caller);
  }

  /** `true` if the outcome will be sent to a client or a waiter. */
  isAwaited({ id, owner }: JobRecord): boolean {
    return this.#callers.of(owner)?.puts.has(id) === true || this.#waiters.has(id);
  }

  /** Yields the jobs whose outcomes will be sent to a client or a waiter, some of them twice. */
  *awaited(): Iterable<Id> {
    yield* this.#waiters.keys();
    for (const { puts } of this.#callers.all()) yield* puts.ids();
  }

  /** `true` if a client or a running job waits for the outcome. */
  isWaitedFor(job: Id): boolean {
    return this.#waiters.has(job);
  }

  /** Returns the request with which the client in this process put the job. */
  ownPutOf(job: Id): number | undefined {
    return this.#callers.own.puts.get(job);
  }

  /**
   * Lets the next `sendDue` send the outcome in this record, which is read once for many jobs. The
   * job may have been forgotten since it was decided.
   */
  deliver(job: JobRecord): void {
    this.#take(job, this.#due);
  }

  /** Reads and sends the outcomes that `deliver` has noted. */
  sendDue(): void {
    const due = this.#due;
    if (due.length === 0) return;
    this.#due = [];
    const look = (records: Records) => due.map(({ jobs }) => jobs.map((job) => outcomeOf(records, job)));
    const tell = (error: Error | undefined, outcomes?: readonly (readonly (EncodedOutcome | Error)[])[]) => {
      for (let index = 0; index < due.length; index++) {
        const one = due[index]!;
        sendAll(outcomes?.[index] ?? one.jobs.map(() => error!), one);
      }
    };
    this.#context.store.read(look, tell, 'decided');
  }

  #deliver({ job, outcome }: Ended): void {
    const due: Due[] = [];
    this.#take(job, due);
    for (const one of due) sendAll([outcome], one);
  }

  /**
   * Adds an outcome for those who take it now. Others take it when there is room. Outcomes that one
   * client alone takes are together.
   */
  #take(job: JobRecord, due: Due[]): void {
    const { id } = job;
    const waiting = this.#waiters.take(id);
    const thens =
      waiting.length === 0 ? none : waiting.filter((one) => !this.#waitsForRoom(id, one)).map(({ then }) => then);
    const owner = this.#callers.of(job.owner);
    const put = this.#takePut(id, owner);
    // The bytes of a list are not known before it is read.
    const bytes = job.result?.byteLength ?? longestDeliveryBytes;
    const last = due.at(-1);
    const joins = last?.owner === owner && last?.thens === none && last.bytes + bytes <= longestDeliveryBytes;
    if (put === undefined) {
      if (thens.length > 0) due.push({ jobs: [job], owner: undefined, puts: [], thens, bytes });
    } else if (joins && thens === none) {
      last.jobs.push(job);
      last.puts.push(put);
      last.bytes += bytes;
    } else due.push({ jobs: [job], owner, puts: [put], thens, bytes });
  }

  /** Returns the request with which the owner put the job, if it takes the outcome now. */
  #takePut(job: Id, owner: Caller | undefined): number | undefined {
    const put = owner?.puts.get(job);
    if (put === undefined) return undefined;
    owner!.puts.delete(job);
    if (owner!.isFull?.() !== true) return put;
    const then: OutcomeWaiter = (error, outcome) => sendToOwner(owner!, put, outcome ?? error!);
    this.#waitsForRoom(job, { then, caller: owner });
    return undefined;
  }

  /** Keeps the outcome for a caller that takes nothing at the moment. */
  #waitsForRoom(job: Id, { then, caller }: Waiting): boolean {
    if (caller?.isFull?.() !== true) return false;
    let unsent = this.#unsent.get(caller);
    if (unsent === undefined) {
      unsent = new Map();
      this.#unsent.set(caller, unsent);
    }
    const there = unsent.get(job);
    if (there === undefined) unsent.set(job, [then]);
    else there.push(then);
    return true;
  }

  /** Sends the outcomes that waited, while the caller takes more. */
  resume(caller: Caller): void {
    const unsent = this.#unsent.get(caller);
    if (unsent === undefined) return;
    for (const [id, thens] of unsent) {
      if (caller.isFull?.()) return;
      unsent.delete(id);
      const look = (records: Records) => {
        const job = records.view.job(id);
        return job && endOf(records, job);
      };
      this.#context.store.read(
        look,
        (_, ended) => {
          // A job that is forgotten was sent before.
          for (const then of ended === undefined ? none : thens) send(ended!.outcome, then);
        },
        'decided',
      );
    }
    this.#unsent.delete(caller);
  }

  /**
   * Returns an id below those of all jobs that the client in this process has put and has a handle
   * of, now or before the next call.
   */
  holdsFrom(): Id {
    const { puts, hands } = this.#callers.own;
    const [older] = this.#marks;
    this.#marks = [this.#marks[1], newId()];
    let least = older;
    for (const id of [hands.first, ...puts.ids()]) if (id !== undefined && id < least) least = id;
    return least;
  }

  /** `true` if `forgotten` may have something to send. */
  get isHolding(): boolean {
    if (this.#unsent.size > 0) return true;
    if (this.#callers.own.hands.size > 0) return true;
    // Each decision asks, and an iterator is an object.
    if (this.#callers.others > 0) for (const { hands } of this.#callers.all()) if (hands.size > 0) return true;
    return false;
  }

  /** Sends the outcome to clients with handles, because the job is forgotten now. */
  forgotten(job: JobRecord): void {
    const thens: OutcomeWaiter[] = [];
    for (const unsent of this.#unsent.values()) {
      thens.push(...(unsent.get(job.id) ?? none));
      unsent.delete(job.id);
    }
    for (const { hands, post } of this.#callers.all()) {
      for (const hand of hands.size === 0 ? none : hands.handsOf(job.id)) {
        thens.push((_, outcome) => {
          if (outcome !== undefined) post(['kept', hand, job.id, outcome.kind, outcome.payload]);
        });
      }
    }
    this.#read(job, thens);
  }

  /** Passes the outcome of a record on, or the error with which reading it failed. */
  #read(job: JobRecord, thens: readonly OutcomeWaiter[]): void {
    if (thens.length === 0) return;
    const tell: OutcomeWaiter = (error, outcome) => {
      for (const then of thens) then(error, outcome);
    };
    this.#context.store.read((records: Records) => outcomeFor(records, job, 'client'), tell, 'decided');
  }
}

/** A job whose call is over. */
interface Ended {
  readonly job: JobRecord;
  /** The error with which reading it failed. */
  readonly outcome: EncodedOutcome | Error;
}

function endOf(records: Records, job: JobRecord): Ended | undefined {
  if (job.outcome === 'none') return undefined;
  return { job, outcome: outcomeOf(records, job) };
}

/** Returns a job's outcome, or the error if it is damaged: others may still be read. */
function outcomeOf(records: Records, job: JobRecord): EncodedOutcome | Error {
  try {
    return outcomeFor(records, job, 'client');
  } catch (error) {
    if (error instanceof JournalCorruptError) return error;
    throw error;
  }
}

function sendAll(outcomes: readonly (EncodedOutcome | Error)[], { owner, puts, thens }: Due): void {
  if (owner !== undefined) {
    if (areRead(outcomes)) owner.post(['deliver', puts, outcomes]);
    else for (const [index, put] of puts.entries()) sendToOwner(owner, put, outcomes[index]!);
  }
  for (const then of thens) send(outcomes[0]!, then);
}

function areRead(outcomes: readonly (EncodedOutcome | Error)[]): outcomes is readonly EncodedOutcome[] {
  return !outcomes.some((outcome) => outcome instanceof Error);
}

function sendToOwner({ post }: Caller, put: number, outcome: EncodedOutcome | Error): void {
  if (outcome instanceof Error) post(['unreadable', put, errorToData(outcome)]);
  else post(['deliver', [put], [outcome]]);
}

function send(outcome: EncodedOutcome | Error, then: OutcomeWaiter): void {
  if (outcome instanceof Error) then(outcome);
  else then(undefined, outcome);
}

const none: readonly never[] = [];
