/**
 * One life of a dispatcher in the thread of the test: the real coordinator over virtual ports, and
 * the public runtime on top.
 */

import { encodeOwnFailure } from '../codec/failure.js';
import { idToText, newId } from '../codec/id.js';
import type { Handed, HandedBuffers } from '../codec/transfer.js';
import { Coordinator } from '../coordinator/coordinator.js';
import type { CoordinatorSetup } from '../coordinator/main.js';
import type { SharingContext } from '../coordinator/sharing.js';
import type { StatisticsStore } from '../coordinator/statistics/statistics.js';
import type { Id, Level } from '../core/records.js';
import type { EncodeContext } from '../definition/encode.js';
import { describeModules } from '../protocol/importing.js';
import { checkGiven } from '../protocol/known-functions.js';
import { packCoordinatorMessages, unpackClientMessages } from '../protocol/message-runs.js';
import type { CoordinatorMessage } from '../protocol/messages.js';
import { Client } from '../runtime/client.js';
import { jobHandles } from '../runtime/job.js';
import { Link, type LinkListener, type LinkPort } from '../runtime/link.js';
import { fieldsOf } from '../runtime/logs.js';
import { type Declared, declareAll } from '../runtime/open.js';
import type { ClientSetup, MakeClient, OpenedClient } from '../runtime/open-client.js';
import { Runtime } from '../runtime/runtime.js';
import type { Store, StoreOutside } from '../store/store.js';
import { describeModule, findFunction } from '../worker/modules.js';
import { Timers, type VirtualClock } from './virtual-clock.js';
import { VirtualPool } from './virtual-pool.js';
import { VirtualQuestions } from './virtual-questions.js';

/** A line of the runtime's log. */
export interface LogLine {
  readonly level: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace';
  readonly message: string;
  readonly detail: string;
  /** For a line about a job: `job`, `callable`, `attempt`, and `err`, its failure. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** The storage that successive lives of a dispatcher share. */
export interface Keeping {
  store(outside: StoreOutside): Store;
  /** The life that uses the last store ended, as after `kill -9`. */
  crashed(): void;
  /** Resolves when the last store waits for no answer from outside of the process. */
  idle?(): Promise<void>;
}

/** A client beside the dispatcher, which the test uses in place of the dispatcher's own. */
export interface Beside extends OpenedClient {
  /** Number of messages so far. */
  readonly activity: number;
  /** The dispatcher has died. */
  died(): void;
}

/** The surroundings that outlive a dispatcher. */
export interface World {
  /** Makes a client in another process of an open coordinator. */
  readonly beside?: (
    sharing: Pick<SharingContext, 'coordinator' | 'dispatcher' | 'modules'>,
    setup: Pick<ClientSetup, 'durability' | 'payloadLimitBytes'>,
    makeClient: MakeClient,
  ) => Promise<Beside>;
  readonly clock: VirtualClock;
  readonly random: () => number;
  readonly keeping: Keeping;
  readonly dispatcher: Id;
  readonly statistics: StatisticsStore;
  readonly onLog: (line: LogLine) => void;
}

export class VirtualDispatcher implements LinkPort {
  readonly #keeping: Keeping;
  readonly #timers: Timers;
  readonly #coordinator: Coordinator;
  readonly questions: VirtualQuestions;
  #pool!: VirtualPool;
  #listener!: LinkListener;
  #outgoing: CoordinatorMessage[] = [];
  #dead = false;
  #messages = 0;
  #own!: Link;
  #beside: Beside | undefined;

  constructor({ clock, random, keeping, dispatcher, statistics }: World, setup: CoordinatorSetup) {
    const timers = new Timers(clock);
    this.#timers = timers;
    this.#keeping = keeping;
    const {
      threads,
      extraThreads,
      payloadLimitBytes,
      stopGraceMs,
      modules,
      retention,
      agentSize,
      agentSizeGiven,
      isRestart,
      pingMs,
      deathMs,
      runs,
      retry,
    } = setup;
    this.questions = new VirtualQuestions(modules, timers);
    const isHeard = () => this.#coordinator.isHeard;
    const isHolding = () => this.#coordinator.isHolding;
    const outside: StoreOutside = {
      now: clock.now,
      dispatcher: runs ? dispatcher : '',
      get listening() {
        return isHeard();
      },
      get holding() {
        return isHolding();
      },
      random,
      failure: encodeOwnFailure,
    };
    this.#coordinator = new Coordinator(
      {
        store: keeping.store(outside),
        pool: (owner) => {
          const size = runs ? { threads, extraThreads } : { threads: 0, extraThreads: 0 };
          const setup = { modules, payloadLimitBytes, dispatcher };
          this.#pool = new VirtualPool(owner, { ...size, ...setup, stopGraceMs, clock: timers });
          return this.#pool;
        },
        questions: this.questions,
        post: (message) => this.#say(message),
        now: clock.now,
        monotonic: clock.monotonic,
        after: (delayMs, callback) => timers.after(delayMs, callback),
        soon: (callback) => queueMicrotask(() => this.#dead || callback()),
        stopwatch: () => 0,
        statistics,
        closed: () => undefined,
      },
      {
        dispatcher,
        retention,
        agentSize,
        agentSizeGiven,
        isRestart,
        presence: runs ? { incarnation: newId(), host: 'virtual', pid: 0, pingMs, deathMs } : undefined,
        retry,
        // Fixed, so that a test sees the same lines with any logger.
        log: 'info',
        modules,
      },
    );
  }

