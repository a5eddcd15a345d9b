/**
 * The coordinator: an actor with one mailbox and one state, between the clients, the store and the
 * pool.
 *
 *     clients ──▶ Clients ──▶ commands ──▶ store: decide, commit ──▶ release ──▶ Runs ──▶ pool
 *        ▲                       ▲                                      │          │
 *        │                       └── how runs ended, what jobs ask for ─│──────────┘
 *        └───── Outcomes, AnnotationWaiters, DrainWaiters, EventFeed ◀──────┘
 *
 * Each turn takes what came in, lets the store decide it, claims what the threads have room for,
 * and commits. Everything that others see happens in `release`, when the store says that its gate
 * is open. Nothing of a user's is decoded or imported here.
 *
 * Here are the turn, what is released, and how the parts are put together. A part has the store,
 * the parts that it uses, and of the coordinator no more than a few functions.
 */

import type { Handed } from '../codec/transfer.js';
import type { Effect, Retention } from '../core/commands.js';
import type { AnnotationRecord, Id, RetryDefaults } from '../core/records.js';
import { hasForgettable } from '../core/retention.js';
import type { ClientMessage, WireModule } from '../protocol/messages.js';
import type { Store, StoreOwner } from '../store/store.js';
import { Build } from './claiming/build.js';
import type { AgentOptions } from './claiming/claiming.js';
import { Folding } from './claiming/folding.js';
import { Runs } from './claiming/runs.js';
import { AnnotationWaiters } from './clients/annotation-waiters.js';
import { BoundedQueues } from './clients/bounded-queues.js';
import { Clients } from './clients/clients.js';
import { DrainWaiters } from './clients/drain-waiters.js';
import { EventFeed } from './clients/event-feed.js';
import { MovedBuffers } from './clients/moved-buffers.js';
import { Outcomes } from './clients/outcomes.js';
import { answer, type QueryContext, queueNames } from './clients/queries.js';
import type { Post } from './clients/replies.js';
import { Closing } from './closing.js';
import type { Context } from './context.js';
import { JobLog, type LogOptions } from './job-log.js';
import type { Timer } from './long-timeout.js';
import type { Parts } from './parts.js';
import type { PoolOwner, PoolPort } from './pool/pool-port.js';
import { Presence, type PresenceOptions, type PresenceOwner } from './presence.js';
import { AgentQuestions } from './questions/agent-questions.js';
import { PolicyQuestions } from './questions/policy-questions.js';
import type { QuestionsPort } from './questions/questions-port.js';
import { ClockJumps } from './steady-clock.js';

export interface CoordinatorPorts {
  readonly store: Store;
  /** Makes the pool, which calls back here. */
  readonly pool: (owner: PoolOwner) => PoolPort;
  /** Asks functions of job modules. */
  readonly questions: QuestionsPort;
  readonly post: Post;
  readonly now: () => number;
  /** Calls back once, after so long. */
  readonly after: (delayMs: number, callback: () => void) => Timer;
  /** Calls back in the next turn of the loop, or at once where there is none. */
  readonly soon: (callback: () => void) => void;
  /** Everything is closed: what was held for the store can go. */
  readonly closed: () => Promise<void> | undefined;
}

export interface CoordinatorOptions extends AgentOptions, LogOptions {
  readonly retention: Retention;
  /** As which process its dispatcher works; undefined: as a client, which runs nothing. */
  readonly presence: PresenceOptions | undefined;
  /** What is not given stays as it is stored. */
  readonly retry: RetryDefaults | undefined;
}

export class Coordinator implements StoreOwner {
  readonly #ports: CoordinatorPorts;
  readonly #options: CoordinatorOptions;
  readonly #store: Store;
  readonly #context: Context;
  readonly #parts: Parts;
  /** What this build can run; known once it is opened. */
  readonly #callables = new Set<string>();
  readonly #closing: Closing;
  readonly #jobLog: JobLog;
  readonly #folding: Folding;
  readonly #policyQuestions: PolicyQuestions;
  readonly #runs: Runs;
  readonly #clients: Clients;
  /** Undefined for a client. */
  readonly #presence: Presence | undefined;
  readonly #jumps = new ClockJumps();
  #isOpen = false;
  #timer: { readonly at: number; readonly timer: Timer } | undefined;
  #turning = false;

