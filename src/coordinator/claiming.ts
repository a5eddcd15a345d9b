/**
 * Claiming for this dispatcher's agents, and handing what was claimed to the threads.
 *
 * A job is claimed only when a thread has room for it, becomes ready when the store has released its claim, and goes to a thread in a batch
 * with others. What is ready and finds its thread gone waits for the next.
 */
import { accepts, isFor } from '../core/agent.js';
import { takesTurns } from '../core/callback.js';
import type { Command } from '../core/commands.js';
import type { Lane } from '../core/lanes.js';
import { queueOf } from '../core/queue.js';
import { type AgentRecord, agentKey, type Id, isAgentOf, type JobRecord } from '../core/records.js';
import type { Store } from '../store/store.js';
import { Batches } from './batches.js';
import type { Build } from './build.js';
import type { Choosing } from './choosing.js';
import type { Estimates } from './estimates.js';
import type { Timer } from './long-timeout.js';
import { fedTo, payloadBytes } from './outcome-bytes.js';
import type { PoolPort, Run } from './pool-port.js';

export interface ClaimingPorts {
  readonly store: Store;
  readonly pool: PoolPort;
  readonly estimates: Estimates;
  readonly now: () => number;
  readonly decide: (command: Command, refused?: () => void) => void;
  readonly choosing: Choosing;
  readonly build: Build;
  readonly after: (delayMs: number, callback: () => void) => Timer;
  /** There may be more to claim. */
  readonly turn: () => void;
}

export interface AgentOptions {
  readonly dispatcher: Id;
  /** The size of the agent `main` in every queue that has none yet. 0: none is installed. */
  readonly agentSize: number;
  /** Whether opening also gives that size to an agent `main` that is stored with another. */
  readonly agentSizeGiven: boolean;
  /** It takes the place of a coordinator that died: what that installed may have been changed since. */
  readonly isRestart: boolean;
}

const mainAgent = 'main';

/**
 * A job that was there when two processes died runs alone for so long, and is then held innocent: five seconds the first time, which is time
 * enough to import its module on a busy machine, and longer each time that proves wrong.
 */
const clearedAfterMs = (fence: number) => Math.min(600_000, 625 * 2 ** fence);

export class Claiming {
  readonly #ports: ClaimingPorts;
  readonly #options: AgentOptions;
  /** This dispatcher's agents; whose turn it is to claim first goes round, but for one that waits for a thread with nothing to do. */
  #agents: AgentRecord[] = [];
  #first = 0;
  /** The queues that have had their agent `main`; undefined before the first. */
  #installed: ReadonlySet<string> | undefined;
  /** Claimed as far as it is known here, and not released yet, where others may have been faster. */
  readonly #coming = new Set<Id>();
  /** Claimed and released, not yet with a thread. */
  #ready: Run[] = [];
  /** The job that is to run with nothing beside it. */
  #alone: Id | undefined;
  /** Jobs that did so for long enough, and still run. */
  readonly #cleared = new Set<Id>();

  constructor(ports: ClaimingPorts, options: AgentOptions) {
    this.#ports = ports;
    this.#options = options;
  }

  /** An agent `main` in each of these queues that is new, as `open` promises; then the agents are those that the store knows. */
  installAgents(queues: readonly string[]): void {
    const { dispatcher, agentSize: size, agentSizeGiven, isRestart } = this.#options;
    const wins = agentSizeGiven && this.#installed === undefined;
    const had = this.#installed ?? new Set(isRestart ? queues : []);
    const installed = new Set(queues);
    this.#installed = installed;
    for (const queue of size > 0 ? queues : []) {
      if (had.has(queue)) continue;
      const command = { type: 'installAgent', dispatcher, queue, name: mainAgent, size, wins } as const;
      this.#ports.decide(command, () => installed.delete(queue));
    }
    this.listAgents();
  }

  /** Whatever it had installed may be gone. */
  forgetInstalled(): void {
    this.#installed = new Set();
  }

