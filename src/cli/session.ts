/**
 * The runtime that a command asks: a client of the process that has the directory open, or a reader
 * of its journal if no process has; for a database, a visitor. A command never becomes an owner,
 * and never runs a job.
 */
import { statSync } from 'node:fs';
import { unusableDirectory } from '../journal/directory.js';
import { describeOwner, ownerNow } from '../journal/owner.js';
import type { KeptTimes } from '../protocol/messages.js';
import { open, openVisitor } from '../runtime/open.js';
import { hasOwner } from '../runtime/open-client.js';
import { type OpenedReader, openReader } from '../runtime/open-reader.js';
import type { Runtime } from '../runtime/runtime.js';
import { CommandError, exitCodeOf, exitCodes, isLost, isOfOption, isOfSystem } from './exit.js';
import { isOfRun } from './map/directory.js';
import { Output, type OutputOptions } from './output.js';
import { type DatabasePlace, type Place, type PlaceOptions, placeName, placeOf } from './place.js';

/** The options of each command that asks. */
export interface AskOptions extends OutputOptions, PlaceOptions {
  /** Milliseconds until the answer. */
  readonly timeout?: number;
  /** Asks about this time instead of now. */
  readonly at?: Date;
}

export interface Session {
  readonly callsheet: Runtime;
  readonly out: Output;
  readonly place: Place;
  /** `false` if no process has the directory open, or an earlier time is asked about. */
  readonly isLive: boolean;
  /** From when to when the journal goes, if it is read. */
  readonly kept?: KeptTimes;
}

/** The needs of a command. */
export interface Needs {
  /** `true` if no journal can answer it. */
  readonly owner?: boolean;
  /**
   * `true` if it waits for something beside an answer: then only the first contact is bounded.
   */
  readonly waits?: boolean;
}

const defaultTimeoutMs = 10_000;

/** Why commands show no sums of a database. */
export const noSums = 'each host of a database has the sums of its own work only: see its page, or its metrics';

/** Asks about the place, writes the output to its end, and returns the exit code. */
export async function withSession(
  options: AskOptions,
  use: (session: Session) => Promise<number>,
  needs: Needs = {},
): Promise<number> {
  const place = placeOf(options);
  return 'directory' in place
    ? withDirectory(place.directory, options, use, needs)
    : withDatabase(place, options, use, needs);
}

async function withDirectory(
  directory: string,
  options: AskOptions,
  use: (session: Session) => Promise<number>,
  { owner = false, waits = false }: Needs,
): Promise<number> {
  const { timeout = defaultTimeoutMs } = options;
  const out = new Output(options);
  let isOwned = false;
  const limit = new Limit(timeout, () => silent(directory, timeout, isOwned));
  const opening = async () => {
    isOwned = await limit.of(isOwnedNow(directory));
    const opened = await openSession(directory, timeout, options.at, owner, isOwned, out);
    return { ...opened, out, place: { directory } };
  };
  try {
    return await during(opening, use, waits, limit);
  } catch (error) {
    if (isOwned && options.at === undefined && mayBeGone(error)) await requireOwner(directory, error);
    throw error;
  }
}

async function withDatabase(
  place: DatabasePlace,
  options: AskOptions,
  use: (session: Session) => Promise<number>,
  { waits = false }: Needs,
): Promise<number> {
  const { timeout = defaultTimeoutMs } = options;
  if (options.at !== undefined)
    throw new CommandError(exitCodes.usage, 'a database keeps no earlier states: history and --at need a directory');
  const out = new Output(options);
  const limit = new Limit(timeout, () => {
    const text = `${placeName(place)} has not answered for ${timeout} ms; --timeout gives it more`;
    return new CommandError(exitCodes.timedOut, text);
  });
  const opening = async () => ({
    callsheet: await openVisitor(place.postgres, place.schema),
    isLive: true,
    out,
    place,
  });
  return during(opening, use, waits, limit);
}

async function during(
  opening: () => Promise<Session>,
  use: (session: Session) => Promise<number>,
  waits: boolean,
  limit: Limit,
): Promise<number> {
  try {
    const session = await limit.of(opening());
    const { callsheet } = session;
    try {
      if (waits) await limit.of(callsheet.queues());
      const code = await (waits ? use(session) : limit.of(use(session)));
      await session.out.end();
      return code;
    } finally {
      const closed = callsheet.close();
      // An owner that does not answer is not waited for.
      if (limit.isOver) closed.catch(() => {});
      else await closed;
    }
  } catch (error) {
    // A value that was given on the command line.
    if (isOfOption(error)) throw new CommandError(exitCodes.usage, error.message);
    throw error;
  } finally {
    limit.end();
  }
}

