/**
 * The test kit: a runtime in memory, in the thread of the test, on a clock that the test moves.
 *
 * Nothing happens by itself: a job begins when the test takes a step, a delay passes when the test
 * moves the clock. So a test needs no sleeps, and each run of it is the same.
 */
import { randomInt } from 'node:crypto';
import { idToText, newId } from '../codec/id.js';
import { checkFunction, checkNumber } from '../definition/arguments.js';
import type { Part } from '../definition/compose.js';
import { checkOptions, type OptionNames } from '../definition/known-options.js';
import type { Mapping } from '../definition/map.js';
import { invalidOption } from '../errors.js';
import type { Job } from '../runtime/job.js';
import { resolveOptions } from '../runtime/open.js';
import type { Runtime } from '../runtime/runtime.js';
import { timeOf } from '../runtime/time.js';
import type { KitClock, KitClosed, VirtualOptions, WaitLimits } from './kit-options.js';
import { randomFrom } from './randomness.js';
import { VirtualClock } from './virtual-clock.js';
import { type LogLine, VirtualDispatcher, type World } from './virtual-dispatcher.js';
import { KeptRecords, KeptStatistics } from './virtual-store.js';

const defaultThreads = 2;
const dayMs = 24 * 3600 * 1000;
const defaultStart = Date.UTC(2030, 0);
/** Real milliseconds that a handler may wait for something outside the kit, such as a file. */
const patienceMs = 10_000;
/** After this many idle turns of the event loop, only things outside the kit can still happen. */
const quietTurns = 4;

/**
 * Opens a runtime in memory, in this thread, on a virtual clock.
 *
 * @example
 * const kit = await openVirtual({ jobs: [pi] });
 * const job = await kit.runtime.queue().put(pi.generateSample(1000), { beginAfter: 3_600_000 });
 * await kit.clock.advance(3_600_000);
 * assert.equal((await job.result()).size, 1000);
 * await kit.close();
 * @throws The errors of `open` for the same options.
 */
export async function openVirtual(options: VirtualOptions): Promise<Kit> {
  const kit = new Kit(options);
  await kit.reopen();
  return kit;
}

const virtualOptions: OptionNames<VirtualOptions> = {
  jobs: true,
  importModule: true,
  threads: true,
  extraThreads: true,
  payloadLimitBytes: true,
  start: true,
  seed: true,
  durability: true,
  retention: true,
  stopGraceMs: true,
  agent: true,
  dispatcher: true,
  pingMs: true,
  deathMs: true,
  retry: true,
  schedules: true,
  pruneSchedules: true,
};

/** The parts of a world that several kits can share. */
type Shared = Partial<Pick<World, 'clock' | 'keeping' | 'dispatcher' | 'beside'>>;

/** A virtual runtime and its controls. Made by {@link openVirtual}. */
export class Kit implements AsyncDisposable {
  /** The seed of all randomness. Pass it to `openVirtual` to repeat a run. */
  readonly seed: number;
  /** The lines that the runtime has logged, oldest first. */
  readonly logs: LogLine[] = [];
  readonly clock: KitClock;
  #options: VirtualOptions;
  readonly #time: VirtualClock;
  readonly #world: World;
  #life: VirtualDispatcher | undefined;
  #runtime: Runtime | undefined;

  /** @internal */
  constructor(options: VirtualOptions, shared: Shared = {}) {
    checkOptions('options', options, virtualOptions);
    this.#options = options;
    const { start, seed = randomInt(2 ** 31) } = options;
    checkNumber('seed', seed, { integer: true, least: Number.MIN_SAFE_INTEGER, most: Number.MAX_SAFE_INTEGER });
    this.seed = seed;
    const time = shared.clock ?? new VirtualClock(start === undefined ? defaultStart : timeOf('start', start));
    this.#time = time;
    this.#world = {
      clock: time,
      random: randomFrom(this.seed),
      keeping: new KeptRecords(),
      dispatcher: newId(),
      statistics: new KeptStatistics(),
      onLog: (line) => this.logs.push(line),
      ...shared,
    };
    this.clock = {
      get now() {
        return new Date(time.now());
      },
      advance: async (ms) => {
        checkNumber('ms', ms, { finite: true, least: 0, unit: 'milliseconds' });
        await this.#advanceTo(time.now() + ms);
      },
      advanceTo: async (moment) => {
        const target = timeOf('moment', moment);
        if (target < time.now())
          throw invalidOption(
            'moment',
            'must not be before the time of the clock: set() goes back',
            moment,
            RangeError,
          );
        await this.#advanceTo(target);
      },
      next: async () => {
        await this.untilIdle();
        const moved = time.fireNext(Number.POSITIVE_INFINITY);
        await this.untilIdle();
        return moved;
      },
      set: async (moment) => {
        const byMs = timeOf('moment', moment) - time.now();
        if (this.#life === undefined) return time.moveTo(time.now() + byMs);
        time.set(time.now() + byMs);
        this.#life.clockSet(byMs);
        await this.#idle();
      },
    };
  }

