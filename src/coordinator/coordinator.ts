/**
 * The coordinator: an actor with one mailbox and one state, between the clients, the store and the pool.
 *
 * Each turn takes what came in, lets the store decide it, claims what the threads have room for, and commits. Everything that others
 * see happens in `release`, when the store says that its gate is open. Nothing of a user's is decoded or imported here.
 */
import { takesTurns } from '../core/callback.js';
import type { Command, Effect, Gate, InnerCommand, Retention, Settled } from '../core/commands.js';
import { levelGate } from '../core/job.js';
import { countItems } from '../core/map.js';
import { queueOf } from '../core/queue.js';
import { type AnnotationRecord, type Id, isAgentOf, type JobRecord, type RetryDefaults } from '../core/records.js';
import { hasForgettable } from '../core/retention.js';
import { ClaimLostError, ClosedError, JournalCorruptError } from '../errors.js';
import type { Outcome } from '../protocol/board.js';
import { commandFromWire } from '../protocol/commands.js';
import type { WireInnerPut, WireOutcome } from '../protocol/dispatch.js';
import { errorToData } from '../protocol/error-data.js';
import { idToText } from '../protocol/id.js';
import { isPlain } from '../protocol/message-runs.js';
import type {
  ClientMessage,
  CoordinatorMessage,
  Fed,
  Query,
  WireCommand,
  WireInnerCommand,
  WireModule,
} from '../protocol/messages.js';
import { unpackBatch } from '../protocol/packing.js';
import type { Handed, HandedBuffer } from '../protocol/transfer.js';
import type { Store, StoreOwner } from '../store/store.js';
import { StoredPayload } from '../store/stored-payload.js';
import { answer, requireJob, requireMap } from './answers.js';
import { Choosing } from './choosing.js';
import { type AgentOptions, Claiming } from './claiming.js';
import { Estimates } from './estimates.js';
import { EventFeed } from './event-feed.js';
import { HandedOver } from './handed-over.js';
import { InHand } from './in-hand.js';
import type { Timer } from './long-timeout.js';
import { foldedItems, outcomeFor, payloadBytes } from './outcome-bytes.js';
import { Policies } from './policies.js';
import type { PoolOwner, PoolPort, Run } from './pool-port.js';
import { Presence, type PresenceOptions } from './presence.js';
import type { QuestionsPort } from './questions-port.js';
import { Waiters } from './waiters.js';

export interface CoordinatorPorts {
  readonly store: Store;
  /** Makes the pool, which calls back here. */
  readonly pool: (owner: PoolOwner) => PoolPort;
  /** Asks functions of job modules. */
  readonly questions: QuestionsPort;
  readonly post: (message: CoordinatorMessage) => void;
  readonly now: () => number;
  /** Calls back once, after so long. */
  readonly after: (delayMs: number, callback: () => void) => Timer;
  /** Calls back in the next turn of the loop, or at once where there is none. */
  readonly soon: (callback: () => void) => void;
  /** Everything is closed: what was held for the store can go. */
  readonly closed: () => Promise<void> | undefined;
}

export interface CoordinatorOptions extends AgentOptions {
  readonly retention: Retention;
  /** As which process its dispatcher works; undefined: as a client, which runs nothing. */
  readonly presence: PresenceOptions | undefined;
  /** What is not given stays as it is stored. */
  readonly retry: RetryDefaults | undefined;
}

interface Closing {
  readonly requests: number[];
  deadline: Timer | undefined;
  finishing: boolean;
}

type WirePuts = Extract<WireCommand, { type: 'put' | 'all' }>;

/** A chunk that could not be folded is tried again after this time. */
const foldAgainMs = 1000;
const nothingFed = { taken: 0, done: 0 };

/** Who feeds a map, and how few of its items are to be under way before it goes on. */
interface FedWaiter {
  readonly request: number;
  readonly most: number;
}

