/**
 * A state that holds a part of the records and knows which part. A decision that reads beyond it
 * throws the want that it lacks. So that not every lack costs a way to the database, a decision can
 * first be scouted: its lacks are collected, and read as absent.
 *
 * A partial state serves one transaction. Loaded records keep the transaction's own changes.
 */

import { queueOf } from '../../core/queue.js';
import {
  type AgentRecord,
  type AnnotationRecord,
  dispatcherKey,
  type Id,
  type JobRecord,
  type Payload,
  type QuotaRecord,
  type ScheduleRecord,
  type SettingRecord,
} from '../../core/records.js';
import type { BucketRecord } from '../../core/state/change-log.js';
import type { Kept } from '../../core/state/completed.js';
import { isOpenCallback, isOpenPart, isUnendedPart, neededPlaces, placeKey } from '../../core/state/indices.js';
import type { JobRow } from '../../core/state/job-row.js';
import { goesBefore, type Lane, type Place } from '../../core/state/lanes.js';
import type { KeptRoots } from '../../core/state/roots.js';
import { State } from '../../core/state/state.js';
import type { Tally } from '../../core/state/tallies.js';
import { type PlaceInLine, type Slice, type TakenPlaces, unendedIn } from '../../core/state/view.js';
import { JobForgottenError } from '../../errors.js';
import { positionsAtOnce, type Rows, type Writes } from './database.js';
import { FarPayload } from './far-payload.js';
import { isBeyond, type LaneKind, type LaneWrites, laneOf, lanesOf, type StoredLane } from './lanes.js';
import {
  type Index,
  indexKey,
  indexKeysOf,
  Lacks,
  type LaneRest,
  memberKey,
  type OpenIndex,
  type Want,
  wantKey,
} from './wants.js';

/** Completed jobs, or due jobs, loaded at once: as many as one decision forgets. */
export const oldestAtOnce = 256;
/** A line is counted so far beyond a bound: more than one transaction takes out of it. */
const lengthAhead = 1024;
/** Full lanes that one transaction parks. */
export const parkedAtOnce = { lanes: 1024 };
/** Jobs of a line loaded at once. */
export const lineAtOnce = 256;

export class PartialState extends State {
  readonly #known = new Set<string>();
  readonly #jobs = new Set<Id>();
  readonly #settings = new Set<string>();
  readonly #inserted: Id[] = [];
  /** The number of jobs that were loaded. */
  jobsRead = 0;
  /** The first positions of the blocks that are left. */
  readonly #blocks: number[] = [];
  /** The number of positions that are used of the first block. */
  #used = 0;
  /** While scouting: the positions that were lacked. */
  #positionsLacked = 0;
  /** How far the open lanes of each queue are loaded: to this head, or to the last one. */
  readonly #lines = new Map<string, Place | undefined>();
  readonly #lanes = new Map<Id, StoredLane>();
  /** How far each of these lanes is loaded: to the job at this place, or to its end. */
  readonly #reachedIn = new Map<Id, Place | undefined>();
  /** The quotas in which loaded jobs had a place, by `placeKey`. */
  readonly #placesHad = new Set<string>();
  /** The queues and names of the quotas whose definitions changed, by `placeKey`. */
  readonly #redefined = new Set<string>();
  /** The time of the last look at a line. */
  #lookedAt = 0;
  /** The lengths of lines, as far as they were counted. */
  readonly #lengths = new Map<string, number>();
  /** How far the unended parts of wholes are loaded, by the want for them. */
  readonly #reached = new Map<string, number>();
  readonly #isLook: boolean;
  /** Rows have the times of rates by the clock of the database, which is ahead by this. */
  readonly #aheadMs: number;
  /** `true` if all records are here. */
  #isWhole = false;
  #tallies: readonly Tally[] = [];
  #isHeard = false;
  readonly #payloads = new Map<Id, Uint8Array>();
  readonly #source: LineSource;
  /** The verdicts of the loaded jobs. */
  readonly #judged = new Map<Id, string>();
  /** While scouting: the lacks so far, by key. */
  #scouted: Map<string, Want> | undefined;
  /**
   * The database's counts, and the loaded part of them. The difference is added to the own counts.
   */
  readonly #stored = new Counts();
  readonly #loaded = new Counts();