/** Whether the error may come from the end of the owner. Many commands wait for the next one. */
const mayBeGone = (error: unknown) => isLost(error) || exitCodeOf(error) === exitCodes.timedOut;

async function requireOwner(directory: string, cause: unknown): Promise<void> {
  const { isThere, text } = await ownerNow(directory);
  if (isThere) return;
  const isUnknown = (cause as NodeJS.ErrnoException).code === 'COORDINATOR_DIED';
  const next = isUnknown ? 'it is not known whether the command was done' : 'begin one, such as callsheet work';
  throw new CommandError(exitCodes.unreachable, `${text}: ${next}`);
}

const isOwnedNow = (directory: string): Promise<boolean> =>
  found(directory, async () => {
    statSync(directory);
    return hasOwner(directory);
  });

type Opened = Pick<Session, 'callsheet' | 'isLive' | 'kept'>;

async function openSession(
  directory: string,
  waitMs: number,
  at: Date | undefined,
  needsOwner: boolean,
  isOwned: boolean,
  out: Output,
): Promise<Opened> {
  if (isOfRun(directory)) throw ofMap(directory, isOwned);
  if (isOwned && at === undefined)
    return { callsheet: await open({ directory, jobs: [], share: 'client', waitMs }), isLive: true };
  if (needsOwner)
    throw new CommandError(
      exitCodes.unreachable,
      `no process has ${directory} open: begin one, such as callsheet work`,
    );
  const { runtime, kept } = await openJournal(directory, at, isOwned);
  if (at !== undefined && at.getTime() < kept.from) {
    await runtime.close();
    throw new CommandError(exitCodes.usage, `the journal in ${directory} goes back to ${isoTime(kept.from)} only`);
  }
  const last = kept.to === 0 ? 'it has no jobs' : `its last change was at ${isoTime(kept.to)}`;
  out.note(at === undefined ? `no process has ${directory} open; ${last}` : `as of ${at.toISOString()}`);
  return { callsheet: runtime, isLive: false, kept };
}

/** Looks at the directory, and says what to do if it cannot be found or read. */
async function found<T>(directory: string, look: () => Promise<T>): Promise<T> {
  try {
    return await look();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new CommandError(exitCodes.unreachable, `there is no directory ${directory}`);
    if (!isOfSystem(error)) throw error;
    if (code !== 'EACCES' && code !== 'EPERM') throw unusableDirectory(directory, error);
    const message = `this user may not read ${directory} (${code}): run the command as the user of the process that has it`;
    throw new CommandError(exitCodes.unreachable, message);
  }
}

/** The error for the directory of a run of `map`, which has no jobs and answers nothing. */
function ofMap(directory: string, isOwned: boolean): CommandError {
  const run = `${directory} is the directory of a \`callsheet map\` run`;
  const how = isOwned ? `, ${describeOwner(directory)}` : ' that has stopped: the same command goes on';
  return new CommandError(exitCodes.unreachable, `${run}${how}`);
}

const mostTries = 5;

/** Reads the journal, again if its owner deletes files of it meanwhile. */
async function openJournal(directory: string, at: Date | undefined, isOwned: boolean): Promise<OpenedReader> {
  for (let tries = 1; ; tries++) {
    try {
      return await openReader(directory, at);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (!isOwned || tries === mostTries || (code !== 'JOURNAL_CORRUPT' && code !== 'DIRECTORY_UNUSABLE')) throw error;
    }
  }
}

const isoTime = (time: number) => new Date(time).toISOString();

const silent = (directory: string, ms: number, isOwned: boolean) => {
  const owner = describeOwner(directory) ?? 'a process';
  const what = isOwned
    ? `${owner} has ${directory} open, and has not answered`
    : `the journal in ${directory} was not read`;
  return new CommandError(
    exitCodes.timedOut,
    `${what} ${isOwned ? 'for' : 'within'} ${ms} ms; --timeout gives it more`,
  );
};

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
