/**
 * The coordinator: an actor with one mailbox and one state, between the clients, the store and the
 * pool.
 *
 *     clients ──▶ Clients ──▶ commands ──▶ store: decide, commit ──▶ release ──▶ Runs ──▶ pool
 *        ▲                       ▲                                      │          │
 *        │                       └──── ends of runs, requests of jobs ──│──────────┘
 *        └───── Outcomes, AnnotationWaiters, DrainWaiters, Feeds ◀──────────┘
 *
 * Each turn takes the messages that came in, lets the store decide their commands, claims jobs for
 * the room that the threads have, and commits. Everything that others see happens in `release`,
 * which the store calls when a gate opens. The coordinator decodes no payload and imports no job
 * module.
 *
 * This file holds the turn, the release of effects, and the construction of the parts. A part gets
 * a `Context` and the parts that it calls.
 */

import type { Handed } from '../codec/transfer.js';
import type { Effect, KeptLimits, Retention } from '../core/commands.js';
import type { Event } from '../core/events.js';
import { queueNames } from '../core/queue.js';
import type { AnnotationRecord, Id, JobRecord, RetryDefaults } from '../core/records.js';
import { type Excess, excessOf, hasOldMemory } from '../core/retention.js';
import { needsFeeder } from '../core/state/indices.js';
import type { Tally } from '../core/state/tallies.js';
import type { View } from '../core/state/view.js';
import { DispatcherActiveError } from '../errors.js';
import type { ReceivedMessage } from '../protocol/message-runs.js';
import type { WireModule } from '../protocol/messages.js';
import { postedCommand } from '../protocol/posted.js';
import type { Awaited, Put, Records, Store, StoreOwner } from '../store/store.js';
import { Build } from './claiming/build.js';
import type { AgentOptions } from './claiming/claiming.js';
import { EndedRuns } from './claiming/ended-runs.js';
import { Folding } from './claiming/folding.js';
import { Runs } from './claiming/runs.js';
import { AnnotationWaiters } from './clients/annotation-waiters.js';
import { BoundedQueues } from './clients/bounded-queues.js';
import { Caller, Callers } from './clients/caller.js';
import { Clients } from './clients/clients.js';
import { DrainWaiters } from './clients/drain-waiters.js';
import { Feed } from './clients/feed.js';
import { countJobs, type JobCounts } from './clients/job-counts.js';
import { MovedBuffers } from './clients/moved-buffers.js';
import { Outcomes } from './clients/outcomes.js';
import { answer, type QueryContext } from './clients/queries.js';
import type { Post } from './clients/replies.js';
import { Closing } from './closing.js';
import type { Context } from './context.js';
import { Inquiries } from './inquiries.js';
import { JobLog, type LogOptions } from './job-log.js';
import type { Timer } from './long-timeout.js';
import type { Parts } from './parts.js';
import type { PoolOwner, PoolPort } from './pool/pool-port.js';
import { Presence, type PresenceOptions, type PresenceOwner } from './presence.js';
import { AgentQuestions } from './questions/agent-questions.js';
import { PolicyQuestions } from './questions/policy-questions.js';
import type { QuestionsPort } from './questions/questions-port.js';
import { RecentTimes } from './recent-times.js';
import { Schedules } from './schedules.js';
import { Statistics, type StatisticsStore } from './statistics/statistics.js';
import { ClockJumps } from './steady-clock.js';

export interface CoordinatorPorts {
  readonly store: Store;
  /** Makes the pool. The pool reports to `owner`. */
  readonly pool: (owner: PoolOwner) => PoolPort;
  /** Asks functions of job modules. */
  readonly questions: QuestionsPort;
  readonly post: Post;
  readonly now: () => number;
  /** See `Context`; the clock of `Board.begin`. */
  readonly monotonic: () => number;
  /** Calls back once, after `delayMs`. */
  readonly after: (delayMs: number, callback: () => void) => Timer;
  /** Calls back in the next turn of the loop; in a test without a loop, at once. */
  readonly soon: (callback: () => void) => void;
  /** Milliseconds since any moment, to measure work. Stands still in a test. */
  readonly stopwatch: () => number;
  /** Keeps the statistics. Without it, they end with this coordinator. */
  readonly statistics: StatisticsStore | undefined;
  /** Called when the store is closed: the resources held for it can be released. */
  readonly closed: () => Promise<void> | undefined;
}

