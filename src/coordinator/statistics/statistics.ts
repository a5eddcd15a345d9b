/**
 * Statistics of jobs by time, independent of how long the jobs themselves are remembered: a bucket
 * for each queue and callable, for each minute of the last day and each hour of two weeks.
 *
 * They are kept beside the journal, as lines of a file of their own, and at best effort: a crash
 * loses the last minute. A line holds the buckets of one minute or one hour. Two lines of the same
 * time are added up, so that a minute in which a runtime was opened again has two. A line may also
 * hold the pending jobs at the end of its time; no line means that their number is as before.
 */
import type { EndCause } from '../../core/commands.js';
import type { Event } from '../../core/events.js';
import type { JobRecord } from '../../core/records.js';
import { type Puts, type Tally, tallyCells } from '../../core/state/tallies.js';
import { Bucket, isBucket, type StoredBucket } from './bucket.js';

/** Where the lines are kept. Writing may fail or come late: nothing depends on it. */
export interface StatisticsStore {
  read(): Promise<string>;
  append(line: string): void;
  /** Replaces all lines. */
  replace(lines: readonly string[]): void;
  /** Resolves when everything is written, or has failed. */
  written(): Promise<void>;
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const keptMinutesMs = 24 * hourMs;
const keptHoursMs = 14 * 24 * hourMs;

/** The most kinds of an hour, and of the totals. Others are counted together, as `otherKind`. */
const mostKinds = 500;
const mostTotals = 200;
/** The queue and the callable under which further kinds are counted. */
export const otherKind = '*';

/** Lines in the file, beyond twice those that are kept, before it is written anew. */
const slackLines = 1000;

/** The buckets of one minute or one hour, as text until they are asked for. */
export interface Span {
  readonly at: number;
  readonly line: string;
}

/** The buckets of the present minute, or of the present hour. */
class Buckets {
  readonly #buckets = new Map<string, Bucket>();
  /** The bucket that was asked for last: most jobs are like the one before. */
  #last: Bucket | undefined;

  get size(): number {
    return this.#buckets.size;
  }

  has(queue: string, callable: string): boolean {
    return this.#buckets.has(`${queue}\n${callable}`);
  }

  of(queue: string, callable: string): Bucket {
    if (this.#last?.callable === callable && this.#last.queue === queue) return this.#last;
    const key = `${queue}\n${callable}`;
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      bucket = new Bucket(queue, callable);
      this.#buckets.set(key, bucket);
    }
    this.#last = bucket;
    return bucket;
  }

