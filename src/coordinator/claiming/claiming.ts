/**
 * Claims jobs for this dispatcher's agents and passes the claimed runs to threads, in batches.
 *
 * The room of the threads is planned twice a turn, because a gate lies between a claim and its
 * start:
 *
 * 1. `claim` plans with `Batches<null>` to decide how many jobs to claim. Each claim is decided
 *    before the commit, so that a put and its claim are one change in one frame. The plan keeps a
 *    job in its lane if no thread has room for it.
 * 2. Behind the gate of its claim, the store releases a run, and `makeReady` makes it ready: in the
 *    same turn, in a later one (a sync, or another dispatcher's claim, comes between), or never.
 * 3. `start` plans again with `Batches<Run>`, from the runs that are ready and from the threads
 *    that there are by then. This plan fills the batches. A run without a place stays ready.
 *
 * The first plan cannot be kept for the second: between them claims are lost, runs are withdrawn,
 * and threads end. To make the two agree, the first plan begins by placing each run claimed in an
 * earlier turn that is not yet on a thread: the ready runs, and the claims not yet released
 * (`#coming`). Without that, each turn that passes before a release would claim the same room
 * again.
 */
import { type FilterTerm, isFor, mainAgent, refusingTerm } from '../../core/agent.js';
import { queueOf } from '../../core/queue.js';
import { type AgentRecord, agentKey, type Id, isAgentOf, type JobRecord } from '../../core/records.js';
import { neededPlaces } from '../../core/state/indices.js';
import type { Lane } from '../../core/state/lanes.js';
import { View } from '../../core/state/view.js';
import { type Claim, type ClaimRequest, nextFor, takesThread } from '../../store/claims.js';
import type { Records } from '../../store/store.js';
import type { Context } from '../context.js';
import type { Parts } from '../parts.js';
import type { PoolPort, Run } from '../pool/pool-port.js';
import type { AnswerUse } from '../questions/agent-questions.js';
import { type AgentRoom, Batches, type Refusal } from './batches.js';
import type { Estimates } from './estimates.js';
import type { JobWaits } from './job-waits.js';

/** The objects that claiming shares with `Runs`, beside the context. */
export interface ClaimingContext extends Context, Parts {
  readonly pool: PoolPort;
  readonly estimates: Estimates;
  readonly waits: JobWaits;
}

export interface AgentOptions {
  readonly dispatcher: Id;
  /** The size of the agent `main`, installed in every queue without one. 0: none is installed. */
  readonly agentSize: number;
  /** `true` if opening also resizes a stored agent `main`. */
  readonly agentSizeGiven: boolean;
  /**
   * `true` after the death of a coordinator. The agents that it installed may have been changed or
   * removed since, so they are not installed again.
   */
  readonly isRestart: boolean;
}

/**
 * Milliseconds that a suspect, a job that was running when two processes died, must run alone to be
 * cleared. The first time it is five seconds, enough to import the job's module on a busy machine.
 * It doubles each time that clearing proved wrong.
 */
const clearedAfterMs = (fence: number) => Math.min(60_000, 625 * 2 ** fence);
/**
 * The time for which nothing else is claimed so that a suspect can begin alone. After it, the
 * suspect begins beside the runs that still go on.
 */
const quietMs = 1000;

/** A reason that keeps a job in its line: for all agents, or for one. */
export type Hindrance =
  | { readonly code: 'store-full' | 'paused' | 'no-agent' | 'unknown-callable' }
  | { readonly code: 'quota-full' | 'rate'; readonly quota: string; readonly opensAt: number }
  | { readonly code: 'only'; readonly dispatcher: Id }
  | { readonly code: 'runs-alone'; readonly by: Id }
  | { readonly code: 'not-taken'; readonly agent: AgentRecord; readonly term: FilterTerm }
  | { readonly code: 'behind'; readonly agent: AgentRecord; readonly first: Id }
  | {
      readonly code: Refusal | 'quiet' | 'not-asked' | 'refused' | 'not-chosen';
      readonly agent: AgentRecord;
    };

type Claimed = Pick<Run, 'job' | 'callable' | 'agent' | 'free'>;

