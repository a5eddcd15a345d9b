/** One run: from the items of the input to the records of the log and the output. */
import { constants } from 'node:os';
import { JobFailedError } from '../../codec/failure.js';
import { ClosedError, NotStorableError } from '../../errors.js';
import type { Job } from '../../runtime/job.js';
import { CommandError, exitCodes } from '../exit.js';
import { unwritable } from '../standard-output.js';
import type { Halt, TimeLimit } from '../values.js';
import { type Admission, admitted } from './admission.js';
import { Failures } from './failures.js';
import { isReached } from './halt.js';
import type { Input } from './input.js';
import type { Ran } from './item.js';
import type { RunLog } from './log.js';
import type { ItemError } from './log-format.js';
import type { Runner } from './open-runner.js';
import { lineOf, type Outputs, type WrittenItem, writtenItem } from './outputs.js';
import { showProgress } from './progress.js';
import { itemsOf } from './read-completed.js';
import { type Item, slices } from './slices.js';
import { Median } from './time-limit.js';

export interface RunOptions extends Admission {
  readonly order: 'input' | 'done';
  readonly postprocess?: string;
  readonly threads?: number;
  readonly timeout?: TimeLimit;
  readonly halt?: Halt;
}

export interface RunParts {
  readonly runner: Runner;
  readonly input: Input;
  readonly log: RunLog;
  readonly outputs: Outputs;
  readonly options: RunOptions;
  /** Shown with the progress. */
  readonly title: string;
}

/** Why a run stops before its end. */
type Stop = { readonly signal: NodeJS.Signals } | { readonly halt: Halt } | { readonly error: Error };

/** How the last run of an item went. */
type Course = Pick<WrittenItem, 'at' | 'ms'> & { readonly attempts: number };

/** The most items that are put and not done, so that threads never wait for the main thread. */
const mostItems = 512;
/** The most of them if the next one may depend on those before. */
const fewItems = 2;
/** The most bytes of their inputs. */
const mostBytes = 16 << 20;
/** How long running items may go on after the first signal. */
const graceMs = 5_000;
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** Items of an earlier process that are written at once. */
const replayedItems = 1000;

export class Run {
  readonly #parts: RunParts;
  readonly #options: RunOptions;
  readonly #failures = new Failures();
  readonly #times = new Median();
  readonly #stopped = new AbortController();
  readonly #mostItems: number;
  readonly #isAdmitting: boolean;
  #stop: Stop | undefined;
  /** `true` once running jobs may be interrupted, which is no failure of their items. */
  #isClosing = false;
  #items = 0;
  #bytes = 0;
  #wake: (() => void) | undefined;
  #willFlush = false;
  /** The items that have been read, and those that are completed, in this process and before. */
  #read = 0;
  #done = 0;
  #doneHere = 0;
  #failedHere = 0;

  constructor(parts: RunParts) {
    this.#parts = parts;
    this.#options = parts.options;
    const { memfree, load, timeout } = parts.options;
    this.#isAdmitting = memfree !== undefined || load !== undefined;
    const isCareful = this.#isAdmitting || (timeout !== undefined && 'percent' in timeout);
    this.#mostItems = isCareful ? fewItems * (parts.options.threads ?? fewItems) : mostItems;
  }

