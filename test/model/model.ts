/**
 * A small model of the contract, written from its text alone. It describes what users see of jobs,
 * queues, quotas, callbacks, compositions, retries and time, but not how that comes about: it knows
 * no threads, messages or files. A job runs until the test ends it.
 */

export type Form = 'call' | 'serial' | 'parallel';
export type Retry = 'default' | 'never' | 'forever' | 'at once' | 'later';
export type Status = 'new' | 'pending' | 'active' | 'callbacks' | 'completed';

/** The limit and the delay of the two policies that retry errors. */
export const retryLimit = 2;
export const retryLaterMs = 5_260;

/** The options of a put. Durations count from the put. */
export interface Asked {
  readonly form: Form;
  /** The parts of a whole; empty for a call. */
  readonly parts: readonly Asked[];
  readonly postprocess: boolean;
  readonly priority: number;
  readonly quotas: readonly string[];
  readonly retry: Retry;
  readonly beginAfterMs: number | undefined;
  readonly beginByMs: number | undefined;
  readonly timeoutMs: number | undefined;
  readonly unique: string | undefined;
  readonly replace: boolean;
  /** The number of callbacks. */
  readonly callbacks: number;
}

/** A schedule's job, and the handling of its ticks. */
export interface ScheduleAsked {
  readonly queue: string;
  readonly asked: Asked;
  /** A tick comes each time these milliseconds have passed since `anchorMs`. */
  readonly everyMs: number;
  readonly anchorMs: number;
  readonly overlap: 'skip' | 'queue' | 'allow' | 'replace';
  readonly missed: 'one' | 'skip' | 'all';
  readonly windowMs: number;
  readonly pauseOnFailure: boolean;
}

export type Refusal = 'JOB_STATUS' | 'UNKNOWN_QUOTA' | 'UNKNOWN_SCHEDULE';

/** The result of a command: nothing, or the code of the error that refused it. */
export type Refused = Refusal | undefined;

export class ModelJob {
  readonly name: string;
  readonly queue: string;
  readonly asked: Asked;
  readonly role: 'root' | 'part' | 'callback';
  /** The whole or the job that this one is a part or a callback of. */
  readonly above: ModelJob | undefined;
  /** The schedule and the tick that it runs. */
  readonly tick: Tick | undefined;
  status: Status = 'new';
  /** The text of the result, or the name of the error. */
  outcome: string | undefined;
  isFailure = false;
  /** `true` while its own function runs; for a whole, the postprocess. */
  running = false;
  /** `true` for a whole whose parts were put in line. */
  opened = false;
  front = false;
  position = 0;
  /** The earliest start that was asked for; and the moment that the job waits for now. */
  beginAfter = 0;
  due: number | undefined;
  deadline: number | undefined;
  startedAt = 0;
  attempts = 0;
  errors = 0;
  interruptions = 0;
  places: readonly string[] = [];
  /** Whether it holds a place of its queue's agent. If it ever did, its callbacks hold one too. */
  hasAgent = false;
  wasClaimed = false;
  retriedBy: ModelJob | undefined;
  /** Whether its whole has counted it as done; and the callbacks that must complete before that. */
  counted = false;
  awaited: number | undefined;
  priority: number;
  quotas: readonly string[];
  readonly parts: ModelJob[] = [];
  readonly callbacks: ModelJob[] = [];

  constructor(name: string, { queue, asked, role, above, tick }: Made) {
    this.name = name;
    this.queue = queue;
    this.asked = asked;
    this.role = role;
    this.above = above;
    this.tick = tick;
    this.priority = asked.priority;
    this.quotas = asked.quotas;
  }

  get isWhole(): boolean {
    return this.asked.form !== 'call';
  }

  get partsDone(): number {
    return this.parts.filter(({ counted }) => counted).length;
  }

  /** Callbacks complete in order, after the call. */
  get callbacksDone(): number {
    if (this.outcome === undefined) return 0;
    const next = this.callbacks.findIndex(({ status }) => status !== 'completed');
    return next < 0 ? this.callbacks.length : next;
  }

