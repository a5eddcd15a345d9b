/**
 * A store that keeps its records in a database that it shares with other processes.
 *
 * It has no copy of the records. The commands of a turn are decided as one group in a transaction,
 * on a view of the records that the transaction has loaded. A decision that needs other records
 * throws a want; the store loads them, and decides again. Claims come last, on jobs that no other
 * transaction has locked. After a conflict the whole group is decided again. A look is run in the
 * same way, on a view of its own that is never committed. So every answer comes later, and all
 * gates open with the commit.
 *
 * The ends of plain runs need no loading: they are decided on the jobs as the last commits here
 * have left them, and the commit is a conflict if others have changed any of them since
 * (`own-jobs.ts`).
 *
 * A group that may have been committed when its connection was lost is recognized by the number
 * that its session wrote with it.
 *
 * Large payloads go ahead of their commands, beside the transactions (`uploads.ts`), and looks that
 * need some are answered beside the others. So no other command or look waits for their bytes.
 *
 * What others decide is looked up: after each notification of the database, which is a hint, and
 * at an interval, which is what counts. Of their decisions a host hears only what concerns it: the
 * settings, the jobs that it has claimed, the outcomes and annotations for which it waits, the time
 * of the next timer, and events while it listens (`hearing.ts`).
 */
import { type Command, gates, idsMadeBy, type Outside } from '../../core/commands.js';
import { decide } from '../../core/decide.js';
import {
  type Id,
  type JobRecord,
  type Payload,
  type PingRecord,
  type SettingRecord,
  settingKey,
} from '../../core/records.js';
import { placeKey } from '../../core/state/indices.js';
import { State } from '../../core/state/state.js';
import type { Puts } from '../../core/state/tallies.js';
import { DatabaseUnusableError } from '../../errors.js';
import type { ClaimRequests } from '../claims.js';
import { Group } from '../group.js';
import {
  type Asked,
  type Local,
  noFigures,
  OutsideNow,
  type Put,
  type Records,
  type Store,
  type StoreFigures,
  type StoreOutside,
  type StoreOwner,
  type Tell,
} from '../store.js';
import {
  ConflictError,
  ConnectionError,
  type Database,
  type KnownJob,
  type News,
  noRows,
  PostedError,
  type Rows,
  type Transaction,
  type Writes,
} from './database.js';
import { DatabaseClock } from './database-clock.js';
import { claimOn, decideOn, load, lookOn, prefetch } from './deciding.js';
import { Hearing } from './hearing.js';
import { OwnJobs } from './own-jobs.js';
import { type LineSource, lineAtOnce, PartialState } from './partial-state.js';
import { Uploads } from './uploads.js';
import { Verdicts } from './verdicts.js';
import { type Want, wantKey } from './wants.js';

/** A command counts at the time at which it was asked, however late it is decided. */
interface Timed extends Asked {
  readonly now: number;
}

interface Reader {
  readonly look: (records: Records) => unknown;
  readonly tell: Tell<unknown>;
}

/** A group as one transaction decided it. */
interface Decided {
  readonly group: Group;
  readonly view: PartialState;
  readonly writes: Writes;
  readonly puts: readonly Puts[];
  /** The jobs that were not loaded for it. */
  readonly assumed: readonly KnownJob[];
  /** See `claimAll`. */
  readonly isFull: boolean;
  /** Undefined if that is not known. */
  version?: string;
}

export interface SharedStoreOptions {
  /** Resolves when the way to the database may be used. */
  readonly through?: () => Promise<void>;
  /** Looks at the database at this interval, in case a notification was lost. Default: never. */
  readonly poll?: { readonly everyMs: number; after(delayMs: number, callback: () => void): { clear(): void } };
}

/**
 * The jobs in line behind the last claim: none, some for which no thread had room, or others, as
 * soon as something may have come.
 */
type InLine = 'empty' | 'full' | 'unknown';

/** While notifications come, each poll of this number looks at everything. */
const pollsHeard = 20;
/** The polls that look for posted puts after one was written here: about a minute. */
const pollsPosting = 60;

/** Transactions that follow one another. */
interface Lane {
  /** The name by which its commits are found again. */
  readonly session: string;
  groups: number;
}

let sessions = 0;

/**
 * A claim reads some more jobs than the last one took, so that bursts find theirs at once. A claim
 * that took fewer lowers the number by a part only.
 */
const lineLimit = 1024;
const lineMargin = 8;
const lineKept = 0.75;

