/**
 * Fires schedules at their ticks, and computes the ticks for their commands.
 *
 * The state holds the next tick of each schedule. When it has come, the coordinator decides `fire`
 * with the tick after it, and with the job, made from the template. All dispatchers of a shared
 * store do so; the first one wins.
 */
import { derivedId, newId } from '../codec/id.js';
import { decodePayload } from '../codec/payload.js';
import { levelGate, type Tick } from '../core/commands.js';
import type { Id, Level, ScheduleRecord, ScheduleSettings } from '../core/records.js';
import { requireSchedule, scheduleOf } from '../core/schedules.js';
import { ClosedError, JournalCorruptError, UnknownScheduleError } from '../errors.js';
import { commandFromWire } from '../protocol/commands.js';
import type { ScheduleCommand, StoredTemplate, WireJob } from '../protocol/messages.js';
import type { Ticks } from '../schedule/ticks.js';
import type { Records } from '../store/store.js';
import type { Caller } from './clients/caller.js';
import { replyTo } from './clients/replies.js';
import type { Context } from './context.js';
import { copyOf } from './job-copies.js';

/** A tick that no runtime handled for this time was missed. A later tick makes it so at once. */
const lateMs = 60_000;
/** Missed ticks of one schedule that run one after another. */
const mostCaughtUp = 1000;
/** Missed ticks are counted up to this number. */
const mostCounted = 100;
/** The time for ticks in one turn. The rest follows in the next. */
const sliceMs = 5;
/** The version of the time zones in this Node; undefined in a Node without any. */
const zonesVersion = process.versions.tz ?? '';

export class Schedules {
  readonly #context: Context;
  readonly #mayFire: () => boolean;
  readonly #stopwatch: () => number;
  /** Undefined while there was no schedule: computing ticks needs a library. */
  #ticksOf: ((spec: ScheduleRecord['spec']) => Ticks) | undefined;
  #isLoading = false;
  /** The schedule whose tick is on its way. */
  #firing: ScheduleRecord | undefined;
  /** Missed ticks that have run since the last tick in time, by schedule. */
  readonly #caughtUp = new Map<string, number>();
  /** Schedules whose next tick another version of the time zones gave; it may have moved. */
  #outdated: string[] = [];

  constructor(context: Context, mayFire: () => boolean, stopwatch: () => number) {
    this.#context = context;
    this.#mayFire = mayFire;
    this.#stopwatch = stopwatch;
  }

