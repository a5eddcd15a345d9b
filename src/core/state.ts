/**
 * The records in memory, their indices, and what the decisions of one group changed in them.
 *
 * This is the view that `decide` works on, for every store: the journal's store holds all records in one, a database's
 * loads into one what a command reads. `insert`, `change`, `forgetOldest`, `forgetParts`, `set` and `annotate` are the only ways to change
 * it, and each notes what was there before, so that a refused command, or a refused write, leaves nothing behind. All indices are derived
 * from the records and kept here, never stored.
 */
import { Heap } from './heap.js';
import {
  agentOf,
  awaitedBy,
  boundTo,
  calledBackFor,
  isUnfinished,
  liveUnique,
  placeKey,
  timerOf,
  uniqueKey,
} from './indices.js';
import { JobFields, JobRow } from './job-row.js';
import { type Lane, Lanes } from './lanes.js';
import { Members } from './members.js';
import { neededPlaces, quotaOf } from './quota.js';
import { type Bucket, Rates } from './rates.js';
import {
  type AnnotationRecord,
  type Id,
  isAgentOf,
  type JobRecord,
  type Payload,
  type PayloadSlot,
  type SettingRecord,
} from './records.js';

interface JobChange {
  readonly row: JobRow;
  /** Undefined: the row was new. The row itself: it was forgotten. */
  readonly before: JobRecord | undefined;
}

interface ValueChange<T> {
  readonly map: Map<string, T>;
  readonly key: string;
  readonly value: T | undefined;
}

/** How far a quota's rate is used up; undefined: not at all. */
export interface BucketRecord {
  readonly queue: string;
  readonly quota: string;
  readonly bucket: Bucket | undefined;
}

type Setting = SettingRecord | AnnotationRecord | undefined;

/** So many completed jobs an agent is asked for at most. */
const recentCount = 1000;

/** A queue's lanes wait for a quota's rate until then. */
interface RateWake {
  readonly id: '';
  readonly queue: string;
  readonly quota: string;
  timerAt: number;
  timerPosition: number;
}

/** What one group of decisions changed: the last state of each record it touched, and what is no more. */
export interface Changes {
  readonly jobs: readonly JobRecord[];
  readonly forgotten: readonly Id[];
  /** By key; undefined: removed. */
  readonly settings: ReadonlyMap<string, SettingRecord | undefined>;
  readonly annotations: ReadonlyMap<string, AnnotationRecord | undefined>;
  /** Payloads that no record refers to any more: those of forgotten jobs, arguments that were changed, failures that were retried. */
  readonly dropped: ReadonlySet<Payload>;
}

