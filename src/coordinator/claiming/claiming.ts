/**
 * Claiming for this dispatcher's agents, and handing what was claimed to the threads.
 *
 * A job is claimed only when a thread has room for it, becomes ready when the store has released
 * its claim, and goes to a thread in a batch with others. What is ready and finds its thread gone
 * waits for the next.
 */
import { accepts, isFor, mainAgent } from '../../core/agent.js';
import { queueOf } from '../../core/queue.js';
import { type AgentRecord, agentKey, type Id, isAgentOf, type JobRecord, takesTurns } from '../../core/records.js';
import type { Lane } from '../../core/state/lanes.js';
import type { Context } from '../context.js';
import type { Parts } from '../parts.js';
import type { PoolPort, Run } from '../pool/pool-port.js';
import { type AgentRoom, Batches } from './batches.js';
import type { Estimates } from './estimates.js';
import type { JobWaits } from './job-waits.js';
import { fedTo } from './outcome-bytes.js';

/** What claiming shares with the runs, beside the context. */
export interface ClaimingContext extends Context, Parts {
  readonly pool: PoolPort;
  readonly estimates: Estimates;
  readonly waits: JobWaits;
}

export interface AgentOptions {
  readonly dispatcher: Id;
  /** The size of the agent `main` in every queue that has none yet. 0: none is installed. */
  readonly agentSize: number;
  /** Whether opening also gives that size to an agent `main` that is stored with another. */
  readonly agentSizeGiven: boolean;
  /**
   * It takes the place of a coordinator that died: what that installed may have been changed since.
   */
  readonly isRestart: boolean;
}

/**
 * A job that was there when two processes died runs alone for so long, and is then held innocent:
 * five seconds the first time, which is time enough to import its module on a busy machine, and
 * longer each time that proves wrong.
 */
const clearedAfterMs = (fence: number) => Math.min(60_000, 625 * 2 ** fence);
/**
 * Nothing else is claimed for so long at most, so that it can begin alone; after that it begins
 * beside what still runs.
 */
const quietMs = 1000;

type Claimed = Pick<Run, 'job' | 'callable' | 'agent' | 'free'>;

export class Claiming {
  readonly #context: ClaimingContext;
  readonly #options: AgentOptions;
  /**
   * Which agent claims first goes round by their keys, but for one that waits for a thread with
   * nothing to do. This one, or the next after it of those whose queue has something to claim.
   */
  #first = '';
  /** The queues that have had their agent `main`; undefined before the first. */
  #installed: Set<string> | undefined;
  /**
   * Claimed as far as it is known here, and not released yet, where others may have been faster.
   */
  readonly #coming = new Set<Id>();
  /** Claimed and released, not yet with a thread. */
  #ready: Run[] = [];
  /** The job that is to run with nothing beside it. */
  #alone: Id | undefined;
  /** Jobs that did so for long enough, and still run. */
  readonly #cleared = new Set<Id>();
  /**
   * A job that is to run alone waits for the others to end; until this is `over` nothing else is
   * claimed.
   */
  #quiet: { over: boolean } | undefined;

  constructor(context: ClaimingContext, options: AgentOptions) {
    this.#context = context;
    this.#options = options;
  }

  /**
   * An agent `main` in each of these queues that is new, as `open` promises. These are all queues
   * that there are.
   */
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

  /** An agent `main` in this queue, which may be new. */
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
   * Agents of this queue were added, changed or removed, or all of it was: one of that name is new.
   */
  agentsChanged(queue: string): void {
    const { store, agentQuestions } = this.#context;
    if (queueOf(store.state, queue) === undefined) this.#installed?.delete(queue);
    agentQuestions.agentsChanged(queue);
  }

  /** Whatever it had installed may be gone. */
  forgetInstalled(): void {
    this.#installed = new Set();
  }