  constructor(ports: CoordinatorPorts, options: CoordinatorOptions) {
    const { store, questions, post, now, after, pool } = ports;
    const { dispatcher } = options;
    this.#ports = ports;
    this.#options = options;
    this.#store = store;
    const context: Context = {
      ...{ store, dispatcher, questions, post, now, after },
      turn: () => this.turn(),
      decide: this.#decide,
      ask: (query) => answer(queryContext, query),
      isClosing: () => this.#closing.isBegun,
    };
    const build = new Build(context, this.#callables);
    const parts: Parts = {
      build,
      outcomes: new Outcomes(context, build),
      annotations: new AnnotationWaiters(context),
      drainWaiters: new DrainWaiters(context, build),
      bounded: new BoundedQueues(store),
      feed: new EventFeed(),
      movedBuffers: new MovedBuffers(),
      agentQuestions: new AgentQuestions(context, this.#callables),
    };
    const all = { ...context, ...parts };
    const runs = new Runs(all, pool, () => this.#presence?.ping(), options);
    const isRunning = (job: Id) => runs.pool.threadOf(job) !== undefined;
    const queryContext: QueryContext = { ...all, isRunning };
    const installAgent = (queue: string) => {
      if (this.#presence?.isActive) runs.claiming.installAgent(queue);
    };
    this.#context = context;
    this.#parts = parts;
    this.#runs = runs;
    this.#closing = this.#makeClosing();
    this.#clients = new Clients({ ...all, runs, closing: this.#closing, installAgent });
    this.#jobLog = new JobLog(context, parts.outcomes, options);
    this.#folding = new Folding(context);
    this.#policyQuestions = new PolicyQuestions(context, this.#callables);
    this.#presence = options.presence && this.#makePresence(options.presence);
  }

  #makeClosing(): Closing {
    const { questions, closed } = this.#ports;
    return new Closing(this.#context, {
      closed,
      takeBackAll: () => this.#runs.takeBackAll(),
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
        // Only now: what ran before is recovered by the policies under which it ran.
        if (retry !== undefined) this.#decide({ type: 'setDefaults', dispatcher, retry });
        this.#installAgents();
        this.turn();
      },
      lost: () => this.#runs.stopAll(),
      isBusy: () => this.#runs.pool.out > 0,
    };
    return new Presence(this.#context, owner, options);
  }

  /** Whether anybody wants to hear of events. */
  get isHeard(): boolean {
    return this.#parts.feed.isHeard || this.#jobLog.traces;
  }

  /** Opens the store, puts in order what the last process left, and begins to work. */
  async open(modules: Readonly<Record<string, WireModule>>): Promise<{ jobs: number; unfinished: number }> {
    this.#runs.pool.introduce(modules);
    for (const [module, { functions }] of Object.entries(modules))
      for (const name of functions) this.#callables.add(`${module}#${name}`);
    await this.#store.open(this);
    this.#isOpen = true;
    const { state } = this.#store;
    let unfinished = 0;
    for (const job of state.jobs()) if (job.status !== 'completed') unfinished++;
    const found = { jobs: state.size, unfinished };
    if (this.#presence !== undefined) this.#parts.build.tellOpened();
    if (this.#store.isExclusive) this.#decide({ type: 'recover' });
    this.#presence?.begin();
    // Whether it may work is known once that is committed, and then its agents are installed:
    // whatever a client asks for comes after it.
    void this.#committed().then(() => this.#parts.feed.opened());
    // Where others have a say, both take their time.
    if (!this.#store.isExclusive) for (let left = 2; left > 0; left--) await this.#committed();
    this.turn();
    return found;
  }

  /** What travels beside the messages that are received next. */
  keepBuffers(handed: Handed): void {
    this.#parts.movedBuffers.keep(handed);
  }

  /** One batch of a client's messages. */
  receive(messages: readonly ClientMessage[]): void {
    this.#clients.receive(messages);
    this.turn();
  }

  /** The wall clock was set by so much; see `steady-clock.ts`. */
  clockSet(byMs: number): void {
    if (!this.#isOpen) return;
    const { now, post } = this.#ports;
    const message = `the wall clock was set ${byMs < 0 ? 'back' : 'forward'} by ${Math.abs(byMs) / 1000} s`;
    post(['log', 'warn', message, 'delays, deadlines and rates go on as if it had not been; dates follow it']);
    this.#jumps.note(now(), byMs);
    this.#parts.agentQuestions.clockSet(byMs);
    // Where others decide too, each would move what all have.
    if (this.#store.isExclusive) this.#decide({ type: 'clockSet', byMs });
    this.#clearTimer();
    this.turn();
  }

  /**
   * There is something to claim or to commit: once in each turn of the loop, with all that came in
   * by then.
   */
  turn(): void {
    if (this.#turning) return;
    this.#turning = true;
    this.#ports.soon(() => {
      this.#turning = false;
      this.#turn();
    });
  }

  /** Gives the threads what they have room for, and commits what was decided. */
  #turn(): void {
    if (!this.#isOpen) return;
    const { claiming } = this.#runs;
    this.#parts.bounded.letIn(this.#closing.isBegun);
    this.#presence?.reactivate();
    if (!this.#closing.isBegun && this.#presence?.isActive) claiming.claim();
    this.#forget();
    this.#store.commit();
    // What became ready before and found no thread may find one now.
    claiming.start();
    this.#setTimer();
    this.#parts.drainWaiters.tell();
    if (this.#closing.isBegun && !this.#runs.canGoOn) void this.#closing.finish();
  }

  /** What is to be forgotten, a part in each turn. */
  #forget(): void {
    const { state } = this.#store;
    const { retention } = this.#options;
    const now = this.#ports.now();
    const keep = { ...retention, ageMs: this.#jumps.shownMs(retention.ageMs, now) };
    const isTooMuch = () => hasForgettable(state, keep, now);
    if (!isTooMuch()) return;
    this.#decide({ type: 'forget', keep });
    if (isTooMuch()) this.turn();
  }

  awaits(effect: Effect): boolean {
    if (effect.type === 'deliver') return this.#parts.outcomes.isAwaited(effect.job.id);
    return effect.type !== 'forgotten';
  }

  release(effects: readonly Effect[]): void {
    for (const effect of effects) {
      switch (effect.type) {
        case 'run':
          // One whose id is at work elsewhere hears of what that claims.
          if (this.#presence?.isActive) this.#runs.makeReady(effect.job, effect.fence);
          break;
        case 'stop':
          this.#runs.stop(effect.job);
          break;
        case 'ask':
          if (!this.#closing.isBegun && this.#presence !== undefined)
            this.#policyQuestions.ask(effect.job, effect.fence);
          break;
        case 'deliver':
          if (this.#parts.movedBuffers.size > 0) this.#parts.movedBuffers.take(effect.job.id);
          this.#jobLog.ended(effect.job);
          this.#parts.outcomes.deliver(effect.job);
          break;
        case 'event':
          this.#parts.feed.push(effect.event);
          this.#jobLog.event(effect.event, effect.failure);
          break;
        case 'forgotten':
          this.#parts.outcomes.forgotten(effect.job);
          break;
        case 'fold':
          this.#folding.fold(effect.job);
          break;
        case 'log':
          this.#jobLog.said(effect);
      }
    }
    this.#parts.feed.flush();
    this.#runs.claiming.start();
  }

  /** What others decided may be of use to this dispatcher's agents, and to who waits here. */
  changed(settings: boolean, annotations: readonly AnnotationRecord[]): void {
    if (settings) this.#installAgents();
    for (const said of annotations) this.#parts.annotations.tellStored(said);
    this.turn();
  }

  /** Nothing can be kept any more, so nothing goes on: opening again recovers. */
  fatal(error: Error): void {
    this.#closing.fail(error);
  }

  /** For a queue that is new, an agent; while this dispatcher may claim. */
  #installAgents(): void {
    if (this.#presence?.isActive) this.#runs.claiming.installAgents(queueNames(this.#store.state));
  }

  readonly #decide: Context['decide'] = (command, then) => {
    this.#store.transact([then === undefined ? { command, gate: 'decided' } : { command, gate: 'decided', ...then }]);
  };

  #committed(): Promise<void> {
    return new Promise((resolve) => this.#store.read(nothing, () => resolve()));
  }

  #setTimer(): void {
    const next = this.#closing.isBegun ? undefined : this.#store.state.nextTimer;
    if (next === this.#timer?.at) return;
    this.#clearTimer();
    if (next === undefined) return;
    const timer = this.#ports.after(Math.max(0, next - this.#ports.now()), () => {
      this.#timer = undefined;
      this.#decide({ type: 'tick' });
      this.turn();
    });
    this.#timer = { at: next, timer };
  }

  #clearTimer(): void {
    this.#timer?.timer.clear();
    this.#timer = undefined;
  }
}

const nothing = () => {};
