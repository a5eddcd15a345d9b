/**
 * The jobs in memory, with the indices that find them: by id, by parent, and by the keys of
 * `indices.ts`.
 *
 * The indices are derived from the records, never stored, and follow each change of a row at once:
 * `#reindex` compares where a row belongs with where its notes say that it is. The table knows
 * neither transitions nor how to undo one.
 */
import { IdMap } from '../collections/id-map.js';
import { Counts, Members } from '../collections/members.js';
import type { Id, JobRecord, JobStatus, Payload, PayloadSlot } from '../records.js';
import { none } from './common-fields.js';
import { Completed } from './completed.js';
import {
  agentOf,
  awaitedBy,
  boundTo,
  calledBackFor,
  dateOf,
  isAtWork,
  isResting,
  isUnfinished,
  liveUnique,
  neededPlaces,
  placeKey,
  timerOf,
} from './indices.js';
import { JobRow } from './job-row.js';
import { Lanes } from './lanes.js';
import type { PayloadColumns } from './payload-columns.js';
import { Tallies, tallyCellOf } from './tallies.js';
import { Timers } from './timers.js';

export class JobTable {
  /** The rows, and the seats of packed jobs. */
  readonly #rows: IdMap<JobRow, number>;
  /** The rows that were made of packed jobs since `pack`. */
  #looked: JobRow[] = [];
  readonly lanes = new Lanes();
  readonly timers = new Timers();
  readonly completed: Completed;
  /** The jobs that have a place in a quota, by `placeKey`. */
  readonly holders = new Members<JobRow>();
  /** The jobs that returned a job and wait for its outcome, by its id. */
  readonly waiting = new Members<JobRow>();
  /** The live jobs, by `uniqueKey`. */
  readonly unique = new Map<string, JobRow>();
  /** The jobs whose calls end with a dispatcher, by dispatcher; see `boundTo`. */
  readonly bound = new Members<JobRow>();
  /** The jobs that an agent has claimed, or whose callbacks run in its place, by agent. */
  readonly running = new Members<JobRow>();
  /** The number of jobs whose callbacks run in an agent's place, by agent. */
  readonly calledBack = new Counts();
  /** The callbacks that wait for their time. */
  readonly resting = new Set<JobRow>();
  /** The number of roots that are put and not completed, by queue. */
  readonly unfinished = new Counts();
  /** The number of running jobs, and of callbacks that are not done, by queue. */
  readonly atWork = new Counts();
  /** The number of unfinished roots that wait for a date, by queue. */
  readonly dated = new Counts();
  readonly tallies = new Tallies();

  constructor(payloads?: PayloadColumns) {
    this.completed = new Completed((id) => this.look(id), payloads);
    this.#rows = new IdMap(this.completed.seats);
  }

  get size(): number {
    return this.#rows.size;
  }

  has(id: Id): boolean {
    return this.#rows.has(id);
  }

  /** Returns a job's row. That of a packed job is made again. */
  get(id: Id): JobRow | undefined {
    const entry = this.#rows.get(id);
    if (typeof entry !== 'number') return entry;
    const row = this.completed.seats.unpack(entry);
    this.#rows.replace(id, row);
    this.#looked.push(row);
    return row;
  }

  /**
   * Returns a job for reading. A packed one stays packed: `State.change` takes the job for its row.
   */
  look(id: Id): JobRow | undefined {
    return this.#lookAt(this.#rows.get(id));
  }