  /** Takes in the schedules that are there when the store has opened. */
  opened(): void {
    const outdated: string[] = [];
    for (const setting of this.#context.store.local.settings())
      if (setting.kind === 'schedule' && this.#isOutdated(setting)) outdated.push(setting.name);
    this.#outdated = outdated;
  }

  /** A tick that has come stays: it was right for its time. */
  #isOutdated({ spec, nextAt, zones }: ScheduleRecord): boolean {
    return 'cron' in spec && nextAt > this.#context.now() && zones !== zonesVersion;
  }

  /** The time of the next tick that this process may handle. */
  get nextAt(): number | undefined {
    if (this.#isLoading || !this.#mayFire()) return undefined;
    if (this.#outdated.length > 0) return 0;
    const next = this.#context.store.local.nextSchedule;
    if (next === undefined) return undefined;
    const isFiring = this.#firing?.name === next.name && this.#firing.nextAt === next.nextAt;
    return isFiring ? undefined : next.nextAt;
  }

  /** Handles the ticks that have come. */
  fire(): void {
    const { store, now, decide, turn } = this.#context;
    if (!store.takesWork) return;
    const end = this.#stopwatch() + sliceMs;
    while (this.#outdated.length > 0 && this.nextAt !== undefined) {
      if (this.#ticksOf === undefined) return this.#load();
      if (this.#stopwatch() > end) return turn();
      const there = scheduleOf(store.local, this.#outdated.pop()!);
      if (there === undefined || !this.#isOutdated(there)) continue;
      const { name, spec, nextAt: at, lastAt } = there;
      const nextAt = this.#ticksOf(spec).after(Math.max(now(), lastAt));
      decide({ type: 'renewTick', name, at, nextAt, zones: zonesVersion });
    }
    while ((this.nextAt ?? Number.POSITIVE_INFINITY) <= now()) {
      if (this.#ticksOf === undefined) return this.#load();
      if (this.#stopwatch() > end) return turn();
      this.#fire(store.local.nextSchedule!);
    }
  }

  #fire(there: ScheduleRecord): void {
    const { store, now, decide, turn, dispatcher: owner } = this.#context;
    const { run, ...handling } = this.#handling(there, now());
    const fire = (tick: Tick | null) =>
      decide(
        { type: 'fire', owner, zones: zonesVersion, ...handling, tick },
        store.isExclusive ? undefined : { reply },
      );
    const reply = () => {
      this.#firing = undefined;
      turn();
    };
    // The record changes with the decision, which takes time in other stores.
    if (!store.isExclusive) this.#firing = there;
    if (run === undefined) fire(null);
    else this.#readTick(there, run, fire);
  }

  /** Carries out a command of a client. */
  do(caller: Caller, request: number, level: Level, command: ScheduleCommand): void {
    const { post } = caller;
    const { isClosing } = this.#context;
    this.#load((error) => {
      if (error !== undefined) return post(replyTo(request, error));
      try {
        if (isClosing()) throw new ClosedError('the runtime is closing');
        this.#do(caller, request, level, command);
      } catch (refusal) {
        post(replyTo(request, refusal as Error));
      }
    });
  }

  #load(then?: (error?: Error) => void): void {
    if (this.#ticksOf !== undefined) return then?.();
    this.#isLoading = true;
    import('../schedule/ticks.js').then(
      ({ ticksOf }) => {
        this.#ticksOf = ticksOf;
        this.#isLoading = false;
        // No tick could come meanwhile.
        this.#context.turn();
        then?.();
      },
      (error: Error) => {
        this.#context.post(['log', 'error', 'no schedule runs: its library cannot be loaded', error.message]);
        then?.(error);
      },
    );
  }

  #do({ post }: Caller, request: number, level: Level, command: ScheduleCommand): void {
    const { store, decide, dispatcher: owner, now } = this.#context;
    const reply = (error?: Error) => post(replyTo(request, error));
    switch (command.type) {
      case 'setSchedule': {
        const { settings, template, job } = command;
        const nextAt = this.#ticksOf!(settings.spec).after(now());
        const made = { id: template.id, args: store.payload(template.args) };
        const [sample] = this.#specs([job], settings.queue, level);
        const set = { settings, template: made, sample: sample!, nextAt, zones: zonesVersion, owner, level };
        return decide({ type: command.type, ...set }, { gate: levelGate(level), reply });
      }
      case 'pauseSchedule': {
        const look = ({ view }: Records) => requireSchedule(view, command.name).spec;
        const tell = (error: Error | undefined, spec?: ReturnType<typeof look>) => {
          if (spec === undefined) return reply(error);
          const nextAt = this.#ticksOf!(spec).after(now());
          decide({ ...command, nextAt, zones: zonesVersion }, { gate: 'synced', reply });
        };
        // Another process may have set it just now.
        return store.read(look, tell, 'decided');
      }
      case 'removeSchedule':
        return decide(command, { gate: 'synced', reply });
      case 'runTicks': {
        const id = command.ticks === undefined ? newId() : undefined;
        const look = (records: Records) => {
          const there = requireSchedule(records.view, command.name);
          const ticks = (command.ticks ?? [now()]).map((at) => this.#tick(records, there, at, id));
          return { ticks, put: ticks.map(({ job }) => job.id).filter((job) => records.view.job(job) === undefined) };
        };
        const tell = (error: Error | undefined, found?: ReturnType<typeof look>) => {
          if (found === undefined) return reply(error);
          const { ticks, put } = found;
          const answer = (error?: Error) => (error === undefined ? post(['answer', request, put]) : reply(error));
          const run = { type: command.type, name: command.name, ticks, owner } as const;
          decide(run, { gate: levelGate(level), reply: answer });
        };
        return store.read(look, tell, 'decided');
      }
    }
  }

  /** Decides which of the ticks that have come runs, and which is the next to handle. */
  #handling(there: ScheduleRecord, now: number): Handling {
    const { name, nextAt: at, missed: policy, windowMs } = there;
    const ticks = this.#ticksOf!(there.spec);
    const second = ticks.after(at);
    const isOver = (tick: number) => tick !== 0 && tick <= now;
    if (!isOver(second) && now - at <= lateMs) {
      this.#caughtUp.delete(name);
      return { name, at, last: at, next: second, missed: 0, run: at };
    }
    const oldest = now - windowMs;
    if (policy === 'all') {
      const caughtUp = this.#caughtUp.get(name) ?? 0;
      this.#caughtUp.set(name, caughtUp + 1);
      if (at >= oldest && caughtUp < mostCaughtUp) return { name, at, last: at, next: second, missed: 0, run: at };
      const next = ticks.after(Math.max(at, caughtUp < mostCaughtUp ? oldest - 1 : now));
      const last = ticks.latest(next === 0 ? now : next - 1, at);
      return { name, at, last, next, missed: ticks.count(at, last, mostCounted), run: undefined };
    }
    const last = ticks.latest(now, at);
    const isRun = policy === 'one' ? last >= oldest : now - last <= lateMs;
    const missed = ticks.count(at, isRun ? last - 1 : last, mostCounted);
    return { name, at, last, next: ticks.after(last), missed, run: isRun ? last : undefined };
  }

  /** Makes the job of a tick; null if its arguments cannot be read. */
  #readTick(there: ScheduleRecord, at: number, then: (tick: Tick | null) => void): void {
    const tell = (error: Error | undefined, tick?: Tick) => {
      // Any other error of reading has ended the store, which reports it itself.
      if (error instanceof JournalCorruptError)
        this.#context.post(['log', 'error', error.message, `schedule ${JSON.stringify(there.name)} cannot run`]);
      then(tick ?? null);
    };
    this.#context.store.read((records: Records) => this.#tick(records, there, at), tell, 'decided');
  }

  #tick(records: Records, there: ScheduleRecord, at: number, id = tickId(there, at)): Tick {
    const { now } = this.#context;
    const template = records.view.job(there.template);
    if (template === undefined)
      throw new UnknownScheduleError(`the schedule ${JSON.stringify(there.name)} was removed`);
    const stored = decodePayload(records.bytes(template.args!)) as StoredTemplate;
    const [, form, callable, args, options, ...members] = copyOf(stored.job, now() - stored.encodedAt);
    const jitter = there.jitterMs === 0 ? {} : { beginAfter: at + jitterOf(there, at) };
    const wire = [id, form, callable, args, { ...options, ...jitter }, ...members] as WireJob;
    return { at, job: this.#specs([wire], there.queue, template.level)[0]! };
  }

  #specs(jobs: WireJob[], queue: string, level: Level) {
    const { store, dispatcher: owner } = this.#context;
    const put = commandFromWire({ type: 'put', queue, jobs }, { owner, level, payload: store.payload });
    return put.type === 'put' ? put.jobs : [];
  }
}

interface Handling {
  readonly name: string;
  readonly at: number;
  readonly last: number;
  readonly next: number;
  readonly missed: number;
  /** The tick that runs. */
  readonly run: number | undefined;
}

/** The same in each process, and whatever job the schedule has, so that the tick has one job. */
const tickId = ({ series }: ScheduleRecord, at: number): Id => derivedId(`${series} ${at}`);

function jitterOf({ name, jitterMs }: ScheduleSettings, at: number): number {
  const hash = Buffer.from(derivedId(`${name} ${at}`), 'latin1').readUInt32LE(0);
  return Math.floor((hash / 2 ** 32) * jitterMs);
}
