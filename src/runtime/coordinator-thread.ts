/** The coordinator's thread: starts and ends it, and restarts it when it has died. */
import { Worker } from 'node:worker_threads';
import { type Handed, transferListOf, type WithBuffers } from '../codec/transfer.js';
import type { CoordinatorSetup } from '../coordinator/main.js';
import { CoordinatorDiedError } from '../errors.js';
import { threadArguments } from '../protocol/thread-arguments.js';
import type { LinkListener, LinkPort } from './link.js';

/**
 * Milliseconds that `end` waits for the thread. It ends by itself after its last message, unless
 * one of its own threads hangs.
 */
const endMs = 1_000;
/**
 * Milliseconds that a dead coordinator gets to end its worker threads. If that takes longer, one of
 * them hangs in a system call.
 */
const deathMs = 10_000;
/** A coordinator that dies twice within this many milliseconds is not restarted. */
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
    if (this.#setup.directory === undefined && this.#setup.postgres === undefined)
      return 'its state was only in its memory, and is lost';
    // Jobs that may still run must not be begun again.
    if (isAlive(this.#worker)) return 'one of its worker threads hangs in a system call';
    const now = performance.now();
    if (now - this.#restartedAt < againMs) return `it was restarted less than ${againMs / 1000} s before`;
    this.#restartedAt = now;
    this.#start({ ...this.#setup, isRestart: true });
    return undefined;
  }

  /** Ends the thread if it has not ended. Does not wait for a thread that hangs. */
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
      // A million pending jobs are ordinary, and the default heap of a thread is too small for
      // them.
      resourceLimits: { maxOldGenerationSizeMb: 16_384, maxYoungGenerationSizeMb: 128 },
    });
    let cause: unknown;
    let patience: ReturnType<typeof setTimeout> | undefined;
    // Node posts messages here too: with --watch, the files that a thread imports.
    worker.on('message', (batch: unknown) => {
      if (batch instanceof Uint8Array) this.#listener.message(batch);
    });
    worker.on('error', (error) => {
      cause = isMissingFile(error) ? new Error(`${error.message}. ${external}`, { cause: error }) : error;
      patience = setTimeout(() => this.#listener.died(cause), deathMs);
    });
    worker.on('exit', (code) => {
      clearTimeout(patience);
      this.#listener.died(cause ?? new Error(`it ended with exit code ${code}`));
    });
    this.#worker = worker;
  }
}

/**
 * Returns the URL of the coordinator's file. In a CommonJS bundle `import.meta.url` is empty; in
 * another bundle it exists, but the file is not beside it.
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
