/** The directory of a run, and its lock. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { DirectoryUnusableError, JournalLockedError } from '../../errors.js';
import { acquireLock, type Lock } from '../../journal/lock.js';
import { refusal } from '../../protocol/hello.js';
import { CommandError, exitCodes } from '../exit.js';
import { RunLog } from './log.js';
import type { RunIdentity } from './log-format.js';

const usual = '.callsheet-map';
const logName = 'map.log';

export interface DirectoryOptions {
  /** The usual one is named by the command. */
  readonly directory: string | undefined;
  readonly fresh: boolean;
  readonly retryFailed: boolean;
}

/** A directory that this process has locked. */
export class RunDirectory {
  readonly path: string;
  readonly log: RunLog;
  readonly #lock: Lock;

  private constructor(path: string, lock: Lock, log: RunLog) {
    this.path = path;
    this.#lock = lock;
    this.log = log;
  }

  /**
   * Locks the directory, and opens its log, which gets the identity if it is new.
   *
   * @throws {CommandError} another process has it, it belongs to another command, or it has files
   * that are not those of a run.
   */
  static async open(identity: RunIdentity, options: DirectoryOptions): Promise<RunDirectory> {
    const path = options.directory === undefined ? usualPath(identity) : resolve(options.directory);
    refuseOthers(path);
    const lock = await locked(path);
    lock.accept((connection) => refuseClient(path, connection));
    try {
      const file = join(path, logName);
      if (options.fresh) rmSync(file, { force: true });
      const log = new RunLog(file, options.retryFailed);
      if (log.identity !== undefined) compare(path, log.identity, identity);
      else {
        log.add({ run: identity });
        log.flush();
      }
      return new RunDirectory(path, lock, log);
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** Gives the directory up, so that another process can go on. */
  async close(): Promise<void> {
    try {
      await this.log.close();
    } finally {
      await this.#lock.release();
    }
  }

  /** Removes the directory: nothing is left to do. */
  async remove(): Promise<void> {
    await this.log.close(false);
    rmSync(this.log.path, { force: true });
    // The names of the lock go while it is held: afterwards they may be those of another process.
    rmSync(this.#lock.file, { force: true });
    rmSync(this.#lock.file.replace(/lock$/, 'owner'), { force: true });
    await this.#lock.release();
    for (const directory of [this.path, dirname(this.path)]) {
      if (directory !== this.path && !this.path.includes(`/${usual}/`)) return;
      try {
        rmdirSync(directory);
      } catch {
        // Another run uses it.
        return;
      }
    }
  }
}

/** `true` if a run of `map` keeps its state there, and there is no journal. */
export const isOfRun = (path: string): boolean =>
  existsSync(join(path, logName)) && !readdirSync(path).some((name) => name.endsWith('.segment'));

/** Tells a client of callsheet that no jobs are here. It ends the connection. */
function refuseClient(path: string, connection: Socket): void {
  const message = `process ${process.pid} runs \`callsheet map\` in ${path}, which has no queues and jobs: name another directory`;
  connection.resume().write(`${JSON.stringify(refusal(new DirectoryUnusableError(message)))}\n`);
}

function usualPath({ command }: RunIdentity): string {
  return resolve(usual, createHash('sha256').update(command).digest('hex').slice(0, 16));
}

function refuseOthers(path: string): void {
  if (!existsSync(path)) return;
  const other = readdirSync(path).find(
    (name) => name !== logName && !/^journal-[0-9a-f]+\.(lock|owner|candidate)$/.test(name),
  );
  if (other === undefined) return;
  throw new CommandError(
    exitCodes.usage,
    `${path} is not the directory of a run: it has a file ${JSON.stringify(other)}; name a new one with --directory`,
  );
}

async function locked(path: string): Promise<Lock> {
  try {
    return await acquireLock(path);
  } catch (error) {
    if (error instanceof DirectoryUnusableError)
      throw new CommandError(exitCodes.unreachable, `${error.message}; name another directory with --directory`);
    if (!(error instanceof JournalLockedError)) throw error;
    throw new CommandError(exitCodes.unreachable, `this run goes on already: ${error.message}`);
  }
}

function compare(path: string, then: RunIdentity, now: RunIdentity): void {
  if (then.command !== now.command)
    throw new CommandError(
      exitCodes.usage,
      `${path} belongs to another run:\n  there: ${then.command}\n  here:  ${now.command}\n` +
        'Name another directory with --directory, or give the other run up with --fresh.',
    );
  if (JSON.stringify(then.sizes) !== JSON.stringify(now.sizes))
    throw inputChanged(`its size was ${then.sizes.join(', ')} bytes, and is ${now.sizes.join(', ')}`);
}

/** The error for an input that is not that of the run. */
export function inputChanged(how: string): CommandError {
  return new CommandError(
    exitCodes.usage,
    `the input has changed since the run began: ${how}. Give the same input again, or begin anew with --fresh.`,
  );
}
