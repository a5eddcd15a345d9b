/**
 * The read side of the state: every record, and every index that finds records.
 *
 * All stores share it. The journal store holds all records in one view; a database store loads the
 * records that a command reads, and overrides methods here to notice which are missing. Most
 * methods forward to a table for that reason. A view changes no record; `State` does.
 */

import {
  type AgentRecord,
  type AnnotationRecord,
  type Id,
  isAgentOf,
  type JobRecord,
  type QuotaRecord,
  quotaName,
  quotaRecordKey,
  type ScheduleRecord,
  type SettingRecord,
} from '../records.js';
import { Annotations } from './annotations.js';
import { none } from './common-fields.js';
import type { Kept } from './completed.js';
import { isOpenCallback, isOpenPart, isUnendedPart, memoryOf, neededPlaces, placeKey, uniqueKey } from './indices.js';
import { JobRow } from './job-row.js';
import { JobTable } from './job-table.js';
import type { Lane, Place } from './lanes.js';
import type { PayloadColumns } from './payload-columns.js';
import { Rates } from './rates.js';
import type { KeptRoots } from './roots.js';
import { Settings } from './settings.js';
import type { Tally } from './tallies.js';

/** The place of a job in the whole line of its queue, in which jobs that are not due come last. */
export type PlaceInLine = Place & Pick<JobRecord, 'dueAt'>;

/** The places that are taken in a quota, or in one key of it. */
export interface TakenPlaces {
  readonly queue: string;
  /** Its name without a key. */
  readonly quota: string;
  readonly places: number;
}

/** The reads of settings: few records, which every process may keep whole. */
export type SettingsView = Pick<
  View,
  | 'setting'
  | 'settings'
  | 'settingsOf'
  | 'agentsOf'
  | 'quota'
  | 'isActive'
  | 'activeDispatchers'
  | 'hasRetryDefaults'
  | 'nextSchedule'
>;

export class View {
  protected readonly table: JobTable;
  protected readonly settingRecords = new Settings();
  protected readonly annotationRecords = new Annotations();
  protected readonly rates = new Rates();

  /** Changes with each command and each record that another process wrote. */
  version = 0;

  protected lastPosition = 0;

  /** With columns for payloads, completed jobs are packed; see `packed-jobs.ts`. */
  constructor(payloads?: PayloadColumns) {
    this.table = new JobTable(payloads);
  }

  /** The last place in line that was given: a job with a later one joined its line after this. */
  get position(): number {
    return this.lastPosition;
  }

  /** The number of remembered jobs. */
  get size(): number {
    return this.table.size;
  }

  /** Returns the counts of all jobs by queue, callable, role, status and outcome. */
  tallies(): IterableIterator<Tally> {
    return this.table.tallies.all();
  }

  /** Returns the remembered completed roots that are kept together. */
  kept(kept: Kept): KeptRoots<JobRecord> {
    return this.table.completed.of(kept);
  }

  /** The time at which the next `tick` has something to do; `undefined` for never. */
  get nextTimer(): number | undefined {
    return this.table.timers.next;
  }

  /** The number of rates that are not full. */
  get ratesUsed(): number {
    return this.rates.size;
  }

  job(id: Id): JobRecord | undefined {
    return this.table.get(id);
  }

  /** Returns a job that an agent has claimed, or whose callbacks run in its place. */
  jobOfAgent(id: Id): JobRecord | undefined {
    const row = this.table.get(id);
    return row?.isWithAgent ? row : undefined;
  }

  /**
   * Returns all jobs in the order of their insertion. Jobs inserted during a walk come last, so a
   * walk over `size` jobs sees all that were there at its start.
   */
  jobs(): IterableIterator<JobRecord> {
    return this.table.all();
  }

  /** Returns all jobs in the order of their insertion, behind one of them. */
  jobsAfter(job: Id): IterableIterator<JobRecord> {
    return this.table.all(job);
  }

  /** Returns all jobs, the last one inserted first; before one of them. */
  jobsBefore(job: Id): IterableIterator<JobRecord> {
    return this.table.reversed(job);
  }

  /**
   * Returns these completed roots, the last one completed first. Roots may complete or be forgotten
   * during the walk; those that do are missing.
   */
  lastCompleted(kept: Kept): IterableIterator<JobRecord> {
    return this.table.completed.newest(kept);
  }

  parts(whole: JobRecord): readonly JobRecord[] {
    return (whole as JobRow).partRows;
  }

  /** Returns the first part of a whole, from this index on, that the whole has not counted. */
  nextPart(whole: JobRecord, from: number): JobRecord | undefined {
    return firstFrom((whole as JobRow).partRows, from, isOpenPart);
  }