  get pool(): VirtualPool {
    return this.#pool;
  }

  /** Number of messages, runs and questions so far: grows whenever anything happens. */
  get activity(): number {
    return this.#messages + this.#pool.activity + this.questions.activity + (this.#beside?.activity ?? 0);
  }

  /** Resolves when the store waits for no answer from outside of the process. */
  async storeIdle(): Promise<void> {
    await this.#keeping.idle?.();
  }

  async open(world: World, setup: CoordinatorSetup, durability: Level, declared: Declared = {}): Promise<Runtime> {
    const link = new Link(this, ([, level, message, detail]) => {
      // A crashed process logs nothing more, not even its own end.
      if (this.#dead) return;
      if (typeof detail === 'string') return world.onLog({ level, message, detail, fields: {} });
      const fields = fieldsOf(detail);
      world.onLog({ level, message, detail: `job ${fields.job}`, fields });
    });
    const modules = await describeModules(setup.modules, (name) => describeModule(setup.modules[name]!));
    checkGiven(setup, modules);
    // Imports first: a handler that waited for its import would change the order of the runs.
    for (const [name, { functions }] of Object.entries(modules)) {
      for (const key of functions) await findFunction(setup.modules, `${name}#${key}`);
    }
    const figures = await this.#coordinator.open(modules);
    const found = { ...figures, dispatcher: idToText(world.dispatcher) };
    const { payloadLimitBytes } = setup;
    this.#own = link;
    const makeClient: MakeClient = (...made) => new VirtualClient(world.clock, ...made);
    if (world.beside !== undefined) {
      const sharing = { coordinator: this.#coordinator, dispatcher: world.dispatcher, modules };
      this.#beside = await world.beside(sharing, { durability, payloadLimitBytes }, makeClient);
      return new Runtime(this.#beside.end, this.#beside.client, this.#beside.found);
    }
    const client = makeClient(link, jobHandles, world.dispatcher, modules, durability, payloadLimitBytes);
    await declareAll(client, declared, (message) => world.onLog({ level: 'warn', message, detail: '', fields: {} }));
    return new Runtime(async () => this.die(), client, found);
  }

  /** Closes the runtime that `open` returned, in good order. */
  async close(runtime: Runtime, graceMs: number): Promise<void> {
    await runtime.close({ graceMs });
    if (this.#beside === undefined) return;
    await this.#own.close(graceMs);
    this.die();
  }

  /** The clock was set forward by `byMs`, or back if that is negative. */
  clockSet(byMs: number): void {
    this.#coordinator.clockSet(byMs);
  }

  listen(listener: LinkListener): void {
    this.#listener = listener;
  }

  post(batch: Uint8Array, handed?: Handed): void {
    queueMicrotask(() => {
      if (this.#dead) return;
      this.#messages++;
      if (handed !== undefined) this.#coordinator.keepBuffers(handed);
      this.#coordinator.receive(unpackClientMessages(batch));
    });
  }

  /** Ends this life without a message to any client. With an error, as `kill -9` does. */
  die(error?: Error): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#beside?.died();
    this.#pool.abandon();
    void this.questions.destroy();
    this.#timers.clear();
    if (error === undefined) return this.#listener.closed();
    this.#keeping.crashed();
    this.#listener.died(error);
  }

  #say(message: CoordinatorMessage): void {
    if (this.#dead) return;
    if (this.#outgoing.length === 0) queueMicrotask(() => this.#flush());
    this.#outgoing.push(message);
  }

  #flush(): void {
    const batch = packCoordinatorMessages(this.#outgoing);
    this.#outgoing = [];
    this.#messages++;
    this.#listener.message(batch);
  }
}

/** A client whose delays count from the virtual time. */
class VirtualClient extends Client {
  readonly #clock: VirtualClock;

  constructor(clock: VirtualClock, ...client: ConstructorParameters<typeof Client>) {
    super(...client);
    this.#clock = clock;
  }

  override after(delayMs: number, callback: () => void): { clear(): void } {
    return this.#clock.after(delayMs, callback);
  }

  override encoding(handed?: HandedBuffers): EncodeContext {
    return { ...super.encoding(handed), now: this.#clock.now() };
  }
}
