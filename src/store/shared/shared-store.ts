/**
 * A store that shares its database with other processes, in the shape of a store on PostgreSQL.
 *
 * Every command but a claim is decided twice. First at once, on `state`, which holds the database
 * as last read: a forecast that lets the coordinator continue. Then in a transaction, together with
 * all other commands of its group, on the records that the transaction reads: only this decision is
 * written and released. Before a release the forecast is rolled back, `state` takes in the changes
 * of the database, and the commands not yet committed are forecast again. So during a release
 * `state` holds committed records only.
 *
 * Claims are only decided in the transaction, last of all, on jobs that no other transaction has
 * locked. Meanwhile all looks wait for the release. At other times a look behind `decided` sees the
 * forecast at once, since a virtual thread cannot wait for an answer.
 *
 * A group that may have been committed when its connection was lost is recognized by the number
 * that its session wrote with it. All gates open with the commit.
 */
import { type Effect, gates } from '../../core/commands.js';
import { decide } from '../../core/decide.js';
import { type Id, isAgentOf, type JobRecord, type Payload } from '../../core/records.js';
import { agentOf } from '../../core/state/indices.js';
import { State } from '../../core/state/state.js';
import type { Puts } from '../../core/state/tallies.js';
import type { ClaimRequests } from '../claims.js';
import { Group } from '../group.js';
import { lookAt } from '../look-at.js';
import {
  type Asked,
  noFigures,
  OutsideNow,
  type Records,
  type Store,
  type StoreFigures,
  type StoreOutside,
  type StoreOwner,
  type Tell,
} from '../store.js';
import { ConflictError, ConnectionError, type Database, type Rows, type Transaction } from './database.js';
import { claimOn, decideOn, prefetch } from './deciding.js';
import { admitNews, type News } from './news.js';
import { PartialState } from './partial-state.js';
import type { Want } from './wants.js';

/** A command counts at the time at which it was asked, however late it is decided. */
interface Timed extends Asked {
  readonly now: number;
}

interface Reader {
  readonly look: (records: Records) => unknown;
  readonly tell: Tell<unknown>;
}

export interface SharedStoreOptions {
  readonly wire?: Wire;
  /** Looks at the database at this interval, in case a notification was lost. Default: never. */
  readonly poll?: { readonly everyMs: number; after(delayMs: number, callback: () => void): { clear(): void } };
}

/** A way to the database. While it is cut, transactions wait. */
export class Wire {
  #mended: Promise<void> | undefined;
  #mend = () => {};

  cut(): void {
    this.#mended ??= new Promise((resolve) => {
      this.#mend = resolve;
    });
  }

  mend(): void {
    this.#mended = undefined;
    this.#mend();
  }

  async through(): Promise<void> {
    while (this.#mended !== undefined) await this.#mended;
  }
}

let sessions = 0;

export class SharedStore implements Store {
  readonly isExclusive = false;
  readonly isSyncing = false;
  readonly takesWork = true;
  readonly state = new State();
  readonly view = this.state;
  readonly local = this.state;
  readonly #database: Database;
  readonly #outside: StoreOutside;
  readonly #outsideNow: OutsideNow;
  readonly #options: SharedStoreOptions;
  readonly #session = `${++sessions}`;
  #owner!: StoreOwner;
  /**
   * Commands in three stages, all forecast in `state` in this order reversed: decided since the
   * last `commit`; handed to `commit`; on their way to the database.
   */
  #asked: Timed[] = [];
  #handed: Timed[] = [];
  #underWay: readonly Timed[] = [];
  #readers: Reader[] = [];
  /** The readers that the transaction under way answers. */
  #answered: readonly Reader[] = [];
  #requests: ClaimRequests | undefined;
  /** `true` while claims are decided: `state` does not know them yet. */
  #isClaiming = false;
  /** The time at which a rate may have room again for a job that was not claimed. */
  #wakeAt = 0;
  /** The verdicts of filter functions on jobs in line. */
  readonly #verdicts = new Map<Id, { readonly about: InLine; readonly verdicts: string }>();
  /** The last commit that `state` has taken in. */
  #heard = 0;
  #groups = 0;
  #conflicts = 0;
  /** `true` during a release. Commands asked meanwhile are forecast after it. */
  #telling = false;
  #working: Promise<void> | undefined;
  #stale = false;
  #dead = false;
  #closed: Promise<void> | undefined;
  #unwatch = () => {};
  #poll: { clear(): void } | undefined;