export class Claiming {
  readonly #context: ClaimingContext;
  readonly #options: AgentOptions;
  /**
   * The agent that claims first: the one with this key, or the next after it in the order of keys,
   * among agents with something to claim in their queue. It goes round with each turn, except that
   * an agent that waits for an idle thread stays first.
   */
  #first = '';
  /** The queues in which the agent `main` is installed; `undefined` before the first call. */
  #installed: Set<string> | undefined;
  /**
   * Runs that are claimed in the state here but not yet released: the claim waits for a sync, or
   * another dispatcher may have been faster.
   */
  readonly #coming = new Set<Id>();
  /** The jobs for which the last requests returned claims. */
  readonly #claimed: JobRecord[] = [];
  /** `true` if the last requests took runs back from busy threads. */
  #hasShared = false;
  /** The claimed callbacks that this build cannot run. */
  readonly #heldBack = new Set<Id>();
  /** Runs that are released and not yet on a thread. */
  #ready: Run[] = [];
  /** The suspect that runs alone. */
  #alone: Id | undefined;
  /** Suspects that ran alone long enough and still run. */
  readonly #cleared = new Set<Id>();
  /** Set while a suspect waits for the other runs to end. Until `over`, nothing else is claimed. */
  #quiet: { over: boolean } | undefined;