type OutcomeWaiter = (error: Error | undefined, outcome?: WireOutcome) => void;
type AnnotationWaiter = (value: Uint8Array | null) => void;

export class Coordinator implements PoolOwner, StoreOwner {
  readonly #ports: CoordinatorPorts;
  readonly #store: Store;
  readonly #pool: PoolPort;
  readonly #options: CoordinatorOptions;
  readonly #estimates = new Estimates();
  readonly #outcomeWaiters = new Waiters<OutcomeWaiter>();
  /** Jobs whose outcome their client wants as soon as it is there, by the request that put them. */
  readonly #watched = new Map<Id, number>();
  readonly #annotationWaiters = new Waiters<AnnotationWaiter>();
  readonly #drainWaiters = new Waiters<number>();
  readonly #handed = new HandedOver();
  readonly #inHand = new InHand();
  readonly #fedWaiters = new Waiters<FedWaiter>();
  /** Puts that wait for room in a bounded queue. */
  readonly #heldPuts = new Waiters<() => void>();
  /** Undefined for a client. */
  readonly #presence: Presence | undefined;
  readonly #feed = new EventFeed();
  /** Undefined until the store is open. */
  #claiming: Claiming | undefined;
  #policies: Policies | undefined;
  #choosing: Choosing | undefined;
  #timer: { readonly at: number; readonly timer: Timer } | undefined;
  #closing: Closing | undefined;
  #turning = false;

  constructor(ports: CoordinatorPorts, options: CoordinatorOptions) {
    this.#ports = ports;
    this.#store = ports.store;
    this.#options = options;
    this.#pool = ports.pool(this);
    this.#presence = options.presence && this.#joining(options.presence);
  }

