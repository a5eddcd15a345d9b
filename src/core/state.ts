/**
 * The records in memory, their indices, and what the decisions of one group changed in them.
 *
 * This is the view that `decide` works on, for every store: the journal's store holds all records in one, a database's
 * loads into one what a command reads. `insert`, `update` and `forget` are the only ways to change it, and each notes what was there
 * before, so that a refused command, or a refused write, leaves nothing behind. All indices (lines, members) are derived from the
 * records and kept here, never stored.
 */
import { JobRow } from './job-row.js';
import { Lanes } from './lanes.js';
import type { Id, JobRecord } from './records.js';

interface Change {
  readonly row: JobRow;
  /** Undefined: the row was new. */
  readonly before: JobRecord | undefined;
}

/** What one group of decisions changed: the last state of each record it touched, and what is no more. */
export interface Changes {
  readonly records: readonly JobRecord[];
  readonly forgotten: readonly Id[];
}

export class State {
  readonly #rows = new Map<Id, JobRow>();
  readonly #lanes = new Lanes();
  /** Completed roots, oldest first, from `#oldest` on. */
  #completed: JobRow[] = [];
  #oldest = 0;
  #completedBytes = 0;
  #position = 0;
  /** All changes of this group, in order; and each row in it once. */
  #undo: Change[] = [];
  #changed: JobRow[] = [];
  #command = 1;
  #group = 1;

  /** How many jobs are remembered. */
  get size(): number {
    return this.#rows.size;
  }

  /** Completed roots that are still remembered. */
  get completedCount(): number {
    return this.#completed.length - this.#oldest;
  }

  /** The arguments and results of all completed jobs. */
  get completedBytes(): number {
    return this.#completedBytes;
  }

  /** The root that completed first of those that are remembered. */
  get oldestCompleted(): JobRecord | undefined {
    return this.#completed[this.#oldest];
  }

  /** The next position in the log of what became eligible. */
  nextPosition(): number {
    return ++this.#position;
  }

  job(id: Id): JobRecord | undefined {
    return this.#rows.get(id);
  }

  jobs(): IterableIterator<JobRecord> {
    return this.#rows.values();
  }

  parts(whole: JobRecord): readonly JobRecord[] {
    return (whole as JobRow).partRows;
  }

  callbacks(job: JobRecord): readonly JobRecord[] {
    return (job as JobRow).callbackRows;
  }

  /** How many jobs stand in this queue's line. */
  queued(queue: string): number {
    return this.#lanes.count(queue);
  }

  /** The queues that have a line. */
  queuesInLine(): string[] {
    return this.#lanes.queues();
  }

  /** The next job in this queue's line of those whose callable is one of these (or that call nothing). */
  firstQueued(queue: string, runnable: ReadonlySet<string>): JobRecord | undefined {
    return this.#lanes.first(queue, ({ callable }) => callable === '' || runnable.has(callable));
  }