export class State {
  readonly #rows = new Map<Id, JobRow>();
  readonly #settings = new Map<string, SettingRecord>();
  readonly #annotations = new Map<string, AnnotationRecord>();
  readonly #lanes = new Lanes();
  readonly #timers = new Heap<JobRow | RateWake>(
    // Of jobs with the same date those go first that were made first, which their ids tell.
    (a, b) => a.timerAt < b.timerAt || (a.timerAt === b.timerAt && a.id < b.id),
    (item, index) => {
      item.timerPosition = index;
    },
  );
  readonly #holders = new Members<JobRow>();
  readonly #waiting = new Members<JobRow>();
  readonly #unique = new Map<string, JobRow>();
  readonly #bound = new Members<JobRow>();
  readonly #running = new Members<JobRow>();
  readonly #calledBack = new Map<string, number>();
  /** By agent, oldest first: the last of those that completed, some of which may be forgotten or completed no more. */
  readonly #recent = new Map<string, JobRow[]>();
  readonly #unfinished = new Map<string, number>();
  /** Of the unfinished, those that wait for a date. */
  readonly #dated = new Map<string, number>();
  readonly #annotated = new Members<string>();
  /** Dispatchers, in the order in which they became so. */
  readonly #active = new Set<Id>();
  readonly #rates = new Rates();
  readonly #rateWakes = new Map<string, RateWake>();
  /** Completed roots, oldest first, from `#oldest` on. */
  #completed: JobRow[] = [];
  #oldest = 0;
  #completedBytes = 0;
  /** Undefined: the settings have changed since it was found out. */
  #hasRetryDefaults: boolean | undefined;
  #position = 0;
  #now = 0;
  /** All changes of this group, in order; each row and each key in it once. */
  #undo: (JobChange | ValueChange<never> | BucketRecord)[] = [];
  #changed: JobRow[] = [];
  readonly #changedSettings = new Set<string>();
  readonly #changedAnnotations = new Set<string>();
  #command = 1;
  #fallible = true;
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

  /** When the next `tick` has something to do; undefined: never. */
  get nextTimer(): number | undefined {
    return this.#timers.first()?.timerAt;
  }

  /** How many rates are not full. */
  get ratesUsed(): number {
    return this.#rates.size;
  }

  /** The next position in the log of what became eligible. */
  nextPosition(): number {
    return ++this.#position;
  }

  job(id: Id): JobRecord | undefined {
    return this.#rows.get(id);
  }

  /** In the order in which they were inserted, also while that goes on: a walk over as many as there were has seen all of those. */
  jobs(): IterableIterator<JobRecord> {
    return this.#rows.values();
  }

  parts(whole: JobRecord): readonly JobRecord[] {
    return (whole as JobRow).partRows;
  }

  callbacks(job: JobRecord): readonly JobRecord[] {
    return (job as JobRow).callbackRows;
  }

  /** The jobs that returned this one and wait for its outcome. */
  waitingFor(job: JobRecord): readonly JobRecord[] {
    return [...this.#waiting.of(job.id)];
  }

  /** The live job with this unique key. */
  uniqueJob(queue: string, unique: string): JobRecord | undefined {
    return this.#unique.get(uniqueKey(queue, unique));
  }

  /** How many jobs stand in this queue's line. */
  queued(queue: string): number {
    return this.#lanes.count(queue);
  }

  /** The jobs in a queue's line, in no particular order. */
  queuedJobs(queue: string): IterableIterator<JobRecord> {
    return this.#lanes.jobs(queue);
  }

  /** How many jobs of this queue wait for a date. */
  scheduled(queue: string): number {
    return this.#dated.get(queue) ?? 0;
  }

  /** How many jobs of this queue are not completed, those in line included. */
  unfinished(queue: string): number {
    return this.#unfinished.get(queue) ?? 0;
  }

  /** Whether anything of this queue is due or running: what waits for a date alone is not. */
  busy(queue: string): boolean {
    return this.queued(queue) > 0 || this.unfinished(queue) > (this.#dated.get(queue) ?? 0);
  }

  /** The queues that have a line. */
  queuesInLine(): string[] {
    return this.#lanes.queues();
  }

  /** The next job in this queue's line, of those whose lane is accepted and that get a place in all their quotas. */
  firstQueued(queue: string, accepts: (lane: Lane) => boolean, now: number): JobRecord | undefined {
    return this.#lanes.first(queue, accepts, ({ gates }) => this.#fullAt(queue, gates, now));
  }

  /** The first jobs in this queue's line, so many at most, of those whose lane is accepted and that get a place in all their quotas. */
  firstManyQueued(queue: string, accepts: (lane: Lane) => boolean, most: number, now: number): readonly JobRecord[] {
    const isOpen = ({ gates }: Lane) => gates.length === 0 || this.#fullAt(queue, gates, now) === undefined;
    return this.#lanes.firstMany(queue, (lane) => accepts(lane) && isOpen(lane), most);
  }

  /** Where a job stands in line; undefined if it does not. */
  laneOf(job: JobRecord): Lane | undefined {
    return (job as JobRow).lane;
  }

  /** Notes what was said of a job in line, until it leaves it: no decision, so nothing is kept of it or taken back. */
  judge(job: JobRecord, verdicts: string): void {
    const row = job as JobRow;
    if (row.lane === undefined) return;
    const { gates } = row.lane;
    this.#lanes.remove(row);
    this.#lanes.add(row, gates, verdicts);
  }

  /** Whether a job gets the places that it needs now. */
  hasRoom(job: JobRecord, now: number): boolean {
    return job.quotas.length === 0 || this.#fullAt(job.queue, neededPlaces(job), now) === undefined;
  }

  /** The jobs that have a place in a quota. */
  holders(queue: string, quota: string): ReadonlySet<JobRecord> {
    return this.#holders.of(placeKey(queue, quota));
  }

  /** The quotas of this queue in which anyone has a place, each key of one by itself. */
  heldQuotas(queue: string): string[] {
    const start = placeKey(queue, '');
    return [...this.#holders.keys()].filter((key) => key.startsWith(start)).map((key) => key.slice(start.length));
  }

  /** How many jobs there are whose callbacks run in the place of this agent. */
  calledBack(agent: string): number {
    return this.#calledBack.get(agent) ?? 0;
  }

  /** The jobs that an agent has claimed, or whose callbacks run in its place. */
  running(agent: string): ReadonlySet<JobRecord> {
    return this.#running.of(agent);
  }

  /** What a dispatcher has claimed, as long as it is claimed. */
  heldBy(dispatcher: Id): JobRecord[] {
    const held: JobRecord[] = [];
    for (const agent of this.#running.keys()) {
      if (!isAgentOf(agent, dispatcher)) continue;
      for (const row of this.#running.of(agent)) if (row.claimed) held.push(row);
    }
    return held;
  }

  /** The jobs that only this dispatcher may claim, and whose calls are not over. */
  boundTo(dispatcher: Id): JobRecord[] {
    return [...this.#bound.of(dispatcher)];
  }

  isActive(dispatcher: Id): boolean {
    return this.#active.has(dispatcher);
  }

  activeDispatchers(): IterableIterator<Id> {
    return this.#active.values();
  }

  /** The last jobs of an agent that completed, newest first. */
  completedBy(agent: string): readonly JobRecord[] {
    const rows = this.#recent.get(agent) ?? [];
    const isRight = (row: JobRow) => row.isThere && row.status === 'completed' && row.agent === agent;
    const found = [...new Set(rows)].filter(isRight).sort((a, b) => a.completedAt - b.completedAt);
    return found.slice(-recentCount).reverse();
  }

  setting(key: string): SettingRecord | undefined {
    return this.#settings.get(key);
  }

  settings(): IterableIterator<SettingRecord> {
    return this.#settings.values();
  }

  /** Whether any agent or dispatcher says which policy its jobs have that name none. */
  get hasRetryDefaults(): boolean {
    this.#hasRetryDefaults ??= [...this.#settings.values()].some(
      (setting) => 'retry' in setting && Object.keys(setting.retry).length > 0,
    );
    return this.#hasRetryDefaults;
  }

  annotation(job: Id, name: string): AnnotationRecord | undefined {
    return this.#annotations.get(annotationKey(job, name));
  }

  annotations(): IterableIterator<AnnotationRecord> {
    return this.#annotations.values();
  }

  annotationsOf(job: Id): readonly AnnotationRecord[] {
    return Array.from(this.#annotated.of(job), (name) => this.annotation(job, name)!);
  }

  insert(record: JobRecord): JobRecord {
    if (this.#rows.has(record.id)) throw new Error(`a job with the id of this ${record.callable} exists already`);
    const row = new JobRow(record);
    row.insertedIn = this.#group;
    this.#note(row, undefined);
    this.#enter(row);
    return row;
  }

  /** The only way to change a job's record. The order in its line changes only out of it. */
  change(job: JobRecord, change: (row: JobRow) => void): void {
    const row = job as JobRow;
    if (row.command !== this.#command && (this.#fallible || row.notedIn !== this.#group))
      this.#note(row, new JobFields(row));
    const { status, outcome } = row;
    change(row);
    checkStep(row, status, outcome);
    this.#reindex(row);
    if (row.status === 'completed' && status !== 'completed') this.#complete(row);
  }

  /** Removes the oldest completed root, with all that hangs on it. */
  forgetOldest(): JobRecord {
    const row = this.#completed[this.#oldest++]!;
    this.#forget(row);
    return row;
  }

  /** Removes a job's parts, with all that hangs on them. */
  forgetParts(job: JobRecord): void {
    const row = job as JobRow;
    for (const part of row.partRows) this.#forget(part);
    row.partRows = [];
  }

  /** Changes a setting; undefined removes it. */
  set(key: string, value: SettingRecord | undefined): void {
    this.#noteActive(this.#settings.get(key), value);
    this.#change(this.#settings, key, value);
    this.#changedSettings.add(key);
    if (value === undefined) this.#recent.delete(key);
    this.#hasRetryDefaults = undefined;
    if (value?.kind === 'quota') this.#lanes.unparkAll(value.queue);
    else if (value === undefined) for (const queue of this.#lanes.queues()) this.#lanes.unparkAll(queue);
  }

  /** Says something about a job; null takes it back. */
  annotate(job: Id, name: string, value: Payload | null): void {
    const key = annotationKey(job, name);
    this.#change(this.#annotations, key, value === null ? undefined : { kind: 'annotation', job, name, value });
    this.#changedAnnotations.add(key);
    this.#reindexAnnotation(key, job, name);
  }

  /** A job begins that names this quota. */
  spendRate(queue: string, quota: string): void {
    const record = quotaOf(this, queue, quota);
    if (record === undefined || record.rate === 0) return;
    const key = placeKey(queue, quota);
    this.#undo.push({ queue, quota, bucket: this.#rates.bucket(key) });
    this.#rates.spend(key, record, this.#now);
  }

  /** The job whose time has come first, if that is by now: it is due until it is changed. What waited for a rate goes on by itself. */
  nextDue(now: number): JobRecord | undefined {
    for (;;) {
      const first = this.#timers.first();
      if (first === undefined || first.timerAt > now) return undefined;
      if (first instanceof JobRow) return first;
      this.#timers.remove(0);
      this.#rateWakes.delete(placeKey(first.queue, first.quota));
      this.#lanes.unpark(first.queue, first.quota);
    }
  }

  /**
   * A command begins at this time: what it changes can be taken back to here. One that cannot fail once it has changed something needs no
   * way back of its own, only the group's.
   */
  begin(now: number, fallible = true): number {
    this.#command++;
    this.#fallible = fallible;
    this.#now = now;
    return this.#undo.length;
  }

  /** Takes back all changes since this mark; 0 is the whole group. */
  rollback(mark: number): void {
    this.#command++;
    while (this.#undo.length > mark) {
      const change = this.#undo.pop()!;
      if ('row' in change) this.#restore(change);
      else if ('bucket' in change) this.admitBucket(change);
      else this.#restoreValue(change);
    }
    if (mark === 0) this.keepChanges();
  }

  /** What has changed since `keepChanges`. */
  changes(): Changes {
    const jobs: JobRecord[] = [];
    const forgotten: Id[] = [];
    const dropped = new Set<Payload>();
    for (const row of this.#changed) {
      if (row.isThere) jobs.push(row);
      else if (row.insertedIn !== this.#group) {
        forgotten.push(row.id);
        for (const payload of [row.args, row.result]) if (payload !== null) dropped.add(payload);
      }
    }
    for (const change of this.#undo) {
      if (!('row' in change) || change.before === undefined) continue;
      const { args, result } = change.before;
      if (args !== null && args !== change.row.args) dropped.add(args);
      if (result !== null && result !== change.row.result) dropped.add(result);
    }
    const settings = new Map(Array.from(this.#changedSettings, (key) => [key, this.#settings.get(key)] as const));
    const annotations = new Map(
      Array.from(this.#changedAnnotations, (key) => [key, this.#annotations.get(key)] as const),
    );
    return { jobs, forgotten, settings, annotations, dropped };
  }

  /** The rates of which some was used up since `keepChanges`: for stores that others write to, who have to know of it. */
  changedBuckets(): readonly BucketRecord[] {
    const changed = new Map<string, BucketRecord>();
    for (const change of this.#undo) {
      if (!('bucket' in change)) continue;
      const { queue, quota } = change;
      const key = placeKey(queue, quota);
      changed.set(key, { queue, quota, bucket: this.#rates.bucket(key) });
    }
    return [...changed.values()];
  }

  /** The changes are safe: from here on they cannot be rolled back. */
  keepChanges(): void {
    this.#undo = [];
    this.#changed = [];
    this.#changedSettings.clear();
    this.#changedAnnotations.clear();
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

  loadSetting(key: string, record: SettingRecord | undefined): void {
    this.#noteActive(this.#settings.get(key), record);
    this.#hasRetryDefaults = undefined;
    if (record === undefined) this.#settings.delete(key);
    else this.#settings.set(key, record);
  }

  loadAnnotation(job: Id, name: string, value: Payload | null): void {
    const key = annotationKey(job, name);
    if (value === null) this.#annotations.delete(key);
    else this.#annotations.set(key, { kind: 'annotation', job, name, value });
  }

  /**
   * Takes in a record of a store that others write to as well: no decision, so nothing to write or to take back. What it belongs to comes
   * first. One that is here already has no changes that are not kept.
   */
  admit(record: JobRecord): void {
    this.#position = Math.max(this.#position, record.eligible);
    let row = this.#rows.get(record.id);
    const wasCompleted = row?.status === 'completed';
    if (row === undefined) {
      row = new JobRow(record);
      this.#enter(row);
    } else this.#become(row, record);
    if (row.status !== 'completed' || wasCompleted) return;
    this.#complete(row);
    // What completed before it may come after it.
    if (row.role === 'root') {
      let at = this.#completed.length - 1;
      for (; at > this.#oldest && this.#completed[at - 1]!.completedAt > row.completedAt; at--)
        this.#completed[at] = this.#completed[at - 1]!;
      this.#completed[at] = row;
    }
  }

  /** The counterpart of `admit` for a record that is no more: its members are told by themselves. */
  expel(id: Id): void {
    const row = this.#rows.get(id);
    if (row === undefined) return;
    for (const name of [...this.#annotated.of(id)]) this.admitAnnotation(id, name, null);
    this.#leave(row);
  }

  admitSetting(key: string, record: SettingRecord | undefined): void {
    this.loadSetting(key, record);
    for (const queue of this.#lanes.queues()) this.#lanes.unparkAll(queue);
  }

  admitAnnotation(job: Id, name: string, value: Payload | null): void {
    this.loadAnnotation(job, name, value);
    this.#reindexAnnotation(annotationKey(job, name), job, name);
  }

  admitBucket({ queue, quota, bucket }: BucketRecord): void {
    this.#rates.put(placeKey(queue, quota), bucket);
    this.#lanes.unpark(queue, quota);
  }

  /**
   * Gives a job an equal payload in the place of the one it has, which it shares with another, or which lies elsewhere now: for a store that
   * keeps payloads by job. No decision, so nothing to write or to take back.
   */
  ownPayload(job: JobRecord, slot: PayloadSlot, payload: Payload): void {
    (job as JobRow)[slot] = payload;
  }

  /** All records are there: builds the indices. */
  loaded(): void {
    const completed: JobRow[] = [];
    const limited: JobRow[] = [];
    for (const row of this.#rows.values()) {
      row.isThere = true;
      if (row.quotas.length > 0 && row.lastStartAt !== 0) limited.push(row);
      this.#position = Math.max(this.#position, row.eligible);
      this.#join(row);
      this.#reindex(row);
      if (row.status === 'completed') completed.push(row);
    }
    completed.sort((a, b) => a.completedAt - b.completedAt);
    for (const row of completed) this.#complete(row);
    this.#deriveRates(limited);
    for (const [key, { job, name }] of this.#annotations) {
      if (this.#rows.has(job)) this.#reindexAnnotation(key, job, name);
      else this.#annotations.delete(key);
    }
  }

  /** What began lately has used up rates: its last start tells, as far as it is remembered. */
  #deriveRates(begun: JobRow[]): void {
    begun.sort((a, b) => a.lastStartAt - b.lastStartAt);
    for (const { queue, quotas, shared, lastStartAt } of begun) {
      for (const quota of quotas) {
        const record = shared.includes(quota) ? undefined : quotaOf(this, queue, quota);
        if (record !== undefined && record.rate > 0) this.#rates.spend(placeKey(queue, quota), record, lastStartAt);
      }
    }
  }

  #noteActive(before: Setting, now: Setting): void {
    if (now?.kind === 'dispatcher' && now.active) this.#active.add(now.id);
    else if (before?.kind === 'dispatcher') this.#active.delete(before.id);
  }

  #note(row: JobRow, before: JobRecord | undefined): void {
    this.#undo.push({ row, before });
    row.command = this.#command;
    row.notedIn = this.#group;
    if (row.group === this.#group) return;
    row.group = this.#group;
    this.#changed.push(row);
  }

  #change<T>(map: Map<string, T>, key: string, value: T | undefined): void {
    this.#undo.push({ map, key, value: map.get(key) } as ValueChange<never>);
    if (value === undefined) map.delete(key);
    else map.set(key, value);
  }

  #restoreValue({ map, key, value }: ValueChange<SettingRecord | AnnotationRecord>): void {
    const now = map.get(key);
    if (value === undefined) map.delete(key);
    else map.set(key, value);
    this.#hasRetryDefaults = undefined;
    // What a quota held back may go on, now that it is another.
    for (const queue of this.#lanes.queues()) this.#lanes.unparkAll(queue);
    this.#noteActive(now, value);
    const annotation = value ?? now;
    if (annotation?.kind === 'annotation') this.#reindexAnnotation(key, annotation.job, annotation.name);
  }

  #restore({ row, before }: JobChange): void {
    // What is changed after this is to be noted again.
    row.notedIn = 0;
    if (before === undefined) this.#leave(row);
    else if (before === row) this.#remember(row);
    else {
      if (row.status === 'completed' && before.status !== 'completed') this.#uncomplete(row);
      this.#become(row, before);
    }
  }

  /** Out of all indices by what it is now, and into them by what it becomes. */
  #become(row: JobRow, record: JobRecord): void {
    row.isThere = false;
    this.#reindex(row);
    row.restore(record);
    row.isThere = true;
    this.#reindex(row);
  }

  #enter(row: JobRow): void {
    this.#rows.set(row.id, row);
    row.isThere = true;
    this.#join(row);
    this.#reindex(row);
  }

  #leave(row: JobRow): void {
    if (row.status === 'completed') this.#uncomplete(row);
    this.#rows.delete(row.id);
    row.isThere = false;
    this.#reindex(row);
    this.#unjoin(row);
  }

  #forget(row: JobRow): void {
    for (const member of row.partRows) this.#forget(member);
    for (const member of row.callbackRows) this.#forget(member);
    for (const name of [...this.#annotated.of(row.id)]) this.annotate(row.id, name, null);
    this.#note(row, row);
    this.#rows.delete(row.id);
    row.isThere = false;
    if (row.status === 'completed') this.#completedBytes -= payloadBytes(row);
    this.#reindex(row);
  }

  /** Takes back a `#forget`: changes are taken back in reverse, so the last that was forgotten is the first that returns. */
  #remember(row: JobRow): void {
    this.#rows.set(row.id, row);
    row.isThere = true;
    this.#join(row);
    if (row.status === 'completed') this.#completedBytes += payloadBytes(row);
    if (row.role === 'root') this.#oldest--;
    this.#reindex(row);
  }

  #complete(row: JobRow): void {
    this.#completedBytes += payloadBytes(row);
    if (row.agent !== '') this.#noteRecent(row);
    if (row.role === 'root') this.#completed.push(row);
  }

  #noteRecent(row: JobRow): void {
    const rows = this.#recent.get(row.agent);
    if (rows === undefined) this.#recent.set(row.agent, [row]);
    else if (rows.push(row) >= 2 * recentCount) rows.splice(0, recentCount);
  }

  #uncomplete(row: JobRow): void {
    this.#completedBytes -= payloadBytes(row);
    if (row.role === 'root') this.#completed.splice(this.#completed.lastIndexOf(row), 1);
  }

  /** Membership is on the member; its parent's list is derived from it. */
  #join(row: JobRow): void {
    const above = row.parent === '' ? undefined : this.#rows.get(row.parent);
    if (above === undefined) return;
    const list = listOf(row);
    if (above[list].length === 0) above[list] = [];
    above[list][row.index] = row;
  }

  #unjoin(row: JobRow): void {
    const above = row.parent === '' ? undefined : this.#rows.get(row.parent);
    if (above !== undefined && above[listOf(row)].at(-1) === row) above[listOf(row)].pop();
  }

  /** Puts the row where its record says it belongs, in every index: called after any change of it. */
  #reindex(row: JobRow): void {
    const there = row.isThere;
    if ((row.lane !== undefined) !== (there && row.queued)) {
      if (row.lane !== undefined) this.#lanes.remove(row);
      else this.#lanes.add(row, neededPlaces(row));
    }
    const timerAt = there ? timerOf(row) : 0;
    if (timerAt !== row.timerAt) {
      if (row.timerPosition >= 0) this.#timers.remove(row.timerPosition);
      row.timerPosition = -1;
      row.timerAt = timerAt;
      if (timerAt !== 0) this.#timers.add(row);
    }
    const places = there ? row.places : noPlaces;
    if (places !== row.inPlaces) this.#reindexPlaces(row, places);
    const inner = there ? awaitedBy(row) : '';
    if (inner !== row.inInner) {
      if (row.inInner !== '') this.#waiting.remove(row.inInner, row);
      if (inner !== '') this.#waiting.add(inner, row);
      row.inInner = inner;
    }
    const unique = there ? liveUnique(row) : '';
    if (unique !== row.inUnique) {
      if (row.inUnique !== '' && this.#unique.get(row.inUnique) === row) this.#unique.delete(row.inUnique);
      if (unique !== '') this.#unique.set(unique, row);
      row.inUnique = unique;
    }
    // Which dispatcher that is never changes.
    if (row.only !== '') {
      if (there && boundTo(row) !== '') this.#bound.add(row.only, row);
      else this.#bound.remove(row.only, row);
    }
    const agent = there ? agentOf(row) : '';
    if (agent !== row.inAgent) {
      if (row.inAgent !== '') this.#running.remove(row.inAgent, row);
      if (agent !== '') this.#running.add(agent, row);
      row.inAgent = agent;
    }
    const calledBack = there ? calledBackFor(row) : '';
    if (calledBack !== row.inCalledBack) {
      if (row.inCalledBack !== '') addTo(this.#calledBack, row.inCalledBack, -1);
      if (calledBack !== '') addTo(this.#calledBack, calledBack, 1);
      row.inCalledBack = calledBack;
    }
    const unfinished = there && isUnfinished(row);
    if (unfinished !== row.isUnfinished) {
      addTo(this.#unfinished, row.queue, unfinished ? 1 : -1);
      row.isUnfinished = unfinished;
    }
    const isDated = unfinished && row.dueAt !== 0 && row.stage !== 'policy';
    if (isDated !== row.isDated) {
      addTo(this.#dated, row.queue, isDated ? 1 : -1);
      row.isDated = isDated;
    }
  }

  #reindexPlaces(row: JobRow, places: readonly string[]): void {
    for (const quota of row.inPlaces)
      if (!places.includes(quota)) this.#holders.remove(placeKey(row.queue, quota), row);
    for (const quota of places) if (!row.inPlaces.includes(quota)) this.#holders.add(placeKey(row.queue, quota), row);
    for (const quota of row.inPlaces) if (!places.includes(quota)) this.#lanes.unpark(row.queue, quota);
    row.inPlaces = places;
  }

  #reindexAnnotation(key: string, job: Id, name: string): void {
    if (this.#annotations.has(key)) this.#annotated.add(job, name);
    else this.#annotated.remove(job, name);
  }

  /** The first of these quotas that has no room. */
  #fullAt(queue: string, quotas: readonly string[], now: number): string | undefined {
    for (const quota of quotas) {
      const record = quotaOf(this, queue, quota);
      if (record === undefined) continue;
      const key = placeKey(queue, quota);
      if (this.holders(queue, quota).size >= record.size) return quota;
      const openAt = this.#rates.nextAt(key, record, now);
      if (openAt === 0) continue;
      if (!this.#rateWakes.has(key)) {
        const wake: RateWake = { id: '', queue, quota, timerAt: openAt, timerPosition: -1 };
        this.#rateWakes.set(key, wake);
        this.#timers.add(wake);
      }
      return quota;
    }
    return undefined;
  }
}

const noPlaces: readonly never[] = [];

function addTo(counts: Map<string, number>, key: string, change: number): void {
  const count = (counts.get(key) ?? 0) + change;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}

const listOf = ({ role }: JobRecord) => (role === 'callback' ? 'callbackRows' : 'partRows');
const payloadBytes = ({ args, result }: JobRecord) => (args?.byteLength ?? 0) + (result?.byteLength ?? 0);
const annotationKey = (job: Id, name: string) => `${job}${name}`;

/** Invariants of a step, checked on every decision: cheap, and on in production. */
function checkStep(job: JobRecord, status: JobRecord['status'], outcome: JobRecord['outcome']): void {
  if (outcome !== 'none' && job.outcome !== outcome) wrong(job, 'an outcome is stored once');
  if (status === 'completed' && job.status !== status) wrong(job, 'completed is the end');
  if (job.partsDone > job.parts || job.callbacksDone > job.callbacks) wrong(job, 'more members done than there are');
  if (job.claimed && job.queued) wrong(job, 'a job is in line or claimed, not both');
  if (job.begun && !job.claimed) wrong(job, 'begun without a claim');
  if (job.stage === 'policy' && (job.claimed || job.queued)) wrong(job, 'in line or claimed while its policy is asked');
  if (job.outcome !== 'none' && (job.claimed || job.queued)) wrong(job, 'in line or claimed after its call is over');
  if (status !== 'completed' && job.status === 'completed' && job.callbacksDone < job.callbacks)
    wrong(job, 'completed before its callbacks');
}

function wrong(job: JobRecord, what: string): never {
  throw new Error(`a decision would break an invariant on ${job.callable || job.form}: ${what}`);
}