export class SharedStore implements Store {
  readonly isExclusive = false;
  readonly isShared = true;
  readonly isSyncing = false;
  readonly takesWork = true;
  readonly #mirror = new State();
  readonly local: Local = this.#mirror;
  readonly #database: Database;
  readonly #outside: StoreOutside;
  readonly #outsideNow: OutsideNow;
  readonly #options: SharedStoreOptions;
  readonly #main: Lane = { session: `${++sessions}`, groups: 0 };
  /** Proofs of life wait for no other transaction, however large that is. */
  readonly #proofs: Lane = { session: `${sessions} proofs`, groups: 0 };
  #owner!: StoreOwner;
  /** Commands since the last `commit`, and those that it has handed over. */
  #asked: Timed[] = [];
  #handed: Timed[] = [];
  /** Looks are answered in the order in which they were asked. */
  #readers: Reader[] = [];
  /** The commands and the looks that the transaction under way decides and answers. */
  #underWay: readonly Timed[] = [];
  #answered: Reader[] = [];
  /** The looks that need large payloads. */
  #fetchers: Reader[] = [];
  #fetching: Promise<void> | undefined;
  readonly #uploads: Uploads<Timed>;
  /** Posted puts whose large payloads are uploaded before they are taken, by `seq`. */
  readonly #postedAhead = new Map<number, Put>();
  #requests: ClaimRequests | undefined;
  /** See `Store.claim`. */
  #claimMost = 0;
  /** During a release: the view of its transaction, in which a look may find all that it needs. */
  #released: PartialState | undefined;
  /** The earliest timer of any job; `undefined` for none. */
  #timer: number | undefined;
  /** `true` until the timer that a tick leaves is known. Another tick would find nothing to do. */
  #isTicking = false;
  /** The time at which a rate may have room again for a job that was not claimed; 0 for none. */
  #wakeAt = 0;
  /** As far as it is known here. */
  #inLine: InLine = 'unknown';
  /** The totals of kept roots behind the last commit here, while nothing else is known of them. */
  #kept: PartialState | undefined;
  /** `true` if anyone listened to events, as of the last decision. */
  #isHeard = true;
  /** The callables of jobs in line that cannot run here. */
  readonly #foreign = new Set<string>();
  /** Shows whether a look needs any records. */
  readonly #nowhere = new PartialState(undefined, true);
  #puts: Puts[] = [];
  readonly #verdicts = new Verdicts();
  readonly #own: OwnJobs;
  /** The number of jobs to read of a line: somewhat more than the last claims took. */
  #lineMost = lineAtOnce;
  readonly #hearing: Hearing;
  readonly #clock = new DatabaseClock();
  #conflicts = 0;
  #working: Promise<void> | undefined;
  /** The pings under way. */
  #pings: Timed[] = [];
  #proving: Promise<void> | undefined;
  /** `true` if others may have changed something since the last look. */
  #stale = false;
  /** `true` if others may have changed the jobs of this dispatcher since the last look. */
  #isHeldStale = true;
  /** The awaited jobs that this round of looks has not yet asked for. */
  #unasked: Id[] = [];
  /** `true` if it is time to drop events that are read. */
  #sweeps = false;
  /** `true` if users' own transactions may have put jobs that are not decided. */
  #isPosted = false;
  #dead = false;
  #failed: Error | undefined;
  #noteFailing = () => {};
  readonly #failing = new Promise<void>((resolve) => {
    this.#noteFailing = resolve;
  });
  #closed: Promise<void> | undefined;
  #unwatch = () => {};
  #poll: { clear(): void } | undefined;
  #polls = 0;
  /** The polls left that look for posted puts. */
  #pollsPosting = 0;
  #linesNoted = 0;
  #finding: Promise<void> | undefined;

  constructor(database: Database, outside: StoreOutside, options: SharedStoreOptions = {}) {
    this.#database = database;
    this.#outside = outside;
    this.#options = options;
    this.#uploads = new Uploads<Timed>(database, {
      through: async () => this.#options.through?.(),
      tryAgainAfter: (error) => this.#tryAgainAfter(error),
      isDead: () => this.#dead,
      ready: (asked) => {
        this.#handed.push(...asked);
        this.#work();
      },
      fail: (error) => this.#fail(error),
    });
    this.payload = this.#uploads.payload;
    this.#outsideNow = new OutsideNow(outside, this.payload);
    this.#hearing = new Hearing(database);
    this.#own = new OwnJobs(this.#mirror, outside.dispatcher, this.#verdicts);
  }

  get hears(): boolean {
    return this.#hearing.isOn;
  }

  get outbox(): string | undefined {
    return this.#database.outbox;
  }

  get figures(): StoreFigures {
    return { ...noFigures, frames: this.#main.groups + this.#proofs.groups };
  }

  /** Transactions that were decided again because another process had committed first. */
  get conflicts(): number {
    return this.#conflicts;
  }

  async open(owner: StoreOwner): Promise<void> {
    this.#owner = owner;
    const limit = this.#options.poll?.after(openingMs, () => this.#endOpening());
    await Promise.race([this.#lookAround(), this.#failing]);
    limit?.clear();
    if (this.#failed !== undefined) throw this.#failed;
    this.#unwatch = this.#database.watch((news) => this.#wake(news));
    this.#pollLater();
  }

  #endOpening(): void {
    this.#failed = new DatabaseUnusableError(`the database did not answer within ${openingMs} ms of opening`);
    this.die();
    this.#noteFailing();
  }

  transact(asked: Asked): void {
    const now = this.#outside.now();
    if (this.#wakeAt <= now) this.#wakeAt = 0;
    this.#isTicking ||= isTick(asked);
    const timed = { ...asked, now };
    if (asked.command.type === 'clockSet') this.#noteClock(asked.command.byMs);
    else if (asked.command.type === 'ping') this.#ping(timed);
    else if (!this.#uploads.hold(timed)) this.#asked.push(timed);
  }

  claim(requests: ClaimRequests, most = Number.POSITIVE_INFINITY): void {
    this.#claimMost = most;
    this.#requests = this.#asked.length === 0 && this.#claimsNothing ? undefined : requests;
  }

  /** `true` if a claim would find no job, or no room for one. */
  get #claimsNothing(): boolean {
    return this.#inLine === 'empty' || (this.#inLine === 'full' && this.#claimMost === 0);
  }

  commit(): void {
    if (this.#asked.length === 0 && !this.#hasWork) return;
    this.#handed.push(...this.#asked);
    this.#asked = [];
    this.#work();
  }

  get nextTimer(): number | undefined {
    const timer = this.#isTicking ? undefined : this.#timer;
    if (this.#wakeAt === 0) return timer;
    return Math.min(this.#wakeAt, timer ?? this.#wakeAt);
  }

  takePuts(): readonly Puts[] {
    return this.#puts.splice(0);
  }

  judge(job: JobRecord, verdicts: string): void {
    this.#verdicts.note(job, verdicts);
    this.#noteLines();
    const released = this.#released?.known(job.id);
    if (released !== undefined) this.#released!.judge(released, verdicts);
  }

  survey(tell: Tell<Records>): void {
    const look = (records: Records) => {
      records.view.jobs();
      return records;
    };
    this.read(look, tell);
  }

  read<T>(look: (records: Records) => T, tell: Tell<NoInfer<T>>, gate: 'decided' | 'synced' = 'synced'): void {
    const reader = { look, tell: tell as Reader['tell'] };
    const isNext = this.#readers.length + this.#answered.length === 0;
    // One that reads nothing has no transaction to wait for.
    if (gate === 'decided' && isNext && this.#seeIn(this.#nowhere, reader)) return;
    const isCurrent = isNext && this.#asked.length + this.#handed.length === 0;
    if (this.#released !== undefined && isCurrent && this.#seeIn(this.#released, reader)) return;
    this.commit();
    this.#readers.push(reader);
    this.#work();
  }

  readonly payload: (bytes: Uint8Array) => Payload;

  async close(): Promise<void> {
    this.commit();
    // A transaction that was given up may wait for its answer a little longer.
    if (this.#failed === undefined) await Promise.race([this.#finish(), this.#failing]);
    this.die();
    await this.#closed;
    if (this.#failed !== undefined) throw this.#failed;
  }

  async #finish(): Promise<void> {
    await this.idle();
    // If that fails, others take this listener off.
    if (!this.#dead) await this.#hearing.be(false).catch(() => {});
  }

  giveUp(afterMs: number): void {
    const rest = 'what was rejected may be committed all the same; what was acknowledged is there';
    this.#fail(new DatabaseUnusableError(`the database did not answer within ${afterMs} ms of closing: ${rest}`));
  }

  /** Its process died: commits on their way may still arrive, but nothing is released. */
  die(): void {
    this.#dead = true;
    this.#unwatch();
    this.#poll?.clear();
    this.#closed ??= this.#database.close();
  }

  /** Resolves when no transaction is under way. */
  async idle(): Promise<void> {
    for (;;) {
      const working = this.#working ?? this.#proving ?? this.#uploads.working ?? this.#fetching;
      if (working === undefined) return;
      await working;
    }
  }

  /** The timers of the rows stay: every dispatcher would move the same ones. */
  #noteClock(byMs: number): void {
    this.#clock.wasSet(byMs);
    if (this.#wakeAt !== 0) this.#wakeAt += byMs;
    // The next timer may be that of a rate.
    this.#stale = true;
    this.#noteLines();
  }

  /** A claim may find more than the last one, also than one that is under way. */
  #noteLines(): void {
    this.#inLine = 'unknown';
    this.#linesNoted++;
  }

  /** Others may have changed all that is known here, also of lines and kept roots. */
  #wake(news?: News): void {
    this.#noteLines();
    this.#kept = undefined;
    // Only claims and readers of events have to know of jobs in line.
    if (news === 'puts' && !this.#hearing.isOn && !this.#dead) return this.#owner.changed(false, []);
    this.#stale = true;
    this.#isHeldStale ||= typeof news !== 'object' || news.has(this.#outside.dispatcher);
    this.#work();
  }

  #pollLater(): void {
    const { poll } = this.#options;
    if (poll === undefined || this.#dead) return;
    this.#poll = poll.after(poll.everyMs, () => {
      if (this.#database.hears === true && ++this.#polls % pollsHeard > 0) {
        if (this.#pollsPosting === 0) return this.#pollLater();
        this.#pollsPosting--;
        this.#findPosted();
      } else {
        this.#sweeps = true;
        this.#database.readAll?.();
        this.#wake();
      }
      this.#pollLater();
    });
  }

  posting(): void {
    this.#pollsPosting = pollsPosting;
  }

  /** No notification tells of the end of a user's own transaction. */
  #findPosted(): void {
    this.#finding ??= this.#database.arePosted?.().then(
      (arePosted) => {
        this.#finding = undefined;
        this.#isPosted ||= arePosted;
        if (arePosted) this.#work();
      },
      () => {
        // The next transaction says so.
        this.#finding = undefined;
      },
    );
  }

  get #isStale(): boolean {
    return this.#stale || this.#unasked.length > 0;
  }

  get #hasWork(): boolean {
    const hasAsked = this.#handed.length > 0 || this.#readers.length > 0 || this.#requests !== undefined;
    return hasAsked || this.#isStale || this.#isPosted || this.#owner.awaited().events !== this.#hearing.isOn;
  }

  #work(): void {
    if (this.#working !== undefined || this.#dead) return;
    this.#working = this.#workOff()
      .catch((error: Error) => this.#fail(error))
      .finally(() => {
        this.#working = undefined;
        if (this.#hasWork) this.#work();
      });
  }

  #ping(ping: Timed): void {
    this.#pings.push(ping);
    this.#proving ??= this.#prove()
      .catch((error: Error) => this.#fail(error))
      .finally(() => {
        this.#proving = undefined;
      });
  }

  /** Commits pings, one after another, beside the work. */
  async #prove(): Promise<void> {
    while (this.#pings.length > 0 && !this.#dead) {
      const decided = await this.#commitGroup(this.#proofs, this.#pings.slice(0, 1), undefined);
      if (decided === undefined || this.#dead) return;
      this.#pings.shift();
      this.#release(decided);
    }
  }

  /** Takes in the pings of others. No notification tells of them. */
  #takePings(view: PartialState): void {
    for (const ping of view.settings()) {
      if (ping.kind !== 'ping') continue;
      const before = this.#mirror.setting(settingKey(ping)) as PingRecord | undefined;
      // A look may have seen more.
      if (ping.count > (before?.count ?? 0)) this.#mirror.admitSetting(settingKey(ping), ping);
    }
  }

  /** The database refuses to work, and will do so again. */
  #fail(error: Error): void {
    if (this.#dead) return;
    this.#failed = error;
    this.die();
    const open = [...this.#pings, ...this.#underWay, ...this.#handed, ...this.#asked, ...this.#uploads.held];
    for (const { reply } of open) reply?.(error);
    for (const { tell } of [...this.#fetchers, ...this.#answered, ...this.#readers]) tell(error);
    this.#noteFailing();
    this.#owner.fatal(error);
  }

  /** Runs transactions, each with all that was handed over so far. */
  async #workOff(): Promise<void> {
    // The turn that asked may ask for more.
    await undefined;
    while (!this.#dead && this.#hasWork) {
      await this.#listen();
      const [asked, readers] = [this.#handed, this.#readers];
      // Another claim was under way when this one was asked for.
      const requests = asked.length === 0 && this.#claimsNothing ? undefined : this.#requests;
      this.#handed = [];
      this.#requests = undefined;
      this.#readers = [];
      this.#underWay = asked;
      this.#answered = readers;
      if (asked.length > 0 || requests !== undefined) {
        const noted = this.#linesNoted;
        const decided = await this.#commitGroup(this.#main, asked, requests);
        if (decided === undefined || this.#dead) return;
        const isKnown = requests !== undefined && noted === this.#linesNoted;
        this.#inLine = isKnown ? this.#inLineBehind(decided) : 'unknown';
        if (decided.writes.events.length > 0) await this.#hearOwn();
        if (this.#dead) return;
        this.#underWay = [];
        this.#release(decided);
        // The timers that a tick has handled are known to the database alone.
        if (asked.some(isTick)) this.#stale = true;
      }
      if (readers.length > 0) await this.#readAll();
      if (this.#isStale && !this.#dead) {
        const isNew = await this.#lookAround();
        if (!this.#dead) isNew();
        if (this.#sweeps) await this.#sweep();
      }
      if (this.#isPosted && !this.#dead) await this.#takePosted();
    }
  }

  /** Begins or ends to hear the events of others, as listeners here want it. */
  async #listen(): Promise<void> {
    while (!this.#dead) {
      await this.#options.through?.();
      try {
        return await this.#hearing.be(this.#owner.awaited().events);
      } catch (error) {
        if (!this.#dead) this.#tryAgainAfter(error);
      }
    }
  }

  /** Reads the events of this process's last commit: they are heard before its replies. */
  async #hearOwn(): Promise<void> {
    this.#hearing.noteWritten();
    if (!this.#hearing.isOn) return;
    let told = () => {};
    await this.#look(async (transaction) => {
      const rows = await load(this.#newView(true), transaction, this.#hearing.wants);
      told = () => this.#tellEvents(rows);
    });
    if (!this.#dead) told();
  }

  #tellEvents(rows: Rows): void {
    const { events, isGap } = this.#hearing.take(rows);
    if (events.length > 0 || isGap) this.#owner.heard(events, isGap);
    // Taken off the list of listeners: begins again.
    if (!this.#hearing.isOn) this.#stale = true;
  }

  /** A sweep that fails is left to the next one. */
  async #sweep(): Promise<void> {
    this.#sweeps = false;
    try {
      await this.#hearing.sweep();
      await this.#database.sweepPayloads();
    } catch (error) {
      this.#tryAgainAfter(error);
    }
  }

  /** The queues in which this dispatcher has agents. */
  #claimedQueues(): string[] {
    const { dispatcher } = this.#outside;
    const queues = new Set<string>();
    for (const setting of this.#mirror.settings())
      if (setting.kind === 'agent' && setting.dispatcher === dispatcher) queues.add(setting.queue);
    return [...queues];
  }

  /** Takes in what a group has changed, and releases what waited for it. */
  #release({ group, view, writes, puts, version }: Decided): void {
    const { jobs, forgotten, settings, annotations } = writes;
    const stops = this.#own.written(jobs, forgotten, group.effects, version);
    for (const [key, setting] of settings) this.#mirror.admitSetting(key, setting);
    if (group.asked.some(isProof)) this.#takePings(view);
    this.#puts.push(...puts);
    const timer = view.nextTimer;
    if (timer !== undefined) this.#timer = Math.min(timer, this.#timer ?? timer);
    // Also those whose next job no claim has come to.
    for (const { opensAt = 0 } of writes.lanes.changed) this.#wakeBy(opensAt - this.#clock.aheadMs);
    this.#during(view, () => {
      for (const gate of gates) {
        const { effects, replies } = group.behind(gate);
        for (const { tell, error, same } of replies) tell(error, same);
        if (effects.length > 0) this.#owner.release(effects);
      }
      if (stops.length > 0) this.#owner.release(stops);
      if (jobs.length + forgotten.length + settings.size + annotations.size > 0 || view.isCut)
        this.#owner.changed(settings.size > 0, [...annotations.values()].filter(isThere));
    });
  }

  #during(view: PartialState, release: () => void): void {
    this.#released = view;
    try {
      release();
    } finally {
      this.#released = undefined;
    }
  }

  /** Answers a look on the records of a view, if they are enough. */
  #seeIn(view: PartialState, { look, tell }: Reader): boolean {
    const found = lookOn({ view, bytes: view.bytes }, look);
    if ('want' in found) return false;
    tell(found.error, found.seen);
    return true;
  }

  /** Answers looks, on records of one moment. */
  async #readAll(): Promise<void> {
    while (this.#kept !== undefined && this.#answered.length > 0 && this.#seeIn(this.#kept, this.#answered[0]!))
      this.#answered.shift();
    while (this.#answered.length > 0 && !this.#dead) {
      // A look that was answered before a conflict is not run again.
      await this.#look(async (transaction) => {
        const view = this.#newView(true);
        for (;;) {
          const wants = this.#lacksOf(this.#answered, view).filter(({ kind }) => kind !== 'payload');
          while (this.#answered.length > 0 && !this.#dead) {
            const { look, tell } = this.#answered[0]!;
            const found = lookOn({ view, bytes: view.bytes }, look);
            if ('want' in found && found.want.kind !== 'payload') break;
            const reader = this.#answered.shift()!;
            if ('want' in found) this.#fetch(reader);
            else this.#during(view, () => tell(found.error, found.seen));
          }
          if (this.#answered.length === 0 || this.#dead) return;
          const { kept } = await load(view, transaction, wants);
          if (keptWants.every((want) => wants.some((one) => wantKey(one) === wantKey(want)))) this.#noteKept(kept);
        }
      });
    }
  }

  /** Answers a look that needs large payloads, beside all that is decided meanwhile. */
  #fetch(reader: Reader): void {
    this.#fetchers.push(reader);
    this.#fetching ??= this.#fetchAll()
      .catch((error: Error) => this.#fail(error))
      .finally(() => {
        this.#fetching = undefined;
      });
  }

  async #fetchAll(): Promise<void> {
    for (let reader = this.#fetchers[0]; reader !== undefined && !this.#dead; reader = this.#fetchers[0]) {
      const { look, tell } = reader;
      await this.#look(async (transaction) => {
        // The next look may need later decisions: it gets a view of its own.
        const view = this.#newView(true);
        for (;;) {
          const found = lookOn({ view, bytes: view.bytes }, look);
          if (this.#dead) return;
          if (!('want' in found)) {
            this.#fetchers.shift();
            return tell(found.error, found.seen);
          }
          await load(view, transaction, this.#lacksOf([reader!], view));
        }
      }, 'aside');
    }
  }

  /** Returns all that looks lack in a view, as far as it shows without the missing records. */
  #lacksOf(readers: readonly Reader[], view: PartialState): Want[] {
    const records = { view, bytes: view.bytes };
    const wants: Want[] = [];
    for (const { look } of readers) {
      const found = lookOn(records, look);
      if ('want' in found) wants.push(found.want, ...view.scout(this.#outside.now(), () => look(records)));
    }
    return wants;
  }

  /**
   * Looks at what others have decided that concerns this dispatcher, and takes it in. Returns the
   * function that tells the owner.
   */
  async #lookAround(): Promise<() => void> {
    const { dispatcher } = this.#outside;
    const awaited = this.#owner.awaited();
    if (this.#unasked.length === 0) {
      this.#stale = false;
      // Commits here deliver those of the jobs that are at hand.
      this.#unasked = [...new Set(awaited.outcomes)].filter((id) => this.#mirror.job(id) === undefined);
    }
    const outcomes = this.#unasked.splice(0, outcomesAtOnce);
    const said = [...awaited.annotations];
    // Jobs of these commands may be awaited already.
    const open = [...this.#asked, ...this.#handed, ...this.#uploads.held];
    const now = this.#outside.now();
    const opensFrom = now + this.#clock.aheadMs;
    const wants: Want[] = [{ kind: 'settings' }, { kind: 'timer', now: opensFrom }, { kind: 'posted' }];
    wants.push(...this.#hearing.wants);
    const isHeldStale = this.#isHeldStale && dispatcher !== '';
    this.#isHeldStale = false;
    if (isHeldStale) wants.push({ kind: 'held', dispatcher, seen: this.#own.versions });
    if (outcomes.length > 0) wants.push({ kind: 'ended', jobs: outcomes });
    for (const job of said) wants.push({ kind: 'annotations', job });
    const hears = this.#hearing.isOn;
    let told = () => {};
    await this.#look(async (transaction) => {
      const view = this.#newView(true);
      const askedAt = this.#outside.now();
      const rows = await load(view, transaction, wants);
      if (rows.now !== undefined) this.#clock.note(rows.now, askedAt, this.#outside.now());
      if (rows.posted) this.#isPosted = true;
      // A rate may have opened its lanes, which the next timer leaves out.
      if (this.#timer !== undefined && this.#timer <= now) this.#noteLines();
      this.#timer = this.#earlier(rows.timer, rows.opensAt);
      this.#isTicking = this.#asked.some(isTick) || this.#handed.some(isTick);
      const isChanged = this.#takeSettings(rows.settings);
      if (isChanged) this.#noteLines();
      const changed = rows.held.map((id) => view.known(id)).filter(isThere);
      const effects = isHeldStale ? this.#own.seen(rows.held, changed) : [];
      for (const id of outcomes) {
        const job = view.known(id);
        if (job !== undefined && job.outcome !== 'none')
          effects.push({ type: 'deliver', gate: 'decided', job, how: undefined });
      }
      // A job that is missing may be in a put that is not decided.
      const gone = rows.posted ? [] : missingBut(rows.missing, open);
      const annotations = rows.annotations.map(([, one]) => one).filter(isThere);
      told = () =>
        this.#during(view, () => {
          if (hears) this.#tellEvents(rows);
          if (effects.length > 0) this.#owner.release(effects);
          if (gone.length > 0) this.#owner.gone(gone);
          this.#owner.changed(isChanged, annotations);
        });
    });
    return told;
  }

  /** `opensAt` is a time of the database's clock. */
  #earlier(timer: number | undefined, opensAt: number | undefined): number | undefined {
    if (opensAt === undefined) return timer;
    return Math.min(opensAt - this.#clock.aheadMs, timer ?? Number.POSITIVE_INFINITY);
  }

  #takeSettings(settings: readonly (readonly [string, SettingRecord | undefined])[]): boolean {
    let isChanged = false;
    const there = new Set(settings.map(([key]) => key));
    const take = (key: string, setting: SettingRecord | undefined) => {
      const before = this.#mirror.setting(key);
      if (JSON.stringify(before) === JSON.stringify(setting)) return;
      this.#mirror.admitSetting(key, setting);
      isChanged ||= (setting ?? before)?.kind !== 'ping';
    };
    for (const [key, setting] of settings) take(key, setting);
    for (const setting of [...this.#mirror.settings()])
      if (!there.has(settingKey(setting))) take(settingKey(setting), undefined);
    return isChanged;
  }

  #newView(isLook = false): PartialState {
    return new PartialState(this.#source, isLook, this.#clock.aheadMs);
  }

  readonly #source: LineSource = {
    verdictsOf: (job) => this.#verdicts.on(job),
    takes: (callable) => !this.#foreign.has(callable),
    met: (callable) => {
      if (this.#owner.knows?.(callable) === false) this.#foreign.add(callable);
    },
    except: () => [...this.#foreign],
  };

  /**
   * Repeats the commit until it succeeds. Returns the attempt that was committed; `undefined` if
   * the store was given up before.
   */
  async #commitGroup(
    lane: Lane,
    asked: readonly Timed[],
    requests: ClaimRequests | undefined,
    takesPosted = false,
  ): Promise<Decided | undefined> {
    const number = ++lane.groups;
    const attempts: Decided[] = [];
    const taken: Want[] = [];
    let assumes = lane === this.#main && !takesPosted;
    for (;;) {
      await this.#options.through?.();
      if (takesPosted)
        for (const [seq, put] of this.#postedAhead) this.#postedAhead.set(seq, await this.#uploads.ahead(put));
      if (this.#isPosted && !takesPosted && lane === this.#main) await this.#takePosted();
      if (this.#dead) return undefined;
      const transaction = this.#database.begin(lane === this.#proofs ? 'proof' : 'change');
      try {
        if (attempts.length > 0) {
          const last = await transaction.lastCommit(lane.session);
          if (last?.group === number) return attempts[last.attempt]!;
        }
        const recalled = assumes ? this.#own.recall(asked) : [];
        const known = this.#decideKnown(asked, requests, recalled);
        assumes = false;
        const decided =
          known ??
          (takesPosted
            ? await this.#decidePosted(transaction)
            : await this.#decideAll(transaction, asked, requests, taken, recalled));
        // After a lost attempt, the commit keeps it from succeeding later. Posted puts leave their
        // table, whatever is decided about them.
        const isNothing = takesPosted ? decided.group.empty : attempts.length === 0 && !isChange(decided);
        if (isNothing) return decided;
        transaction.assume(decided.assumed, known !== undefined);
        attempts.push(decided);
        const last = { group: number, attempt: attempts.length - 1 };
        const { version, kept } = await transaction.commit(lane.session, last, decided.writes);
        decided.version = version;
        if (lane === this.#main && kept !== undefined) this.#noteKept(kept);
        return decided;
      } catch (error) {
        this.#tryAgainAfter(error);
        if (error instanceof ConflictError && error.taken !== undefined) taken.push({ kind: 'job', id: error.taken });
      } finally {
        transaction.end();
      }
    }
  }

  /**
   * Decides the ends of plain runs on the records that are here, so that nothing must be loaded.
   * Returns undefined if they are not enough.
   */
  #decideKnown(
    asked: readonly Timed[],
    requests: ClaimRequests | undefined,
    recalled: readonly KnownJob[],
  ): Decided | undefined {
    if (recalled.length === 0 || recalled.length < asked.length) return undefined;
    if (this.#isHeard || (requests !== undefined && this.#inLine !== 'empty')) return undefined;
    const view = this.#newView();
    const wants: Want[] = [{ kind: 'heard' }];
    // Nothing is left in line, as far as it is known here: see `#inLine`.
    for (const queue of this.#claimedQueues()) wants.push(view.lanesWant(queue, 0, lineAtOnce));
    view.fill(wants, noRows());
    view.fill(...rowsOf(recalled));
    const group = new Group();
    try {
      for (const one of asked)
        group.note(one, decide(view, one.command, heardIn(view, this.#outsideNow.look(), one.now)));
    } catch {
      // It lacks records, or is refused on records that may be old.
      return undefined;
    }
    const isLineEmpty = this.#claimedQueues().every((queue) => view.isEmptyLine(queue));
    return isLineEmpty ? this.#decidedIn(view, group, recalled) : undefined;
  }

  async #decideAll(
    transaction: Transaction,
    asked: readonly Timed[],
    requests: ClaimRequests | undefined,
    others: readonly Want[],
    recalled: readonly KnownJob[],
  ): Promise<Decided> {
    const view = this.#newView();
    view.fill(...rowsOf(recalled));
    const group = new Group();
    const commands = asked.map(({ command }) => command);
    const sure: Want[] = [{ kind: 'heard' }, { kind: 'settings' }];
    if (requests !== undefined) sure.push(...this.#linesFor(view, commands));
    await prefetch(view, transaction, commands, [...sure, ...others]);
    for (const one of asked) {
      const outside = heardIn(view, this.#outsideNow.look(), one.now);
      const decided = await decideOn(view, transaction, one.command, outside);
      if (decided instanceof Error) group.refuse(one, decided);
      else group.note(one, decided);
    }
    const isFull = requests !== undefined && (await this.#claimAll(view, transaction, requests, group));
    this.#isHeard = view.isHeard;
    const decided = this.#decidedIn(view, group, recalled, isFull);
    const written = new Set(decided.writes.jobs.map(({ id }) => id));
    // One that is refused may be so because of an old record.
    if (recalled.some(({ job }) => !written.has(job.id))) throw new ConflictError();
    return decided;
  }

  /** The first jobs in line, also those that the places of ended jobs were lacking to. */
  #linesFor(view: PartialState, commands: readonly Command[]): Want[] {
    const most = Math.min(this.#lineMost, this.#claimMost + lineMargin);
    const lines = this.#claimedQueues().map((queue) => view.lanesWant(queue, this.#outside.now(), most));
    const freed = commands.flatMap((command) => {
      const job = command.type === 'settle' ? this.#mirror.job(command.job) : undefined;
      return job?.places.map((quota) => placeKey(job.queue, quota)) ?? [];
    });
    return [...lines, ...freed.map((key) => ({ kind: 'parked', key, most }) as const)];
  }

  #noteKept(kept: Rows['kept']): void {
    this.#kept = new PartialState(undefined, true);
    this.#kept.fill(keptWants, { ...noRows(), kept });
  }

  #decidedIn(view: PartialState, group: Group, assumed: readonly KnownJob[] = [], isFull = false): Decided {
    const { events } = group;
    const writes = { ...view.writes(), events: events.length > 0 && view.isHeard ? events : [] };
    return { group, view, writes, puts: view.takePuts(), assumed, isFull };
  }

  /** Decides the puts of users' own transactions. The jobs of one that is refused have failed. */
  async #takePosted(): Promise<void> {
    this.#isPosted = false;
    const decided = await this.#commitGroup(this.#main, [], undefined, true);
    this.#postedAhead.clear();
    if (decided === undefined || decided.group.empty || this.#dead) return;
    this.#noteLines();
    if (decided.writes.events.length > 0) await this.#hearOwn();
    if (this.#dead) return;
    this.#release(decided);
    // There may be more of them.
    this.#isPosted = true;
  }

  async #decidePosted(transaction: Transaction): Promise<Decided> {
    const view = this.#newView();
    const group = new Group();
    const puts: Put[] = [];
    for (const { seq, owner, put } of (await transaction.takePosted?.()) ?? []) {
      const command = this.#postedAhead.get(seq) ?? this.#owner.posted?.(owner, put);
      if (command !== undefined) {
        puts.push(command);
        if (this.#uploads.isLarge(command)) this.#postedAhead.set(seq, command);
      } else {
        this.#database.leavePosted?.(seq);
        throw new PostedError();
      }
    }
    // This transaction would not see a payload that is uploaded now: the next one does.
    if (puts.some((command) => this.#uploads.isLarge(command))) throw new PostedError();
    if (puts.length > 0) await prefetch(view, transaction, puts, [{ kind: 'heard' }]);
    for (const command of puts) {
      const look = this.#outsideNow.look();
      const outside = heardIn(view, look, look.now);
      const decided = await decideOn(view, transaction, command, outside);
      if (!(decided instanceof Error)) group.note({ command, gate: 'decided' }, decided);
      else {
        const refused = { ...command, type: 'refused', error: decided } as const;
        const stored = await decideOn(view, transaction, refused, outside);
        if (stored instanceof Error) throw stored;
        group.note({ command: refused, gate: 'decided' }, stored);
      }
    }
    return this.#decidedIn(view, group);
  }

  /** Returns `true` as `claimAll` does. */
  async #claimAll(
    view: PartialState,
    transaction: Transaction,
    requests: ClaimRequests,
    group: Group,
  ): Promise<boolean> {
    const look = this.#outsideNow.look();
    const outside = heardIn(view, look, look.now);
    const { claims, isFull } = await claimOn(view, transaction, requests, outside);
    for (const { command, decided } of claims) group.note({ command, gate: 'decided' }, decided);
    const most = Math.max(claims.length, Math.floor(lineKept * this.#lineMost));
    this.#lineMost = Math.min(lineLimit, most + lineMargin);
    this.#wakeBy(view.nextTimer ?? 0);
    return isFull;
  }

  /** A lane that a rate has parked is not read again until its time. */
  #wakeBy(at: number): void {
    const now = this.#outside.now();
    if (at > now) this.#wakeAt = this.#wakeAt > now ? Math.min(this.#wakeAt, at) : at;
  }

  /** Returns the rest that a claim left in the lines of this dispatcher. */
  #inLineBehind({ view, writes, isFull }: Decided): InLine {
    if (writes.settings.size > 0) return 'unknown';
    if (this.#claimedQueues().every((queue) => view.isEmptyLine(queue))) return 'empty';
    return isFull ? 'full' : 'unknown';
  }

  /** Runs looks in a transaction until it succeeds, or the store is given up. */
  async #look(look: (transaction: Transaction) => Promise<void>, place: 'main' | 'aside' = 'main'): Promise<void> {
    for (;;) {
      await this.#options.through?.();
      if (this.#isPosted && place === 'main') await this.#takePosted();
      if (this.#dead) return;
      const transaction = this.#database.begin('look');
      try {
        return await look(transaction);
      } catch (error) {
        this.#tryAgainAfter(error);
      } finally {
        transaction.end();
      }
    }
  }

  #tryAgainAfter(error: unknown): void {
    if (error instanceof ConflictError) this.#conflicts++;
    else if (error instanceof PostedError) {
      this.#isPosted = true;
      this.#work();
    } else if (!(error instanceof ConnectionError)) throw error;
  }
}

/** Returns jobs that are known as rows that were loaded. */
const rowsOf = (known: readonly KnownJob[]): [Want[], Rows] => [
  known.map(({ job: { id } }) => ({ kind: 'job', id })),
  { ...noRows(), jobs: known.map(({ job }) => [job.id, job]) },
];

const keptWants: readonly Want[] = (['succeeded', 'failed'] as const).map((kept) => ({ kind: 'kept', kept }));

/** Returns these ids, but not those of jobs that undecided commands will make. */
function missingBut(missing: readonly Id[], open: readonly Asked[]): readonly Id[] {
  if (missing.length === 0 || open.length === 0) return missing;
  const coming = new Set(open.flatMap(({ command }) => idsMadeBy(command)));
  return missing.filter((id) => !coming.has(id));
}

/** Milliseconds that a database may take for the first answers. */
const openingMs = 30_000;

/** The awaited jobs that one look asks for: those behind them wait, not the commits. */
const outcomesAtOnce = 1000;

/** `true` for a command whose answer shows how other dispatchers are. */
const isProof = ({ command: { type } }: Asked): boolean => type === 'ping' || type === 'activate';

const isTick = ({ command }: Asked): boolean => command.type === 'tick';

/** `false` if a group has nothing to commit, as when all its commands were refused. */
function isChange({ writes }: Decided): boolean {
  const { jobs, forgotten, settings, annotations, buckets, lanes, events } = writes;
  const rows = jobs.length + forgotten.length + settings.size + annotations.size;
  return rows + buckets.length + lanes.changed.length + lanes.emptied.length + events.length > 0;
}

const isThere = <T>(value: T | undefined): value is T => value !== undefined;

/** Decisions also emit events while others listen. */
function heardIn(view: PartialState, outside: Outside, now: number): Outside {
  return {
    ...outside,
    now,
    get listening() {
      return view.isHeard || outside.listening;
    },
  };
}