  /** Claims as much as the threads have room for. */
  claim(): void {
    const { store, waits, pool } = this.#context;
    if (!store.takesWork) return;
    const batches = this.#batches<null>();
    const hasWaits = !waits.isEmpty;
    if (!batches.hasRoom && !hasWaits) return;
    const unplaced = this.#ready.filter((run) => !this.#place(batches, run, null));
    this.#placeComing(batches);
    const isAlone = this.#isAlone;
    if (batches.hasRoom && !isAlone) this.#claimInLine(batches);
    if (hasWaits) this.#claimAwaited(batches, unplaced);
    if (!isAlone && batches.isAnyIdle)
      pool.share(
        ({ job, agent, free }, isLast) =>
          batches.canMove({ agent, free }, isLast) ||
          (this.#isAwaited(job) && batches.canMove({ agent, free, awaited: true }, isLast)),
      );
  }

  /** In the order of the line, from whichever agent's turn it is. */
  #claimInLine(batches: Batches<null>): void {
    const { store, now, agentQuestions } = this.#context;
    let claimed = 0;
    let waits: AgentRecord | undefined;
    for (const agent of this.#inTurn()) {
      const { queue } = agent;
      const key = keyOf(agent);
      const takes = this.#takes(agent);
      const isAsked = agentQuestions.isAsked(agent);
      for (;;) {
        const job = isAsked ? agentQuestions.next(agent, takes) : store.state.firstQueued(queue, takes, now());
        if (job === undefined) break;
        const { callable, alone } = job;
        if (alone && !this.#mayBeginAlone(claimed)) {
          // It goes first next time: else others would be claimed before it, and it would never be
          // quiet.
          this.#first = key;
          return;
        }
        // A composition that only puts its parts takes no thread.
        const runs = job.stage === 'call';
        if (runs && !batches.place({ callable, agent: key, free: false, alone }, null)) {
          // It goes first next time, too: else others would fill the thread that it waits for.
          if (batches.isHeld) waits ??= agent;
          break;
        }
        this.#claim(job, key);
        if (runs) claimed++;
        if (alone) return this.#beginAlone(job);
      }
      if (isAsked) agentQuestions.ask(agent, takes);
    }
    if (waits !== undefined) this.#first = keyOf(waits);
  }