  constructor(context: ClaimingContext, options: AgentOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** Installs the agent `main` in each new queue, as `open` promises. `queues` are all queues. */
  installAgents(queues: readonly string[]): void {
    const { agentSize: size, agentSizeGiven, isRestart } = this.#options;
    const wins = agentSizeGiven && this.#installed === undefined;
    const had = this.#installed ?? new Set(isRestart ? queues : []);
    const installed = new Set(queues);
    this.#installed = installed;
    for (const queue of size > 0 ? queues : []) {
      if (!had.has(queue)) this.#install(queue, wins, installed);
    }
    this.#context.agentQuestions.settingsChanged();
  }

  /** Installs the agent `main` in a queue, if the queue is new. */
  installAgent(queue: string): void {
    const installed = this.#installed;
    if (installed === undefined || installed.has(queue) || this.#options.agentSize === 0) return;
    installed.add(queue);
    this.#install(queue, false, installed);
  }

  #install(queue: string, wins: boolean, installed: Set<string>): void {
    const { dispatcher, agentSize: size } = this.#options;
    const command = { type: 'installAgent', dispatcher, queue, name: mainAgent, size, wins } as const;
    this.#context.decide(command, { refused: () => installed.delete(queue) });
  }

  /**
   * Notes that agents of a queue changed. If the queue was removed, a later one of this name is
   * new.
   */
  agentsChanged(queue: string): void {
    const { store, agentQuestions } = this.#context;
    if (queueOf(store.local, queue) === undefined) this.#installed?.delete(queue);
    agentQuestions.agentsChanged(queue);
  }

  /** Makes every queue count as new: the installed agents may be gone. */
  forgetInstalled(): void {
    this.#installed = new Set();
  }

  /** Claims as many jobs as the threads have room for. This is the first plan of the turn. */
  claim(): void {
    const { store } = this.#context;
    if (!store.takesWork) return;
    this.#claimOnce();
    // Jobs taken back from a busy thread are claimed for the idle one in the same commit.
    if (store.isExclusive && this.#hasShared) this.#claimOnce();
  }

  #claimOnce(): void {
    const { store } = this.#context;
    this.#hasShared = false;
    const batches = store.isExclusive ? undefined : this.#planWithoutRecords();
    if (batches?.hasRoom === false) return;
    store.claim((view) => this.#requests(view), batches?.most);
    if (!store.isExclusive) return;
    // The claim of a part ends it if its whole has ended.
    for (const job of this.#claimed.splice(0)) if (job.outcome === 'none') this.#noteClaim(job);
  }

  /**
   * A claim that is also the start (`retryNever`) is released after a sync. In a shared store, a
   * claim is noted when it is released. Either way, the run may be ready in a later turn.
   */
  #noteClaim(job: JobRecord): void {
    const { isExclusive } = this.#context.store;
    // A guest has fewer places than it needs.
    if (job.quotas.length > 0 && neededPlaces(job).length > 0) this.#context.waits.addGuest(job.id);
    if (takesThread(job) && (job.begun || !isExclusive)) this.#coming.add(job.id);
    if (job.alone && this.#alone !== job.id) this.#beginAlone(job);
  }

  /** Requests the jobs for which there is room; see `ClaimRequests`. */
  *#requests(view: View): Generator<ClaimRequest, void> {
    const { waits, pool, isClosing } = this.#context;
    // A store may ask later than in this turn.
    if (isClosing()) return;
    this.#claimed.length = 0;
    const { batches, unplaced } = this.#plan(view);
    const isAlone = this.#isAlone;
    if (batches.hasRoom && !isAlone) yield* this.#inLine(view, batches);
    if (!waits.isEmpty) yield* this.#awaited(view, batches, unplaced);
    if (!isAlone && batches.isAnyIdle)
      this.#hasShared = pool.share(
        (run, isLast) =>
          batches.canMove(placeOf(run), false, isLast) ||
          (this.#isAwaited(view, run.job) && batches.canMove(placeOf(run), true, isLast)),
      );
  }

  /** Plans with the runs that are claimed already. Returns those for which no thread has room. */
  #plan(view: View): { readonly batches: Batches<null>; readonly unplaced: readonly Run[] } {
    const batches = this.#batches<null>(view);
    if (!batches.hasRoom && this.#context.waits.isEmpty) return { batches, unplaced: this.#ready };
    const unplaced = this.#ready.filter((run) => !this.#place(view, batches, run, null));
    this.#placeComing(view, batches);
    return { batches, unplaced };
  }

  /** Plans as far as no record is needed; returns undefined if one is. */
  #planWithoutRecords(): Batches<null> | undefined {
    const { waits, store } = this.#context;
    const areNeeded = !waits.isEmpty || this.#heldBack.size > 0 || store.local.restingCallbacks().size > 0;
    return areNeeded ? undefined : this.#plan(noRecords).batches;
  }

  /** Requests jobs in the order of the lines, beginning with the agent that goes first. */
  *#inLine(view: View, batches: Batches<null>): Generator<ClaimRequest, void> {
    const { agentQuestions } = this.#context;
    let claimed = 0;
    let waits: AgentRecord | undefined;
    let isOver = false;
    const { agents, first } = this.#inTurn(view);
    if (agents.length > 0) this.#first = first;
    for (const agent of agents) {
      const key = keyOf(agent);
      const takes = this.#takes(agent);
      const place = (job: JobRecord): Claim | undefined => {
        if (isOver) return undefined;
        const refusal = this.#refusal(batches, job, key, claimed);
        if (refusal === 'quiet') {
          // Its agent goes first next time. Otherwise others would be claimed before the suspect,
          // and the threads would never be quiet.
          this.#first = key;
          this.#waitForQuiet();
          isOver = true;
          return undefined;
        }
        if (refusal !== undefined) {
          // Its agent, too, goes first next time. Otherwise others would fill the thread that it
          // waits for.
          if (batches.isHeld) waits ??= agent;
          return undefined;
        }
        if (takesThread(job)) claimed++;
        // Nothing else is claimed in the same turn.
        isOver = job.alone;
        return this.#claim(view, job, key);
      };
      yield { agent, most: batches.most, takes, next: this.#chosen(view, agent, takes), place };
      if (isOver) return;
      if (agentQuestions.isAsked(agent)) agentQuestions.ask(agent, takes);
    }
    if (waits !== undefined) this.#first = keyOf(waits);
  }

  /** Finds the next job of an agent whose functions must be asked. */
  #chosen(view: View, agent: AgentRecord, takes: (lane: Lane) => boolean, peeks = false): ClaimRequest['next'] {
    const { agentQuestions } = this.#context;
    if (!agentQuestions.isAsked(agent)) return undefined;
    let use: AnswerUse = peeks ? 'peek' : 'first';
    return () => {
      const job = agentQuestions.next(view, agent, takes, use);
      if (!peeks) use = 'again';
      return job;
    };
  }

  /** Gives the job a place in the plan. If no place is free, returns the reason. */
  #refusal(batches: Batches<null>, job: JobRecord, agent: string, claimed: number): Refusal | 'quiet' | undefined {
    if (job.alone && !this.#mayBeginAlone(claimed)) return 'quiet';
    return this.#placeInLine(batches, job, agent, false) ? undefined : batches.refusal;
  }

