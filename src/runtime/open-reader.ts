/**
 * Opens the journal of a directory for reading only, while no process has it open, or as it was at
 * a time. Imported only where it is needed.
 */
import { Worker } from 'node:worker_threads';
import { idFromText } from '../codec/id.js';
import { MOST_LIMIT_BYTES } from '../codec/payload-format.js';
import type { ReaderSetup } from '../coordinator/reader.js';
import type { KeptTimes } from '../protocol/messages.js';
import { threadArguments } from '../protocol/thread-arguments.js';
import { Client } from './client.js';
import { jobHandles } from './job.js';
import { Link, type LinkListener, type LinkPort } from './link.js';
import { Logs } from './logs.js';
import { Runtime } from './runtime.js';

/** A runtime that answers questions, and refuses to change anything. */
export interface OpenedReader {
  readonly runtime: Runtime;
  readonly kept: KeptTimes;
}

/**
 * @throws {DirectoryUnusableError} there is no journal, or it cannot be read.
 * @throws {JournalCorruptError} the journal is damaged.
 * @throws {JournalVersionError} another version of callsheet wrote it.
 */
export async function openReader(directory: string, at?: Date): Promise<OpenedReader> {
  const thread = new ReaderThread({ directory, at: at?.getTime() });
  const logs = new Logs(undefined);
  const link = new Link(thread, (message) => logs.write(message));
  try {
    const [, found, modules] = await link.opened();
    const dispatcher = idFromText(found.dispatcher)!;
    const client = new Client(link, jobHandles, dispatcher, modules, 'full', MOST_LIMIT_BYTES);
    return { runtime: new Runtime(() => thread.end(), client, found, {}, false), kept: found.kept! };
  } catch (error) {
    link.end(error as Error);
    await thread.end();
    throw error;
  }
}

class ReaderThread implements LinkPort {
  readonly #setup: ReaderSetup;
  #worker!: Worker;

  constructor(setup: ReaderSetup) {
    this.#setup = setup;
  }

  listen(listener: LinkListener): void {
    this.#worker = new Worker(new URL('../coordinator/reader.js', import.meta.url), {
      workerData: this.#setup,
      ...threadArguments([]),
      // A journal may have millions of jobs.
      resourceLimits: { maxOldGenerationSizeMb: 16_384, maxYoungGenerationSizeMb: 128 },
    });
    let cause: unknown;
    this.#worker
      .on('message', (batch: unknown) => {
        if (batch instanceof Uint8Array) listener.message(batch);
      })
      .on('error', (error) => {
        cause = error;
      })
      .on('exit', (code) => listener.died(cause ?? new Error(`it ended with exit code ${code}`)));
  }

  post(batch: Uint8Array): void {
    this.#worker.postMessage(batch, [batch.buffer as ArrayBuffer]);
  }

  restart(): string {
    return 'it only reads a journal: open it again';
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}