  constructor(database: Database, outside: StoreOutside, options: SharedStoreOptions = {}) {
    this.#database = database;
    this.#outside = outside;
    this.#outsideNow = new OutsideNow(outside, this.payload);
    this.#options = options;
  }

  get figures(): StoreFigures {
    return { ...noFigures, frames: this.#groups };
  }

  /** Groups that were decided again because another process had committed first. */
  get conflicts(): number {
    return this.#conflicts;
  }

  async open(owner: StoreOwner): Promise<void> {
    this.#owner = owner;
    await this.#persist(() => this.#database.forgetMemory(this.#outside.dispatcher));
    const { commit, rows } = await this.#persist(() => this.#database.changedSince(0));
    const { jobs, settings, annotations } = newsOf(rows);
    for (const job of jobs.values()) if (job !== undefined) this.state.load(job);
    for (const [key, setting] of settings) this.state.loadSetting(key, setting);
    for (const said of annotations.values())
      if (said !== undefined) this.state.loadAnnotation(said.job, said.name, said.value);
    this.state.loaded(false);
    for (const bucket of rows.buckets) this.state.admitBucket(bucket);
    this.#heard = commit;
    this.#unwatch = this.#database.watch(() => this.#wake());
    this.#pollLater();
  }

  transact(asked: readonly Asked[]): void {
    const now = this.#outside.now();
    const timed = asked.map((one) => ({ ...one, now }));
    if (this.#wakeAt <= now) this.#wakeAt = 0;
    this.#asked.push(...timed);
    if (!this.#telling) this.#forecast(timed);
  }

  claim(requests: ClaimRequests): void {
    this.#requests = requests;
  }

  commit(): void {
    if (this.#asked.length === 0 && this.#requests === undefined) return;
    this.#handed.push(...this.#asked);
    this.#asked = [];
    this.#work();
  }

  get nextTimer(): number | undefined {
    const { nextTimer } = this.state;
    if (this.#wakeAt === 0) return nextTimer;
    return Math.min(this.#wakeAt, nextTimer ?? this.#wakeAt);
  }

  takePuts(): readonly Puts[] {
    return this.state.takePuts();
  }

  judge(job: JobRecord, verdicts: string): void {
    const { args, eligible, priority, quotas } = job;
    this.#verdicts.set(job.id, { about: { args, eligible, priority, quotas }, verdicts });
    this.state.judge(job, verdicts);
  }

  survey(tell: Tell<Records>): void {
    this.read((records: Records) => records, tell);
  }

  read<T>(look: (records: Records) => T, tell: Tell<NoInfer<T>>, gate: 'decided' | 'synced' = 'synced'): void {
    if (gate === 'decided' && !this.#isClaiming) {
      const { error, seen } = lookAt(this, look);
      return tell(error, seen);
    }
    this.commit();
    this.#readers.push({ look, tell: tell as Reader['tell'] });
    this.#work();
  }

  readonly payload = (bytes: Uint8Array): Payload => bytes;

  bytes(payload: Payload): Uint8Array {
    return payload as Uint8Array;
  }

  async close(): Promise<void> {
    this.commit();
    while (this.#working !== undefined) await this.#working;
    this.die();
    await this.#closed;
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
    while (this.#working !== undefined) await this.#working;
  }

  #wake(): void {
    this.#stale = true;
    this.#work();
  }

  #pollLater(): void {
    const { poll } = this.#options;
    if (poll === undefined || this.#dead) return;
    this.#poll = poll.after(poll.everyMs, () => {
      this.#wake();
      this.#pollLater();
    });
  }

  #verdictsOf(job: JobRecord): string {
    const noted = this.#verdicts.get(job.id);
    return noted !== undefined && isAsIn(job, noted.about) ? noted.verdicts : '';
  }

  get #hasWork(): boolean {
    return this.#handed.length > 0 || this.#readers.length > 0 || this.#stale || this.#requests !== undefined;
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

  /** The database refuses to work, and will do so again. */
  #fail(error: Error): void {
    if (this.#dead) return;
    this.die();
    for (const { reply } of [...this.#underWay, ...this.#handed, ...this.#asked]) reply?.(error);
    for (const { tell } of [...this.#answered, ...this.#readers]) tell(error);
    this.#owner.fatal(error);
  }

  /**
   * Runs transactions, each with all commands handed over so far. Readers wait for the same one.
   */
  async #workOff(): Promise<void> {
    while (!this.#dead && this.#hasWork) {
      this.#stale = false;
      this.#underWay = this.#handed;
      this.#handed = [];
      const readers = this.#readers;
      this.#answered = readers;
      this.#readers = [];
      const requests = this.#requests;
      this.#requests = undefined;
      const isNone = this.#underWay.length === 0 && requests === undefined;
      const group = isNone ? new Group() : await this.#commitGroup(this.#underWay, requests);
      const { commit, rows } = await this.#persist(() => this.#database.changedSince(this.#heard));
      if (this.#dead) return;
      this.#underWay = [];
      this.#heard = commit;
      this.#hear(rows, group, readers);
    }
  }

  /** Takes in committed records, releases what waited, and forecasts uncommitted commands again. */
  #hear(rows: Rows, group: Group, readers: readonly Reader[]): void {
    this.state.rollback(0);
    const news = newsOf(rows);
    const effects = this.#effectsOf(news, group);
    admitNews(this.state, news);
    for (const bucket of rows.buckets) this.state.admitBucket(bucket);
    this.state.keepChanges();
    this.#telling = true;
    try {
      this.#release(group);
      if (effects.length > 0) this.#owner.release(effects.map((effect) => this.#told(effect)));
      for (const { look, tell } of readers) {
        const { error, seen } = lookAt(this, look);
        tell(error, seen);
      }
      if (rows.jobs.length + news.settings.size + news.annotations.size + rows.buckets.length > 0)
        this.#owner.changed(news.settings.size > 0, [...news.annotations.values()].filter(isThere));
    } finally {
      this.#telling = false;
      this.#forecast(this.#handed);
      this.#forecast(this.#asked);
      this.#judgeAgain();
    }
  }

  #release(group: Group): void {
    for (const gate of gates) {
      const { effects, replies } = group.behind(gate);
      for (const { tell, error, same } of replies) tell(error, same);
      if (effects.length > 0) this.#owner.release(effects.map((effect) => this.#told(effect)));
    }
  }

  /** Replaces a transaction's record by the one in `state`, which also has its descendants. */
  #told(effect: Effect): Effect {
    return effect.type === 'deliver' ? { ...effect, job: this.state.job(effect.job.id) ?? effect.job } : effect;
  }

  /**
   * Effects of others' decisions for this dispatcher. Events are emitted where they were decided.
   */
  #effectsOf(news: News, group: Group): Effect[] {
    const own = new Set(gates.flatMap((gate) => group.behind(gate).effects).map(effectKey));
    const effects: Effect[] = [];
    for (const [id, job] of news.jobs) {
      const before = this.state.job(id);
      if (job === undefined) continue;
      // A part with the outcome of a part before it was never run.
      const isKept = job.role === 'part' && job.retryOf !== '';
      if (job.outcome !== 'none' && (before?.outcome ?? 'none') === 'none' && !isKept)
        effects.push({ type: 'deliver', gate: 'decided', job, how: undefined });
      if (!job.claimed || !isAgentOf(agentOf(job), this.#outside.dispatcher)) continue;
      const { fence } = job;
      if (!before?.claimed || before.fence !== fence) effects.push({ type: 'run', gate: 'decided', job: id, fence });
      if (job.cancelled && !before?.cancelled) effects.push({ type: 'stop', gate: 'decided', job: id, fence });
    }
    return effects.filter((effect) => !own.has(effectKey(effect)));
  }

  #forecast(asked: readonly Timed[]): void {
    for (const { command, now } of asked) {
      try {
        decide(this.state, command, { ...this.#outsideNow.look(), random: () => 0.5, now });
      } catch {
        // Only the decision in the transaction may refuse the command.
      }
    }
  }

  /** Repeats the commit until it succeeds. Returns the group of the attempt that was committed. */
  async #commitGroup(asked: readonly Timed[], requests: ClaimRequests | undefined): Promise<Group> {
    const number = ++this.#groups;
    const attempts: Group[] = [];
    const taken: Want[] = [];
    for (;;) {
      await this.#options.wire?.through();
      const transaction = this.#database.begin();
      try {
        const last = await transaction.lastCommit(this.#session);
        if (last?.group === number) return attempts[last.attempt]!;
        const view = new PartialState((job) => this.#verdictsOf(job));
        const commands = asked.map(({ command }) => command);
        await prefetch(view, transaction, commands, taken);
        const group = await this.#decideAll(view, transaction, asked);
        if (requests !== undefined) await this.#claimAll(view, transaction, requests, group);
        if (group.empty) return group;
        attempts.push(group);
        const attempt = attempts.length - 1;
        await transaction.commit(this.#session, { group: number, attempt }, view.writes());
        return group;
      } catch (error) {
        if (error instanceof ConflictError) {
          this.#conflicts++;
          if (error.taken !== undefined) taken.push({ kind: 'job', id: error.taken });
        } else if (!(error instanceof ConnectionError)) throw error;
        if (this.#dead) return new Group();
      } finally {
        transaction.end();
      }
    }
  }

  async #claimAll(view: PartialState, transaction: Transaction, requests: ClaimRequests, group: Group): Promise<void> {
    const outside = this.#outsideNow.look();
    const queues = new Set<string>();
    for (const setting of this.state.settings())
      if (setting.kind === 'agent' && setting.dispatcher === outside.dispatcher) queues.add(setting.queue);
    this.#isClaiming = true;
    try {
      for (const { command, decided } of await claimOn(view, transaction, requests, queues, outside))
        group.note({ command, gate: 'decided' }, decided);
    } finally {
      this.#isClaiming = false;
    }
    const next = view.nextTimer ?? 0;
    this.#wakeAt = next > outside.now ? next : 0;
  }

  /** Notes the verdicts again on the jobs that are in line as they were. */
  #judgeAgain(): void {
    for (const [id, { about, verdicts }] of this.#verdicts) {
      const job = this.state.job(id);
      if (job?.queued && isAsIn(job, about)) this.state.judge(job, verdicts);
      else this.#verdicts.delete(id);
    }
  }

  async #decideAll(view: PartialState, transaction: Transaction, asked: readonly Timed[]): Promise<Group> {
    const group = new Group();
    for (const one of asked) {
      const outside = { ...this.#outsideNow.look(), now: one.now };
      const decided = await decideOn(view, transaction, one.command, outside);
      if (decided instanceof Error) group.refuse(one, decided);
      else group.note(one, decided);
    }
    return group;
  }

  /** Repeats `attempt` until no connection is lost. */
  async #persist<T>(attempt: () => Promise<T>): Promise<T> {
    for (;;) {
      await this.#options.wire?.through();
      try {
        return await attempt();
      } catch (error) {
        if (this.#dead || !(error instanceof ConnectionError)) throw error;
      }
    }
  }
}

/** The fields of a job in line that a filter sees, and that may change. */
type InLine = Pick<JobRecord, 'args' | 'eligible' | 'priority' | 'quotas'>;

function isAsIn(job: JobRecord, { args, eligible, priority, quotas }: InLine): boolean {
  const isSamePlace = job.eligible === eligible && job.priority === priority && `${job.quotas}` === `${quotas}`;
  const [now, before] = [job.args, args] as [Uint8Array | null, Uint8Array | null];
  return isSamePlace && (now === null || before === null ? now === before : Buffer.compare(now, before) === 0);
}

const newsOf = ({ jobs, settings, annotations }: Rows): News => ({
  jobs: new Map(jobs),
  settings: new Map(settings),
  annotations: new Map(annotations),
});

function effectKey(effect: Effect): string {
  if (effect.type === 'event') return effect.type;
  return effect.type === 'run' || effect.type === 'stop'
    ? `${effect.type} ${effect.job} ${effect.fence}`
    : `${effect.type} ${effect.type === 'deliver' ? effect.job.id : effect.job}`;
}

const isThere = <T>(value: T | undefined): value is T => value !== undefined;