  /**
   * Runs to the end, and returns the exit code.
   *
   * @throws the error that ended the run.
   */
  async run(): Promise<number> {
    const { outputs } = this.#parts;
    const off = this.#listen();
    const hide = showProgress(() => this.#shown());
    try {
      try {
        this.#replay();
        await this.#feed();
        await this.#idle();
        if (this.#stop === undefined && this.#options.postprocess !== undefined) await this.#postprocess();
      } catch (error) {
        this.#end({ error: error as Error });
      }
      await this.#close();
      this.#flush();
      await outputs.end();
      if (this.#stop === undefined) this.#noteWhole();
    } catch (error) {
      this.#end({ error: error as Error });
    } finally {
      hide();
      off();
    }
    return this.#report();
  }

  /** Writes what earlier processes have logged. */
  #replay(): void {
    const { log } = this.#parts;
    for (const { json, ...record } of itemsOf(log.fd, log.size)) {
      this.#write(writtenItem(record, json));
      if (this.#done % replayedItems === 0) this.#flush();
    }
    this.#flush();
  }

  async #feed(): Promise<void> {
    const { input, log, outputs } = this.#parts;
    const read = slices(input, log);
    for (;;) {
      const next = await this.#orStop(read.next());
      if (next === undefined || next.done) return;
      for (const item of next.value) {
        this.#read = item.n;
        if (log.isDone(item.n)) continue;
        // Without an await, so that the items of a turn are one message.
        if (!this.#hasRoom(item)) await this.#room(item);
        if (this.#isAdmitting) await admitted(this.#options, this.#stopped.signal);
        if (this.#stop !== undefined) return;
        this.#start(item);
      }
      this.#flushSoon();
      await outputs.ready();
      // Nothing was waited for: signals and other events have their turn.
      if (this.#items === 0) await turn();
    }
  }

  /** Returns what the promise gives; `undefined` if the run stops before. */
  async #orStop<T>(promise: Promise<T>): Promise<T | undefined> {
    const { signal } = this.#stopped;
    if (signal.aborted) return undefined;
    let stop: (() => void) | undefined;
    const stopped = new Promise<undefined>((resolve) => {
      stop = () => resolve(undefined);
      signal.addEventListener('abort', stop, { once: true });
    });
    try {
      return await Promise.race([promise, stopped]);
    } finally {
      signal.removeEventListener('abort', stop!);
    }
  }

  #hasRoom({ json }: Item): boolean {
    return this.#items === 0 || (this.#items < this.#mostItems && this.#bytes + json.length <= mostBytes);
  }

  /** Waits until there is room for some items, so that they are put together. */
  async #room(item: Item): Promise<void> {
    const few = this.#mostItems - Math.max(1, Math.floor(this.#mostItems / 4));
    while (this.#stop === undefined && !(this.#items <= few && this.#hasRoom(item))) await this.#change();
  }

  async #idle(): Promise<void> {
    while (this.#stop === undefined && this.#items > 0) await this.#change();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #start(item: Item): void {
    const { problem, json, place } = item;
    if (problem !== undefined) {
      const error = { name: 'BadInputError', message: `${place}: ${problem}` };
      this.#complete(item, { at: Date.now(), ms: 0, attempts: 0 }, '', error);
      return;
    }
    this.#items++;
    this.#bytes += json.length;
    const put = this.#parts.runner.put(item, this.#times.limit(this.#options.timeout));
    void this.#follow(item, put).finally(() => {
      this.#items--;
      this.#bytes -= json.length;
      this.#wake?.();
    });
  }

  /** Waits for the outcome of an item. Never rejects. */
  async #follow(item: Item, put: Promise<Job>): Promise<void> {
    let job: Job | undefined;
    try {
      job = await put;
      const [at, ms, attempts, json] = (await job.result()) as Ran;
      this.#times.add(ms);
      this.#complete(item, { at, ms, attempts }, json);
    } catch (error) {
      if (error instanceof JobFailedError) await this.#failed(item, job!, error);
      else if (error instanceof NotStorableError)
        this.#complete(item, { at: Date.now(), ms: 0, attempts: 0 }, '', errorOf(error));
      else if (!(error instanceof ClosedError)) this.#end({ error: error as Error });
    }
  }

  async #failed(item: Item, job: Job, { failure }: JobFailedError): Promise<void> {
    if (this.#isClosing && failure.name === 'JobInterruptedError') return;
    const details = await job.details().catch(() => undefined);
    const at = details?.lastStartAt?.getTime() ?? Date.now();
    const ms = (details?.endAt?.getTime() ?? at) - at;
    this.#complete(item, { at, ms, attempts: details?.attempts ?? 1 }, '', errorOf(failure));
  }

  #complete({ n, json: input }: Item, { at, ms, attempts }: Course, value: string, error?: ItemError): void {
    const outcome = error !== undefined ? `,"error":${JSON.stringify(error)}` : value === '' ? '' : `,"value":${value}`;
    const record = `{"n":${n},"input":${input}${outcome},"at":${at},"ms":${ms},"attempts":${attempts}}`;
    this.#parts.log.add(record);
    this.#write({ n, at, ms, record, input, value, error });
    this.#doneHere++;
    if (error !== undefined) this.#failedHere++;
    const { halt } = this.#options;
    if (error !== undefined && halt !== undefined && isReached(halt, this.#failedHere, this.#doneHere))
      this.#end({ halt });
    this.#flushSoon();
  }

  #write(item: WrittenItem): void {
    this.#done++;
    if (item.error !== undefined) this.#failures.add(item);
    this.#parts.outputs.add(item);
  }

  /** Flushes once in this turn. */
  #flushSoon(): void {
    if (this.#willFlush) return;
    this.#willFlush = true;
    setImmediate(() => {
      this.#willFlush = false;
      try {
        this.#flush();
      } catch (error) {
        this.#end({ error: error as Error });
      }
    });
  }

  #flush(): void {
    const { log, outputs } = this.#parts;
    const failed = (error: Error) => this.#end({ error: unwritable(log.path, error) });
    try {
      log.flush();
    } catch (error) {
      throw unwritable(log.path, error as Error);
    }
    log.syncSoon(failed);
    outputs.flush();
  }