  #joining(presence: PresenceOptions): Presence {
    const { now, after, post } = this.#ports;
    const { dispatcher } = this.#options;
    return new Presence(
      {
        store: this.#store,
        now,
        after,
        decide: (command, reply) => {
          this.#decide(command, 'decided', reply);
          this.turn();
        },
        log: (level, message, detail) => post(['log', level, message, detail]),
        refused: () => {
          this.#feed.push({ type: 'dispatcher.refused', at: now(), dispatcher });
          this.#feed.flush();
        },
        activated: () => {
          this.#claiming!.forgetInstalled();
          // Only now: what ran before is recovered by the policies under which it ran.
          const { dispatcher, retry } = this.#options;
          if (retry !== undefined) this.#decide({ type: 'setDefaults', dispatcher, retry });
          this.#installAgents();
          this.turn();
        },
        lost: () => {
          this.#claiming!.withdrawAll();
          this.#pool.stopAll();
        },
        isBusy: () => this.#pool.out > 0,
      },
      dispatcher,
      presence,
    );
  }

  /** Whether anybody wants to hear of events. */
  get isHeard(): boolean {
    return this.#feed.isHeard;
  }

  /** Opens the store, puts in order what the last process left, and begins to work. */
  async open(modules: Readonly<Record<string, WireModule>>): Promise<{ jobs: number; unfinished: number }> {
    this.#pool.introduce(modules);
    const ports = {
      store: this.#store,
      pool: this.#pool,
      estimates: this.#estimates,
      now: this.#ports.now,
      after: this.#ports.after,
    };
    const decide = (command: Command) => this.#decide(command);
    const callables = callablesOf(modules);
    const turn = () => this.turn();
    const { questions, post } = this.#ports;
    const choosing = new Choosing({ ...ports, questions, turn, post }, callables);
    this.#choosing = choosing;
    this.#claiming = new Claiming({ ...ports, decide, turn, choosing }, this.#options, callables);
    this.#policies = new Policies({ store: this.#store, questions, decide, turn }, callables);
    await this.#store.open(this);
    const { state } = this.#store;
    let unfinished = 0;
    for (const job of state.jobs()) if (job.status !== 'completed') unfinished++;
    const found = { jobs: state.size, unfinished };
    if (this.#store.isExclusive) this.#decide({ type: 'recover' });
    this.#presence?.begin();
    this.turn();
    // Where others have a say, whether it may work and which agents it has is known once it is committed, each after the other.
    if (!this.#store.isExclusive) for (let left = 2; left > 0; left--) await this.#committed();
    return found;
  }

  /** What travels beside the messages that are received next. */
  keepBuffers(handed: Handed): void {
    this.#handed.keep(handed);
  }

  /** One batch of a client's messages. */
  receive(messages: readonly ClientMessage[]): void {
    for (let at = 0; at < messages.length; ) {
      const message = messages[at]!;
      const end = message[0] === 'put' ? endOfRun(messages, at) : at + 1;
      if (message[0] === 'put') this.#put(messages.slice(at, end) as Put[]);
      else this.#receive(message);
      at = end;
    }
    this.turn();
  }

  /** There is something to claim or to commit: once in each turn of the loop, with all that came in by then. */
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
    if (this.#claiming === undefined) return;
    this.#putHeld();
    this.#presence?.settled();
    if (this.#closing === undefined && this.#presence?.isActive) this.#claiming.claim();
    const { state } = this.#store;
    const { retention } = this.#options;
    if (hasForgettable(state, retention, this.#ports.now())) this.#decide({ type: 'forget', keep: retention });
    this.#store.commit();
    // What became ready before and found no thread may find one now.
    this.#claiming.start();
    this.#setTimer();
    for (const queue of this.#drainWaiters.keys()) this.#tellDrained(queue);
    for (const map of this.#fedWaiters.keys()) this.#tellFed(map);
    if (this.#closing !== undefined && this.#pool.out === 0) void this.#finishClosing();
  }

  release(effects: readonly Effect[]): void {
    for (const effect of effects) {
      switch (effect.type) {
        case 'run':
          this.#makeReady(effect.job, effect.fence);
          break;
        case 'stop':
          this.#stop(effect.job);
          break;
        case 'ask':
          if (this.#closing === undefined && this.#presence !== undefined)
            this.#policies!.ask(effect.job, effect.fence);
          break;
        case 'settled':
          if (this.#handed.size > 0) this.#handed.take(effect.job.id);
          this.#tellOutcome(effect.job);
          break;
        case 'event':
          this.#feed.push(effect.event);
          break;
        case 'forgotten':
          if (this.#inHand.size > 0) this.#tellInHand(effect.job);
          break;
        case 'fold':
          this.#fold(effect.job);
          break;
        case 'log':
          this.#ports.post(['log', effect.level, effect.message, `job ${idToText(effect.job)}`]);
      }
    }
    this.#feed.flush();
    this.#claiming!.start();
  }

  /** What others decided may be of use to this dispatcher's agents, and to who waits here. */
  changed(settings: boolean, annotations: readonly AnnotationRecord[]): void {
    if (settings && this.#presence?.isActive) this.#installAgents();
    for (const { job, name, value } of annotations)
      for (const tell of this.#annotationWaiters.take(waitKey(job, name))) tell(payloadBytes(this.#store, value));
    this.turn();
  }

  /** Nothing can be kept any more, so nothing goes on: opening again recovers. */
  fatal(error: Error): void {
    this.#ports.post(['fatal', errorToData(error)]);
    this.#closing ??= { requests: [], deadline: undefined, finishing: true };
    void Promise.all([this.#pool.destroy(), this.#ports.questions.destroy()]).then(() => this.#ports.closed());
  }

  settled({ job, fence, callable }: Run, outcome: Outcome, stored?: () => void): void {
    this.#estimates.learn(callable, outcome.ranMs);
    const inner = outcome.inner.byteLength === 0 ? none : this.#innerCommands(job, outcome.inner);
    const { startedAt } = outcome;
    const command: Command = { type: 'settle', job, fence, startedAt, outcome: settledFrom(outcome), inner };
    if (stored === undefined) this.#store.transact([{ command, gate: 'decided', refused: this.#onRefused }]);
    else this.#decide(command, levelGate(this.#store.state.job(job)?.level ?? 'full'), stored);
  }

  timedOut({ job, fence }: Run): void {
    const startedAt = this.#ports.now();
    this.#decide({ type: 'settle', job, fence, startedAt, outcome: { kind: 'timeout' }, inner: none });
  }

  notBegun({ job, fence, free }: Run): void {
    // A callback has no line to go back to: it stays claimed, and has its turn again at the next open.
    if (this.#closing !== undefined && free) return;
    this.#decide({ type: 'giveBack', job, fence });
  }

  interrupted({ job, fence }: Run): void {
    this.#decide({ type: 'interrupt', job, fence, cause: this.#closing === undefined ? 'thread' : 'close' });
  }

  running({ job, fence }: Run): void {
    this.#decide({ type: 'begun', job, fence, at: this.#ports.now() });
  }

  threadDied(error: Error): void {
    this.#ports.post(['log', 'error', 'a worker thread died', error.stack ?? error.message]);
  }

  annotate(job: Id, name: string, value: Uint8Array | null): void {
    this.#decide({ type: 'annotate', job, name, value: value === null ? null : StoredPayload.of(value) });
    if (value !== null) for (const tell of this.#annotationWaiters.take(waitKey(job, name))) tell(value);
  }

  ask(query: Query): unknown {
    return answer(
      {
        store: this.#store,
        dispatcher: this.#options.dispatcher,
        now: this.#ports.now,
        isRunning: (job) => this.#pool.isRunning(job),
        choosing: this.#choosing!,
        putsInHand: this.#inHand.size,
        putsWaiting: (queue) => this.#heldPuts.count(queue),
      },
      query,
    );
  }

  waitForAnnotation(job: Id, name: string, timeoutMs: number, then: AnnotationWaiter): void {
    const there = this.#store.state.annotation(job, name);
    if (there !== undefined) return then(payloadBytes(this.#store, there.value));
    const key = waitKey(job, name);
    const waiter: AnnotationWaiter = (value) => {
      timer.clear();
      then(value);
    };
    const timer = this.#ports.after(timeoutMs, () => {
      this.#annotationWaiters.remove(key, waiter);
      then(null);
    });
    this.#annotationWaiters.add(key, waiter);
  }

  waitForOutcome(id: Id, then: OutcomeWaiter): void {
    this.#outcomeWaiters.add(id, then);
    const ended = (): JobRecord | undefined => {
      const job = requireJob(this.#store.state, id);
      return job.outcome === 'none' ? undefined : job;
    };
    if (this.#store.state.job(id)?.outcome === 'none') return;
    this.#store.read(ended, (error, job) => {
      if (job !== undefined) return this.#tellOutcome(job);
      if (error === undefined) return;
      this.#outcomeWaiters.remove(id, then);
      then(error);
    });
  }

  /** As safe as the job that puts it. */
  putNow(by: Id, put: WireInnerPut, then: (error: Error | undefined, same: readonly Id[] | null) => void): void {
    const level = this.#store.state.job(by)?.level ?? 'full';
    const command = commandFromWire({ ...put, owner: this.#options.dispatcher, level }, StoredPayload.of);
    this.#decide(command, levelGate(level), (error, same) => then(error, same ?? null));
    this.turn();
  }

  handOver(job: Id): readonly HandedBuffer[] {
    return this.#handed.take(job);
  }

  #receive(message: Exclude<ClientMessage, Put>): void {
    const [type, request] = message;
    try {
      switch (type) {
        case 'do':
          return this.#do(request, levelGate(message[2]), owned(message[3], this.#options.dispatcher));
        case 'outcome':
          return this.waitForOutcome(message[2], (error, outcome) => {
            if (outcome === undefined) this.#answer(request, error);
            else this.#ports.post(['outcome', request, ...outcome]);
          });
        case 'ask':
          return this.#store.read(
            () => this.ask(message[2]),
            (error, value) => (error === undefined ? this.#tell(request, value) : this.#answer(request, error)),
          );
        case 'annotation':
          return this.#store.read(
            () => requireJob(this.#store.state, message[2]),
            (error) => {
              if (error !== undefined) this.#answer(request, error);
              else this.waitForAnnotation(message[2], message[3], message[4], (value) => this.#tell(request, value));
            },
          );
        case 'hold':
          this.#inHand.hold(message[2], message[3], message[4]);
          return this.#answer(request);
        case 'release':
          this.#inHand.release(message[2]);
          return this.#answer(request);
        case 'fed':
          return this.#store.read(
            () => requireMap(this.#store.state, message[2]),
            (error) => {
              if (error !== undefined) this.#answer(request, error);
              else this.#waitUntilFed(message[2], { request, most: message[3] });
            },
          );
        case 'drained':
          return this.#drainWaiters.add(message[2], request);
        case 'subscribe':
          this.#feed.subscribe(message[2], message[3]);
          return this.#answer(request);
        case 'events':
          return this.#feed.read(message[2], (batch) => this.#ports.post(['answer', request, batch]));
        case 'unsubscribe':
          this.#feed.unsubscribe(message[2]);
          return this.#answer(request);
        case 'close':
          return this.#close(request, message[2]);
      }
    } catch (error) {
      this.#answer(request, error as Error);
    }
  }

  /** Puts of one job each, decided as one: several only where all of them can be put or none. */
  #put(puts: readonly Put[]): void {
    const [, first, queue, level] = puts[0]!;
    if (this.#closing !== undefined) return this.#refuse(puts, new ClosedError('the runtime is closing'));
    if (this.#isBounded(queue)) {
      if (puts.length > 1) {
        for (const put of puts) this.#put([put]);
        return;
      }
      if (this.#isFull(queue) || this.#heldPuts.has(queue)) return this.#heldPuts.add(queue, () => this.#put(puts));
    }
    const jobs = puts.map(([, , , , job]) => job);
    for (const [, request, , , [id]] of puts) this.#watched.set(id, request);
    const wire = { type: 'put', queue, owner: this.#options.dispatcher, level, jobs } as const;
    this.#decide(commandFromWire(wire, StoredPayload.of), levelGate(level), (error, same) => {
      if (error !== undefined) this.#refuse(puts, error);
      else if (same === undefined) this.#ports.post(['done', first, puts.length]);
      else {
        this.#watched.delete(jobs[0]![0]);
        this.#inHand.hold(jobs[0]![0], jobs[0]![0], same);
        this.#ports.post(['answer', first, same]);
      }
    });
  }

  #refuse(puts: readonly Put[], error: Error): void {
    for (const [, request, , , job] of puts) {
      this.#watched.delete(job[0]);
      this.#handed.drop([job]);
      this.#answer(request, error);
    }
  }

  #do(request: number, gate: Gate, wire: WireCommand): void {
    if (this.#closing !== undefined) return this.#answer(request, new ClosedError('the runtime is closing'));
    const queue = this.#queueOfPut(wire);
    if (queue !== undefined && (this.#isFull(queue) || this.#heldPuts.has(queue)))
      return this.#heldPuts.add(queue, () => this.#do(request, gate, wire));
    // A job that is with a thread and has not begun is still in the queue, for whoever takes it out or changes it.
    if (wire.type === 'remove' || wire.type === 'change' || wire.type === 'fail') this.#takeBack(wire.job);
    const command = commandFromWire(
      wire.type === 'put' ? { ...wire, owner: this.#options.dispatcher } : wire,
      StoredPayload.of,
    );
    this.#decide(command, gate, (error, same) => {
      if (error !== undefined) this.#handed.dropRefused(wire);
      else if (wire.type === 'put' || wire.type === 'all') this.#hold(wire, same);
      if (same !== undefined) this.#ports.post(['answer', request, same]);
      else this.#answer(request, error);
    });
    if (wire.type === 'createQueue') this.#installAgents();
    else if (wire.type === 'setAgent' || wire.type === 'removeAgent' || wire.type === 'removeQueue')
      this.#claiming!.listAgents();
    else if (wire.type === 'annotate' && wire.value !== null) {
      for (const tell of this.#annotationWaiters.take(waitKey(wire.job, wire.name))) tell(wire.value);
    }
  }

  #isBounded(queue: string): boolean {
    return (queueOf(this.#store.state, queue)?.bound ?? 0) > 0;
  }

  /** The queue that is to have room for what is put. */
  #queueOfPut(wire: WireCommand): string | undefined {
    if (wire.type === 'put') return wire.queue;
    return wire.type === 'feed' ? this.#store.state.job(wire.job)?.queue : undefined;
  }

  /** A bound keeps puts waiting, in their order. */
  #isFull(queue: string): boolean {
    const bound = queueOf(this.#store.state, queue)?.bound ?? 0;
    return bound > 0 && this.#store.state.queued(queue) >= bound;
  }

  #putHeld(): void {
    for (const queue of this.#heldPuts.keys()) {
      const held = this.#heldPuts.take(queue);
      let put = 0;
      while (put < held.length && (this.#closing !== undefined || !this.#isFull(queue))) held[put++]!();
      for (const waiting of held.slice(put)) this.#heldPuts.add(queue, waiting);
    }
  }

  #decide(
    command: Command,
    gate: Gate = 'decided',
    reply?: (error: Error | undefined, same?: readonly Id[]) => void,
  ): void {
    this.#store.transact([reply === undefined ? { command, gate } : { command, gate, reply }]);
  }

  /** What was taken from this dispatcher it cannot end any more. */
  readonly #onRefused = (error: Error, command: Command): void => {
    if (!(error instanceof ClaimLostError) || command.type !== 'settle') return;
    this.#ports.post(['log', 'error', error.message, `job ${idToText(command.job)}`]);
    this.#presence?.ping();
  };

  #answer(request: number, error?: Error): void {
    if (error === undefined) this.#ports.post(['done', request, 1]);
    else this.#ports.post(['error', request, errorToData(error)]);
  }

  #tell(request: number, value: unknown): void {
    this.#ports.post(['answer', request, value]);
  }

  #installAgents(): void {
    if (this.#presence?.isActive) this.#claiming!.installAgents(this.ask({ type: 'queues' }) as string[]);
  }

  /** What a job asked for while it ran: put by it, and as safe as it. */
  #innerCommands(job: Id, packed: Uint8Array): readonly InnerCommand[] {
    // A job that is there no more was taken from this claim: whatever it asked for is refused with its outcome.
    const level = this.#store.state.job(job)?.level ?? 'full';
    return unpackBatch<WireInnerCommand>(packed).map((wire) => {
      const whole = wire.type === 'put' ? { ...wire, owner: this.#options.dispatcher, level } : wire;
      return commandFromWire(whole, StoredPayload.of) as InnerCommand;
    });
  }

  #makeReady(id: Id, fence: number): void {
    const job = this.#store.state.job(id);
    if (job === undefined || job.fence !== fence || !job.claimed) return;
    // What another dispatcher is to run, that one hears of from its store.
    if (!isAgentOf(job.agent, this.#options.dispatcher)) return;
    if (this.#closing === undefined) this.#prepare(job);
    else if (!takesTurns(job)) this.#decide({ type: 'giveBack', job: id, fence });
  }

  /** A payload that is damaged on the disk fails the job that is to be called with it, and nobody else. */
  #prepare(job: JobRecord): void {
    const { id, fence } = job;
    try {
      this.#claiming!.makeReady(job);
    } catch (error) {
      // Whatever else it is, the store has said that it is its end.
      if (!(error instanceof JournalCorruptError)) return;
      this.#ports.post(['log', 'error', error.message, `job ${idToText(id)} cannot begin`]);
      this.#decide({ type: 'cannotBegin', job: id, fence, error });
      this.turn();
    }
  }

  #takeBack(id: Id): void {
    const run = this.#claiming!.withdraw(id);
    if (run === undefined) this.#pool.takeBack(id);
    else this.notBegun(run);
  }

  #stop(id: Id): void {
    const run = this.#claiming!.withdraw(id);
    if (run === undefined) this.#pool.stop(id);
    else this.notBegun(run);
  }

  /** On a full disk again and again, until there is room; where that does not come, whoever opens next does it. */
  #fold(id: Id): void {
    const chunk = this.#store.state.job(id);
    if (chunk === undefined || chunk.outcome !== 'none' || this.#closing !== undefined) return;
    const items = foldedItems(this.#store, chunk);
    const command = { type: 'fold', job: id, list: items === null ? null : StoredPayload.of(items) } as const;
    this.#decide(command, 'decided', (error) => {
      if (error !== undefined) this.#ports.after(foldAgainMs, () => this.#fold(id));
    });
    this.turn();
  }

  #waitUntilFed(map: Id, waiter: FedWaiter): void {
    this.#fedWaiters.add(map, waiter);
    this.#tellFed(map);
  }

  /** How a map stands, for those who feed it. */
  #tellFed(map: Id): void {
    const job = this.#store.state.job(map);
    const { taken, done } = job === undefined ? nothingFed : countItems(this.#store.state, job);
    const open = job?.open === true && job.outcome === 'none';
    for (const waiter of this.#fedWaiters.take(map)) {
      if (open && taken - done > waiter.most) this.#fedWaiters.add(map, waiter);
      else this.#ports.post(['answer', waiter.request, [taken, done, open] satisfies Fed]);
    }
  }

  /** The record is told from as it is, also if it was forgotten since it was decided. */
  #tellOutcome(job: JobRecord): void {
    const put = this.#watched.get(job.id);
    if (put === undefined && !this.#outcomeWaiters.has(job.id)) return;
    this.#watched.delete(job.id);
    const outcome = this.#readOutcome(job);
    if (outcome instanceof Error) {
      if (put !== undefined) this.#ports.post(['unreadable', put, errorToData(outcome)]);
      for (const tell of this.#outcomeWaiters.take(job.id)) tell(outcome);
      return;
    }
    if (put !== undefined) this.#ports.post(['settled', put, ...outcome]);
    for (const tell of this.#outcomeWaiters.take(job.id)) tell(undefined, outcome);
  }

  /** Or why it cannot be read. */
  #readOutcome(job: JobRecord): WireOutcome | Error {
    try {
      const { kind, payload } = outcomeFor(this.#store, job, 'client');
      return [kind, payload];
    } catch (error) {
      return error as Error;
    }
  }

  /** A put of several: their outcomes come only where they are asked for, and before they are forgotten. */
  #hold(wire: WirePuts, same: readonly Id[] | undefined): void {
    const puts = wire.type === 'all' ? wire.commands : [wire];
    const [first, last] = [puts[0], puts.at(-1)];
    if (first?.type !== 'put' || last?.type !== 'put' || first.jobs.length === 0) return;
    this.#inHand.hold(first.jobs[0]![0], last.jobs.at(-1)![0], same);
  }

  #tellInHand(job: JobRecord): void {
    const hands = this.#inHand.handsOf(job.id);
    if (hands.length === 0) return;
    const outcome = this.#readOutcome(job);
    if (outcome instanceof Error) return;
    for (const hand of hands) this.#ports.post(['kept', hand, job.id, ...outcome]);
  }

  /** Nothing in the queue is due or running. */
  #tellDrained(queue: string): void {
    const busy = () => this.#store.state.busy(queue);
    if (busy()) return;
    for (const request of this.#drainWaiters.take(queue)) {
      this.#store.read(busy, (error, stillBusy) => {
        if (stillBusy) this.#drainWaiters.add(queue, request);
        else this.#answer(request, error);
      });
    }
  }

  #setTimer(): void {
    const next = this.#closing === undefined ? this.#store.state.nextTimer : undefined;
    if (next === this.#timer?.at) return;
    this.#timer?.timer.clear();
    this.#timer = undefined;
    if (next === undefined) return;
    const timer = this.#ports.after(Math.max(0, next - this.#ports.now()), () => {
      this.#timer = undefined;
      this.#decide({ type: 'tick' });
      this.turn();
    });
    this.#timer = { at: next, timer };
  }

  /** Claims no more, waits for what runs, then interrupts the rest and gives it back. */
  #close(request: number, graceMs: number): void {
    if (this.#closing !== undefined) {
      this.#closing.requests.push(request);
      return;
    }
    this.#closing = { requests: [request], deadline: undefined, finishing: false };
    if (Number.isFinite(graceMs)) this.#closing.deadline = this.#ports.after(graceMs, () => void this.#finishClosing());
    for (const run of this.#claiming!.withdrawAll()) this.notBegun(run);
    this.#pool.takeBackAll();
  }

  #committed(): Promise<void> {
    return new Promise((resolve) => this.#store.read(nothing, () => resolve()));
  }

  async #finishClosing(): Promise<void> {
    const closing = this.#closing!;
    if (closing.finishing) return;
    closing.finishing = true;
    closing.deadline?.clear();
    const [hanging] = await Promise.all([this.#pool.destroy(), this.#ports.questions.destroy()]);
    // What was claimed and never came here is here once its claim is released.
    await this.#committed();
    this.#presence?.end();
    const failure = await this.#store.close().then(noFailure, (error: Error) => error);
    await this.#ports.closed();
    for (const request of closing.requests) {
      if (failure === undefined) this.#ports.post(['answer', request, { hanging }]);
      else this.#answer(request, failure);
    }
  }
}

const none: readonly never[] = [];
const nothing = () => {};
const noFailure = () => undefined;

type Put = Extract<ClientMessage, ['put', ...unknown[]]>;

/** So many puts are decided as one. */
const longestRun = 64;

/** Where the puts end that begin here and can be put as one: plain ones, one after another, into the same queue. */
function endOfRun(messages: readonly ClientMessage[], from: number): number {
  const [, first, queue, level, job] = messages[from] as Put;
  let at = from + 1;
  if (!isPlain(job)) return at;
  for (; at < messages.length && at < from + longestRun; at++) {
    const next = messages[at]!;
    const follows = next[0] === 'put' && next[1] === first + at - from && next[2] === queue && next[3] === level;
    if (!follows || !isPlain(next[4])) break;
  }
  return at;
}

/** Whoever sends a put, this dispatcher puts. */
function owned<C extends WireCommand>(wire: C, owner: Id): C {
  if (wire.type === 'put') return { ...wire, owner };
  return wire.type === 'all' ? { ...wire, commands: wire.commands.map((inner) => owned(inner, owner)) } : wire;
}

const waitKey = (job: Id, name: string) => `${job}${name}`;

function callablesOf(modules: Readonly<Record<string, WireModule>>): ReadonlySet<string> {
  const all = Object.entries(modules).flatMap(([name, { functions }]) => functions.map((key) => `${name}#${key}`));
  return new Set(all);
}

function settledFrom({ kind, payload, note }: Outcome): Settled {
  switch (kind) {
    case 'value':
    case 'failure':
      return { kind, payload: StoredPayload.of(payload) };
    case 'thrown':
      return { kind, payload: StoredPayload.of(payload), names: note.split('\n') };
    case 'job':
      return { kind, job: note };
  }
}
