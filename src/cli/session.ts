/**
 * The runtime that a command asks: a client of the process that has the directory open. A command
 * never becomes an owner.
 */
import { describeOwner } from '../journal/owner.js';
import { open, type Runtime } from '../runtime/open.js';
import { hasOwner } from '../runtime/open-client.js';
import { directoryOf } from './directory.js';
import { CommandError, exitCodes } from './exit.js';
import { Output, type OutputOptions } from './output.js';

/** The options of each command that asks. */
export interface AskOptions extends OutputOptions {
  readonly directory?: string;
  /** Milliseconds until the answer. */
  readonly timeout?: number;
}

export interface Session {
  readonly callsheet: Runtime;
  readonly out: Output;
  readonly directory: string;
}

/** The needs of a command. */
export interface Needs {
  /**
   * `true` if it waits for something beside an answer: then only the first contact is bounded.
   */
  readonly waits?: boolean;
}

const defaultTimeoutMs = 10_000;

/** Asks the owner of the directory, writes the output to its end, and returns the exit code. */
export async function withSession(
  options: AskOptions,
  use: (session: Session) => Promise<number>,
  { waits = false }: Needs = {},
): Promise<number> {
  const { timeout = defaultTimeoutMs } = options;
  const directory = directoryOf(options.directory);
  const out = new Output(options);
  const limit = new Limit(timeout, () => silent(directory, timeout));
  try {
    const callsheet = await limit.of(openSession(directory, timeout));
    try {
      const session = { callsheet, out, directory };
      if (waits) await limit.of(callsheet.queues());
      const code = await (waits ? use(session) : limit.of(use(session)));
      await out.end();
      return code;
    } finally {
      // An owner that does not answer is not waited for.
      if (!limit.isOver) await callsheet.close();
    }
  } catch (error) {
    // A value that was given on the command line.
    if ((error as NodeJS.ErrnoException).code === 'INVALID_OPTION')
      throw new CommandError(exitCodes.usage, (error as Error).message);
    throw error;
  } finally {
    limit.end();
  }
}

async function openSession(directory: string, waitMs: number): Promise<Runtime> {
  if (!(await hasOwner(directory)))
    throw new CommandError(
      exitCodes.unreachable,
      `no process has ${directory} open: begin one, such as callsheet work`,
    );
  return open({ directory, jobs: [], share: 'client', waitMs });
}

const silent = (directory: string, ms: number) =>
  new CommandError(
    exitCodes.timedOut,
    `${describeOwner(directory) ?? 'a process'} has ${directory} open, and has not answered for ${ms} ms; --timeout gives it more`,
  );

/** Rejects what takes longer than a time. */
class Limit {
  readonly #over: Promise<never>;
  readonly #timer: NodeJS.Timeout;
  isOver = false;

  constructor(ms: number, error: () => Error) {
    let reject: (error: Error) => void;
    this.#over = new Promise((_, refuse) => {
      reject = refuse;
    });
    this.#over.catch(() => {});
    this.#timer = setTimeout(
      () => {
        this.isOver = true;
        reject(error());
      },
      Math.min(ms, 2 ** 31 - 1),
    );
  }

  of<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#over]);
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