  #lookAt(entry: JobRow | number | undefined): JobRow | undefined {
    return typeof entry === 'number' ? this.completed.seats.look(entry) : entry;
  }

  /** Returns all jobs in the order of their insertion, for reading. */
  *all(after: Id = ''): IterableIterator<JobRow> {
    for (const entry of this.#rows.values(after)) yield this.#lookAt(entry)!;
  }

  /** Returns all jobs in the reverse order, before that with the id `before` if it is there. */
  *reversed(before: Id): IterableIterator<JobRow> {
    for (const entry of this.#rows.reversed(before)) yield this.#lookAt(entry)!;
  }

  /** Replaces a payload by an equal one. */
  ownPayload(id: Id, slot: PayloadSlot, payload: Payload): void {
    const entry = this.#rows.get(id)!;
    if (typeof entry === 'number') this.completed.seats.replacePayload(entry, slot, payload);
    else if (slot === 'args') entry.args = payload;
    else entry.result = payload;
  }

  /** Returns the rows that were made of packed jobs since the last call. */
  takeLooked(): readonly JobRow[] {
    const looked = this.#looked;
    if (looked.length > 0) this.#looked = [];
    return looked;
  }

  /** Packs a completed root, if it can be packed. */
  pack(row: JobRow): void {
    if (this.completed.seats.pack(row)) this.#rows.replace(row.id, row.seat);
  }

  /** Takes in a record, or a newer version of it. `index` must follow. */
  load(record: JobRecord): void {
    const row = this.get(record.id);
    if (row === undefined) this.#rows.add(new JobRow(record));
    else row.restore(record);
  }

  /** The counterpart of `load`. */
  unload(id: Id): void {
    this.#rows.delete(id);
  }

  /**
   * Puts a row into all indices but `completed`, which has an order of its own. The row's parent
   * must be in the table.
   */
  index(row: JobRow): void {
    row.isThere = true;
    this.#join(row);
    this.#reindex(row);
  }

  /** Adds a new row. */
  enter(row: JobRow): void {
    this.#rows.add(row);
    this.index(row);
  }

  /** The counterpart of `enter`: removes a row as if it had never been there. */
  leave(row: JobRow): void {
    if (row.status === 'completed') this.completed.remove(row);
    this.#rows.delete(row.id);
    row.isThere = false;
    this.#reindex(row);
    this.#unjoin(row);
  }

  /** Follows a change of a row, which had the status `before` and was in this queue. */
  update(row: JobRow, before: JobStatus, queue: string): void {
    if (row.queue !== queue) {
      const { callable, role, tallyCell } = row;
      this.tallies.move({ queue, callable, role }, tallyCell, 0);
      row.tallyCell = 0;
    }
    this.#reindex(row);
    if (row.status === 'completed' && before !== 'completed') this.completed.add(row);
  }

  /** Gives a row another record of the same job. It leaves all indices and enters them anew. */
  become(row: JobRow, record: JobRecord): void {
    const wasCompleted = row.status === 'completed';
    if (wasCompleted && record.status !== 'completed') this.completed.remove(row);
    row.isThere = false;
    this.#reindex(row);
    row.restore(record);
    row.isThere = true;
    this.#reindex(row);
    if (row.status === 'completed' && !wasCompleted) this.completed.addInOrder(row);
  }

  /**
   * Forgets a row. Its parent keeps it in the list of members, since the parent goes too, or clears
   * the list itself.
   */
  forget(row: JobRow): void {
    this.#rows.delete(row.id);
    row.isThere = false;
    if (row.status === 'completed') this.completed.forget(row);
    this.#reindex(row);
  }

  /** Undoes a `forget`. The row forgotten last must come first. */
  remember(row: JobRow): void {
    this.#rows.add(row);
    if (row.status === 'completed') this.completed.remember(row);
    this.index(row);
  }

  /** Forgets a packed root, which `Completed.takeOldest` took out before. */
  forgetPacked(seat: number): void {
    const kind = this.completed.seats.kind(seat);
    this.tallies.move(kind, kind.tallyCell, 0);
    this.#rows.deletePacked(seat);
    this.completed.forgetPacked(seat);
  }

  /** Undoes the last `forgetPacked`. */
  rememberPacked(seat: number): void {
    const kind = this.completed.seats.kind(seat);
    this.tallies.move(kind, 0, kind.tallyCell);
    this.#rows.addPacked(seat);
    this.completed.rememberPacked(seat);
  }

  /** Adds a row to the list of its parent, which is derived from the members' records. */
  #join(row: JobRow): void {
    const above = row.parent === '' ? undefined : this.get(row.parent);
    if (above === undefined) return;
    const list = membersOf(row);
    if (above[list].length === 0) above[list] = [];
    above[list][row.index] = row;
  }

  #unjoin(row: JobRow): void {
    const above = row.parent === '' ? undefined : this.get(row.parent);
    if (above !== undefined && above[membersOf(row)].at(-1) === row) above[membersOf(row)].pop();
  }

  /**
   * Puts the row into the indices where its record belongs. Must be called after any change of it.
   */
  #reindex(row: JobRow): void {
    const there = row.isThere;
    const cell = there ? tallyCellOf(row) : 0;
    if (cell !== row.tallyCell) {
      this.tallies.move(row, row.tallyCell, cell);
      row.tallyCell = cell;
    }
    if ((row.lane !== undefined) !== (there && row.queued)) {
      if (row.lane !== undefined) this.lanes.remove(row);
      else this.lanes.add(row, neededPlaces(row));
    }
    const timerAt = there ? timerOf(row) : 0;
    if (timerAt !== row.timerAt) this.timers.move(row, timerAt);
    const places = there ? row.places : none;
    if (places !== row.inPlaces) this.#reindexPlaces(row, places);
    const inner = there ? awaitedBy(row) : '';
    if (inner !== row.inInner) {
      this.waiting.move(row, row.inInner, inner);
      row.inInner = inner;
    }
    const unique = there ? liveUnique(row) : '';
    if (unique !== row.inUnique) {
      if (row.inUnique !== '' && this.unique.get(row.inUnique) === row) this.unique.delete(row.inUnique);
      if (unique !== '') this.unique.set(unique, row);
      row.inUnique = unique;
    }
    if (row.only !== '' || row.form === 'map') {
      // Neither of them changes.
      const dispatcher = row.only || row.owner;
      if (there && boundTo(row) !== '') this.bound.add(dispatcher, row);
      else this.bound.remove(dispatcher, row);
    }
    const isWithAgent = there && agentOf(row) !== '';
    if (isWithAgent !== row.isWithAgent) {
      if (isWithAgent) this.running.add(row.agent, row);
      else this.running.remove(row.agent, row);
      row.isWithAgent = isWithAgent;
    }
    const calledBack = there ? calledBackFor(row) : '';
    if (calledBack !== row.inCalledBack) {
      if (row.inCalledBack !== '') this.calledBack.add(row.inCalledBack, -1);
      if (calledBack !== '') this.calledBack.add(calledBack, 1);
      row.inCalledBack = calledBack;
    }
    if (there && isResting(row)) this.resting.add(row);
    else if (this.resting.size > 0) this.resting.delete(row);
    const unfinished = there && isUnfinished(row);
    if (unfinished !== row.isUnfinished) {
      this.unfinished.add(row.queue, unfinished ? 1 : -1);
      row.isUnfinished = unfinished;
    }
    const atWork = there && isAtWork(row);
    if (atWork !== row.isAtWork) {
      this.atWork.add(row.queue, atWork ? 1 : -1);
      row.isAtWork = atWork;
    }
    const isDated = unfinished && dateOf(row) !== 0;
    if (isDated !== row.isDated) {
      this.dated.add(row.queue, isDated ? 1 : -1);
      row.isDated = isDated;
    }
  }

  #reindexPlaces(row: JobRow, places: readonly string[]): void {
    for (const quota of row.inPlaces) if (!places.includes(quota)) this.holders.remove(placeKey(row.queue, quota), row);
    for (const quota of places) if (!row.inPlaces.includes(quota)) this.holders.add(placeKey(row.queue, quota), row);
    for (const quota of row.inPlaces) if (!places.includes(quota)) this.lanes.unpark(row.queue, quota);
    row.inPlaces = places;
  }
}

const membersOf = ({ role }: JobRecord) => (role === 'callback' ? 'callbackRows' : 'partRows');