  insert(record: JobRecord): JobRecord {
    if (this.#rows.has(record.id)) throw new Error(`a job with the id of this ${record.callable} exists already`);
    const row = new JobRow(record);
    this.#note(row, undefined);
    this.#enter(row);
    return row;
  }

  /** The only way to change a record. */
  update(job: JobRecord, patch: Partial<JobRecord>): void {
    const row = job as JobRow;
    if (row.command !== this.#command) this.#note(row, new JobRow(row));
    const { queued, status, outcome, priority, front, eligible } = row;
    Object.assign(row, patch);
    checkStep(row, status, outcome);
    if (queued || row.queued) {
      const moved = row.priority !== priority || row.front !== front || row.eligible !== eligible;
      if (queued && (moved || !row.queued)) this.#lanes.remove(row);
      if (row.queued && (moved || !queued)) this.#lanes.add(row);
    }
    if (row.status === 'completed' && status !== 'completed') this.#complete(row);
  }

  /** Removes the oldest completed root, with all that hangs on it. */
  forgetOldest(): void {
    const row = this.#completed[this.#oldest++]!;
    this.#forget(row);
  }

  /** A command begins: what it changes can be taken back to here. */
  begin(): number {
    this.#command++;
    return this.#undo.length;
  }

  /** Takes back all changes since this mark; 0 is the whole group. */
  rollback(mark: number): void {
    this.#command++;
    while (this.#undo.length > mark) {
      const { row, before } = this.#undo.pop()!;
      if (before === undefined) this.#leave(row);
      else if (this.#rows.get(row.id) === row) this.#restore(row, before);
      else this.#remember(row);
    }
    if (mark === 0) this.keepChanges();
  }

  /** What has changed since `keepChanges`. */
  changes(): Changes {
    const records: JobRecord[] = [];
    const forgotten: Id[] = [];
    const inserted = new Set<JobRow>();
    for (const { row, before } of this.#undo) if (before === undefined) inserted.add(row);
    for (const row of this.#changed) {
      if (this.#rows.get(row.id) === row) records.push(row);
      else if (!inserted.has(row)) forgotten.push(row.id);
    }
    return { records, forgotten };
  }

  /** The changes are safe: from here on they cannot be rolled back. */
  keepChanges(): void {
    this.#undo = [];
    this.#changed = [];
    this.#command++;
    this.#group++;
    if (this.#oldest > 1024 && this.#oldest > this.#completed.length / 2) {
      this.#completed = this.#completed.slice(this.#oldest);
      this.#oldest = 0;
    }
  }

  /** Takes in a stored record while a store opens: no decision, so no change to write. Indices wait for `loaded`. */
  load(record: JobRecord): void {
    const row = this.#rows.get(record.id);
    if (row === undefined) this.#rows.set(record.id, new JobRow(record));
    else row.restore(record);
  }

  /** The counterpart of `load` for a record that was forgotten later. */
  unload(id: Id): void {
    this.#rows.delete(id);
  }

  /** All records are there: builds the indices. */
  loaded(): void {
    const completed: JobRow[] = [];
    for (const row of this.#rows.values()) {
      this.#position = Math.max(this.#position, row.eligible);
      this.#join(row);
      if (row.queued) this.#lanes.add(row);
      if (row.status === 'completed') completed.push(row);
    }
    completed.sort((a, b) => a.completedAt - b.completedAt);
    for (const row of completed) this.#complete(row);
  }

  #note(row: JobRow, before: JobRecord | undefined): void {
    this.#undo.push({ row, before });
    row.command = this.#command;
    if (row.group === this.#group) return;
    row.group = this.#group;
    this.#changed.push(row);
  }

  #enter(row: JobRow): void {
    this.#rows.set(row.id, row);
    this.#join(row);
    if (row.queued) this.#lanes.add(row);
  }

  #leave(row: JobRow): void {
    if (row.lane !== undefined) this.#lanes.remove(row);
    this.#rows.delete(row.id);
  }

  /** A row is as it was before a change that is taken back. */
  #restore(row: JobRow, before: JobRecord): void {
    if (row.lane !== undefined) this.#lanes.remove(row);
    if (row.status === 'completed' && before.status !== 'completed') this.#uncomplete(row);
    row.restore(before);
    if (row.queued) this.#lanes.add(row);
  }

  #forget(row: JobRow): void {
    for (const member of row.partRows) this.#forget(member);
    for (const member of row.callbackRows) this.#forget(member);
    this.#note(row, row);
    this.#rows.delete(row.id);
    this.#completedBytes -= payloadBytes(row);
  }

  /** Takes back a `#forget`: changes are taken back in reverse, so the last that was forgotten is the first that returns. */
  #remember(row: JobRow): void {
    this.#rows.set(row.id, row);
    this.#completedBytes += payloadBytes(row);
    if (row.role === 'root') this.#oldest--;
  }

  #complete(row: JobRow): void {
    this.#completedBytes += payloadBytes(row);
    if (row.role === 'root') this.#completed.push(row);
  }

  #uncomplete(row: JobRow): void {
    this.#completedBytes -= payloadBytes(row);
    if (row.role === 'root') this.#completed.pop();
  }

  /** Membership is on the member; its parent's list is derived from it. */
  #join(row: JobRow): void {
    if (row.parent === '') return;
    const above = this.#rows.get(row.parent);
    if (above === undefined) return;
    const list = row.role === 'part' ? 'partRows' : 'callbackRows';
    if (above[list].length === 0) above[list] = [];
    above[list][row.index] = row;
  }
}

const payloadBytes = ({ args, result }: JobRecord) => (args?.byteLength ?? 0) + (result?.byteLength ?? 0);

/** Invariants of a step, checked on every decision: cheap, and on in production. */
function checkStep(job: JobRecord, status: JobRecord['status'], outcome: JobRecord['outcome']): void {
  if (outcome !== 'none' && job.outcome !== outcome) wrong(job, 'an outcome is stored once');
  if (status === 'completed' && job.status !== status) wrong(job, 'completed is the end');
  if (job.partsDone > job.parts || job.callbacksDone > job.callbacks) wrong(job, 'more members done than there are');
  if (job.claimed && job.queued) wrong(job, 'a job is in line or claimed, not both');
  if (job.begun && !job.claimed) wrong(job, 'begun without a claim');
  if (job.outcome !== 'none' && (job.claimed || job.queued)) wrong(job, 'in line or claimed after its call is over');
  if (job.status === 'completed' && job.callbacksDone < job.callbacks) wrong(job, 'completed before its callbacks');
}

function wrong(job: JobRecord, what: string): never {
  throw new Error(`a decision would break an invariant on ${job.callable || job.form}: ${what}`);
}