  /** `true` if it has not begun yet. */
  get waits(): boolean {
    return this.status === 'new' || (this.status === 'pending' && this.attempts === 0);
  }
}

type Made = Pick<ModelJob, 'queue' | 'asked' | 'role' | 'above' | 'tick'>;

/** Something that time brings about. */
interface Event {
  readonly at: number;
  readonly happen: () => void;
}

interface Tick {
  readonly name: string;
  readonly at: number;
}

export class ModelSchedule {
  asked: ScheduleAsked;
  nextAt: number;
  lastAt: number | undefined;
  successAt: number | undefined;
  paused = false;
  missed = 0;
  skipped = 0;
  /** The jobs of its ticks, in order. */
  readonly jobs: ModelJob[] = [];
  /** The jobs that a tick looks at before its own job begins: those that may not be completed. */
  live: ModelJob[] = [];
  /** The job that waits until the others are completed. */
  waiting: ModelJob | undefined;

  constructor(asked: ScheduleAsked, now: number) {
    this.asked = asked;
    this.nextAt = tickAfter(asked, now);
  }

  hasJob(at: number): boolean {
    return this.jobs.some(({ tick }) => tick!.at === at);
  }
}

interface ModelQueue {
  paused: boolean;
  readonly quotas: Map<string, number>;
}

const plainCall: Asked = {
  form: 'call',
  parts: [],
  postprocess: false,
  priority: 0,
  quotas: [],
  retry: 'default',
  beginAfterMs: undefined,
  beginByMs: undefined,
  timeoutMs: undefined,
  unique: undefined,
  replace: false,
  callbacks: 0,
};

export class Model {
  now: number;
  readonly agentSize: number;
  readonly queues: ReadonlyMap<string, ModelQueue>;
  /** All jobs, in order of creation. */
  readonly jobs = new Map<string, ModelJob>();
  readonly schedules = new Map<string, ModelSchedule>();
  /** The jobs that began since the last comparison, in order. */
  started: ModelJob[] = [];
  /** Jobs that were asked to stop, and have not stopped yet. */
  readonly #stopping: ModelJob[] = [];
  /** Claimed jobs that can still be withdrawn from their threads. */
  #unbegun = new Set<ModelJob>();
  #position = 0;
  #names = 0;

  constructor(now: number, agentSize: number, queues: readonly string[]) {
    this.now = now;
    this.agentSize = agentSize;
    this.queues = new Map(queues.map((name) => [name, { paused: false, quotas: new Map() }]));
  }

  // Commands of users.