export interface CoordinatorOptions extends AgentOptions, LogOptions {
  readonly retention: Retention;
  /** Undefined for a client, which runs nothing. */
  readonly presence: PresenceOptions | undefined;
  /** `true` if it looks at the jobs of others: it misses no function, and forgets nothing. */
  readonly isVisitor?: boolean;
  /** A field that is missing keeps its stored value. */
  readonly retry: RetryDefaults | undefined;
}

export class Coordinator implements StoreOwner {
  readonly #ports: CoordinatorPorts;
  readonly #options: CoordinatorOptions;
  readonly #store: Store;
  readonly #context: Context;
  readonly #parts: Parts;
  /** The callables of this build. Filled by `open`. */
  readonly #callables = new Set<string>();
  readonly #closing: Closing;
  readonly #jobLog: JobLog;
  readonly #endedRuns: EndedRuns;
  readonly #folding: Folding;
  readonly #policyQuestions: PolicyQuestions;
  readonly #runs: Runs;
  readonly #inquiries: Inquiries;
  readonly #statistics: Statistics;
  readonly #schedules: Schedules;
  readonly #clients: Clients;
  /** Undefined for a client. */
  readonly #presence: Presence | undefined;
  readonly #jumps = new ClockJumps();
  readonly #turns = new RecentTimes();
  readonly #openedAt: number;
  /** The moment from which retention is looked at again. */
  #forgetsFrom = Number.NEGATIVE_INFINITY;
  #isOpen = false;
  #timer: { readonly at: number; readonly timer: Timer } | undefined;
  #turning = false;
  /** `true` in a turn, until it commits. */
  #commits = false;
  /** `true` if a command was decided since the last commit. */
  #hasDecided = false;

