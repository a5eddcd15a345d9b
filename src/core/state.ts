/**
 * The records in memory, their indices, and what the decisions of one batch changed in them.
 *
 * This is the view that `decide` works on, for every store: the journal's store holds all records in one, a database's
 * loads into one what a command reads. Records are immutable; `insert`, `update` and `forget` are the only ways to change the
 * state, and each notes what was there before, so that a refused command, or a refused write, leaves nothing behind. All
 * indices (lines, parts, callbacks) are derived from the records and kept here, never stored.
 */
import { goesBefore, Lanes, type Queued } from './lanes.js';
import { type Id, type JobRecord, jobStatuses, type Payload } from './records.js';

interface Row extends Queued {
  /** Members that name this job as their parent, by index. */
  parts: Row[];
  callbacks: Row[];
}

interface Change {
  readonly row: Row;
  /** Undefined: the row was new. */
  readonly before: JobRecord | undefined;
}

const none: never[] = [];

const newRow = (record: JobRecord): Row => ({
  record,
  lane: undefined,
  lanePosition: -1,
  parts: none,
  callbacks: none,
});

/** What one batch of decisions changed: the last state of each record it touched, and what is no more. */
export interface Changes {
  readonly records: JobRecord[];
  readonly forgotten: Id[];
}

export class State {
  readonly #rows = new Map<Id, Row>();
  readonly #lanes = new Lanes();
  readonly #undo: Change[] = [];
  /** Completed roots, oldest first: a Map keeps the order of insertion. */
  readonly #completed = new Map<Id, number>();
  #completedBytes = 0;
  #position = 0;

  /** How many jobs are remembered. */
  get size(): number {
    return this.#rows.size;
  }