  /** Returns the job that the put made, or the live one with the same key. */
  put(queue: string, asked: Asked): ModelJob | Refusal {
    const live = asked.unique === undefined ? undefined : this.#uniqueJob(queue, asked.unique);
    if (live !== undefined) {
      if (!asked.replace || live.status !== 'pending' || live.attempts > 0) return live;
    }
    if (!this.#areKnown(queue, asked)) return 'UNKNOWN_QUOTA';
    if (live !== undefined) this.#cancel(live);
    const job = this.#make(queue, asked, 'root');
    this.#enqueue(job);
    this.#claim();
    return job;
  }

  addCallback(job: ModelJob): ModelJob {
    const callback = this.#make(job.queue, plainCall, 'callback', { above: job });
    if (job.outcome !== undefined) this.#callBack(job);
    this.#claim();
    return callback;
  }

  addPart(whole: ModelJob, asked: Asked): ModelJob | Refusal {
    if (!whole.isWhole || whole.outcome !== undefined || whole.attempts > 1 || this.#isGathering(whole))
      return 'JOB_STATUS';
    if (!this.#areKnown(whole.queue, asked)) return 'UNKNOWN_QUOTA';
    const part = this.#make(whole.queue, asked, 'part', { above: whole });
    if (whole.opened && whole.asked.form === 'parallel') this.#enqueue(part);
    this.#claim();
    return part;
  }

  cancel(job: ModelJob): Refused {
    if (job.outcome !== undefined) return 'JOB_STATUS';
    this.#cancel(job);
    this.#claim();
    return undefined;
  }

  fail(job: ModelJob): Refused {
    if (!job.waits) return 'JOB_STATUS';
    this.#conclude(job, 'OwnError', true);
    this.#claim();
    return undefined;
  }

  change(job: ModelJob, priority: number, quotas: readonly string[]): Refused {
    if (!job.waits) return 'JOB_STATUS';
    if (!quotas.every((quota) => this.#sizeOf(job.queue, quota) !== undefined)) return 'UNKNOWN_QUOTA';
    job.priority = priority;
    job.quotas = quotas;
    this.#claim();
    return undefined;
  }

  remove(job: ModelJob): Refused {
    if (job.status !== 'pending' || job.role !== 'root') return 'JOB_STATUS';
    job.status = 'new';
    job.due = undefined;
    job.front = false;
    job.places = [];
    this.#claim();
    return undefined;
  }

  putAgain(job: ModelJob): Refused {
    if (job.status !== 'new' || job.role !== 'root') return 'JOB_STATUS';
    const { unique } = job.asked;
    if (unique !== undefined && this.#uniqueJob(job.queue, unique) !== undefined) return 'JOB_STATUS';
    if (!this.#hasKnownQuotas(job)) return 'UNKNOWN_QUOTA';
    this.#enqueue(job);
    this.#claim();
    return undefined;
  }

  /** Runs a failed call again, without its callbacks. Returns the new job, or that of its key. */
  retry(job: ModelJob): ModelJob | Refusal {
    if (job.role !== 'root' || !job.isFailure || job.retriedBy !== undefined) return 'JOB_STATUS';
    const { queue, asked, priority, quotas, deadline } = job;
    const live = asked.unique === undefined ? undefined : this.#uniqueJob(queue, asked.unique);
    if (live === undefined && !quotas.every((quota) => this.#sizeOf(queue, quota) !== undefined))
      return 'UNKNOWN_QUOTA';
    const beginByMs = deadline === undefined ? undefined : asked.beginByMs;
    const again = { ...asked, priority, quotas, beginAfterMs: undefined, beginByMs, callbacks: 0, replace: false };
    job.retriedBy = live ?? this.#make(queue, again, 'root', { tick: job.tick });
    if (live === undefined) {
      this.#enqueue(job.retriedBy);
      if (job.tick !== undefined) this.schedules.get(job.tick.name)?.live.push(job.retriedBy);
    }
    this.#claim();
    return job.retriedBy;
  }

  /** Why a pending job does not begin now, apart from agents that are full. */
  reasons(job: ModelJob): readonly string[] {
    // A job that waits for its date is not in line.
    if (job.due !== undefined) return ['not-due'];
    const codes = { paused: this.queues.get(job.queue)!.paused, 'quota-full': !this.#hasRoom(job) };
    return Object.entries(codes).flatMap(([code, holds]) => (holds ? [code] : []));
  }

  pause(queue: string, paused: boolean): void {
    this.queues.get(queue)!.paused = paused;
    this.#claim();
  }

  /** Sets the size, or removes the quota if `size` is undefined. */
  setQuota(queue: string, name: string, size: number | undefined): void {
    const { quotas } = this.queues.get(queue)!;
    if (size === undefined) quotas.delete(name);
    else quotas.set(name, size);
    this.#claim();
  }

  // Schedules.

  /** Another job keeps the next tick; other ticks begin from now. */
  setSchedule(name: string, set: ScheduleAsked): Refused {
    if (!this.#areKnown(set.queue, set.asked)) return 'UNKNOWN_QUOTA';
    const there = this.schedules.get(name);
    if (there === undefined) {
      this.schedules.set(name, new ModelSchedule(set, this.now));
      return undefined;
    }
    const { everyMs, anchorMs } = there.asked;
    if (set.everyMs !== everyMs || set.anchorMs !== anchorMs) there.nextAt = tickAfter(set, this.now);
    there.asked = set;
    return undefined;
  }

  /** Ticks that pass during a pause are not missed. */
  pauseSchedule(name: string, paused: boolean): Refused {
    const there = this.schedules.get(name);
    if (there === undefined) return 'UNKNOWN_SCHEDULE';
    if (there.paused && !paused) there.nextAt = tickAfter(there.asked, this.now);
    there.paused = paused;
    return undefined;
  }

  /** Puts a job now, whatever the schedule does otherwise. */
  trigger(name: string): ModelJob | Refusal {
    const there = this.schedules.get(name);
    if (there === undefined) return 'UNKNOWN_SCHEDULE';
    const job = this.#putTick(there, { name, at: this.now }, false);
    if (job === undefined) return 'UNKNOWN_QUOTA';
    this.#claim();
    return job;
  }

  /** Puts a job for each tick of this time that has none, whatever job the schedule had then. */
  backfill(name: string, from: number, to: number): readonly ModelJob[] | Refusal {
    const there = this.schedules.get(name);
    if (there === undefined) return 'UNKNOWN_SCHEDULE';
    const ticks = [...ticksUntil(there.asked, tickAfter(there.asked, from - 1), to)];
    const empty = ticks.filter((at) => !there.hasJob(at));
    if (empty.length > 0 && !this.#areKnown(there.asked.queue, there.asked.asked)) return 'UNKNOWN_QUOTA';
    const jobs = empty.map((at) => this.#putTick(there, { name, at }, false)!);
    this.#claim();
    return jobs;
  }

  /** Its jobs go on, but the one that waits for others is cancelled. */
  removeSchedule(name: string): Refused {
    const there = this.schedules.get(name);
    if (there === undefined) return 'UNKNOWN_SCHEDULE';
    if (there.waiting !== undefined && there.waiting.outcome === undefined) this.#cancel(there.waiting);
    this.schedules.delete(name);
    this.#claim();
    return undefined;
  }

  // Events in the life of jobs.

  /** The job's function returns or throws. */
  end(job: ModelJob, isFailure: boolean): void {
    if (!isFailure) this.#conclude(job, `fine ${job.name}`, false);
    else this.#failed(job, 'RangeError');
    this.#claim();
  }

  /**
   * The job's thread died. The delay of the retry is random, so `dueAt` is the runtime's own value,
   * or undefined if the job is retried at once.
   */
  killed(job: ModelJob, dueAt: number | undefined): void {
    this.#interrupted(job, true, dueAt);
    this.#claim();
  }

  /**
   * The runtime was closed or crashed, and opened again `ms` later: running jobs begin anew,
   * uncounted.
   */
  reopened(isClean: boolean, ms = 0): void {
    for (const job of [...this.jobs.values()].filter(({ running }) => running))
      this.#interrupted(job, !isClean && job.asked.retry === 'never');
    this.now += ms;
    this.#happenUntilNow(() => this.#nextEvent());
    this.#claim();
    // The open runtime puts the jobs of ticks, before the claimed jobs begin.
    this.#unbegun = new Set(this.started);
    this.#catchUp();
    this.#claim();
    this.#unbegun.clear();
  }

  /** Moves the clock by `ms`. Each event on the way happens at its own time. */
  advance(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const next = firstOf(this.#nextEvent(), this.#nextTick());
      if (next === undefined || next.at > end) break;
      this.now = Math.max(this.now, next.at);
      // All events of one moment happen before any job begins.
      this.#happenUntilNow(() => firstOf(this.#nextEvent(), this.#nextTick()));
      this.#claim();
    }
    this.now = end;
  }

  // Views of users.

  /** The jobs that wait in a queue, in the order of claiming; then those with a date, by date. */
  line(queue: string): ModelJob[] {
    const waiting = [...this.jobs.values()].filter((job) => job.queue === queue && this.#isWaiting(job));
    const dated = waiting.filter(({ due }) => due !== undefined).sort((a, b) => a.due! - b.due!);
    return [...waiting.filter(({ due }) => due === undefined).sort(byTurn), ...dated];
  }

  /** The holders of a quota, one entry a place. */
  holders(queue: string, name: string): ModelJob[] {
    const here = [...this.jobs.values()].filter((job) => job.queue === queue);
    return here.flatMap((job) => job.places.filter((place) => quotaName(place) === name).map(() => job));
  }

  #happenUntilNow(nextOf: () => Event | undefined): void {
    for (let next = nextOf(); next !== undefined && next.at <= this.now; next = nextOf()) next.happen();
  }

  #nextEvent(): Event | undefined {
    return [...this.#comingEvents()].sort((a, b) => a.at - b.at)[0];
  }

  #nextTick(): Event | undefined {
    const [name, there] = this.#nextSchedule() ?? [];
    return there && { at: there.nextAt, happen: () => this.#handle(there, name!, [there.nextAt], there.nextAt) };
  }

  /** Returns the schedule whose tick comes first. */
  #nextSchedule(): [name: string, there: ModelSchedule] | undefined {
    return [...this.schedules].filter(([, { paused }]) => !paused).sort(([, a], [, b]) => a.nextAt - b.nextAt)[0];
  }

  /** Handles the ticks that passed while the runtime was closed, those of one schedule together. */
  #catchUp(): void {
    for (;;) {
      const [name, there] = this.#nextSchedule() ?? [];
      if (there === undefined || there.nextAt > this.now) return;
      const { missed, windowMs } = there.asked;
      const late = [...ticksUntil(there.asked, there.nextAt, this.now)];
      const last = late.at(-1)!;
      const isInTime = late.length === 1 && this.now - last <= lateMs;
      if (missed === 'all' && !isInTime) {
        // Those that are too old pass together; then each runs by itself.
        const old = late.filter((at) => at < this.now - windowMs);
        if (old.length > 0) this.#handle(there, name!, old, undefined);
        else this.#handle(there, name!, [late[0]!], late[0]);
      } else {
        const runs = isInTime || (missed === 'one' ? last >= this.now - windowMs : this.now - last <= lateMs);
        this.#handle(there, name!, late, runs ? last : undefined);
      }
    }
  }

  /** Handles ticks: one of them runs, or none; the others are missed. */
  #handle(there: ModelSchedule, name: string, ticks: readonly number[], at: number | undefined): void {
    there.lastAt = ticks.at(-1)!;
    there.nextAt = tickAfter(there.asked, there.lastAt);
    there.missed += ticks.length - (at === undefined ? 0 : 1);
    // A tick may have been filled in before its time.
    if (at === undefined || there.hasJob(at)) return;
    const { overlap } = there.asked;
    if (overlap === 'replace') {
      if (there.waiting !== undefined) there.live.push(there.waiting);
      there.waiting = undefined;
      for (const job of [...there.live])
        if (job.outcome === undefined && !this.#stopping.includes(job)) this.#cancel(job);
    }
    const isBusy = overlap !== 'allow' && there.live.some(({ status }) => status !== 'completed');
    if (isBusy && (overlap === 'skip' || there.waiting !== undefined)) there.skipped++;
    else this.#putTick(there, { name, at }, isBusy);
  }

  /** Returns the job of the tick; undefined if it can no longer be put. */
  #putTick(there: ModelSchedule, tick: Tick, waits: boolean): ModelJob | undefined {
    const { queue, asked } = there.asked;
    if (!this.#areKnown(queue, asked)) return undefined;
    const job = this.#make(queue, { ...asked, unique: `tick ${tick.name} ${tick.at}` }, 'root', {
      tick,
      name: tickName(tick),
    });
    there.jobs.push(job);
    if (waits) there.waiting = job;
    else {
      there.live.push(job);
      this.#enqueue(job);
    }
    return job;
  }

  /** The job of a tick is completed: the one that waited for it and others begins. */
  #endTick(job: ModelJob): void {
    const there = job.tick && this.schedules.get(job.tick.name);
    if (there === undefined || (there.waiting !== job && !there.live.includes(job))) return;
    if (job.isFailure) there.paused ||= there.asked.pauseOnFailure;
    else there.successAt = Math.max(there.successAt ?? 0, job.tick!.at);
    there.live = there.live.filter((one) => one !== job);
    if (there.waiting === job) there.waiting = undefined;
    const next = there.waiting;
    if (next === undefined || there.live.length > 0) return;
    there.waiting = undefined;
    there.live.push(next);
    // A user may have put it meanwhile.
    if (next.status === 'new') this.#enqueue(next);
  }

  *#comingEvents(): Iterable<Event> {
    for (const job of this.jobs.values()) {
      const { due, deadline, asked } = job;
      if (due !== undefined) yield { at: due, happen: () => this.#becomeDue(job) };
      const isDue =
        job.outcome === undefined && job.attempts === 0 && (job.status === 'pending' || job.role === 'part');
      if (isDue && deadline !== undefined)
        yield { at: deadline, happen: () => this.#conclude(job, 'JobExpiredError', true) };
      if (job.running && asked.timeoutMs !== undefined)
        yield { at: job.startedAt + asked.timeoutMs, happen: () => this.#failed(job, 'JobTimeoutError') };
    }
  }

  /** The jobs of ticks have names of their own, since all of them have the same arguments. */
  #make(queue: string, asked: Asked, role: ModelJob['role'], place: Partial<Made> & { name?: string } = {}): ModelJob {
    const { above, tick } = place;
    const name = place.name ?? `j${++this.#names}`;
    const job = new ModelJob(name, { queue, asked, role, above, tick });
    this.jobs.set(job.name, job);
    if (role === 'part') above!.parts.push(job);
    if (role === 'callback') above!.callbacks.push(job);
    const { beginAfterMs = 0, beginByMs } = asked;
    if (beginByMs !== undefined) job.deadline = this.now + beginAfterMs + beginByMs;
    job.beginAfter = this.now + beginAfterMs;
    for (const part of asked.parts) this.#make(queue, part, 'part', { above: job });
    for (let n = 1; n <= asked.callbacks; n++)
      this.#make(queue, plainCall, 'callback', { above: job, ...(place.name && { name: `${name} ${n}` }) });
    return job;
  }

  #enqueue(job: ModelJob): void {
    job.status = 'pending';
    job.due = job.beginAfter > this.now ? job.beginAfter : undefined;
    if (job.due === undefined) job.position = ++this.#position;
    this.#expireIfLate(job);
  }

  #expireIfLate(job: ModelJob): void {
    if (job.deadline !== undefined && job.deadline <= this.now && job.attempts === 0)
      this.#conclude(job, 'JobExpiredError', true);
  }

  #becomeDue(job: ModelJob): void {
    job.due = undefined;
    if (job.role === 'callback') return this.#begin(job);
    job.position = ++this.#position;
    // Both have come while the runtime was closed.
    this.#expireIfLate(job);
  }

  /** Begins jobs, ends those asked to stop, and begins the jobs that these made room for. */
  #claim(): void {
    this.#beginFirst();
    while (this.#stopping.length > 0) {
      for (const job of this.#stopping.splice(0)) this.#conclude(job, 'JobCancelledError', true);
      this.#beginFirst();
    }
  }

  /** Begins every job that can begin, in the order of the contract. */
  #beginFirst(): void {
    for (const [queue, { paused }] of this.queues) {
      if (paused) continue;
      for (;;) {
        const job = this.line(queue).find((one) => one.due === undefined && this.#hasRoom(one));
        if (job === undefined) break;
        if (job.isWhole && !job.opened) this.#open(job);
        else if (this.#agentPlaces(queue) < this.agentSize) this.#begin(job);
        else break;
      }
    }
  }

  #begin(job: ModelJob): void {
    if (job.role !== 'callback') {
      job.hasAgent = true;
      job.wasClaimed = true;
      job.places = this.#needed(job);
    }
    job.status = 'active';
    job.running = true;
    job.front = false;
    job.startedAt = this.now;
    job.attempts++;
    job.awaited ??= job.callbacks.length;
    this.started.push(job);
  }

  /** Puts the parts of a whole that reached the front of its line. */
  #open(whole: ModelJob): void {
    whole.status = 'active';
    whole.opened = true;
    whole.attempts++;
    whole.places = this.#needed(whole);
    whole.awaited = whole.callbacks.length;
    if (whole.parts.every(({ counted }) => counted)) this.#gather(whole);
    else if (whole.asked.form === 'serial') this.#openNext(whole);
    else for (const part of [...whole.parts]) if (part.status === 'new') this.#enqueue(part);
  }

  /** Puts the first unfinished part, unless it was put already. */
  #openNext(whole: ModelJob): void {
    const next = whole.parts.find(({ counted }) => !counted)!;
    if (next.status === 'new') this.#enqueue(next);
  }

  /** All parts are done: runs the postprocess, or completes the whole. */
  #gather(whole: ModelJob): void {
    if (whole.asked.postprocess) {
      whole.position = ++this.#position;
      whole.front = false;
    } else {
      this.#conclude(whole, whole.parts.map(({ outcome }) => outcome).join(), false);
    }
  }

  #isGathering(whole: ModelJob): boolean {
    return whole.opened && whole.parts.every(({ counted }) => counted);
  }

  #conclude(job: ModelJob, outcome: string, isFailure: boolean): void {
    job.running = false;
    job.hasAgent = job.wasClaimed;
    job.outcome = outcome;
    job.isFailure = isFailure;
    job.status = 'callbacks';
    job.due = undefined;
    job.front = false;
    job.places = [];
    job.awaited ??= job.callbacks.length;
    // No job waits for its parts any more.
    for (const part of job.parts) if (part.outcome === undefined) this.#cancel(part);
    this.#callBack(job);
    if (job.role === 'part') this.#notePart(job);
  }

  /** Begins the next callback, or completes the job after the last. */
  #callBack(job: ModelJob): void {
    const next = job.callbacks.find(({ status }) => status !== 'completed');
    if (next !== undefined) {
      if (next.status === 'new') this.#begin(next);
      return;
    }
    if (job.status !== 'callbacks') return;
    job.status = 'completed';
    job.hasAgent = false;
    this.#endTick(job);
    if (job.role === 'callback') {
      if (job.above!.outcome !== undefined) this.#callBack(job.above!);
      if (job.above!.role === 'part') this.#notePart(job.above!);
    }
  }