  /** Returns the parts of a whole whose calls are not over. */
  unendedParts(whole: JobRecord): readonly JobRecord[] {
    return (whole as JobRow).partRows.filter(isUnendedPart);
  }

  /**
   * Returns the first `most` parts of a whole, from this index on, whose calls are not over; and
   * the index from which on there may be more of them.
   */
  unendedFrom(whole: JobRecord, from: number, most: number): Slice {
    return unendedIn((whole as JobRow).partRows, from, whole.parts, most);
  }

  /** Returns the last part of a whole that has any. */
  lastPart(whole: JobRecord): JobRecord | undefined {
    return (whole as JobRow).partRows[whole.parts - 1];
  }

  callbacks(job: JobRecord): readonly JobRecord[] {
    return this.#current(job).callbackRows;
  }

  /** Returns the first callback of a job, from this index on, that is not completed. */
  nextCallback(job: JobRecord, from: number): JobRecord | undefined {
    return firstFrom(this.#current(job).callbackRows, from, isOpenCallback);
  }

  /** Returns a job and the jobs above it, up to its root. */
  lineage(job: JobRecord): readonly JobRecord[] {
    const lineage = [job];
    for (let above = this.job(job.parent); above !== undefined; above = this.job(above.parent)) lineage.push(above);
    return lineage;
  }

  /** Returns a job and the jobs above it, but not those that are above `other`, too. */
  lineageApart(job: JobRecord, other: JobRecord): readonly JobRecord[] {
    const lineage = this.lineage(job);
    const others = new Set(this.lineage(other).map(({ id }) => id));
    const common = lineage.findIndex(({ id }) => others.has(id));
    return common === -1 ? lineage : lineage.slice(0, common);
  }

  /** Returns the jobs that returned this one and wait for its outcome. */
  waitingFor(job: JobRecord): readonly JobRecord[] {
    return job.awaiters === 0 ? none : [...this.table.waiting.of(job.id)];
  }

  /** Returns the number of jobs that `waitingFor` returns. */
  waitingCount(job: JobRecord): number {
    return job.awaiters === 0 ? 0 : this.table.waiting.count(job.id);
  }

  /** Returns the live job with this unique key. */
  uniqueJob(queue: string, unique: string): JobRecord | undefined {
    return this.table.unique.get(uniqueKey(queue, unique));
  }

  /** Returns the number of jobs in a queue's line. */
  queued(queue: string): number {
    return this.table.lanes.count(queue);
  }

  /**
   * `true` if at least `most` jobs are in a queue's line. On a shared store the line may change
   * until the decision is committed.
   */
  isLong(queue: string, most: number): boolean {
    return this.queued(queue) >= most;
  }

  /**
   * Walks the jobs of a queue in the order of claiming, then those that are not due, by date;
   * behind `after` if that is given. Yields `undefined` after a step that found no job, and each
   * step is short. The state may change between two steps: see `Lanes.walk`.
   */
  *line(queue: string, after?: PlaceInLine): IterableIterator<JobRecord | undefined> {
    const isAfterDue = after !== undefined && after.dueAt !== 0;
    if (!isAfterDue) yield* this.table.lanes.walk(queue, after);
    yield* this.table.timers.walk(queue, isAfterDue ? after : undefined);
  }

  /** Returns the number of roots of a queue that wait for a date. */
  scheduled(queue: string): number {
    return this.table.dated.of(queue);
  }

  /** Returns the number of roots of a queue that are put and not completed. */
  unfinished(queue: string): number {
    return this.table.unfinished.of(queue);
  }

  /** Returns the number of running jobs of a queue, parts and callbacks included. */
  atWork(queue: string): number {
    return this.table.atWork.of(queue);
  }

  /** `true` if a job of this queue is due or running. A job that only waits for a date is not. */
  busy(queue: string): boolean {
    return this.isLong(queue, 1) || this.atWork(queue) > 0 || this.unfinished(queue) > this.scheduled(queue);
  }

  /** `true` if no job of this queue waits or runs. */
  isEmpty(queue: string): boolean {
    return this.unfinished(queue) === 0 && this.atWork(queue) === 0;
  }

  /** Returns the queues with jobs that no pause and no full quota holds back. */
  openQueues(): Iterable<string> {
    return this.table.lanes.openQueues();
  }

  /**
   * Returns the first job of this queue in the accepted lanes that gets a place in all its quotas.
   */
  firstQueued(queue: string, accepts: (lane: Lane) => boolean, now: number): JobRecord | undefined {
    return this.table.lanes.first(queue, accepts, this.#fullLaneAt, now);
  }

  /** Returns the first `most` jobs in the accepted lanes that get a place in all their quotas. */
  firstManyQueued(queue: string, accepts: (lane: Lane) => boolean, most: number, now: number): readonly JobRecord[] {
    const isOpen = ({ gates }: Lane) => gates.length === 0 || this.#fullAt(queue, gates, now) === undefined;
    return this.table.lanes.firstMany(queue, (lane) => accepts(lane) && isOpen(lane), most);
  }

  /** Returns the lane in which a job stands; `undefined` if it is not queued. */
  laneOf(job: JobRecord): Lane | undefined {
    return (job as JobRow).lane;
  }

  /**
   * Notes the verdicts of filter functions on a queued job, until it leaves its line. No decision,
   * so the verdicts are neither stored nor undone.
   */
  judge(job: JobRecord, verdicts: string): void {
    const row = job as JobRow;
    if (row.lane === undefined) return;
    const { gates } = row.lane;
    this.table.lanes.remove(row);
    this.table.lanes.add(row, gates, verdicts);
  }

  /**
   * Returns the job with the earliest timer that is due; it stays due until it is changed. Due
   * wake-ups before it are handled here: they open their lanes.
   */
  nextDue(now: number): JobRecord | undefined {
    for (;;) {
      const due = this.table.timers.due(now);
      if (due === undefined || due instanceof JobRow) return due;
      this.table.lanes.unpark(due.queue, due.quota);
    }
  }

  /**
   * `true` if a job gets all the places that it needs now. A quota in `lent` needs no free place,
   * but its rate counts.
   */
  hasRoom(job: JobRecord, now: number, lent?: readonly string[]): boolean {
    return job.quotas.length === 0 || this.#fullAt(job.queue, neededPlaces(job), now, lent) === undefined;
  }

  /** Returns the number of jobs that have a place in a quota. */
  held(queue: string, quota: string): number {
    return this.table.holders.count(placeKey(queue, quota));
  }

  /** Returns the jobs that have a place in a quota. */
  holders(queue: string, quota: string): ReadonlySet<JobRecord> {
    return this.table.holders.of(placeKey(queue, quota));
  }

  /**
   * Returns the quotas of this queue in which any job has a place, each key of a quota by itself.
   */
  heldQuotas(queue: string): string[] {
    const start = placeKey(queue, '');
    const held = [...this.table.holders.keys()].filter((key) => key.startsWith(start));
    return held.map((key) => key.slice(start.length));
  }

  /** Yields the quotas in which any job has a place, each key of one by itself. */
  *takenPlaces(): IterableIterator<TakenPlaces> {
    for (const key of this.table.holders.keys()) {
      const [queue, quota] = key.split('\n', 2) as [string, string];
      yield { queue, quota: quotaName(quota), places: this.table.holders.count(key) };
    }
  }

  /** Yields the first job of each lane of a queue. */
  laneHeads(queue: string): IterableIterator<JobRecord> {
    return this.table.lanes.heads(queue);
  }

  /** Yields the agents with jobs that they have claimed, or whose callbacks run in their places. */
  busyAgents(): IterableIterator<string> {
    return this.table.running.keys();
  }

  /** Returns the callbacks that wait for their time. */
  restingCallbacks(): ReadonlySet<JobRecord> {
    return this.table.resting;
  }

  /** Returns the number of jobs whose callbacks run in the place of this agent. */
  calledBack(agent: string): number {
    return this.table.calledBack.of(agent);
  }

  /** Returns the number of jobs that `running` returns. */
  runningCount(agent: string): number {
    return this.table.running.count(agent);
  }

  /** Returns the jobs that an agent has claimed, or whose callbacks run in its place. */
  running(agent: string): ReadonlySet<JobRecord> {
    return this.table.running.of(agent);
  }

  /** `true` if an agent has a job: one that is claimed, or in its callbacks. */
  get isAnyWithAgent(): boolean {
    return !this.table.running.isEmpty;
  }

  /** Returns the jobs that a dispatcher has claimed. */
  heldBy(dispatcher: Id): JobRecord[] {
    const held: JobRecord[] = [];
    for (const agent of this.table.running.keys()) {
      if (!isAgentOf(agent, dispatcher)) continue;
      for (const row of this.table.running.of(agent)) if (row.claimed) held.push(row);
    }
    return held;
  }

  /** Returns the jobs that this dispatcher alone claims or feeds, until their calls are over. */
  boundTo(dispatcher: Id): JobRecord[] {
    return [...this.table.bound.of(dispatcher)];
  }

  /**
   * Returns the first `most` roots of level `memory` that a process put, and that no other job
   * awaits. Visits all jobs.
   */
  memoryRoots(owner: Id, most: number): readonly JobRecord[] {
    const found: JobRecord[] = [];
    for (const job of this.table.all()) {
      if (memoryOf(job) === owner && job.awaiters === 0) found.push(job);
      if (found.length === most) break;
    }
    return found;
  }

  isActive(dispatcher: Id): boolean {
    return this.settingRecords.isActive(dispatcher);
  }

  activeDispatchers(): IterableIterator<Id> {
    return this.settingRecords.active();
  }

  /** Returns the last completed jobs of an agent, newest first. */
  completedBy(agent: string): readonly JobRecord[] {
    return this.table.completed.by(agent);
  }

  setting(key: string): SettingRecord | undefined {
    return this.settingRecords.get(key);
  }

  settings(): IterableIterator<SettingRecord> {
    return this.settingRecords.all();
  }

  /** The schedule with the earliest tick to handle; none that is paused. */
  get nextSchedule(): ScheduleRecord | undefined {
    return this.settingRecords.nextSchedule;
  }

  /** Returns the quota that a key names; `undefined` if it was never set, or was removed. */
  quota(queue: string, key: string): QuotaRecord | undefined {
    return this.setting(quotaRecordKey(queue, quotaName(key))) as QuotaRecord | undefined;
  }

  /** Returns the agents and quotas of a queue. */
  settingsOf(queue: string): Iterable<AgentRecord | QuotaRecord> {
    return this.settingRecords.ofQueue(queue);
  }

  /** Returns the agents of a dispatcher in a queue. */
  agentsOf(dispatcher: Id, queue: string): Iterable<AgentRecord> {
    return this.settingRecords.agentsOf(dispatcher, queue);
  }

  /** `true` if any agent or dispatcher has a retry policy for jobs that name none. */
  get hasRetryDefaults(): boolean {
    return this.settingRecords.hasRetryDefaults;
  }

  annotation(job: Id, name: string): AnnotationRecord | undefined {
    return this.annotationRecords.get(job, name);
  }

  annotations(): IterableIterator<AnnotationRecord> {
    return this.annotationRecords.all();
  }

  annotationsOf(job: Id): readonly AnnotationRecord[] {
    return this.annotationRecords.namesOf(job).map((name) => this.annotation(job, name)!);
  }

  /**
   * Returns the time at which a quota has room for one more job: 0 for now, `Infinity` if a job
   * must give its place back first.
   */
  opensAt(queue: string, quota: string, now: number, lent: readonly string[] = []): number {
    const record = this.quota(queue, quota);
    if (record === undefined) return 0;
    if (!lent.includes(quota) && this.held(queue, quota) >= record.size) return Number.POSITIVE_INFINITY;
    return this.rates.nextAt(placeKey(queue, quota), record, now);
  }

  /**
   * Returns the record of a job as it is now. A record that was read before its job was packed, or
   * while it was, is not the job's row.
   */
  #current(job: JobRecord): JobRow {
    const row = job as JobRow;
    return row.isThere ? row : (this.table.look(row.id) ?? row);
  }

  // Made once: each job in line asks.
  readonly #fullLaneAt = ({ queue, gates }: Lane, now: number) => this.#fullAt(queue, gates, now);

  /** Returns the first of these quotas that has no room. */
  #fullAt(queue: string, quotas: readonly string[], now: number, lent?: readonly string[]): string | undefined {
    for (const quota of quotas) {
      const openAt = this.opensAt(queue, quota, now, lent);
      if (openAt === 0) continue;
      if (Number.isFinite(openAt)) this.table.timers.awaitRate(queue, quota, openAt);
      return quota;
    }
    return undefined;
  }
}

/** Some of the parts of a whole, in order. */
export interface Slice {
  readonly parts: readonly JobRecord[];
  /** The index behind those that were looked at. */
  readonly next: number;
}

/** Looks at the rows from one index to another, until it has `most` parts that are not over. */
export function unendedIn(rows: readonly (JobRow | undefined)[], from: number, end: number, most: number): Slice {
  const parts: JobRow[] = [];
  let next = from;
  for (; next < end && parts.length < most; next++) {
    const row = rows[next];
    if (row !== undefined && isUnendedPart(row)) parts.push(row);
  }
  return { parts, next };
}

function firstFrom(rows: readonly JobRow[], from: number, isOpen: (row: JobRow) => boolean): JobRow | undefined {
  for (let index = from; index < rows.length; index++) if (isOpen(rows[index]!)) return rows[index];
  return undefined;
}