  /**
   * The runtime, as `open` returns it. Each `reopen` makes a new one.
   *
   * @throws If the runtime was closed or crashed.
   */
  get runtime(): Runtime {
    if (this.#runtime === undefined) throw this.#error('the runtime is not open: it was closed, or it crashed');
    return this.#runtime;
  }

  /**
   * The lines that the runtime has logged at level `fatal`: failed callbacks, and other errors that
   * are no job's outcome.
   */
  get fatal(): readonly LogLine[] {
    return this.logs.filter(({ level }) => level === 'fatal');
  }

  /**
   * Begins the job that was claimed first, and lets it go as far as it can. If no job can begin,
   * fires the next timer that is due. Returns `false` if there is nothing to do at this time.
   *
   * @example while (await kit.step()) console.log(kit.running);
   */
  async step(): Promise<boolean> {
    await this.#idle();
    const done = this.#pool().beginNext() || this.#time.fireNext(this.#time.now());
    if (done) await this.#idle();
    return done;
  }

  /**
   * Steps until there is nothing to do at this time of the clock. Handlers that wait for something
   * keep waiting.
   */
  async untilIdle(): Promise<void> {
    await this.#idle();
    const pool = this.#pool();
    do {
      while (pool.beginNext()) await microtasks();
      await this.#idle();
    } while (this.#time.fireNext(this.#time.now()) || pool.beginNext());
  }

  /**
   * Steps, and moves the clock to the next event, until the condition holds.
   *
   * @param what Names the condition in the error.
   * @throws If nothing is left within `withinMs` that could make the condition hold, or a handler
   * waits for something outside the kit for 10 s.
   * @example await kit.waitFor('the queue is empty', async () => (await queue.length()) === 0);
   */
  waitFor(what: string, condition: () => boolean | Promise<boolean>, limits: WaitLimits = {}): Promise<void> {
    return this.#drive(what, condition, limits, async () => {
      await this.untilIdle();
      return false;
    });
  }

  /**
   * Steps, and moves the clock, until the job has an outcome. Returns its result, or rejects as
   * `result()` does.
   *
   * @example assert.equal(await kit.waitForResult(job), 3);
   */
  async waitForResult<Result>(job: Job<Result>, limits: WaitLimits = {}): Promise<Result> {
    let hasOutcome = false;
    const result = job.result();
    const note = () => {
      hasOutcome = true;
    };
    result.then(note, note);
    await this.waitFor(`job ${job.id} has an outcome`, () => hasOutcome, limits);
    return result;
  }