  #notePart(part: ModelJob): void {
    if (part.counted || part.outcome === undefined || part.callbacksDone < part.awaited!) return;
    part.counted = true;
    const whole = part.above!;
    if (whole.outcome !== undefined || !whole.opened) return;
    if (whole.parts.every(({ counted }) => counted)) this.#gather(whole);
    else if (whole.asked.form === 'serial') this.#openNext(whole);
  }

  /** A running job is asked to stop, and keeps its places until it has stopped. */
  #cancel(job: ModelJob): void {
    if (!job.running) return this.#conclude(job, 'JobCancelledError', true);
    this.#stopping.push(job);
    if (!this.#unbegun.delete(job)) return;
    // The claim of a job that must not begin twice counts as its start.
    if (job.asked.retry !== 'never') job.attempts--;
    this.started = this.started.filter((one) => one !== job);
  }

  #failed(job: ModelJob, error: string): void {
    const { retry } = job.asked;
    const delay = retry === 'later' ? retryLaterMs : 0;
    const retried = (retry === 'at once' || retry === 'later') && job.errors < retryLimit;
    const isTooLate = job.deadline !== undefined && this.now + delay > job.deadline;
    if (!retried || isTooLate) return this.#conclude(job, error, true);
    job.errors++;
    this.#putBack(job, delay);
  }

  #interrupted(job: ModelJob, isCounted: boolean, dueAt = this.now): void {
    if (isCounted) job.interruptions++;
    const longestMs = isCounted && job.interruptions > 1 ? Math.min(60_000, 1000 * 2 ** (job.interruptions - 2)) : 0;
    const delay = dueAt - this.now;
    const isRight = delay >= 0.8 * longestMs && delay <= longestMs;
    const isTooLate = job.deadline !== undefined && this.now + 0.8 * longestMs > job.deadline;
    if (job.asked.retry === 'never' && job.role !== 'callback') this.#conclude(job, 'JobInterruptedError', true);
    else if (job.interruptions > 9 && job.asked.retry !== 'forever' && job.role !== 'callback')
      this.#conclude(job, 'JobInterruptedError', true);
    else if (longestMs > 0 && isTooLate && dueAt === this.now) this.#conclude(job, 'JobInterruptedError', true);
    else if (!isRight) throw new Error(`${job.name} waits ${delay} ms for its next run, of at most ${longestMs}`);
    else if (job.role === 'callback' && delay === 0) this.#begin(job);
    else this.#putBack(job, delay);
  }

  /** Puts a job in line again: at once, in front and with its places; or later, without them. */
  #putBack(job: ModelJob, delay: number): void {
    job.running = false;
    job.hasAgent = false;
    if (!job.isWhole) job.status = 'pending';
    if (delay === 0) {
      job.front = true;
    } else {
      job.due = this.now + delay;
      job.places = [];
    }
  }

  #isWaiting(job: ModelJob): boolean {
    if (job.status === 'pending') return true;
    return job.isWhole && job.status === 'active' && !job.running && this.#isGathering(job);
  }

  #hasKnownQuotas({ queue, quotas, parts }: ModelJob): boolean {
    const areKnown = quotas.every((quota) => this.#sizeOf(queue, quota) !== undefined);
    return areKnown && parts.every((part) => this.#hasKnownQuotas(part));
  }

  #agentPlaces(queue: string): number {
    return [...this.jobs.values()].filter((job) => job.queue === queue && job.hasAgent && !this.#rests(job)).length;
  }

  /** Whether the job's current callback waits for its retry. */
  #rests(job: ModelJob): boolean {
    if (job.status !== 'callbacks') return false;
    const next = job.callbacks.find(({ status }) => status !== 'completed');
    return next !== undefined && (next.due !== undefined || this.#rests(next));
  }

  #hasRoom(job: ModelJob): boolean {
    return this.#needed(job).every((quota) => {
      const size = this.#sizeOf(job.queue, quota);
      if (size === undefined || job.places.includes(quota)) return true;
      const taken = [...this.jobs.values()].filter((one) => one.queue === job.queue && one.places.includes(quota));
      return taken.length < size;
    });
  }

  /** A part shares the places of the wholes that wait for it. */
  #needed(job: ModelJob): readonly string[] {
    const shared: string[] = [];
    for (let one = job; one.role === 'part'; one = one.above!) shared.push(...one.above!.places);
    return job.quotas.filter((quota) => !shared.includes(quota));
  }

  #areKnown(queue: string, asked: Asked): boolean {
    const own = asked.quotas.every((quota) => this.#sizeOf(queue, quota) !== undefined);
    return own && asked.parts.every((part) => this.#areKnown(queue, part));
  }

  #sizeOf(queue: string, quota: string): number | undefined {
    return this.queues.get(queue)!.quotas.get(quotaName(quota));
  }

  #uniqueJob(queue: string, key: string): ModelJob | undefined {
    for (const job of this.jobs.values()) {
      const isPut = job.outcome === undefined && job.status !== 'new';
      if (isPut && job.queue === queue && job.asked.unique === key) return job;
    }
    return undefined;
  }
}

/** The name of the job that a schedule puts for a tick. */
export const tickName = ({ name, at }: Tick) => `${name} ${at}`;

/** A tick that is handled later than this, in milliseconds, was missed. */
const lateMs = 60_000;

const tickAfter = ({ everyMs, anchorMs }: ScheduleAsked, at: number) =>
  anchorMs + (Math.floor((at - anchorMs) / everyMs) + 1) * everyMs;

function* ticksUntil({ everyMs }: ScheduleAsked, from: number, until: number): Iterable<number> {
  for (let at = from; at <= until; at += everyMs) yield at;
}

const firstOf = (a: Event | undefined, b: Event | undefined) => (b === undefined || (a && a.at <= b.at) ? a : b);

/** `tenant/acme` is the quota `tenant` with the key `acme`. */
export const quotaName = (quota: string) => quota.split('/')[0]!;

function byTurn(a: ModelJob, b: ModelJob): number {
  return b.priority - a.priority || Number(b.front) - Number(a.front) || a.position - b.position;
}
