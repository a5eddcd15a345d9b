/**
 * One owner per directory, by a unix socket in it. Knows nothing of the journal's content, nor of
 * the traffic on the socket.
 *
 * The owner is the process that listens on the socket with the highest epoch,
 * `journal-<epoch>.lock`. The system closes the socket when its process or thread dies, however it
 * dies, and the next process sees that at once: its connection is refused. A process that is
 * stopped or busy still accepts connections. Anything but a plain refusal counts as alive.
 *
 * To take the lock, a process listens on a socket under a name of its own (a candidate). It then
 * publishes the socket by `link` under the next epoch, once the owner of the highest one is dead.
 * `link` fails if the name is taken, so one process wins of all that saw the same dead owner, and a
 * published socket always listens already. Two facts make this safe against a slow process:
 *
 * - A name is removed only by the owner of a higher epoch, which published first. So if a slow
 *   process publishes under an epoch that has come and gone meanwhile, a higher one exists: the
 *   process looks again after `link`, sees it, and withdraws.
 * - Hence epochs only grow. A released lock leaves its dead socket in place, and the next owner
 *   counts from it.
 *
 * The file system must be local, or open on no other machine: the sockets of another machine's
 * processes look dead.
 */
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as net from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import { CallsheetError, JournalLockedError, StorageFullError } from '../errors.js';
import { type DirectoryOptions, prepareDirectory, unusableDirectory } from './directory.js';
import { errorCodeOf, isDiskFull, isSameFile } from './disk.js';
import { candidateFileName, isCandidateFileName, lockFileName, maxEpoch, ownerFileName } from './file-names.js';
import { highestEpoch, ownerChange, ownerName, ownerState } from './owner.js';
import { refusePromoted } from './promotion.js';
import { withShortPath } from './short-path.js';

export interface LockOptions extends DirectoryOptions {
  /** Milliseconds to wait for the end of another owner. Infinity: no limit. Default 0. */
  readonly waitMs?: number;
  /** Also takes a directory whose jobs are moving to a database, to go on with that. */
  readonly promotes?: boolean;
}

/** A held lock. It does not keep the process alive. */
export interface Lock {
  /** An absolute path. */
  readonly directory: string;
  /** Greater than the epoch of every owner before. */
  readonly epoch: number;
  /** The path of the socket. */
  readonly file: string;
  /** Whether that path still leads to the socket. If not, another owner may hold the lock. */
  isHeld(): boolean;
  /**
   * Passes on the connections to the socket, also those made so far. Until then they wait, with
   * what they have sent.
   */
  accept(take: (connection: net.Socket) => void): void;
  /** Gives the lock up and ends all connections. */
  release(): Promise<void>;
}

/**
 * Takes the lock of a directory, and creates the directory with its parents if they are missing.
 * Throws `JournalLockedError` if another owner is alive after `waitMs`, `CallsheetError` with
 * `DIRECTORY_UNUSABLE`, also if its jobs have moved to a database, or `StorageFullError`.
 */
export async function acquireLock(directory: string, options: LockOptions = {}): Promise<Lock> {
  const absolute = prepareDirectory(directory, options);
  const { waitMs = 0, promotes = false } = options;
  const deadline = performance.now() + waitMs;
  let candidate: Candidate | undefined;
  try {
    // The loop ends: each turn takes the lock, finds an owner, or sees that another process has
    // made progress.
    for (;;) {
      const highest = highestEpoch(absolute);
      if (highest > 0) {
        const state = await ownerState(absolute, highest);
        if (state === 'alive') {
          const leftMs = deadline - performance.now();
          if (leftMs <= 0) throw new JournalLockedError(`${absolute} is in use by ${ownerName(absolute, highest)}`);
          await ownerChange(absolute, highest, leftMs);
          continue;
        }
        if (state === 'gone') continue;
      }
      if (highest === maxEpoch) {
        const name = lockFileName(highest);
        throw new Error(
          `${name} has the highest possible number, so no lock can follow it; no process holds it: remove it while no process opens the directory`,
        );
      }
      candidate ??= await Candidate.listen(absolute);
      const epoch = highest + 1;
      const outcome = candidate.publish(epoch);
      if (outcome === 'published') {
        tidyUp(absolute, epoch);
        const lock = candidate.asLock(epoch);
        candidate = undefined;
        if (!promotes) await releaseIfPromoted(lock);
        return lock;
      }
      if (outcome === 'removed') {
        await candidate.close();
        candidate = undefined;
      }
    }
  } catch (error) {
    candidate?.withdraw();
    await candidate?.close();
    if (error instanceof CallsheetError) throw error;
    if (isDiskFull(error)) throw new StorageFullError(`the disk of ${absolute} is full`, { cause: error });
    throw unusableDirectory(absolute, error);
  }
}

