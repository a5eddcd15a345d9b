/**
 * The jobs in memory, and by what they are found: by id, by their parent, by what `indices.ts`
 * tells of each.
 *
 * All of it but the rows is derived from the records, is never stored, and follows each change of a
 * row at once: `reindex` compares where the row belongs with where it notes that it is. What a
 * change means, and the way back from it, is not known here.
 */
import { ById } from '../collections/id-map.js';
import { Counts, Members } from '../collections/members.js';
import type { Id, JobRecord, JobStatus } from '../records.js';
import { none } from './common-fields.js';
import { Completed } from './completed.js';
import {
  agentOf,
  awaitedBy,
  boundTo,
  calledBackFor,
  isAtWork,
  isUnfinished,
  liveUnique,
  neededPlaces,
  placeKey,
  timerOf,
} from './indices.js';
import { JobRow } from './job-row.js';
import { Lanes } from './lanes.js';
import { Timers } from './timers.js';

export class JobTable {
  readonly #rows = new ById<JobRow>();
  readonly lanes = new Lanes();
  readonly timers = new Timers();
  readonly completed = new Completed();
  /** By queue and quota: who has a place there. */
  readonly holders = new Members<JobRow>();
  /** By job: who returned it, and waits for its outcome. */
  readonly waiting = new Members<JobRow>();
  /** By queue and key. */
  readonly unique = new Map<string, JobRow>();
  /** By dispatcher: what only that one may claim. */
  readonly bound = new Members<JobRow>();
  /** By agent: what it has claimed, or whose callbacks run in its place. */
  readonly running = new Members<JobRow>();
  /** By agent, those whose callbacks run in its place. */
  readonly calledBack = new Counts();
  /** By queue. */
  readonly unfinished = new Counts();
  /** By queue: what runs, and callbacks that are not done, also of roots that are completed. */
  readonly atWork = new Counts();
  /** Of the unfinished, those that wait for a date. */
  readonly dated = new Counts();

  get size(): number {
    return this.#rows.size;
  }

  has(id: Id): boolean {
    return this.#rows.has(id);
  }

  get(id: Id): JobRow | undefined {
    return this.#rows.get(id);
  }

  /** In the order in which they came. */
  all(): IterableIterator<JobRow> {
    return this.#rows.values();
  }

  /** Takes in a record, or a later form of it, that `index` follows for. */
  load(record: JobRecord): void {
    const row = this.#rows.get(record.id);
    if (row === undefined) this.#rows.add(new JobRow(record));
    else row.restore(record);
  }

  /** The counterpart of `load`. */
  unload(id: Id): void {
    this.#rows.delete(id);
  }

  /**
   * Puts a row into all indices but that of the completed, which has an order of its own. What it
   * belongs to is there.
   */
  index(row: JobRow): void {
    row.isThere = true;
    this.#join(row);
    this.#reindex(row);
  }

  /** A row is new. */
  enter(row: JobRow): void {
    this.#rows.add(row);
    this.index(row);
  }

  /** The counterpart of `enter`: as if it had never been there. */
  leave(row: JobRow): void {
    if (row.status === 'completed') this.completed.remove(row);
    this.#rows.delete(row.id);
    row.isThere = false;
    this.#reindex(row);
    this.#unjoin(row);
  }

  /** A row has changed; before, it had this status. */
  update(row: JobRow, before: JobStatus): void {
    this.#reindex(row);
    if (row.status === 'completed' && before !== 'completed') this.completed.add(row);
  }

  /**
   * A row takes on another record of the same job: out of all indices by what it is, and into them
   * by what it becomes.
   */
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
   * A row is remembered no more: it leaves, but its parent, which goes too or forgets all its parts
   * at once, is not told.
   */
  forget(row: JobRow): void {
    this.#rows.delete(row.id);
    row.isThere = false;
    if (row.status === 'completed') this.completed.forget(row);
    this.#reindex(row);
  }

  /** Takes back a `forget`: the last that was forgotten is the first that returns. */
  remember(row: JobRow): void {
    this.#rows.add(row);
    if (row.status === 'completed') this.completed.remember(row);
    this.index(row);
  }

  /** Membership is on the member; its parent's list is derived from it. */
  #join(row: JobRow): void {
    const above = row.parent === '' ? undefined : this.#rows.get(row.parent);
    if (above === undefined) return;
    const list = membersOf(row);
    if (above[list].length === 0) above[list] = [];
    above[list][row.index] = row;
  }

  #unjoin(row: JobRow): void {
    const above = row.parent === '' ? undefined : this.#rows.get(row.parent);
    if (above !== undefined && above[membersOf(row)].at(-1) === row) above[membersOf(row)].pop();
  }

  /**
   * Puts the row where its record says it belongs, in every index: called after any change of it.
   */
  #reindex(row: JobRow): void {
    const there = row.isThere;
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
    // Which dispatcher that is never changes.
    if (row.only !== '') {
      if (there && boundTo(row) !== '') this.bound.add(row.only, row);
      else this.bound.remove(row.only, row);
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
    const isDated = unfinished && row.dueAt !== 0 && row.stage !== 'policy';
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