  /**
   * A view for looks loads no more of kept roots than their count. `aheadMs`: see `DatabaseClock`.
   */
  constructor(source: LineSource = anyLine, isLook = false, aheadMs = 0) {
    super();
    this.#source = source;
    this.#isLook = isLook;
    this.#aheadMs = aheadMs;
  }

  /** Takes in the rows that were loaded for `wants`. */
  fill(wants: readonly Want[], rows: Rows): void {
    const { jobs, settings, annotations, buckets, counts, kept, lengths, positions, tallies, heard, payloads } = rows;
    this.#blocks.push(...positions);
    for (const [key, setting] of settings) this.#admitSetting(key, setting);
    for (const [id, job] of jobs) this.#admitJob(id, job);
    for (const [key, annotation] of annotations) {
      const { job, name, value } = annotation!;
      // The job may have been forgotten in this transaction since the row was read.
      if (super.job(job) !== undefined && !this.#known.has(`annotation ${key}`)) this.admitAnnotation(job, name, value);
      this.#known.add(`annotation ${key}`);
    }
    for (const bucket of buckets) this.admitBucket(moved(bucket, -this.#aheadMs));
    this.#fillLanes(rows);
    for (const [key, count] of counts) if (!this.#stored.jobs.has(key)) this.#stored.jobs.set(key, count);
    for (const [queue, length] of lengths) this.#lengths.set(queue, length);
    for (const want of wants) {
      this.#known.add(wantKey(want));
      if (want.kind === 'lanes') this.#lines.set(want.queue, rows.lines.get(wantKey(want)));
      if (want.kind === 'oldest' || want.kind === 'kept') this.#stored.kept[want.kept] = kept[want.kept];
      if (want.kind === 'next' && want.index === 'unendedPart') this.#reached.set(wantKey(want), reachedBy(want, jobs));
      if (want.kind === 'all') this.#isWhole = true;
      if (want.kind === 'tallies') this.#tallies = tallies;
      if (want.kind === 'heard') this.#isHeard = heard;
    }
    for (const [id, bytes] of payloads) this.#payloads.set(id, bytes);
  }

  #fillLanes({ lanes, reached }: Rows): void {
    for (const lane of lanes) {
      if (this.#lanes.has(lane.id)) continue;
      this.#lanes.set(lane.id, opening(lane, -this.#aheadMs));
      this.#source.met(lane.callable);
      for (const key of lane.gates) {
        this.#known.add(wantKey({ kind: 'count', index: 'place', key }));
        this.#known.add(wantKey({ kind: 'bucket', key }));
      }
    }
    for (const [lane, place] of reached) this.#reachedIn.set(lane, place);
  }

  /** Returns all that this transaction has changed. */
  writes(): Omit<Writes, 'events'> {
    const changes = this.changes();
    const buckets = this.changedBuckets().map((bucket) => moved(bucket, this.#aheadMs));
    return { ...changes, inserted: this.#inserted, buckets, lanes: this.#laneWrites(changes.jobs, buckets) };
  }

  #laneWrites(written: readonly JobRecord[], buckets: readonly BucketRecord[]): LaneWrites {
    const gated = [...this.#lanes.values()].filter(({ gates }) => gates.length > 0);
    const heads = gated.length === 0 ? new Map<Id, never>() : lanesOf(super.jobs());
    const taken = new Set(written.flatMap((job) => (job.claimed ? [laneBefore(job).id] : [])));
    const changed: StoredLane[] = [];
    const emptied: Id[] = [];
    for (const lane of gated) {
      const { id } = lane;
      const head = heads.get(id)?.head ?? this.#reachedIn.get(id);
      if (head === undefined) emptied.push(id);
      else {
        const now = { ...lane, head, ...this.#parking(lane) };
        const isMoved = now.parkedAt !== lane.parkedAt || now.opensAt !== lane.opensAt;
        // Another lane was behind it only because of its old head.
        const isLate = now.parkedAt === undefined && !taken.has(id) && goesBefore(lane.head, { ...head, id: '' });
        if (isMoved || isLate) changed.push(opening(now, this.#aheadMs));
      }
    }
    const full = new Set(gated.flatMap(({ gates }) => gates).filter((key) => this.#opensAt(key) !== 0));
    const spent = buckets.map(({ queue, quota }) => placeKey(queue, quota));
    const opened = [...this.#freed(), ...spent].filter((key) => !full.has(key));
    return { opened, redefined: [...this.#redefined], changed, emptied, joined: [...lanesOf(written).values()] };
  }

  /** Returns the place at which a lane must be parked, if it is full. */
  #parking({ gates }: StoredLane): Pick<StoredLane, 'parkedAt' | 'opensAt'> {
    for (const parkedAt of gates) {
      const opensAt = this.#opensAt(parkedAt);
      if (opensAt !== 0) return { parkedAt, opensAt: Number.isFinite(opensAt) ? opensAt : undefined };
    }
    return { parkedAt: undefined, opensAt: undefined };
  }

  /** As `opensAt`, for a quota by `placeKey`. */
  #opensAt(key: string): number {
    const cut = key.indexOf('\n');
    return this.opensAt(key.slice(0, cut), key.slice(cut + 1), this.#lookedAt);
  }

  /** Returns the quotas, by `placeKey`, in which fewer of the loaded jobs have a place than had. */
  #freed(): string[] {
    const had = (key: string) => this.#loaded.jobs.get(indexKey('place', key)) ?? 0;
    return [...this.#placesHad].filter((key) => this.table.holders.count(key) < had(key));
  }

  /** Returns the lacks of a decision, as far as they show without the missing records. */
  scout(now: number, decide: () => void): Want[] {
    const mark = this.begin(now);
    const used = this.#used;
    const blocks = [...this.#blocks];
    const scouted = new Map<string, Want>();
    this.#scouted = scouted;
    this.#positionsLacked = 0;
    try {
      decide();
    } catch {
      // The decision failed because of a lack, or fails in any case.
    }
    this.#scouted = undefined;
    this.#blocks.splice(0, this.#blocks.length, ...blocks);
    this.#used = used;
    this.rollback(mark);
    return [...scouted.values()];
  }

  /** Returns the bytes of a payload. Needs no `this`, so it can be passed on. */
  readonly bytes = (payload: Payload): Uint8Array => {
    if (!(payload instanceof FarPayload)) return payload as Uint8Array;
    const bytes = this.#payloads.get(payload.id);
    if (bytes !== undefined) return bytes;
    this.#need({ kind: 'payload', payload });
    throw new JobForgottenError('the job was forgotten while its payload was read');
  };

  /** `true` if any process listens to events. */
  get isHeard(): boolean {
    this.#need({ kind: 'heard' });
    return this.#isHeard;
  }

  override rollback(mark: number): void {
    super.rollback(mark);
    // Jobs that were claimed and are back in line have lost their verdicts.
    for (const [id, verdicts] of this.#judged) {
      const job = super.job(id);
      if (job?.queued && this.laneOf(job)?.verdicts === '') this.judge(job, verdicts);
    }
  }

  override begin(now: number): number {
    // Any read may throw a lack, so every decision must be revertible.
    return super.begin(now, true);
  }

  override nextPosition(): number {
    if (this.#blocks.length === 0) {
      const lacked = this.#scouted === undefined ? 1 : ++this.#positionsLacked;
      this.#lack({ kind: 'positions', blocks: Math.ceil(lacked / positionsAtOnce) });
      return 0;
    }
    const position = this.#blocks[0]! + this.#used++;
    if (this.#used === positionsAtOnce) {
      this.#blocks.shift();
      this.#used = 0;
    }
    return position;
  }

  override job(id: Id): JobRecord | undefined {
    if (id !== '' && !this.#jobs.has(id)) this.#need({ kind: 'job', id });
    return super.job(id);
  }

  /** The database checks at the commit that the id is not taken. */
  override insert(record: JobRecord): JobRecord {
    const row = super.insert(record);
    if (!this.#jobs.has(row.id)) {
      this.#jobs.add(row.id);
      this.#inserted.push(row.id);
      for (const index of ['part', 'callback'] as const)
        this.#known.add(wantKey({ kind: 'found', index, key: row.id }));
    }
    return row;
  }

  override parts(whole: JobRecord): readonly JobRecord[] {
    if (whole.parts === 0) return super.parts(whole);
    this.#find('part', whole.id);
    return super.parts(this.#own(whole));
  }

  override nextPart(whole: JobRecord, from: number): JobRecord | undefined {
    const find = (at: number) => this.#findNext('part', 'openPart', whole.id, at);
    return next((this.#own(whole) as JobRow).partRows, from, whole.parts, isOpenPart, find);
  }

  override unendedParts(whole: JobRecord): readonly JobRecord[] {
    if (whole.parts > 0 && !this.#known.has(wantKey({ kind: 'found', index: 'part', key: whole.id })))
      this.#find('unendedPart', whole.id);
    return super.unendedParts(this.#own(whole));
  }

  override unendedFrom(whole: JobRecord, from: number, most: number): Slice {
    const own = this.#own(whole) as JobRow;
    const isKnown = ['part', 'unendedPart'].some((index) => this.#known.has(indexWant(index as Index, whole.id)));
    if (whole.parts === 0 || isKnown) return super.unendedFrom(own, from, most);
    // Some of those that are loaded may have ended in this transaction.
    for (let next = from; ; ) {
      const want: Want = { kind: 'next', index: 'unendedPart', key: whole.id, from: next, most };
      this.#need(want);
      next = Math.min(whole.parts, this.#reached.get(wantKey(want)) ?? whole.parts);
      const slice = unendedIn(own.partRows, from, next, most);
      if (slice.parts.length === most || next === whole.parts) return slice;
    }
  }

  override lastPart(whole: JobRecord): JobRecord | undefined {
    if (whole.parts > 0 && super.lastPart(this.#own(whole)) === undefined)
      this.#find('member', memberKey(whole.id, whole.parts - 1));
    return super.lastPart(this.#own(whole));
  }

  override callbacks(job: JobRecord): readonly JobRecord[] {
    if (job.callbacks === 0) return super.callbacks(job);
    this.#find('callback', job.id);
    return super.callbacks(this.#own(job));
  }

  override nextCallback(job: JobRecord, from: number): JobRecord | undefined {
    const find = (at: number) => this.#findNext('callback', 'openCallback', job.id, at);
    return next((this.#own(job) as JobRow).callbackRows, from, job.callbacks, isOpenCallback, find);
  }

  override waitingFor(job: JobRecord): readonly JobRecord[] {
    if (job.awaiters > 0) this.#find('inner', job.id);
    return super.waitingFor(job);
  }

  override waitingCount(job: JobRecord): number {
    return job.awaiters === 0 ? 0 : this.#count('inner', job.id, super.waitingCount(job));
  }

  override uniqueJob(queue: string, unique: string): JobRecord | undefined {
    if (unique !== '') this.#find('unique', `${queue}\n${unique}`);
    return super.uniqueJob(queue, unique);
  }

  override runningCount(agent: string): number {
    return this.#count('agent', agent, super.runningCount(agent));
  }

  override heldBy(dispatcher: Id): JobRecord[] {
    this.#find('dispatcher', dispatcher);
    return super.heldBy(dispatcher);
  }

  override boundTo(dispatcher: Id): JobRecord[] {
    this.#find('bound', dispatcher);
    return super.boundTo(dispatcher);
  }

  override memoryRoots(owner: Id, most: number): readonly JobRecord[] {
    this.#need({ kind: 'memory', owner, most });
    return super.memoryRoots(owner, most);
  }

  override isActive(dispatcher: Id): boolean {
    this.setting(dispatcherKey(dispatcher));
    return super.isActive(dispatcher);
  }

  override activeDispatchers(): IterableIterator<Id> {
    this.#need({ kind: 'settings' });
    return super.activeDispatchers();
  }

  override annotationsOf(job: Id): readonly AnnotationRecord[] {
    this.#needAnnotations(job);
    return super.annotationsOf(job);
  }

  override held(queue: string, quota: string): number {
    return this.#count('place', placeKey(queue, quota), super.held(queue, quota));
  }

  override hasRoom(job: JobRecord, now: number, lent?: readonly string[]): boolean {
    for (const quota of neededPlaces(job)) this.#needBucket(job.queue, quota);
    return super.hasRoom(job, now, lent);
  }

  override spendRate(queue: string, quota: string): void {
    this.#needBucket(queue, quota);
    super.spendRate(queue, quota);
  }

  override openQueues(): Iterable<string> {
    const open = (queue: string) => !queueOf(this, queue)?.paused;
    const names = Array.from(this.settings(), (setting) => (setting.kind === 'queue' ? setting.name : ''));
    return [...new Set(['', ...names])].filter(open);
  }

  override firstQueued(queue: string, accepts: (lane: Lane) => boolean, now: number): JobRecord | undefined {
    const first = super.firstQueued(queue, accepts, now);
    this.#needLine(queue, first, now);
    return this.#isAhead(queue, first) ? first : undefined;
  }

  override firstManyQueued(
    queue: string,
    accepts: (lane: Lane) => boolean,
    most: number,
    now: number,
  ): readonly JobRecord[] {
    const first = super.firstManyQueued(queue, accepts, most, now);
    this.#needLine(queue, first[most - 1], now);
    return first.filter((job) => this.#isAhead(queue, job));
  }

  override opensAt(queue: string, quota: string, now: number, lent?: readonly string[]): number {
    this.#needBucket(queue, quota);
    return super.opensAt(queue, quota, now, lent);
  }

  override holders(queue: string, quota: string): ReadonlySet<JobRecord> {
    this.#find('place', placeKey(queue, quota));
    return super.holders(queue, quota);
  }

  override running(agent: string): ReadonlySet<JobRecord> {
    this.#find('agent', agent);
    return super.running(agent);
  }

  override agentsOf(dispatcher: Id, queue: string): Iterable<AgentRecord> {
    this.#need({ kind: 'settings' });
    return super.agentsOf(dispatcher, queue);
  }

  override unfinished(queue: string): number {
    return this.#count('unfinished', queue, super.unfinished(queue));
  }

  override atWork(queue: string): number {
    return this.#count('atWork', queue, super.atWork(queue));
  }

  override nextDue(now: number): JobRecord | undefined {
    this.#need({ kind: 'due', by: now, most: oldestAtOnce });
    return super.nextDue(now);
  }

  override kept(kept: Kept): KeptRoots<JobRecord> {
    if (this.#isWhole) return super.kept(kept);
    if (this.#isLook) {
      this.#need({ kind: 'kept', kept });
      const { count, bytes, oldestAt } = this.#stored.kept[kept];
      return { count, bytes, oldest: undefined, oldestAt };
    }
    this.#need({ kind: 'oldest', kept, most: oldestAtOnce });
    const { count, bytes, oldest, oldestAt } = super.kept(kept);
    const [stored, loaded] = [this.#stored.kept[kept], this.#loaded.kept[kept]];
    return { count: count + stored.count - loaded.count, bytes: bytes + stored.bytes - loaded.bytes, oldest, oldestAt };
  }

  /** There may be defaults that are not loaded: callers must look for them. */
  override get hasRetryDefaults(): boolean {
    return true;
  }

  override forgetOldest(kept: Kept, isAsked: boolean): JobRecord | undefined {
    this.#needTree(super.kept(kept).oldest!);
    return super.forgetOldest(kept, isAsked);
  }

  override forgetRoot(job: JobRecord): void {
    this.#needTree(job);
    super.forgetRoot(job);
  }

  override forgetOpen(job: JobRecord): void {
    this.#needTree(job);
    super.forgetOpen(job);
  }

  override forgetParts(job: JobRecord): void {
    this.#needTree(job);
    super.forgetParts(job);
  }

  override setting(key: string): SettingRecord | undefined {
    if (!this.#settings.has(key) && !this.#known.has('settings')) this.#need({ kind: 'setting', key });
    return super.setting(key);
  }

  override set(key: string, value: SettingRecord | undefined): void {
    const of = value ?? this.setting(key);
    if (of?.kind === 'quota') this.#redefined.add(placeKey(of.queue, of.name));
    super.set(key, value);
  }

  override settings(): IterableIterator<SettingRecord> {
    this.#need({ kind: 'settings' });
    return super.settings();
  }

  override settingsOf(queue: string): Iterable<AgentRecord | QuotaRecord> {
    this.#need({ kind: 'settings' });
    return super.settingsOf(queue);
  }

  /** `true` if the view knows the row of the job, or that the job has none. */
  has(id: Id): boolean {
    return this.#jobs.has(id);
  }

  /** Returns a loaded job. */
  known(id: Id): JobRecord | undefined {
    return super.job(id);
  }

  /** `true` if a line is known to its end, and all that was there is claimed. */
  isEmptyLine(queue: string): boolean {
    const isKnown = this.#lines.has(queue) && this.#lines.get(queue) === undefined;
    return isKnown && super.queued(queue) === 0 && this.#lineLack(queue, undefined) === undefined;
  }

  override queued(queue: string): number {
    return this.#count('queued', queue, super.queued(queue));
  }

  override isLong(queue: string, most: number): boolean {
    if (this.#isWhole) return super.isLong(queue, most);
    this.#need({ kind: 'length', queue, most: most + lengthAhead });
    return this.#lengthOf(queue) >= most;
  }

  /** As far as it was counted, with the changes of this transaction. */
  #lengthOf(queue: string): number {
    const key = indexKey('queued', queue);
    return super.queued(queue) + (this.#lengths.get(queue) ?? 0) - (this.#loaded.jobs.get(key) ?? 0);
  }

  override scheduled(queue: string): number {
    return this.#count('dated', queue, super.scheduled(queue));
  }

  override laneOf(job: JobRecord): Lane | undefined {
    return super.laneOf(this.#own(job));
  }

  override annotation(job: Id, name: string): AnnotationRecord | undefined {
    this.#needAnnotations(job);
    return super.annotation(job, name);
  }

  override get nextSchedule(): ScheduleRecord | undefined {
    this.#need({ kind: 'settings' });
    return super.nextSchedule;
  }

  override tallies(): IterableIterator<Tally> {
    if (this.#isWhole) return super.tallies();
    this.#need({ kind: 'tallies' });
    return this.#tallies.values();
  }

  override get size(): number {
    this.#needAll();
    return super.size;
  }

  override jobs(): IterableIterator<JobRecord> {
    this.#needAll();
    return super.jobs();
  }

  override jobsAfter(job: Id): IterableIterator<JobRecord> {
    this.#needAll();
    return super.jobsAfter(job);
  }

  override jobsBefore(job: Id): IterableIterator<JobRecord> {
    this.#needAll();
    return super.jobsBefore(job);
  }

  override lastCompleted(kept: Kept): IterableIterator<JobRecord> {
    this.#needAll();
    return super.lastCompleted(kept);
  }

  override line(queue: string, after?: PlaceInLine): IterableIterator<JobRecord | undefined> {
    this.#needAll();
    return super.line(queue, after);
  }

  override heldQuotas(queue: string): string[] {
    this.#needAll();
    return super.heldQuotas(queue);
  }

  override takenPlaces(): IterableIterator<TakenPlaces> {
    this.#needAll();
    return super.takenPlaces();
  }

  override laneHeads(queue: string): IterableIterator<JobRecord> {
    this.#needAll();
    return super.laneHeads(queue);
  }

  override busyAgents(): IterableIterator<string> {
    this.#needAll();
    return super.busyAgents();
  }

  override completedBy(agent: string): readonly JobRecord[] {
    this.#needAll();
    return super.completedBy(agent);
  }

  override annotations(): IterableIterator<AnnotationRecord> {
    this.#needAll();
    return super.annotations();
  }

  /** Returns the record of a job as it is here, if a record of another view was passed. */
  #own(job: JobRecord): JobRecord {
    return this.job(job.id) ?? job;
  }

  #needAll(): void {
    if (!this.#isWhole) this.#need({ kind: 'all' });
  }

  /** A member that another transaction adds meanwhile changes the job, which is a conflict. */
  #needTree({ id, parts, callbacks }: JobRecord): void {
    this.#need({ kind: 'tree', id, isAlone: parts === 0 && callbacks === 0 });
  }

  #needAnnotations(job: Id): void {
    if (!this.#known.has(treeKey(job))) this.#need({ kind: 'annotations', job });
  }

  /** Needs the line up to this job; without a job, to its end. */
  #needLine(queue: string, job: JobRecord | undefined, now: number): void {
    this.#lookedAt = now;
    const want = this.#isWhole ? undefined : this.#lineLack(queue, job);
    if (want !== undefined) this.#lack(want);
  }

  /** Returns the want for what may be in line before this job and is not loaded. */
  #lineLack(queue: string, job: JobRecord | undefined): Want | undefined {
    if (!this.#lines.has(queue)) return this.lanesWant(queue, this.#lookedAt, lineAtOnce);
    for (const key of this.#freed()) {
      const want: Want = { kind: 'parked', key, most: lineAtOnce };
      if (key.startsWith(`${queue}\n`) && !this.#known.has(wantKey(want))) return want;
    }
    if (!this.#isAhead(queue, job) && !this.isCut)
      return this.lanesWant(queue, this.#lookedAt, lineAtOnce, this.#lines.get(queue));
    const lanes: LaneRest[] = [];
    for (const [lane, after] of this.#reachedIn) {
      const stored = this.#lanes.get(lane)!;
      if (after === undefined || stored.queue !== queue || !isBeyond(after, job)) continue;
      if (this.#source.takes(stored.callable) && this.#parking(stored).parkedAt === undefined)
        lanes.push({ lane, isGated: stored.gates.length > 0, after });
    }
    return lanes.length === 0 ? undefined : { kind: 'rest', queue, lanes, most: lineAtOnce };
  }

  /** `true` if no open lane that is not loaded has a job before this one. */
  #isAhead(queue: string, job: JobRecord | undefined): boolean {
    const reach = this.#lines.get(queue);
    return reach === undefined || !isBeyond({ ...reach, id: '' }, job);
  }

  /**
   * `true` if enough full lanes are loaded: lines seem to end there. The commit parks them, and
   * another transaction goes on behind them.
   */
  get isCut(): boolean {
    let full = 0;
    for (const lane of this.#lanes.values())
      if (lane.parkedAt === undefined && this.#parking(lane).parkedAt !== undefined) full++;
    return full >= parkedAtOnce.lanes && !this.#isLook;
  }

  /** Returns the want for the open lanes of a queue, behind the head of one of them. */
  lanesWant(queue: string, now: number, most: number, after?: Place): Want {
    return { kind: 'lanes', queue, except: this.#source.except(), now: now + this.#aheadMs, after, most };
  }

  #counted() {
    const countOf = ({ count, bytes }: KeptRoots<JobRecord>) => ({ count, bytes });
    return { succeeded: countOf(super.kept('succeeded')), failed: countOf(super.kept('failed')) };
  }

  /** `own` is the count of the jobs that are here. */
  #count(index: Index, key: string, own: number): number {
    if (this.#isWhole) return own;
    this.#need({ kind: 'count', index, key });
    const both = indexKey(index, key);
    return own + (this.#stored.jobs.get(both) ?? 0) - (this.#loaded.jobs.get(both) ?? 0);
  }

  #find(index: Index, key: string): void {
    this.#need({ kind: 'found', index, key });
  }

  #findNext(all: Index, index: OpenIndex, key: Id, from: number): void {
    if (!this.#known.has(indexWant(all, key))) this.#need({ kind: 'next', index, key, from, most: 1 });
  }

  #need(want: Want): void {
    if (!this.#isWhole && !this.#known.has(wantKey(want))) this.#lack(want);
  }

  #lack(want: Want): void {
    if (this.#scouted === undefined) throw new Lacks(want);
    this.#scouted.set(wantKey(want), want);
  }

  #needBucket(queue: string, quota: string): void {
    const record = this.quota(queue, quota);
    if (record !== undefined && record.rate > 0) this.#need({ kind: 'bucket', key: `${queue}\n${quota}` });
  }

  #admitSetting(key: string, setting: SettingRecord | undefined): void {
    if (this.#settings.has(key)) return;
    this.#settings.add(key);
    this.admitSetting(key, setting);
  }

  #admitJob(id: Id, job: JobRecord | undefined): void {
    if (this.#jobs.has(id)) return;
    this.#jobs.add(id);
    if (job === undefined) return;
    this.jobsRead++;
    const before = this.#counted();
    this.admit(job);
    const verdicts = job.queued ? this.#source.verdictsOf(job) : '';
    for (const quota of job.places) this.#placesHad.add(placeKey(job.queue, quota));
    if (verdicts !== '') {
      this.#judged.set(id, verdicts);
      this.judge(super.job(id)!, verdicts);
    }
    const after = this.#counted();
    const loaded = this.#loaded;
    for (const kept of ['succeeded', 'failed'] as const) {
      loaded.kept[kept].count += after[kept].count - before[kept].count;
      loaded.kept[kept].bytes += after[kept].bytes - before[kept].bytes;
    }
    for (const key of indexKeysOf(job)) loaded.jobs.set(key, (loaded.jobs.get(key) ?? 0) + 1);
  }
}

/** The knowledge of a process about lines, beside their records. */
export interface LineSource {
  /** Returns the verdicts of filter functions on a job in line. */
  verdictsOf(job: JobRecord): string;
  /** `false` for a callable whose jobs cannot run here. */
  takes(callable: string): boolean;
  /** A lane of this callable was read. */
  met(callable: string): void;
  /** Returns the callables of lanes that were met, and that cannot run here. */
  except(): readonly string[];
}

const anyLine: LineSource = { verdictsOf: () => '', takes: () => true, met: () => {}, except: () => [] };

/** Returns the lane that a claimed job had, if it had no places before. */
const laneBefore = ({ queue, callable, quotas, shared }: JobRecord): LaneKind =>
  laneOf({ queue, callable, quotas, shared, places: [] });

const treeKey = (id: Id) => wantKey({ kind: 'tree', id, isAlone: false });

const indexWant = (index: Index, key: string) => wantKey({ kind: 'found', index, key });

/** Returns the index behind the last of the members that were loaded for a want. */
function reachedBy({ key, from, most }: Extract<Want, { kind: 'next' }>, jobs: Rows['jobs']): number {
  const isAsked = (job: JobRecord) => job.parent === key && isUnendedPart(job) && job.index >= from;
  const at = jobs.flatMap(([, job]) => (job !== undefined && isAsked(job) ? [job.index] : []));
  const sorted = [...new Set(at)].sort((a, b) => a - b);
  return sorted.length < most ? Number.POSITIVE_INFINITY : sorted[most - 1]! + 1;
}

class Counts {
  readonly kept: Record<Kept, { count: number; bytes: number; oldestAt?: number | undefined }> = {
    succeeded: { count: 0, bytes: 0 },
    failed: { count: 0, bytes: 0 },
  };
  /** The number of jobs that an index has under a key, by both. */
  readonly jobs = new Map<string, number>();
}

/**
 * Returns the first open row from `from` on. Some rows are not loaded: `find` loads the first one,
 * from an index on, that is open in the database. So the rows missing before it are not open.
 */
function next(
  rows: readonly (JobRow | undefined)[],
  from: number,
  count: number,
  isOpen: (row: JobRow) => boolean,
  find: (from: number) => void,
): JobRow | undefined {
  let isFound = false;
  for (let index = from; index < count; index++) {
    const row = rows[index];
    if (row === undefined) {
      if (!isFound) find(index);
      isFound = true;
    } else if (isOpen(row)) return row;
    else isFound = false;
  }
  return undefined;
}

/** Moves the times of a rate. */
const moved = ({ queue, quota, bucket }: BucketRecord, byMs: number): BucketRecord => ({
  ...{ queue, quota },
  bucket: bucket && { left: bucket.left, at: bucket.at + byMs, fullAt: bucket.fullAt + byMs },
});

/** Moves the time at which a rate opens a lane. */
const opening = (lane: StoredLane, byMs: number): StoredLane =>
  lane.opensAt === undefined || byMs === 0 ? lane : { ...lane, opensAt: lane.opensAt + byMs };