  /** Agents were added, changed or removed. */
  listAgents(): void {
    this.#agents = [];
    for (const setting of this.#ports.store.state.settings()) {
      if (setting.kind === 'agent' && setting.dispatcher === this.#options.dispatcher) this.#agents.push(setting);
    }
    this.#ports.choosing.setAgents(this.#agents);
  }

  /** Claims as much as the threads have room for. */
  claim(): void {
    const { store, decide, now, choosing, build } = this.#ports;
    if (!store.takesWork) return;
    const batches = this.#batches<null>();
    if (!batches.hasRoom || this.#agents.length === 0 || this.#isAlone) return;
    for (const run of this.#ready) batches.place(run, null);
    this.#placeComing(batches);
    let claimed = 0;
    let waits: AgentRecord | undefined;
    this.#first = (this.#first + 1) % this.#agents.length;
    for (let turn = 0; turn < this.#agents.length; turn++) {
      const agent = this.#agents[(this.#first + turn) % this.#agents.length]!;
      const { queue, filter } = agent;
      if (store.state.queued(queue) === 0 || queueOf(store.state, queue)?.paused) continue;
      const key = keyOf(agent);
      const takes = (lane: Lane) =>
        isFor(lane, this.#options.dispatcher) && build.knows(lane.callable) && accepts(filter, lane);
      const isAsked = choosing.isAsked(agent);
      for (;;) {
        const job = isAsked ? choosing.next(agent, takes) : store.state.firstQueued(queue, takes, now());
        if (job === undefined) break;
        if (job.alone) return this.#claimAlone(job, key, claimed);
        // A composition that only puts its parts takes no thread.
        const runs = job.stage === 'call';
        if (runs && !batches.place({ callable: job.callable, agent: key, free: false }, null)) {
          // It goes first next time, too: else others would fill the thread that it waits for.
          if (batches.isHeld) waits ??= agent;
          break;
        }
        decide({ type: 'claim', job: job.id, agent: key });
        if (runs) claimed++;
        // Where the claim is the start, or others have a say, it is released later than with this turn.
        if (runs && (job.begun || !store.isExclusive)) this.#coming.add(job.id);
      }
      if (isAsked) choosing.ask(agent, takes);
    }
    if (waits !== undefined) this.#first = this.#agents.indexOf(waits) - 1;
    if (batches.isAnyIdle) this.#ports.pool.share();
  }

  /** What was claimed and is not released yet has its room already, unless it turned out to be another's. */
  #placeComing(batches: Batches<null>): void {
    for (const id of this.#coming) {
      const job = this.#ports.store.state.job(id);
      if (this.#isOwn(job)) batches.place({ callable: job.callable, agent: job.agent, free: false }, null);
      else this.#coming.delete(id);
    }
  }

  #isOwn(job: JobRecord | undefined): job is JobRecord {
    return job?.claimed === true && isAgentOf(job.agent, this.#options.dispatcher);
  }

  /** Nothing runs beside it but what was cleared of the same suspicion: while anything else is out it waits, and nothing is claimed. */
  #claimAlone(job: JobRecord, agent: string, claimed: number): void {
    for (const id of this.#cleared) if (!this.#ports.store.state.job(id)?.claimed) this.#cleared.delete(id);
    if (claimed > 0 || this.#ready.length > 0 || this.#coming.size > 0 || this.#ports.pool.out > this.#cleared.size)
      return;
    // Its claim is its start, so it does not wait behind what was cleared.
    if (!this.#ports.pool.loads().some(({ batches }) => batches === 0)) return;
    this.#alone = job.id;
    this.#ports.decide({ type: 'claim', job: job.id, agent });
    const { id, fence } = job;
    this.#ports.after(clearedAfterMs(fence), () => {
      if (this.#alone !== id || !this.#ports.pool.isRunning(id)) return;
      this.#alone = undefined;
      this.#cleared.add(id);
      this.#ports.decide({ type: 'cleared', job: id, fence });
      this.#ports.turn();
    });
  }

  /** A job that runs alone is out. */
  get #isAlone(): boolean {
    const job = this.#alone === undefined ? undefined : this.#ports.store.state.job(this.#alone);
    if (this.#isOwn(job)) return true;
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
    const waiting = this.#ready.filter((run) => !batches.place(run, run));
    for (const { thread, items } of batches.filled) {
      if (!this.#ports.pool.start(thread, items)) waiting.unshift(...items);
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
    const { pool, estimates, store } = this.#ports;
    // Jobs whose callbacks run keep their agent's place.
    const sizes = this.#agents.map(
      (agent) => [keyOf(agent), agent.size - store.state.calledBack(keyOf(agent))] as const,
    );
    return new Batches<T>(pool.loads(), estimates, new Map(sizes));
  }

  #run(job: JobRecord): Run {
    const { store } = this.#ports;
    const { id, fence, callable, queue, agent, timeoutMs } = job;
    const parent = job.role === 'part' ? job.parent : '';
    const attempt = job.attempts + (job.begun ? 0 : 1);
    const args = job.args === null ? null : payloadBytes(store, job.args);
    const fed = fedTo(store, job);
    const expectedMs = this.#ports.estimates.of(callable);
    const free = takesTurns(job);
    return { job: id, fence, parent, callable, attempt, queue, agent, free, expectedMs, timeoutMs, args, fed };
  }
}

const keyOf = ({ dispatcher, queue, name }: AgentRecord) => agentKey(dispatcher, queue, name);