  /** This dispatcher's agents whose queue has something to claim, from the one whose turn it is. */
  #inTurn(): readonly AgentRecord[] {
    const { state } = this.#context.store;
    const agents: AgentRecord[] = [];
    let [start, first] = [0, ''];
    for (const queue of state.openQueues()) {
      for (const agent of state.agentsOf(this.#options.dispatcher, queue)) {
        const key = keyOf(agent);
        if (agents.length === 0 || this.#goesFirst(key, first)) [start, first] = [agents.length, key];
        agents.push(agent);
      }
    }
    // The least key after it.
    if (agents.length > 0) this.#first = `${first}\0`;
    return [...agents.slice(start), ...agents.slice(0, start)];
  }

  /** Of two keys the one that comes first from whose turn it is, round. */
  #goesFirst(key: string, other: string): boolean {
    const [isAhead, isOtherAhead] = [key >= this.#first, other >= this.#first];
    return isAhead === isOtherAhead ? key < other : isAhead;
  }

  /**
   * What running jobs wait for goes on whatever else there is: at another's place in line, and on
   * one more thread.
   */
  #claimAwaited(batches: Batches<null>, unplaced: readonly Run[]): void {
    const { store, waits, agentQuestions, pool, now, turn } = this.#context;
    let lacksThread = unplaced.some(({ job }) => this.#isAwaited(job));
    const inLine = waits.inLine();
    for (let next = inLine.next(); !lacksThread; next = inLine.next()) {
      if (next.done) {
        if (next.value) turn();
        break;
      }
      const job = next.value;
      const lane = store.state.laneOf(job);
      if (lane === undefined || queueOf(store.state, job.queue)?.paused || !store.state.hasRoom(job, now())) continue;
      const agents = [...store.state.agentsOf(this.#options.dispatcher, job.queue)];
      const agent = agents.find((one) => this.#takes(one)(lane) && agentQuestions.accepts(one, lane));
      if (agent === undefined) continue;
      const key = keyOf(agent);
      const { callable, alone } = job;
      const runs = job.stage === 'call';
      if (!runs || batches.place({ callable, agent: key, free: false, awaited: true, alone }, null))
        this.#claim(job, key);
      else lacksThread = true;
    }
    if (lacksThread && batches.lacksThread) pool.grow();
  }

  #claim(job: JobRecord, agent: string): void {
    const { store, decide } = this.#context;
    const runs = job.stage === 'call';
    decide({ type: 'claim', job: job.id, agent });
    // Where the claim is the start, or others have a say, it is released later than with this turn.
    if (runs && (job.begun || !store.isExclusive)) this.#coming.add(job.id);
  }

  #takes({ filter }: AgentRecord): (lane: Lane) => boolean {
    const { build } = this.#context;
    return (lane) => isFor(lane, this.#options.dispatcher) && build.knows(lane.callable) && accepts(filter, lane);
  }

  #isAwaited(id: Id): boolean {
    const { waits, store } = this.#context;
    if (waits.isEmpty) return false;
    const job = store.state.job(id);
    return job !== undefined && waits.isAwaited(job);
  }

  /** Gives a claimed job a place: that of what is waited for, where it has none otherwise. */
  #place<T>(batches: Batches<T>, { job, callable, agent, free }: Claimed, item: T): boolean {
    if (batches.place({ callable, agent, free }, item)) return true;
    return this.#isAwaited(job) && batches.place({ callable, agent, free, awaited: true }, item);
  }

  /**
   * What was claimed and is not released yet has its room already, unless it turned out to be
   * another's.
   */
  #placeComing(batches: Batches<null>): void {
    for (const id of this.#coming) {
      const job = this.#context.store.state.job(id);
      if (this.#isOwn(job))
        this.#place(batches, { job: id, callable: job.callable, agent: job.agent, free: false }, null);
      else this.#coming.delete(id);
    }
  }

  #isOwn(job: JobRecord | undefined): job is JobRecord {
    return job?.claimed === true && isAgentOf(job.agent, this.#options.dispatcher);
  }

  /**
   * Nothing runs beside it but what was cleared of the same suspicion; or what has not ended in
   * time.
   */
  #mayBeginAlone(claimed: number): boolean {
    const { store, pool, after, turn } = this.#context;
    for (const id of this.#cleared) if (!store.state.job(id)?.claimed) this.#cleared.delete(id);
    const isQuiet = claimed + this.#ready.length + this.#coming.size === 0 && pool.out <= this.#cleared.size;
    if (isQuiet || this.#quiet?.over) return true;
    if (this.#quiet === undefined) {
      const quiet = { over: false };
      this.#quiet = quiet;
      after(quietMs, () => {
        quiet.over = true;
        turn();
      });
    }
    return false;
  }

  #beginAlone({ id, fence }: JobRecord): void {
    this.#quiet = undefined;
    this.#alone = id;
    this.#clearLater(id, fence);
  }

  /** It has run alone for long enough. Where it has not begun by then, it has as long again. */
  #clearLater(id: Id, fence: number): void {
    const { pool, after, decide, turn } = this.#context;
    after(clearedAfterMs(fence), () => {
      if (this.#alone !== id || !this.#isAlone) return;
      if (pool.threadOf(id) === undefined) return this.#clearLater(id, fence);
      this.#alone = undefined;
      this.#cleared.add(id);
      decide({ type: 'cleared', job: id, fence });
      turn();
    });
  }

  /** A job that runs alone is out. */
  get #isAlone(): boolean {
    const job = this.#alone === undefined ? undefined : this.#context.store.state.job(this.#alone);
    // Its thread may have died, and it may be claimed again as any other.
    if (this.#isOwn(job) && job.alone) return true;
    this.#alone = undefined;
    return false;
  }

  /** The job's claim is released: it can go to a thread. */
  makeReady(job: JobRecord): void {
    this.#coming.delete(job.id);
    this.#ready.push(this.#run(job));
  }

  /** Hands what is ready to the threads. */
  start(): void {
    if (this.#ready.length === 0) return;
    const batches = this.#batches<Run>();
    const waiting = this.#ready.filter((run) => !this.#place(batches, run, run));
    for (const { thread, items } of batches.filled) {
      if (!this.#context.pool.start(thread, items)) waiting.unshift(...items);
    }
    this.#ready = waiting;
  }

  /** Takes a job out of what is ready; undefined if it is not there. */
  withdraw(id: Id): Run | undefined {
    const index = this.#ready.findIndex(({ job }) => job === id);
    return index < 0 ? undefined : this.#ready.splice(index, 1)[0];
  }

  /** Takes out all that is ready. */
  withdrawAll(): readonly Run[] {
    return this.#ready.splice(0);
  }

  #batches<T>(): Batches<T> {
    const { pool, estimates, waits, store } = this.#context;
    const roomOf = (agent: string): AgentRoom => {
      const size = (store.state.setting(agent) as AgentRecord | undefined)?.size ?? 0;
      // Jobs whose callbacks run keep their agent's place, but not from what one of these may wait
      // for.
      return { forAll: size - store.state.calledBack(agent), forAwaited: size };
    };
    const waiting = new Set<number>();
    for (const job of waits.isEmpty ? [] : waits.waiting) {
      const thread = pool.threadOf(job);
      if (thread !== undefined) waiting.add(thread);
    }
    const room = { loads: pool.loads(), threads: pool.size, waiting, roomOf };
    return new Batches<T>(room, estimates);
  }

  #run(job: JobRecord): Run {
    const { store } = this.#context;
    const { id, fence, callable, queue, agent, timeoutMs } = job;
    const parent = job.role === 'part' ? job.parent : '';
    const attempt = job.attempts + (job.begun ? 0 : 1);
    const args = job.args === null ? null : store.bytes(job.args);
    const fed = fedTo(store, job);
    const expectedMs = this.#context.estimates.of(callable);
    const free = takesTurns(job);
    return { job: id, fence, parent, callable, attempt, queue, agent, free, expectedMs, timeoutMs, args, fed };
  }
}

const keyOf = ({ dispatcher, queue, name }: AgentRecord) => agentKey(dispatcher, queue, name);