  all(): Bucket[] {
    return [...this.#buckets.values()];
  }

  stored(): StoredBucket[] {
    return Array.from(this.#buckets.values(), (bucket) => bucket.stored());
  }
}

/** The jobs, as the statistics read them. */
export interface CountedJobs {
  /** Returns the jobs that were put since its last call. */
  takePuts(): readonly Puts[];
  /** Returns the jobs there are; `undefined` if they are not at hand. */
  tallies(): Iterable<Tally> | undefined;
}

export class Statistics {
  readonly #jobs: CountedJobs;
  readonly #store: StatisticsStore | undefined;
  #minuteAt = 0;
  #minute = new Buckets();
  #hour = new Buckets();
  /** Since the runtime was opened, without the present minute. */
  readonly #totals = new Buckets();
  #minutes: Span[] = [];
  #hours: Span[] = [];
  #linesInStore = 0;
  /** The pending jobs as they were last noted, and whether a line has them. */
  #pending: readonly StoredPending[] | undefined;
  #isPendingKept = true;

  constructor(jobs: CountedJobs, store: StatisticsStore | undefined) {
    this.#jobs = jobs;
    this.#store = store;
  }

  /** Reads the stored lines. Throws if they are damaged, and then returns none of them. */
  async open(now: number): Promise<void> {
    this.#minuteAt = startOf(now, minuteMs);
    const text = (await this.#store?.read()) ?? '';
    const spans: ({ readonly isHour: boolean; readonly span: Span } & Content)[] = [];
    // A crash may have cut the last line, which then has no end.
    for (const line of text.split('\n').slice(0, -1)) {
      const [unit, at] = parseLine(line);
      spans.push({ isHour: unit === 'h', span: { at, line }, ...contentOf({ at, line }) });
    }
    const from = this.#minutesFrom(now);
    this.#hours = spans.filter(({ isHour, span: { at } }) => isHour && at < from).map(({ span }) => span);
    // The hours of the last day follow from their minutes: no runtime may have seen their ends.
    const minutes = spans.filter(({ isHour, span: { at } }) => !isHour && at >= from);
    minutes.sort((a, b) => a.span.at - b.span.at);
    for (const { span, buckets, pending } of minutes) {
      const before = this.#minutes.at(-1);
      if (before !== undefined && startOf(before.at, hourMs) !== startOf(span.at, hourMs)) this.#closeHour(before.at);
      this.#minutes.push(span);
      this.#addToHour(buckets);
      this.#pending = pending ?? this.#pending;
    }
    const last = this.#minutes.at(-1);
    if (last !== undefined && startOf(last.at, hourMs) !== startOf(now, hourMs)) this.#closeHour(last.at);
    if (spans.length > 0) this.#rewrite();
  }

  /** Must be called before anything is counted at this time. */
  passTo(now: number): void {
    const minuteAt = startOf(now, minuteMs);
    if (minuteAt === this.#minuteAt) return;
    const tallies = this.#minuteAt === 0 ? undefined : this.#jobs.tallies();
    if (tallies !== undefined) this.notePending(tallies);
    this.#closeMinute();
    // A number that was only noted when somebody asked is soon wrong.
    if (tallies === undefined) this.#pending = undefined;
    if (startOf(minuteAt, hourMs) !== startOf(this.#minuteAt, hourMs)) this.#closeHour(this.#minuteAt);
    this.#minuteAt = minuteAt;
    const from = this.#minutesFrom(now);
    if (this.#minutes[0] !== undefined && this.#minutes[0].at < from)
      this.#minutes = this.#minutes.filter(({ at }) => at >= from);
    if (this.#hours[0] !== undefined && this.#hours[0].at < now - keptHoursMs)
      this.#hours = this.#hours.filter(({ at }) => at >= now - keptHoursMs);
    if (this.#linesInStore > 2 * (this.#minutes.length + this.#hours.length) + slackLines) this.#rewrite();
  }

  /** Notes the jobs that are pending in the present minute. */
  notePending(tallies: Iterable<Tally>): void {
    const pending = pendingIn(tallies);
    const isNew = JSON.stringify(pending) !== JSON.stringify(this.#pending ?? []);
    this.#pending = pending;
    if (isNew) this.#isPendingKept = false;
  }

  /** Counts the end of a job's call. */
  ended(job: JobRecord, how: EndCause | undefined): void {
    if (job.form === 'chunk') return;
    const bucket = this.#bucketOf(job.queue, job.callable);
    bucket.count(job.outcome === 'failure' ? (how ?? 'failed') : 'succeeded');
    if (job.lastStartAt === 0) return;
    bucket.count('started');
    bucket.run.note(Math.max(0, job.endAt - job.lastStartAt), job.id);
    if (job.role === 'root')
      bucket.wait.note(Math.max(0, job.firstStartAt - Math.max(job.putAt, job.beginAfter)), job.id);
  }

  /** Counts a run that did not end its job. */
  event(event: Event): void {
    if (event.type !== 'job.retried' && event.type !== 'job.interrupted') return;
    const bucket = this.#bucketOf(event.queue, event.callable);
    bucket.count('started');
    bucket.count(event.type === 'job.retried' ? 'retried' : 'interrupted');
  }

  /** Keeps the present minute, which may go on when the runtime is opened again. */
  async close(): Promise<void> {
    this.#closeMinute();
    await this.#store?.written();
  }

  /** Returns the hours and minutes since `from` and before `to`; each moment is in one of them. */
  spans(from: number, to: number): Span[] {
    this.#countPuts();
    const present = { at: this.#minuteAt, line: lineOf('m', this.#minuteAt, this.#minute) };
    const minutesFrom = this.#minutesFrom(this.#minuteAt);
    const hours = this.#hours.filter(({ at }) => at < minutesFrom);
    return [...hours, ...this.#minutes, present].filter(({ at }) => at >= from && at < to);
  }

  /** Returns the buckets since the runtime was opened. */
  totals(): readonly Bucket[] {
    this.#countPuts();
    const sum = new Buckets();
    for (const bucket of this.#totals.stored()) sum.of(bucket[0], bucket[1]).add(bucket);
    addTotals(sum, this.#minute.stored());
    return sum.all();
  }

  /** The hour from which on the minutes are kept. */
  #minutesFrom(now: number): number {
    return startOf(now - keptMinutesMs, hourMs) + hourMs;
  }

  #bucketOf(queue: string, callable: string): Bucket {
    if (this.#hour.size >= mostKinds && !this.#hour.has(queue, callable)) return this.#minute.of(otherKind, otherKind);
    // Claims a place for the kind until the hour is over.
    this.#hour.of(queue, callable);
    return this.#minute.of(queue, callable);
  }

  #countPuts(): void {
    for (const { queue, callable, count } of this.#jobs.takePuts()) this.#bucketOf(queue, callable).count('put', count);
  }

  #closeMinute(): void {
    this.#countPuts();
    if (this.#minute.size === 0 && this.#isPendingKept) return;
    const line = lineOf('m', this.#minuteAt, this.#minute, this.#pending);
    this.#isPendingKept = true;
    this.#minutes.push({ at: this.#minuteAt, line });
    this.#append(line);
    this.#addToHour(this.#minute.stored());
    addTotals(this.#totals, this.#minute.stored());
    this.#minute = new Buckets();
  }

  #addToHour(buckets: readonly StoredBucket[]): void {
    for (const bucket of buckets) this.#hour.of(bucket[0], bucket[1]).add(bucket);
  }

  /** Ends the hour in which this moment lies. */
  #closeHour(moment: number): void {
    const at = startOf(moment, hourMs);
    if (this.#hour.size > 0) {
      const line = lineOf('h', at, this.#hour, this.#pending);
      this.#hours.push({ at, line });
      this.#append(line);
    }
    this.#hour = new Buckets();
  }

  #append(line: string): void {
    this.#linesInStore++;
    this.#store?.append(line);
  }

  #rewrite(): void {
    const lines = [...this.#hours, ...this.#minutes].map(({ line }) => line);
    this.#linesInStore = lines.length;
    this.#store?.replace(lines);
  }
}

/** A kind that is there goes on by itself, so that no count ever falls. */
function addTotals(totals: Buckets, buckets: readonly StoredBucket[]): void {
  for (const bucket of buckets) {
    const isOwn = totals.size < mostTotals || totals.has(bucket[0], bucket[1]);
    totals.of(isOwn ? bucket[0] : otherKind, isOwn ? bucket[1] : otherKind).add(bucket);
  }
}

const startOf = (time: number, unitMs: number) => Math.floor(time / unitMs) * unitMs;

function lineOf(unit: 'm' | 'h', at: number, buckets: Buckets, pending?: readonly StoredPending[]): string {
  return JSON.stringify([unit, at, buckets.stored(), ...(pending === undefined ? [] : [pending])]);
}

type Line = readonly [
  unit: 'm' | 'h',
  at: number,
  buckets: readonly StoredBucket[],
  pending?: readonly StoredPending[],
];

function parseLine(line: string): Line {
  const parsed = JSON.parse(line) as Line;
  const [unit, at, buckets, pending = []] = parsed;
  const areLists = buckets.every(isBucket) && pending.every(isPending);
  if ((unit !== 'm' && unit !== 'h') || !Number.isSafeInteger(at) || !areLists)
    throw new Error('a line has another form');
  return parsed;
}

const isPending = ([queue, callable, count, ...others]: StoredPending) =>
  typeof queue === 'string' && typeof callable === 'string' && Number.isSafeInteger(count) && others.length === 0;

/** The pending jobs of a kind. */
type StoredPending = readonly [queue: string, callable: string, count: number];

/** Counts the pending jobs by kind. The kinds beyond the largest are counted together. */
function pendingIn(tallies: Iterable<Tally>): StoredPending[] {
  const kinds = new Map<string, [string, string, number]>();
  for (const { queue, callable, counts } of tallies) {
    const count = counts[pendingCell]!;
    if (count === 0) continue;
    const key = `${queue}\n${callable}`;
    const kind = kinds.get(key);
    if (kind === undefined) kinds.set(key, [queue, callable, count]);
    else kind[2] += count;
  }
  const largest = [...kinds.values()].sort((a, b) => b[2] - a[2]);
  const others = largest.splice(mostKinds).reduce((sum, [, , count]) => sum + count, 0);
  return others === 0 ? largest : [...largest, [otherKind, otherKind, others]];
}

const pendingCell = tallyCells.findIndex((cell) => cell?.status === 'pending');

export interface Content {
  readonly buckets: readonly StoredBucket[];
  /** The pending jobs at the end of the span; `undefined` if that is not known. */
  readonly pending: readonly StoredPending[] | undefined;
}

/** Returns the buckets and the pending jobs of a span. */
export function contentOf({ line }: Span): Content {
  const [, , buckets, pending] = parseLine(line);
  return { buckets, pending };
}