  /** Completed roots that are still remembered: how many, and the bytes of their trees' payloads. */
  get completed(): { readonly count: number; readonly bytes: number; readonly oldest: Id | undefined } {
    const oldest = this.#completed.keys().next().value;
    return { count: this.#completed.size, bytes: this.#completedBytes, oldest };
  }

  /** The next position in the log of what became eligible. */
  nextPosition(): number {
    return ++this.#position;
  }

  job(id: Id): JobRecord | undefined {
    return this.#rows.get(id)?.record;
  }

  *jobs(): IterableIterator<JobRecord> {
    for (const row of this.#rows.values()) yield row.record;
  }

  *parts(id: Id): IterableIterator<JobRecord> {
    for (const row of this.#rows.get(id)?.parts ?? none) yield row.record;
  }

  /** One part; undefined where there is none at this index. */
  part(id: Id, index: number): JobRecord | undefined {
    return this.#rows.get(id)?.parts[index]?.record;
  }

  callback(id: Id, index: number): JobRecord | undefined {
    return this.#rows.get(id)?.callbacks[index]?.record;
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

  insert(record: JobRecord): void {
    if (this.#rows.has(record.id)) throw new Error(`a job with the id of ${record.callable} exists already`);
    const row = newRow(record);
    this.#undo.push({ row, before: undefined });
    this.#enter(row);
  }

  /** The only way to change a record. Gives the new one. */
  update(job: JobRecord, patch: Partial<JobRecord>): JobRecord {
    const row = this.#rows.get(job.id);
    if (row === undefined || row.record !== job) throw new Error('a decision went on with a record that has changed');
    const record = Object.assign({ ...job }, patch);
    checkStep(job, record);
    this.#undo.push({ row, before: job });
    this.#set(row, record);
    return record;
  }

  /** Removes a completed job with all that hangs on it. */
  forget(job: JobRecord): void {
    const row = this.#rows.get(job.id)!;
    for (const member of [...row.parts, ...row.callbacks]) this.forget(member.record);
    this.#undo.push({ row, before: job });
    this.#leave(row);
  }

  /** Where the next command begins, for `rollback`. */
  mark(): number {
    return this.#undo.length;
  }

  /** Takes back all changes since the mark. */
  rollback(mark: number): void {
    while (this.#undo.length > mark) {
      const { row, before } = this.#undo.pop()!;
      if (before === undefined) this.#leave(row);
      else if (!this.#rows.has(before.id)) {
        row.record = before;
        this.#enter(row);
      } else this.#set(row, before);
    }
  }

  /** What has changed since `keepChanges`. */
  changes(): Changes {
    const rows = new Map<Row, JobRecord | undefined>();
    for (const { row, before } of this.#undo) if (!rows.has(row)) rows.set(row, before);
    const records: JobRecord[] = [];
    const forgotten: Id[] = [];
    for (const [row, before] of rows) {
      if (this.#rows.get(row.record.id) === row) records.push(row.record);
      else if (before !== undefined) forgotten.push(row.record.id);
    }
    return { records, forgotten };
  }

  /** The changes are safe: from here on they cannot be rolled back. */
  keepChanges(): void {
    this.#undo.length = 0;
  }

  /** Takes in a stored record while a store opens: no decision, so no change to write. Indices wait for `loaded`. */
  load(record: JobRecord): void {
    const row = this.#rows.get(record.id);
    if (row === undefined) this.#rows.set(record.id, newRow(record));
    else row.record = record;
  }

  /** The counterpart of `load` for a record that was forgotten later. */
  unload(id: Id): void {
    this.#rows.delete(id);
  }

  /** All records are there: builds the indices. */
  loaded(): void {
    const completed: JobRecord[] = [];
    for (const row of this.#rows.values()) {
      const { record } = row;
      this.#position = Math.max(this.#position, record.eligible);
      this.#join(row);
      if (record.queued) this.#lanes.add(row);
      if (record.status === 'completed') completed.push(record);
    }
    completed.sort((a, b) => a.completedAt - b.completedAt);
    for (const record of completed) this.#countCompleted(undefined, record);
  }

  #enter(row: Row): void {
    const { record } = row;
    this.#rows.set(record.id, row);
    this.#join(row);
    if (record.queued) this.#lanes.add(row);
    this.#countCompleted(undefined, record);
  }

  #leave(row: Row): void {
    const { record } = row;
    if (row.lane !== undefined) this.#lanes.remove(row);
    this.#rows.delete(record.id);
    this.#countCompleted(record, undefined);
  }

  #set(row: Row, record: JobRecord): void {
    const before = row.record;
    const stays = before.queued && record.queued && !goesBefore(before, record) && !goesBefore(record, before);
    if (row.lane !== undefined && !stays) this.#lanes.remove(row);
    row.record = record;
    if (record.queued && !stays) this.#lanes.add(row);
    this.#countCompleted(before, record);
  }

  /** Membership is on the member; its parent's list is derived from it. */
  #join(row: Row): void {
    const { parent, role, index } = row.record;
    if (parent === '') return;
    const list = role === 'part' ? 'parts' : 'callbacks';
    const above = this.#rows.get(parent);
    if (above === undefined) return;
    if (above[list] === none) above[list] = [];
    above[list][index] = row;
  }

  #countCompleted(before: JobRecord | undefined, after: JobRecord | undefined): void {
    const was = before?.status === 'completed';
    const is = after?.status === 'completed';
    if (before !== undefined && was) {
      this.#completedBytes -= payloadBytes(before);
      if (!is) this.#completed.delete(before.id);
    }
    if (after !== undefined && is) {
      this.#completedBytes += payloadBytes(after);
      if (after.role === 'root' && !was) this.#completed.set(after.id, after.completedAt);
    }
  }
}

const bytesOf = (payload: Payload | null) => payload?.byteLength ?? 0;
const payloadBytes = (job: JobRecord) => bytesOf(job.args) + bytesOf(job.result);

/** Invariants of a step, checked on every decision: cheap, and on in production. */
function checkStep(before: JobRecord, after: JobRecord): void {
  const wrong = (what: string) => {
    throw new Error(`invariant broken by a decision on ${after.callable || after.form}: ${what}`);
  };
  if (before.outcome !== 'none' && after.outcome !== before.outcome) wrong('an outcome is stored once');
  if (after.partsDone > after.parts || after.callbacksDone > after.callbacks) wrong('more members done than there are');
  if (after.claimed && after.queued) wrong('a job is in line or claimed, not both');
  if (after.begun && !after.claimed) wrong('begun without a claim');
  if (after.outcome !== 'none' && (after.claimed || after.queued))
    wrong('a job whose call is over is neither claimed nor in line');
  if (after.status === 'completed' && after.callbacksDone < after.callbacks) wrong('completed before its callbacks');
  const from = jobStatuses.indexOf(before.status);
  const to = jobStatuses.indexOf(after.status);
  if (before.status === 'completed' && to !== from) wrong('completed is the end');
}
