/**
 * The coordinator's thread, as the thread that opened the runtime has it: started, ended, and
 * started again in place of one that died.
 */
import { Worker } from 'node:worker_threads';
import { type Handed, transferListOf, type WithBuffers } from '../codec/transfer.js';
import type { CoordinatorSetup } from '../coordinator/main.js';
import { CoordinatorDiedError } from '../errors.js';
import { threadArguments } from '../protocol/thread-arguments.js';
import type { LinkListener, LinkPort } from './link.js';

/** The coordinator ends by itself once it has said so; a thread of its own that hangs keeps it. */
const endMs = 1_000;
/**
 * One that died takes its worker threads with it. Where that takes longer, one of them hangs in a
 * system call.
 */
const deathMs = 10_000;
/** What dies twice within this time is not started again. */
const againMs = 60_000;

export class CoordinatorThread implements LinkPort {
  readonly #setup: CoordinatorSetup;
  #worker!: Worker;
  #listener!: LinkListener;
  #restartedAt = Number.NEGATIVE_INFINITY;

  constructor(setup: CoordinatorSetup) {
    this.#setup = setup;
  }

  listen(listener: LinkListener): void {
    this.#listener = listener;
    this.#start(this.#setup);
  }

  post(batch: Uint8Array, handed?: Handed): void {
    const bytes = batch.buffer as ArrayBuffer;
    if (handed === undefined) this.#worker.postMessage(batch, [bytes]);
    else this.#worker.postMessage([batch, handed] satisfies WithBuffers, [bytes, ...transferListOf(handed)]);
  }

  restart(): string | undefined {
    if (this.#setup.directory === undefined) return 'what it knew was in its memory only, and is lost';
    // Jobs that may still run must not be begun once more.
    if (isAlive(this.#worker)) return 'one of its worker threads hangs in a system call';
    const now = performance.now();
    if (now - this.#restartedAt < againMs) return `it was started again less than ${againMs / 1000} s before`;
    this.#restartedAt = now;
    this.#start({ ...this.#setup, isRestart: true });
    return undefined;
  }

  /** Ends it, if it has not ended; does not wait for a thread that hangs. */
  async end(): Promise<void> {
    let limit: ReturnType<typeof setTimeout> | undefined;
    const patience = new Promise((resolve) => {
      limit = setTimeout(resolve, endMs);
    });
    await Promise.race([this.#worker.terminate(), patience]);
    clearTimeout(limit);
    this.#worker.unref();
  }

  #start(setup: CoordinatorSetup): void {
    const worker = new Worker(coordinatorFile(), {
      workerData: setup,
      ...threadArguments([]),
      // A million pending jobs are ordinary; the default heap of a thread is not made for them.
      resourceLimits: { maxOldGenerationSizeMb: 16_384, maxYoungGenerationSizeMb: 128 },
    });
    let cause: unknown;
    let patience: ReturnType<typeof setTimeout> | undefined;
    // Node posts there, too: with --watch, which files a thread imports.
    worker.on('message', (batch: unknown) => {
      if (batch instanceof Uint8Array) this.#listener.message(batch);
    });
    worker.on('error', (error) => {
      cause = isMissingFile(error) ? new Error(`${error.message}. ${external}`, { cause: error }) : error;
      patience = setTimeout(() => this.#listener.died(cause), deathMs);
    });
    worker.on('exit', (code) => {
      clearTimeout(patience);
      this.#listener.died(cause ?? new Error(`it was ended, with exit code ${code}`));
    });
    this.#worker = worker;
  }
}

/**
 * A bundle has no place of its own where it is CommonJS; otherwise it has, but not this file beside
 * it.
 */
function coordinatorFile(): URL {
  try {
    return new URL('../coordinator/main.js', import.meta.url);
  } catch (error) {
    throw new CoordinatorDiedError(`the coordinator thread has no file to start from. ${external}`, {
      cause: error,
    });
  }
}

const external =
  'callsheet starts threads from files of its own package: if your application is bundled, keep callsheet external (esbuild: --external:callsheet) and install it beside the bundle.';

const isMissingFile = (error: Error) =>
  'code' in error && (error.code === 'MODULE_NOT_FOUND' || error.code === 'ERR_MODULE_NOT_FOUND');

const isAlive = ({ threadId }: Worker) => threadId !== -1;
