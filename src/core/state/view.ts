/**
 * What there is, as decisions and all others see it: every record, and by what records are found.
 *
 * For every store this is the same: the journal's holds all records in one, a database's loads into
 * one what a command reads. No record is changed through it; that is for the state, which extends
 * it.
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
  type SettingRecord,
} from '../records.js';
import { Annotations } from './annotations.js';
import { neededPlaces, placeKey, uniqueKey } from './indices.js';
import { JobRow } from './job-row.js';
import { JobTable } from './job-table.js';
import type { Lane } from './lanes.js';
import { Rates } from './rates.js';
import { Settings } from './settings.js';

export class View {
  protected readonly table = new JobTable();
  protected readonly settingRecords = new Settings();
  protected readonly annotationRecords = new Annotations();
  protected readonly rates = new Rates();

  /** How many jobs are remembered. */
  get size(): number {
    return this.table.size;
  }

  /** Completed roots that are still remembered. */
  get completedCount(): number {
    return this.table.completed.count;
  }

  /** The arguments and results of all completed jobs. */
  get completedBytes(): number {
    return this.table.completed.bytes;
  }

  /** The root that completed first of those that are remembered. */
  get oldestCompleted(): JobRecord | undefined {
    return this.table.completed.oldest;
  }

  /** When the next `tick` has something to do; undefined: never. */
  get nextTimer(): number | undefined {
    return this.table.timers.next;
  }

  /** How many rates are not full. */
  get ratesUsed(): number {
    return this.rates.size;
  }

  job(id: Id): JobRecord | undefined {
    return this.table.get(id);
  }

  /**
   * In the order in which they were inserted, also while that goes on: a walk over as many as there
   * were has seen all of those.
   */
  jobs(): IterableIterator<JobRecord> {
    return this.table.all();
  }

  parts(whole: JobRecord): readonly JobRecord[] {
    return (whole as JobRow).partRows;
  }

  callbacks(job: JobRecord): readonly JobRecord[] {
    return (job as JobRow).callbackRows;
  }

  /** The jobs that returned this one and wait for its outcome. */
  waitingFor(job: JobRecord): readonly JobRecord[] {
    return [...this.table.waiting.of(job.id)];
  }

  /** The live job with this unique key. */
  uniqueJob(queue: string, unique: string): JobRecord | undefined {
    return this.table.unique.get(uniqueKey(queue, unique));
  }

  /** How many jobs stand in this queue's line. */
  queued(queue: string): number {
    return this.table.lanes.count(queue);
  }

  /** The jobs in a queue's line, lane by lane. */
  queuedJobs(queue: string): IterableIterator<JobRecord> {
    return this.table.lanes.jobs(queue);
  }

  /** How many jobs of this queue wait for a date. */
  scheduled(queue: string): number {
    return this.table.dated.of(queue);
  }

  /** How many jobs of this queue are not completed, those in line included. */
  unfinished(queue: string): number {
    return this.table.unfinished.of(queue);
  }

  /** How many jobs of this queue run, parts and callbacks included. */
  atWork(queue: string): number {
    return this.table.atWork.of(queue);
  }

  /** Whether anything of this queue is due or running: what waits for a date alone is not. */
  busy(queue: string): boolean {
    return this.queued(queue) > 0 || this.atWork(queue) > 0 || this.unfinished(queue) > this.scheduled(queue);
  }

  /** Whether nothing of this queue waits or runs. */
  isEmpty(queue: string): boolean {
    return this.unfinished(queue) === 0 && this.atWork(queue) === 0;
  }

  /** The queues in which something may be claimed, as far as pauses and quotas go. */
  openQueues(): Iterable<string> {
    return this.table.lanes.openQueues();
  }

  /** The jobs that wait for a date or have a deadline, in no particular order. */
  timedJobs(): Iterable<JobRecord> {
    return this.table.timers.jobs();
  }

  /**
   * The next job in this queue's line, of those whose lane is accepted and that get a place in all
   * their quotas.
   */
  firstQueued(queue: string, accepts: (lane: Lane) => boolean, now: number): JobRecord | undefined {
    return this.table.lanes.first(queue, accepts, ({ gates }) => this.#fullAt(queue, gates, now));
  }

  /**
   * The first jobs in this queue's line, so many at most, of those whose lane is accepted and that
   * get a place in all their quotas.
   */
  firstManyQueued(queue: string, accepts: (lane: Lane) => boolean, most: number, now: number): readonly JobRecord[] {
    const isOpen = ({ gates }: Lane) => gates.length === 0 || this.#fullAt(queue, gates, now) === undefined;
    return this.table.lanes.firstMany(queue, (lane) => accepts(lane) && isOpen(lane), most);
  }

  /** Where a job stands in line; undefined if it does not. */
  laneOf(job: JobRecord): Lane | undefined {
    return (job as JobRow).lane;
  }

  /**
   * Notes what was said of a job in line, until it leaves it: no decision, so nothing is kept of it
   * or taken back.
   */
  judge(job: JobRecord, verdicts: string): void {
    const row = job as JobRow;
    if (row.lane === undefined) return;
    const { gates } = row.lane;
    this.table.lanes.remove(row);
    this.table.lanes.add(row, gates, verdicts);
  }

  /**
   * The job whose time has come first, if that is by now: it is due until it is changed. What
   * waited for a rate goes on by itself.
   */
  nextDue(now: number): JobRecord | undefined {
    for (;;) {
      const due = this.table.timers.due(now);
      if (due === undefined || due instanceof JobRow) return due;
      this.table.lanes.unpark(due.queue, due.quota);
    }
  }

  /** Whether a job gets the places that it needs now, of which some may be lent to it. */
  hasRoom(job: JobRecord, now: number, lent?: readonly string[]): boolean {
    return job.quotas.length === 0 || this.#fullAt(job.queue, neededPlaces(job), now, lent) === undefined;
  }

  /** The jobs that have a place in a quota. */
  holders(queue: string, quota: string): ReadonlySet<JobRecord> {
    return this.table.holders.of(placeKey(queue, quota));
  }

  /** The quotas of this queue in which anyone has a place, each key of one by itself. */
  heldQuotas(queue: string): string[] {
    const start = placeKey(queue, '');
    const held = [...this.table.holders.keys()].filter((key) => key.startsWith(start));
    return held.map((key) => key.slice(start.length));
  }

  /** How many jobs there are whose callbacks run in the place of this agent. */
  calledBack(agent: string): number {
    return this.table.calledBack.of(agent);
  }

  /** The jobs that an agent has claimed, or whose callbacks run in its place. */
  running(agent: string): ReadonlySet<JobRecord> {
    return this.table.running.of(agent);
  }

  /** What a dispatcher has claimed, as long as it is claimed. */
  heldBy(dispatcher: Id): JobRecord[] {
    const held: JobRecord[] = [];
    for (const agent of this.table.running.keys()) {
      if (!isAgentOf(agent, dispatcher)) continue;
      for (const row of this.table.running.of(agent)) if (row.claimed) held.push(row);
    }
    return held;
  }

  /** The jobs that only this dispatcher may claim, and whose calls are not over. */
  boundTo(dispatcher: Id): JobRecord[] {
    return [...this.table.bound.of(dispatcher)];
  }

  isActive(dispatcher: Id): boolean {
    return this.settingRecords.isActive(dispatcher);
  }

  activeDispatchers(): IterableIterator<Id> {
    return this.settingRecords.active();
  }

  /** The last jobs of an agent that completed, newest first. */
  completedBy(agent: string): readonly JobRecord[] {
    return this.table.completed.by(agent);
  }

  setting(key: string): SettingRecord | undefined {
    return this.settingRecords.get(key);
  }

  settings(): IterableIterator<SettingRecord> {
    return this.settingRecords.all();
  }

  /** The quota that a key names; undefined where it is not defined, or defined no more. */
  quota(queue: string, key: string): QuotaRecord | undefined {
    return this.setting(quotaRecordKey(queue, quotaName(key))) as QuotaRecord | undefined;
  }

  /** The agents and quotas of a queue. */
  settingsOf(queue: string): Iterable<AgentRecord | QuotaRecord> {
    return this.settingRecords.ofQueue(queue);
  }

  /** The agents of a dispatcher in a queue. */
  agentsOf(dispatcher: Id, queue: string): Iterable<AgentRecord> {
    return this.settingRecords.agentsOf(dispatcher, queue);
  }

  /** Whether any agent or dispatcher says which policy its jobs have that name none. */
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

  /** The first of these quotas that has no room. */
  #fullAt(queue: string, quotas: readonly string[], now: number, lent: readonly string[] = []): string | undefined {
    for (const quota of quotas) {
      const record = this.quota(queue, quota);
      if (record === undefined) continue;
      if (!lent.includes(quota) && this.holders(queue, quota).size >= record.size) return quota;
      const openAt = this.rates.nextAt(placeKey(queue, quota), record, now);
      if (openAt === 0) continue;
      this.table.timers.awaitRate(queue, quota, openAt);
      return quota;
    }
    return undefined;
  }
}