  /** Notes that the files hold all outcomes. */
  #noteWhole(): void {
    this.#parts.log.add({ writes: [] });
    this.#flush();
  }

  async #postprocess(): Promise<void> {
    const { runner, log, outputs } = this.#parts;
    this.#flush();
    const job = await runner.putPostprocess(log.path, this.#options.order);
    try {
      const ran = (await this.#orStop(job.result())) as Ran | undefined;
      if (ran !== undefined && ran[3] !== '') outputs.say(lineOf(ran[3]));
    } catch (error) {
      if (!(error instanceof JobFailedError)) throw error;
      throw new CommandError(exitCodes.failed, `the postprocess failed: ${error.failure.stack ?? error.message}`);
    }
  }

  #end(stop: Stop): void {
    if (this.#stop !== undefined) return;
    this.#stop = stop;
    this.#stopped.abort();
    this.#wake?.();
  }

  /** Ends the runtime. Running items may end, unless the run stops at once. */
  async #close(): Promise<void> {
    const stop = this.#stop;
    const isSoon = stop !== undefined && 'halt' in stop && stop.halt.when === 'soon';
    this.#isClosing = !isSoon;
    this.#parts.input.close();
    await this.#parts.runner.close(isSoon ? Number.POSITIVE_INFINITY : stop && 'signal' in stop ? graceMs : 0);
    // The last outcomes are handled in this turn.
    await turn();
  }

  /** Stops at the first signal, and ends the process at the second. */
  #listen(): () => void {
    const onSignal = (signal: NodeJS.Signals) => {
      if (this.#stop !== undefined) {
        try {
          this.#flush();
        } finally {
          process.exit(128 + constants.signals[signal]);
        }
      }
      process.stderr.write(
        `\ncallsheet: running items may end within ${graceMs / 1000} s; a second signal ends them at once\n`,
      );
      this.#end({ signal });
    };
    for (const signal of signals) process.on(signal, onSignal);
    return () => {
      for (const signal of signals) process.off(signal, onSignal);
    };
  }

  #shown() {
    const part = this.#parts.input.part();
    return {
      title: `map ${this.#parts.title}`,
      done: this.#done,
      failed: this.#failures.count,
      running: this.#items,
      part: part === undefined || this.#read === 0 ? undefined : (part * this.#done) / Math.max(this.#read, this.#done),
    };
  }

  /** Tells how the run ended, and returns the exit code. Throws the error that ended it. */
  #report(): number {
    const stop = this.#stop;
    if (stop !== undefined && 'error' in stop) throw stop.error;
    const say = (line: string) => process.stderr.write(`callsheet: ${line}\n`);
    const { count } = this.#failures;
    if (count > 0) {
      say(`${count} of ${this.#done} items failed:`);
      process.stderr.write(`${this.#failures.lines().join('\n')}\n`);
    }
    if (stop !== undefined) {
      const why = 'signal' in stop ? stop.signal : `--halt, ${this.#failedHere} failed`;
      say(`stopped by ${why}, after ${this.#done} items; the same command goes on`);
      return 'signal' in stop ? 128 + constants.signals[stop.signal] : exitCodes.failed;
    }
    if (count > 0) say('the same command with --retry-failed runs them again');
    return count > 0 ? exitCodes.failed : exitCodes.done;
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

function errorOf({ name, message, stack, code }: ItemError): ItemError {
  return {
    ...{ name, message },
    ...(code === undefined ? {} : { code }),
    ...(stack === undefined ? {} : { stack }),
  };
}