  constructor(ports: CoordinatorPorts, options: CoordinatorOptions) {
    const { store, questions, post, now, monotonic, after, pool } = ports;
    const { dispatcher } = options;
    this.#ports = ports;
    this.#options = options;
    this.#store = store;
    this.#openedAt = now();
    const context: Context = {
      ...{ store, dispatcher, questions, post, now, monotonic, after },
      turn: () => this.turn(),
      decide: this.#decide,
      ask: (query, tell, gate) =>
        store.read((records: Records) => answer({ ...queryContext, records }, query), tell, gate),
      isClosing: () => this.#closing.isBegun,
    };
    const build = new Build(context, this.#callables, options.isVisitor);
    const callers = new Callers(dispatcher, post);
    const parts: Parts = {
      build,
      callers,
      outcomes: new Outcomes(context, build, callers),
      annotations: new AnnotationWaiters(context),
      drainWaiters: new DrainWaiters(context, build),
      bounded: new BoundedQueues(context),
      feed: new Feed(),
      runFeed: new Feed(),
      movedBuffers: new MovedBuffers(),
      agentQuestions: new AgentQuestions(context, this.#callables),
    };
    const all = { ...context, ...parts };
    const runs = new Runs(all, pool, () => this.#presence?.ping(), options);
    const isRunning = (job: Id) => runs.pool.threadOf(job) !== undefined;
    const queryContext: Omit<QueryContext, 'records'> = { ...all, isRunning };
    const installAgent = (queue: string) => {
      if (this.#presence?.isActive) runs.claiming.installAgent(queue);
    };
    this.#context = context;
    this.#parts = parts;
    this.#runs = runs;
    this.#closing = this.#makeClosing();
    const jobs = { takePuts: () => store.takePuts(), tallies: () => this.#talliesAtHand() };
    this.#statistics = new Statistics(jobs, ports.statistics);
    this.#inquiries = new Inquiries(context, ports.stopwatch);
    const mayFire = () => !this.#closing.isBegun && this.#presence?.mayBegin === true;
    this.#schedules = new Schedules(context, mayFire, ports.stopwatch);
    const jobLog = new JobLog(context, parts.outcomes, options);
    this.#jobLog = jobLog;
    const [closing, inquiries, statistics, schedules] = [
      this.#closing,
      this.#inquiries,
      this.#statistics,
      this.#schedules,
    ];
    const othersClaim = (view: View) => store.isShared && view.activeDispatchers().next().done !== true;
    const claimsNot = () => this.#claimsNot();
    const own = { claimsNot, othersClaim, turns: this.#turns, openedAt: this.#openedAt, runs, jobLog };
    this.#clients = new Clients({ ...all, ...own, closing, inquiries, statistics, schedules, installAgent });
    this.#endedRuns = new EndedRuns(all);
    this.#folding = new Folding(context);
    this.#policyQuestions = new PolicyQuestions(context, this.#callables);
    this.#presence = options.presence && this.#makePresence(options.presence);
  }

  #makeClosing(): Closing {
    const { questions, closed } = this.#ports;
    return new Closing(this.#context, {
      closed: async () => {
        await this.#statistics.close();
        await closed();
      },
      takeBackAll: () => this.#runs.takeBackAll(),
      running: () => this.#runs.pool.out,
      endThreads: async () => (await Promise.all([this.#runs.pool.destroy(), questions.destroy()]))[0],
      committed: () => this.#committed(),
      leave: () => this.#presence?.end(),
    });
  }

  #makePresence(options: PresenceOptions): Presence {
    const { now } = this.#ports;
    const { dispatcher, retry } = this.#options;
    const { feed } = this.#parts;
    const owner: PresenceOwner = {
      refused: () => {
        feed.push({ type: 'dispatcher.refused', at: now(), dispatcher });
        feed.flush();
      },
      activated: (isNew) => {
        if (isNew) this.#runs.claiming.forgetInstalled();
        // After recovery, so that earlier runs are recovered by the policies under which they ran.
        if (retry !== undefined) this.#decide({ type: 'setDefaults', dispatcher, retry });
        this.#installAgents();
        this.#forgetMemory();
        this.turn();
      },
      noteRuns: () => this.#runs.pool.tellRunning(),
      lost: () => this.#runs.stopAll(),
      beginUntil: (moment) => this.#runs.pool.beginUntil(moment),
      isBusy: () => this.#runs.pool.out > 0,
      holdsFrom: () => (this.#store.isExclusive ? undefined : this.#parts.outcomes.holdsFrom()),
    };
    return new Presence(this.#context, owner, options);
  }

  /** `true` if a listener or the log takes events. */
  get isHeard(): boolean {
    return this.#parts.feed.isHeard || this.#jobLog.traces;
  }

  /** `true` if a client must receive outcomes before their jobs are forgotten. */
  get isHolding(): boolean {
    return this.#parts.outcomes.isHolding;
  }

  /** Opens the store, recovers the runs of the last process, and begins to work. */
  async open(modules: Readonly<Record<string, WireModule>>): Promise<JobCounts> {
    this.#runs.pool.introduce(modules);
    for (const [module, { functions }] of Object.entries(modules))
      for (const name of functions) this.#callables.add(`${module}#${name}`);
    await this.#store.open(this);
    await this.#openStatistics();
    const { dispatcher } = this.#options;
    const found = await new Promise<JobCounts>((resolve) => this.count(resolve));
    this.#isOpen = true;
    if (this.#presence !== undefined) this.#parts.build.logOpened();
    if (this.#store.isExclusive) {
      this.#awaitFeeders();
      this.#decide({ type: 'recover', owner: dispatcher });
    }
    // Jobs whose date has passed are in line before any job is claimed.
    this.#decide({ type: 'tick' });
    this.#schedules.opened();
    this.#presence?.begin();
    // The activation is then committed, so the agents are installed before any command of a client.
    void this.#committed().then(() => this.#parts.feed.opened());
    // On a shared store, activation and installation each need a commit of their own.
    if (!this.#store.isExclusive) for (let left = 2; left > 0; left--) await this.#committed();
    this.turn();
    return found;
  }

  async #openStatistics(): Promise<void> {
    const { now, post } = this.#ports;
    const ignored = (error: Error) =>
      post(['log', 'warn', 'the statistics of former runs cannot be read, and begin anew', error.message]);
    await this.#statistics.open(now()).catch(ignored);
  }

  /** A store that others change, too, would have to count its jobs for this. */
  #talliesAtHand(): Tally[] | undefined {
    let tallies: Tally[] | undefined;
    const tell = (_: unknown, found?: Tally[]) => {
      tallies = found;
    };
    if (this.#store.isExclusive) this.#store.read(({ view }: Records) => [...view.tallies()], tell, 'decided');
    return tallies;
  }

  /** Keeps the buffers that came with the next messages. */
  keepBuffers(handed: Handed): void {
    this.#parts.movedBuffers.keep(handed);
  }

  /** Takes one batch of messages of a client: the one in this process, or `caller`. */
  receive(messages: readonly ReceivedMessage[], caller: Caller = this.#parts.callers.own): void {
    this.#statistics.passTo(this.#ports.now());
    this.#clients.receive(caller, messages);
    this.turn();
  }

  /**
   * Takes in a client in another process, as the owner of the jobs that it will put. `post` must
   * not throw, and is called no more once the client has left. While it `isFull`, outcomes wait for
   * `takesMore`.
   */
  join(owner: Id, post: Post, isFull?: () => boolean): Caller {
    const { callers } = this.#parts;
    const before = callers.of(owner);
    if (before === callers.own) throw new DispatcherActiveError('a client must not have the id of the dispatcher');
    if (before !== undefined) this.leave(before);
    const caller: Caller = new Caller(owner, (message) => caller.isGone || post(message), isFull);
    callers.add(caller);
    return caller;
  }

  /** The client takes outcomes again. */
  takesMore(caller: Caller): void {
    this.#parts.outcomes.resume(caller);
  }

  /** Resolves when everything that was received so far is as safe as asked. */
  committed(): Promise<void> {
    return this.#committed();
  }

  /** Counts the jobs that are remembered now. */
  count(then: (counts: JobCounts) => void): void {
    const tell = (_: unknown, counts: JobCounts = { jobs: 0, unfinished: 0 }) => then(counts);
    this.#store.read(({ view }: Records) => countJobs(view), tell, 'decided');
  }

  #awaitFeeders(): void {
    const { dispatcher } = this.#options;
    this.#store.survey((_, records) => {
      for (const job of records?.view.jobs() ?? [])
        if (job.owner !== dispatcher && needsFeeder(job)) this.#awaitFeeder(job.owner, [job.id]);
    });
  }

  /** The client's connection has ended. Its jobs go on. */
  leave(caller: Caller): void {
    this.#parts.callers.remove(caller);
    this.#clients.leave(caller);
    this.#awaitFeeder(caller.owner, [...caller.maps]);
    this.turn();
  }

  /** Ends the maps of a client in another process that does not come back in time. */
  #awaitFeeder(owner: Id, maps: readonly Id[]): void {
    // On a shared store, the client may be connected to another process.
    if (!this.#store.isExclusive || maps.length === 0) return;
    const look = ({ view }: Records) => maps.some((id) => isOpenMap(view.job(id)));
    const tell = (_: unknown, isFed = false) => isFed && this.#abandonLater(owner, maps);
    this.#store.read(look, tell, 'decided');
  }

  #abandonLater(owner: Id, maps: readonly Id[]): void {
    this.#ports.after(feederMs, () => {
      if (this.#closing.isBegun || this.#parts.callers.of(owner) !== undefined) return;
      for (const map of maps) this.#decide({ type: 'abandon', map });
    });
  }

  /** Adapts to a wall clock that was set by `byMs`; see `steady-clock.ts`. */
  clockSet(byMs: number): void {
    if (!this.#isOpen) return;
    const { now, post } = this.#ports;
    const message = `the wall clock was set ${byMs < 0 ? 'back' : 'forward'} by ${Math.abs(byMs) / 1000} s`;
    post(['log', 'warn', message, 'delays, deadlines and rates go on as if it had not been set; dates follow it']);
    this.#jumps.note(now(), byMs);
    this.#parts.agentQuestions.clockSet(byMs);
    this.#decide({ type: 'clockSet', byMs });
    if (!this.#store.isExclusive) this.#presence?.doubt();
    this.#clearTimer();
    this.turn();
  }

  /**
   * Requests a turn. One turn in each turn of the loop handles everything that came in before it.
   */
  turn(): void {
    if (this.#turning) return;
    this.#turning = true;
    this.#ports.soon(this.#beginTurn);
  }

  // A function made in `turn` would cost each call, also those that request nothing new.
  readonly #beginTurn = (): void => {
    this.#turning = false;
    this.#turn();
  };

  /** Claims jobs for the threads, and commits the commands decided since the last turn. */
  #turn(): void {
    if (!this.#isOpen) return;
    const beganAt = this.#ports.stopwatch();
    this.#commits = true;
    this.#statistics.passTo(this.#ports.now());
    const { claiming } = this.#runs;
    this.#parts.bounded.letIn(this.#closing.isBegun);
    this.#presence?.reactivate();
    this.#schedules.fire();
    if (this.#hasDecided) this.#runs.pool.settleWaiting?.();
    if (this.#claimsNot() === undefined) claiming.claim();
    if (this.#options.isVisitor !== true) this.#forget();
    this.#commits = false;
    this.#hasDecided = false;
    this.#store.commit();
    // Jobs that became ready earlier and found no thread may find one now.
    this.#start();
    this.#inquiries.slice();
    this.#setTimer();
    this.#parts.drainWaiters.answer();
    if (this.#closing.isBegun && !this.#runs.canGoOn) void this.#closing.finish();
    this.#turns.note(this.#ports.stopwatch() - beganAt, this.#ports.monotonic());
  }

  /** Why nothing is claimed; `undefined` if jobs may be. */
  #claimsNot(): 'closing' | 'inactive' | undefined {
    if (this.#closing.isBegun) return 'closing';
    return this.#presence?.mayBegin ? undefined : 'inactive';
  }

  /** Forgets some of the jobs that retention no longer keeps; the next turn continues. */
  #forget(): void {
    if (this.#ports.monotonic() < this.#forgetsFrom) return;
    const { retention } = this.#options;
    const now = this.#ports.now();
    const shown = (keep: KeptLimits) => ({ ...keep, ageMs: this.#jumps.shownMs(keep.ageMs, now) });
    const keep = { ...shown(retention), failed: shown(retention.failed) };
    this.#askExcess(keep, now, ({ kept, most }) => {
      this.#decide({ type: 'forget', keep, most });
      this.#askExcess(keep, now, (left) => {
        if (left.kept !== kept) return this.turn();
        this.#forgetsFrom = this.#ports.monotonic() + heldMs;
        this.#ports.after(heldMs, () => this.turn());
      });
    });
  }

  /** Forgets the `memory` jobs that earlier processes of this dispatcher left in a shared store. */
  #forgetMemory(): void {
    if (this.#store.isExclusive) return;
    const { dispatcher: owner } = this.#options;
    const until = this.#openedAt;
    const look = ({ view }: Records) => hasOldMemory(view, owner, until);
    // After a refusal, the next activation tries again.
    const reply = (error?: Error) => error === undefined && this.#forgetMemory();
    const tell = (_: unknown, isLeft = false) =>
      isLeft && this.#decide({ type: 'forgetMemory', owner, until }, { reply });
    this.#store.read(look, tell, 'decided');
  }

  #askExcess(keep: Retention, now: number, then: (excess: Excess) => void): void {
    const tell = (_: unknown, excess?: Excess) => excess && then(excess);
    this.#store.read(({ view }: Records) => excessOf(view, keep, now), tell, 'decided');
  }

  awaits(effect: Effect): boolean {
    if (effect.type === 'deliver') return this.#parts.outcomes.isAwaited(effect.job);
    return effect.type !== 'forgotten';
  }

  awaited(): Awaited {
    const { outcomes, annotations, feed } = this.#parts;
    return { outcomes: outcomes.awaited(), annotations: annotations.awaited(), events: feed.isRead };
  }

  heard(events: readonly Event[], isGap: boolean): void {
    const { feed } = this.#parts;
    if (isGap) {
      feed.lose();
      feed.flush();
    }
    for (const event of events) feed.push(event);
    feed.flush();
  }

  release(effects: readonly Effect[]): void {
    for (const effect of effects) {
      switch (effect.type) {
        case 'run':
          // A dispatcher whose id works elsewhere also sees the claims of that other process.
          if (this.#presence?.isActive) this.#runs.makeReady(effect.job, effect.fence);
          break;
        case 'stop':
          // A run of the same release can be stopped only once it is ready.
          this.#runs.prepareDue();
          this.#runs.stop(effect.job);
          break;
        case 'ask':
          if (!this.#closing.isBegun && this.#presence !== undefined)
            this.#policyQuestions.ask(effect.job, effect.fence);
          break;
        case 'deliver':
          if (this.#parts.movedBuffers.size > 0) this.#parts.movedBuffers.take(effect.job.id);
          this.#jobLog.ended(effect.job, effect.how);
          this.#endedRuns.whole(effect.job);
          this.#statistics.ended(effect.job, effect.how);
          this.#parts.outcomes.deliver(effect.job);
          break;
        case 'event':
          if (!this.#store.hears) this.#parts.feed.push(effect.event);
          this.#jobLog.event(effect.event, effect.failure);
          this.#statistics.event(effect.event);
          break;
        case 'forgotten':
          this.#parts.outcomes.sendDue();
          this.#parts.outcomes.forgotten(effect.job);
          break;
        case 'goOn':
          this.#decide({ type: 'goOn', job: effect.job });
          break;
        case 'fold':
          this.#folding.fold(effect.job);
          break;
        case 'log':
          this.#jobLog.log(effect);
      }
    }
    this.#parts.outcomes.sendDue();
    this.#runs.prepareDue();
    this.#parts.feed.flush();
    this.#parts.runFeed.flush();
    this.#start();
  }

  /** Passes ready runs to threads. Claimed jobs stay ready while none may begin. */
  #start(): void {
    if (this.#presence?.mayBegin) this.#runs.claiming.start();
  }

  /**
   * Uses the decisions of other processes: for this dispatcher's agents, and for waiting clients.
   */
  changed(settings: boolean, annotations: readonly AnnotationRecord[]): void {
    if (settings) this.#installAgents();
    for (const one of annotations) this.#parts.annotations.resolveStored(one);
    this.turn();
  }

  gone(jobs: readonly Id[]): void {
    for (const id of jobs) this.#parts.outcomes.lose(id);
  }

  knows(callable: string): boolean {
    return this.#parts.build.knows(callable);
  }

  posted(owner: Id, put: Uint8Array): Put | undefined {
    const { store, post } = this.#context;
    try {
      return postedCommand(put, owner, store.payload);
    } catch (error) {
      const message = 'a put of a transaction cannot be read, and stays in the table `outbox`';
      post(['log', 'error', message, String(error)]);
      return undefined;
    }
  }

  repaired(message: string, detail: string): void {
    this.#context.post(['log', 'warn', message, detail]);
  }

  /** Ends everything, because nothing can be stored any more. Opening again recovers. */
  fatal(error: Error): void {
    this.#closing.fail(error);
  }

  /** Installs an agent in each new queue, if this dispatcher may claim. */
  #installAgents(): void {
    if (this.#presence?.isActive) this.#runs.claiming.installAgents(queueNames(this.#store.local));
  }

  readonly #decide: Context['decide'] = (command, then = {}) => {
    const { gate = 'decided', reply, refused } = then;
    this.#hasDecided = true;
    this.#store.transact({ command, gate, reply, refused });
    if (!this.#commits) this.turn();
  };

  #committed(): Promise<void> {
    return new Promise((resolve) => this.#store.read(nothing, () => resolve()));
  }

  #setTimer(): void {
    const next = this.#closing.isBegun ? undefined : earlier(this.#store.nextTimer, this.#schedules.nextAt);
    if (next === this.#timer?.at) return;
    this.#clearTimer();
    if (next === undefined) return;
    const timer = this.#ports.after(Math.max(0, next - this.#ports.now()), () => {
      this.#timer = undefined;
      this.#decide({ type: 'tick' });
    });
    this.#timer = { at: next, timer };
  }

  #clearTimer(): void {
    this.#timer?.timer.clear();
    this.#timer = undefined;
  }
}

/** Milliseconds until retention looks again at jobs that it left to another process. */
const heldMs = 1000;

/** Milliseconds that a map waits for its client to connect again. */
const feederMs = 60_000;

const isOpenMap = (job: JobRecord | undefined) => job !== undefined && needsFeeder(job);

const nothing = () => {};

const earlier = (a: number | undefined, b: number | undefined) => (b === undefined || a! <= b ? a : b);