  /**
   * Steps, one job at a time, and moves the clock, until the job is running, has run or has ended.
   */
  async waitForStart(job: Job, limits: WaitLimits = {}): Promise<void> {
    const { attempts: before } = await job.details();
    const hasBegun = async () => {
      if (this.#pool().begun.some(({ job: id }) => id === job.internalId)) return true;
      const { attempts, endAt, parts, status } = await job.details();
      // A composition has no handler of its own, so `begun` never contains it.
      return attempts > before || endAt !== undefined || (parts > 0 && status === 'active');
    };
    await this.#drive(`job ${job.id} begins`, hasBegun, limits, () => this.step());
  }

  /**
   * Steps, and moves the clock, until the job has this status. A status that begins and ends within
   * one step is missed.
   *
   * @example await kit.waitForStatus(job, 'completed');
   */
  waitForStatus(job: Job, status: Awaited<ReturnType<Job['status']>>, limits: WaitLimits = {}): Promise<void> {
    return this.waitFor(`job ${job.id} is ${status}`, async () => (await job.status()) === status, limits);
  }

  /** Steps, and moves the clock, until the job has this annotation. Returns its value. */
  async waitForAnnotation(job: Job, name: string, limits: WaitLimits = {}): Promise<unknown> {
    const said = async () => Object.hasOwn(await job.annotations.all(), name);
    await this.waitFor(`${JSON.stringify(name)} is an annotation of job ${job.id}`, said, limits);
    return job.annotations.get(name);
  }

  /** Puts a job into the unnamed queue, waits for its outcome, and returns its result. */
  async run<Result>(job: Part<Result> | Mapping<Result>, limits: WaitLimits = {}): Promise<Result> {
    return this.waitForResult(await this.runtime.queue().put(job), limits);
  }

  /** The ids of the jobs whose handlers have begun and not ended. */
  get running(): readonly string[] {
    return this.#pool().begun.map(({ job }) => idToText(job));
  }

  /**
   * Kills a thread and interrupts its job, as when a handler ends its thread. Another thread takes
   * its place.
   *
   * @throws RangeError: no thread has this index.
   */
  async killThread(index = 0): Promise<void> {
    await this.#idle();
    if (!this.#pool().killThread(index))
      throw invalidOption('index', 'must be the index of a thread', index, RangeError);
    await this.#idle();
  }

  /**
   * Kills the dispatcher, as `kill -9` does. Only the committed changes are there after `reopen`.
   */
  async crash(): Promise<void> {
    this.#living().die(new Error('the kit made it crash'));
    this.#life = undefined;
    this.#runtime = undefined;
  }

  /**
   * Opens the runtime again after a crash or a `close`. Given options replace the former ones.
   *
   * @throws If the runtime is open.
   */
  async reopen(options: Partial<VirtualOptions> = {}): Promise<Runtime> {
    if (this.#life !== undefined) throw this.#error('the runtime is open: call `close` or `crash` first');
    checkOptions('options', options, virtualOptions);
    this.#options = { ...this.#options, ...options };
    const { start: _, seed: __, durability = 'full', importModule, schedules, pruneSchedules, ...rest } = this.#options;
    const { threads = defaultThreads, agent } = rest;
    const declared = {
      ...(schedules === undefined ? {} : { schedules }),
      ...(pruneSchedules === undefined ? {} : { pruneSchedules }),
    };
    if (importModule !== undefined) checkFunction('importModule', importModule);
    const filled = resolveOptions({ ...rest, durability, ...declared });
    // No default depends on the machine, so that a test is the same everywhere.
    const sources = Object.entries(filled.modules).map(([name, module]) => [name, { ...module, importModule }]);
    const modules = Object.fromEntries(sources) as typeof filled.modules;
    const setup = { ...filled, modules, threads, agentSize: agent === false ? 0 : (agent?.size ?? threads) };
    const life = new VirtualDispatcher(this.#world, setup);
    this.#runtime = await life.open(this.#world, setup, durability, declared);
    this.#life = life;
    return this.#runtime;
  }

  /**
   * Closes the runtime, which `reopen` can open again. `graceMs`: milliseconds on the virtual clock
   * that running jobs may go on, 0 by default.
   */
  async close(options: { readonly graceMs?: number } = {}): Promise<KitClosed> {
    checkOptions('options', options, { graceMs: true });
    const { graceMs = 0 } = options;
    if (this.#life === undefined) return { stillRunning: [] };
    const pool = this.#pool();
    const closed = this.#life.close(this.runtime, graceMs);
    await this.#idle();
    const limit = this.#time.now() + graceMs;
    while (!pool.destroyed && this.#time.fireNext(limit)) await this.#idle();
    await closed;
    this.#life = undefined;
    this.#runtime = undefined;
    return { stillRunning: pool.leftBehind.map(({ callable, job }) => `${callable} ${idToText(job)}`) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #advanceTo(target: number): Promise<void> {
    await this.untilIdle();
    while (this.#time.fireNext(target)) await this.untilIdle();
    this.#time.moveTo(target);
    await this.#idle();
  }

  /** `act` takes one or all steps of this time, and returns `true` if there may be more. */
  async #drive(
    what: string,
    condition: () => boolean | Promise<boolean>,
    limits: WaitLimits,
    act: () => Promise<boolean>,
  ): Promise<void> {
    checkOptions('limits', limits, { withinMs: true });
    const { withinMs = dayMs } = limits;
    checkNumber('withinMs', withinMs, { least: 0, unit: 'milliseconds' });
    const limit = this.#time.now() + withinMs;
    const patience = performance.now() + patienceMs;
    for (;;) {
      if (await condition()) return;
      if (await act()) continue;
      if (await condition()) return;
      if (this.#pool().busy || this.#living().questions.busy) {
        if (performance.now() > patience)
          throw this.#error(`${what}: a handler did not end within ${patienceMs} ms; ${this.#still()}`);
        await nextTurn();
      } else if (!this.#time.fireNext(limit)) {
        throw this.#error(`${what}: nothing is left within ${withinMs} ms that could make it so; ${this.#still()}`);
      }
    }
  }

  /** Waits until nothing happens any more without a step or a move of the clock. */
  async #idle(): Promise<void> {
    const life = this.#living();
    let seen = -1;
    for (let quiet = 0; quiet < quietTurns; quiet++) {
      await nextTurn();
      await life.storeIdle();
      if (life.activity !== seen) quiet = 0;
      seen = life.activity;
    }
    life.pool.tellRunning();
    await nextTurn();
  }

  #still(): string {
    const names = this.#pool().begun.map(({ callable, job }) => `${callable} ${idToText(job)}`);
    return names.length === 0 ? 'no handler is running' : `still running: ${names.join(', ')}`;
  }

  #living(): VirtualDispatcher {
    if (this.#life === undefined) throw this.#error('the runtime is not open: it was closed, or it crashed');
    return this.#life;
  }

  #pool(): VirtualDispatcher['pool'] {
    return this.#living().pool;
  }

  #error(message: string): Error {
    return new Error(`${message} (${this.clock.now.toISOString()}, seed ${this.seed})`);
  }
}

/** Waits until the end of a handler is settled, and its thread has the next run. */
async function microtasks(): Promise<void> {
  for (let left = 4; left > 0; left--) await undefined;
}

/** Resolves after everything that waits for the event loop had its turn. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