async function releaseIfPromoted(lock: Lock): Promise<void> {
  try {
    refusePromoted(lock.directory);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** A socket that listens under a name of its own, and may become the lock. */
class Candidate {
  readonly #directory: string;
  readonly #name: string;
  readonly #server: net.Server;
  readonly #connections = new Set<net.Socket>();
  #take: ((connection: net.Socket) => void) | undefined;

  static async listen(directory: string): Promise<Candidate> {
    const candidate = new Candidate(directory, candidateFileName(randomBytes(8).toString('hex')));
    await withShortPath(directory, candidate.#name, (socketPath) => candidate.#listenAt(socketPath));
    return candidate;
  }

  private constructor(directory: string, name: string) {
    this.#directory = directory;
    this.#name = name;
    this.#server = net.createServer((connection) => {
      this.#connections.add(connection);
      connection.on('close', () => this.#connections.delete(connection));
      connection.on('error', () => {});
      if (this.#take === undefined) connection.on('readable', leaveUnread);
      else this.#take(connection);
    });
    this.#server.maxConnections = mostConnections;
  }

  /** Tries to become the lock. `removed`: a new owner has removed this candidate. */
  publish(epoch: number): 'published' | 'taken' | 'removed' {
    const published = path.join(this.#directory, lockFileName(epoch));
    try {
      fs.linkSync(path.join(this.#directory, this.#name), published);
    } catch (error) {
      if (errorCodeOf(error) === 'EEXIST') return 'taken';
      if (errorCodeOf(error) === 'ENOENT') return 'removed';
      throw error;
    }
    if (highestEpoch(this.#directory) > epoch) {
      removeIfThere(published);
      return 'taken';
    }
    return 'published';
  }

  withdraw(): void {
    removeIfThere(path.join(this.#directory, this.#name));
  }

  close(): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  asLock(epoch: number): Lock {
    let released: Promise<void> | undefined;
    const file = path.join(this.#directory, lockFileName(epoch));
    const published = fs.lstatSync(file, { throwIfNoEntry: false });
    return {
      file,
      isHeld: () => isSameFile(published, fs.lstatSync(file, { throwIfNoEntry: false })),
      directory: this.#directory,
      epoch,
      accept: (take) => {
        this.#take = take;
        for (const connection of this.#connections) take(connection.off('readable', leaveUnread));
      },
      release: () => {
        released ??= this.close();
        return released;
      },
    };
  }

  #listenAt(socketPath: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(socketPath, () => {
        this.#server.off('error', reject);
        try {
          // Only this user may connect. A worker thread cannot set a umask before.
          fs.chmodSync(socketPath, 0o600);
        } catch (error) {
          // A new owner has removed this candidate: `publish` sees that, too.
          if (errorCodeOf(error) !== 'ENOENT') return reject(error);
        }
        // A failed accept (too many open files) does not end the listening, so the lock is still
        // held.
        this.#server.on('error', () => {});
        this.#server.unref();
        resolve();
      });
    });
  }
}

/** Notices the end of a connection that nothing was sent on. Other data stays unread. */
function leaveUnread(this: net.Socket): void {
  if (this.readableLength === 0) this.read();
}

/** Further connections are ended at once. Their processes see that the owner is alive. */
const mostConnections = 1_000;

/** Writes the owner's name, and removes older files of locks. No failure here fails the owner. */
function tidyUp(directory: string, epoch: number): void {
  const file = path.join(directory, ownerFileName(epoch));
  try {
    removeIfThere(file);
    fs.writeFileSync(file, `${process.pid} ${os.hostname()}\n`, { flag: 'wx', mode: 0o600 });
  } catch {
    // The disk is full. A process that finds the directory locked then cannot name the owner.
    removeIfThere(file);
  }
  for (const name of fs.readdirSync(directory)) {
    const isOld = /^journal-\d{10}\.(lock|owner)$/.test(name) && name < lockFileName(epoch);
    if (isOld || isCandidateFileName(name)) removeIfThere(path.join(directory, name));
  }
}

function removeIfThere(file: string): void {
  try {
    fs.unlinkSync(file);
  } catch {
    // Another owner removed it first, or the file system has become read-only. Neither changes who
    // owns the lock.
  }
}