  /** Places a job in line. A composition that only puts its parts takes no thread. */
  #placeInLine(batches: Batches<null>, job: JobRecord, agent: string, awaited: boolean): boolean {
    return !takesThread(job) || batches.place(job, agent, awaited, null);
  }

  /**
   * This dispatcher's agents with something to claim in their queue, beginning with the one that
   * goes first. `first` is that of the next time.
   */
  #inTurn(view: View): { readonly agents: readonly AgentRecord[]; readonly first: string } {
    const agents: AgentRecord[] = [];
    let [start, first] = [0, ''];
    for (const queue of view.openQueues()) {
      for (const agent of view.agentsOf(this.#options.dispatcher, queue)) {
        const key = keyOf(agent);
        if (agents.length === 0 || this.#goesFirst(key, first)) [start, first] = [agents.length, key];
        agents.push(agent);
      }
    }
    // The least key after `first`.
    return { agents: [...agents.slice(start), ...agents.slice(0, start)], first: `${first}\0` };
  }

  /** `true` if `key` comes before `other`, counted from `#first` round. */
  #goesFirst(key: string, other: string): boolean {
    const [isAhead, isOtherAhead] = [key >= this.#first, other >= this.#first];
    return isAhead === isOtherAhead ? key < other : isAhead;
  }

  /**
   * Requests jobs that running jobs wait for, out of line, and starts one more thread if they need
   * one.
   */
  *#awaited(view: View, batches: Batches<null>, unplaced: readonly Run[]): Generator<ClaimRequest> {
    const { waits, pool, turn } = this.#context;
    let lacksThread = unplaced.some(({ job }) => this.#isAwaited(view, job));
    const inLine = waits.inLine(view);
    for (let next = inLine.next(); !lacksThread; next = inLine.next()) {
      if (next.done) {
        if (next.value) turn();
        break;
      }
      const job = next.value;
      const agent = this.#agentForAwaited(view, job);
      if (agent === undefined) continue;
      if (this.#placeInLine(batches, job, keyOf(agent), true)) yield this.#outOfLine(view, job, agent);
      else lacksThread = true;
    }
    if (lacksThread && batches.lacksThread) pool.grow();
  }

  /** The agent that claims an awaited job in line as soon as a thread has room for it. */
  #agentForAwaited(view: View, job: JobRecord): AgentRecord | undefined {
    const { waits, agentQuestions, now } = this.#context;
    const lane = view.laneOf(job);
    if (lane === undefined || queueOf(view, job.queue)?.paused) return undefined;
    if (!view.hasRoom(job, now(), waits.lentTo(view, job))) return undefined;
    const agents = [...view.agentsOf(this.#options.dispatcher, job.queue)];
    return agents.find((one) => this.#takes(one)(lane) && agentQuestions.accepts(one, lane));
  }

  /** Requests one job that has its place in the plan. */
  #outOfLine(view: View, job: JobRecord, agent: AgentRecord): ClaimRequest {
    let left: JobRecord | undefined = job;
    const next = () => left;
    const place = () => {
      left = undefined;
      return this.#claim(view, job, keyOf(agent));
    };
    return { agent, most: 1, takes: this.#takes(agent), next, place };
  }

  /**
   * Returns the reasons that keep a job in its line; none if the next turn claims it. Changes
   * nothing.
   */
  hindrances(view: View, job: JobRecord): readonly Hindrance[] {
    const { store, waits, now } = this.#context;
    const lane = view.laneOf(job);
    if (lane === undefined) return [];
    if (!store.takesWork) return [{ code: 'store-full' }];
    const { batches, unplaced } = this.#plan(view);
    if (this.#isAwaited(view, job.id) && !unplaced.some((run) => this.#isAwaited(view, run.job))) {
      const agent = this.#agentForAwaited(view, job);
      if (agent !== undefined && this.#placeInLine(batches, job, keyOf(agent), true)) return [];
    }
    const found: Hindrance[] = [];
    if (queueOf(view, job.queue)?.paused) found.push({ code: 'paused' });
    const lent = waits.isEmpty ? undefined : waits.lentTo(view, job);
    for (const quota of lane.gates) {
      const opensAt = view.opensAt(job.queue, quota, now(), lent);
      if (opensAt !== 0) found.push({ code: Number.isFinite(opensAt) ? 'rate' : 'quota-full', quota, opensAt });
    }
    const agents = [...view.agentsOf(this.#options.dispatcher, job.queue)];
    if (agents.length === 0) found.push({ code: 'no-agent' });
    const refused = agents.map((agent) => ({ agent, hindrance: this.#whyNotTaken(agent, lane) }));
    const common = refused[0]?.hindrance;
    // These do not depend on the agent.
    if (common?.code === 'only' || common?.code === 'unknown-callable') return [...found, common];
    if (found.length > 0) return found;
    const offers = this.#isAlone ? undefined : this.#offers(view, batches);
    for (const { agent, hindrance } of refused) {
      const alone = offers === undefined ? ({ code: 'runs-alone', by: this.#alone! } as const) : undefined;
      const one = hindrance ?? alone ?? offers!(agent, job);
      if (one === undefined) return [];
      found.push(one);
    }
    return found;
  }

  /** Goes through a turn of claiming that claims nothing. */
  #offers(view: View, batches: Batches<null>): (agent: AgentRecord, job: JobRecord) => Hindrance | undefined {
    /** The next job of each agent, and what keeps it in its line. */
    const offers = new Map<string, { readonly job: JobRecord; readonly hindrance: Hindrance | undefined }>();
    let suspect: Id | undefined;
    const { hasRoom } = batches;
    for (const agent of hasRoom ? this.#inTurn(view).agents : []) {
      const takes = this.#takes(agent);
      const job = nextFor(view, { agent, takes, next: this.#chosen(view, agent, takes, true) }, this.#context.now());
      if (job === undefined) continue;
      const refusal = suspect === undefined ? this.#refusal(batches, job, keyOf(agent), 0) : undefined;
      const behind = suspect === undefined ? undefined : ({ code: 'runs-alone', by: suspect } as const);
      offers.set(keyOf(agent), { job, hindrance: behind ?? (refusal && { code: refusal, agent }) });
      // Nothing else is claimed in the same turn.
      if (job.alone && (refusal === undefined || refusal === 'quiet')) suspect ??= job.id;
    }
    return (agent, job) => {
      if (!hasRoom) return { code: 'threads-busy', agent };
      const offer = offers.get(keyOf(agent));
      if (offer?.job === job) return offer.hindrance;
      if (agent.chooser !== undefined) return { code: 'not-chosen', agent };
      return offer && { code: 'behind', agent, first: offer.job.id };
    };
  }

  /** The reason for which an agent itself refuses a lane; `undefined` if it takes its jobs. */
  #whyNotTaken(agent: AgentRecord, lane: Lane): Hindrance | undefined {
    const { build, agentQuestions } = this.#context;
    if (!isFor(lane, this.#options.dispatcher)) return { code: 'only', dispatcher: lane.only };
    if (!build.knows(lane.callable)) return { code: 'unknown-callable' };
    const term = refusingTerm(agent.filter, lane);
    if (term !== undefined) return { code: 'not-taken', agent, term };
    if (agent.filter?.by === undefined || agentQuestions.accepts(agent, lane)) return undefined;
    return { code: agentQuestions.hasRefused(agent, lane) ? 'refused' : 'not-asked', agent };
  }

  /** Returns the claim of a job. A job that running jobs wait for is claimed in their places. */
  #claim(view: View, job: JobRecord, agent: string): Claim {
    const { waits } = this.#context;
    this.#claimed.push(job);
    const claim: Claim = { type: 'claim', job: job.id, agent };
    const lent = job.quotas.length === 0 || waits.isEmpty ? undefined : waits.lentTo(view, job);
    return lent === undefined || lent.length === 0 ? claim : { ...claim, lent };
  }

  /** Whether an agent takes the jobs of a lane, as far as no function must be asked. */
  #takes({ filter }: AgentRecord): (lane: Lane) => boolean {
    const { build } = this.#context;
    return (lane) =>
      isFor(lane, this.#options.dispatcher) && build.knows(lane.callable) && refusingTerm(filter, lane) === undefined;
  }

  #isAwaited(view: View, id: Id): boolean {
    const { waits } = this.#context;
    if (waits.isEmpty) return false;
    const job = view.job(id);
    return job !== undefined && waits.isAwaited(view, job);
  }

  /** Places a claimed job. An awaited job takes a place for awaited jobs if it gets no other. */
  #place<T>(view: View, batches: Batches<T>, claimed: Claimed, item: T): boolean {
    const agent = placeOf(claimed);
    if (batches.place(claimed, agent, false, item)) return true;
    return this.#isAwaited(view, claimed.job) && batches.place(claimed, agent, true, item);
  }

  /**
   * Places the runs in `#coming`, which have their room already. A claim that was lost is dropped.
   */
  #placeComing(view: View, batches: Batches<null>): void {
    for (const id of this.#coming) {
      const job = this.#context.store.local.jobOfAgent(id);
      if (this.#isOwn(job))
        this.#place(view, batches, { job: id, callable: job.callable, agent: job.agent, free: false }, null);
      else this.#coming.delete(id);
    }
  }

  #isOwn(job: JobRecord | undefined): job is JobRecord {
    return job?.claimed === true && isAgentOf(job.agent, this.#options.dispatcher);
  }

  /** `true` if a suspect may begin: only cleared suspects run, or `quietMs` have passed. */
  #mayBeginAlone(claimed: number): boolean {
    const { store, pool } = this.#context;
    for (const id of this.#cleared) if (!store.local.jobOfAgent(id)?.claimed) this.#cleared.delete(id);
    const isQuiet = claimed + this.#ready.length + this.#coming.size === 0 && pool.out <= this.#cleared.size;
    return isQuiet || this.#quiet?.over === true;
  }

  /** Gives up waiting for quiet after a while. */
  #waitForQuiet(): void {
    if (this.#quiet !== undefined) return;
    const { after, turn } = this.#context;
    const quiet = { over: false };
    this.#quiet = quiet;
    after(quietMs, () => {
      quiet.over = true;
      turn();
    });
  }

  #beginAlone({ id, fence }: JobRecord): void {
    this.#quiet = undefined;
    this.#alone = id;
    this.#clearLater(id, fence);
  }

  /**
   * Clears a suspect after it ran alone long enough. If it had not begun by the end of the time, it
   * gets the same time again.
   */
  #clearLater(id: Id, fence: number): void {
    const { pool, after, decide } = this.#context;
    after(clearedAfterMs(fence), () => {
      if (this.#alone !== id || !this.#isAlone) return;
      if (pool.threadOf(id) === undefined) return this.#clearLater(id, fence);
      this.#alone = undefined;
      this.#cleared.add(id);
      decide({ type: 'cleared', job: id, fence });
    });
  }

  /** `true` while a suspect runs alone. */
  get #isAlone(): boolean {
    const job = this.#alone === undefined ? undefined : this.#context.store.local.jobOfAgent(this.#alone);
    // After the death of its thread the job may be claimed again as one that need not run alone.
    if (this.#isOwn(job) && job.alone) return true;
    this.#alone = undefined;
    return false;
  }

  /** Notes a released claim whose run is being prepared. */
  prepare(job: JobRecord): void {
    if (!this.#context.store.isExclusive) this.#noteClaim(job);
  }

  /** Makes a run ready for a thread: its claim is released. */
  makeReady(run: Run): void {
    this.#coming.delete(run.job);
    this.#ready.push(run);
  }

  /** Notes that a claim was lost before its run was ready. */
  drop(job: Id): void {
    this.#coming.delete(job);
  }

  /**
   * Passes the ready runs to threads. This is the second plan of the turn, and the one that counts.
   */
  start(): void {
    this.#dropLost();
    if (this.#ready.length === 0) return;
    const look = ({ view }: Records) => {
      const batches = this.#batches<Run>(view);
      for (const run of this.#ready) this.#place(view, batches, run, run);
      return batches.filled;
    };
    this.#context.store.read(look, (_, filled = []) => this.#start(filled), 'decided');
  }

  #start(filled: Batches<Run>['filled']): void {
    this.#dropLost();
    for (const { thread, items } of filled) {
      // Runs may have been withdrawn since they were placed.
      const runs = items.every(isReady) ? items : items.filter(isReady);
      for (const run of runs) run.thread = thread;
      if (runs.length === 0 || this.#context.pool.start(thread, runs)) continue;
      for (const run of runs) run.thread = 0;
    }
    this.#ready = this.#ready.filter(isReady);
  }

  /** Drops runs whose claims were given back, or taken, while they were made ready. */
  #dropLost(): void {
    const { store } = this.#context;
    if (store.isExclusive) return;
    for (const run of this.#ready) {
      const job = store.local.jobOfAgent(run.job);
      if (!this.#isOwn(job) || job.fence !== run.fence) run.thread = withdrawn;
    }
    this.#ready = this.#ready.filter(isReady);
  }

  /** Removes a run that is ready and returns it; `undefined` if it is not ready. */
  withdraw(id: Id): Run | undefined {
    const index = this.#ready.findIndex(({ job }) => job === id);
    if (index < 0) return undefined;
    const [run] = this.#ready.splice(index, 1);
    run!.thread = withdrawn;
    return run;
  }

  withdrawAll(): readonly Run[] {
    const runs = this.#ready.splice(0);
    for (const run of runs) run.thread = withdrawn;
    return runs;
  }

  /** Notes a claimed callback that this build cannot run. */
  holdBack(callback: Id): void {
    this.#heldBack.add(callback);
  }

  /** Counts the jobs whose callback waits for its time or for another build, by agent. */
  #stalled(view: View): ReadonlyMap<string, number> | undefined {
    const { local } = this.#context.store;
    const resting = local.restingCallbacks();
    if (resting.size === 0 && this.#heldBack.size === 0) return undefined;
    const callbacks = [...resting];
    for (const id of this.#heldBack) {
      const callback = local.jobOfAgent(id);
      if (this.#isOwn(callback)) callbacks.push(callback);
      else this.#heldBack.delete(id);
    }
    const stalled = new Map<string, number>();
    for (const callback of callbacks) {
      const above = this.#calledBack(view, callback);
      if (above?.status === 'callbacks') stalled.set(above.agent, (stalled.get(above.agent) ?? 0) + 1);
    }
    return stalled;
  }

  /**
   * Returns the job in whose place a callback has its turn. Callbacks of one that was ended before
   * its turn run beside that of the job, and have no place.
   */
  #calledBack(view: View, callback: JobRecord): JobRecord | undefined {
    let job = callback;
    while (job.role !== 'root' && job.role !== 'part') {
      const above = view.job(job.parent);
      const hasTurn =
        job.role !== 'callback' || (above && view.nextCallback(above, above.callbacksDone)?.id === job.id);
      if (above === undefined || !hasTurn) return undefined;
      job = above;
    }
    return job;
  }

  #batches<T>(view: View): Batches<T> {
    const { pool, estimates, waits, store } = this.#context;
    const stalled = this.#stalled(view);
    const roomOf = (agent: string): AgentRoom => {
      const size = (store.local.setting(agent) as AgentRecord | undefined)?.size ?? 0;
      // A job in its callbacks keeps its agent's place, except from jobs that a callback may wait
      // for, and except while the callback cannot run: else a few of them would stop the queue.
      const calledBack = store.local.calledBack(agent) - (stalled?.get(agent) ?? 0);
      return { forAll: size - calledBack, forAwaited: size };
    };
    const waiting = waits.isEmpty ? noThreads : this.#waitingThreads();
    const room = { loads: pool.loads(), threads: pool.size, waiting, roomOf };
    return new Batches<T>(room, estimates);
  }

  /** The threads of jobs that wait for others. */
  #waitingThreads(): ReadonlySet<number> {
    const { pool, waits } = this.#context;
    const waiting = new Set<number>();
    for (const job of waits.waiting) {
      const thread = pool.threadOf(job);
      if (thread !== undefined) waiting.add(thread);
    }
    return waiting;
  }
}

const noThreads: ReadonlySet<number> = new Set();
const noRecords = new View();

/** The thread of a run that is not to begin. */
const withdrawn = -1;
const isReady = ({ thread }: Run) => thread === 0;

/** The agent in whose place a claimed job runs; empty for none. */
const placeOf = ({ agent, free }: Pick<Run, 'agent' | 'free'>) => (free ? '' : agent);

const keyOf = ({ dispatcher, queue, name }: AgentRecord) => agentKey(dispatcher, queue, name);
