/**
 * One owner per directory, by a unix socket in it. Knows nothing of what is in the journal, nor of what is said on the socket.
 *
 * The owner is who listens on the socket with the highest epoch, `journal-<epoch>.lock`. The system closes it when its process
 * (or thread) dies, however it dies, and the next one sees that at once: connecting is refused. It does not when the
 * process is stopped or busy: connecting works. Anything but a plain refusal counts as alive.
 *
 * To take the lock, a process listens on a socket under a name of its own (a candidate) and then publishes it by `link` under
 * the epoch after the highest, which must be dead. `link` fails if the name is taken, so of all who saw the same dead owner one
 * wins, and a published socket always listens already. Why that is enough, with what may happen in between:
 *
 * - A name is removed only by the owner of a higher epoch, who published first. So if one that was slow publishes under an
 *   epoch that has come and gone meanwhile, a higher one is there to be seen: it looks again after `link`, and withdraws.
 * - Hence epochs only grow, and a released lock leaves its dead socket there for the next one to count from.
 *
 * It needs a local file system, or one that no other machine has open: the sockets of another machine's processes look dead.
 */
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as net from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import { CallsheetError, JournalLockedError, StorageFullError } from '../errors.js';
import { type DirectoryOptions, prepareDirectory, unusableDirectory } from './directory.js';
import { errorCodeOf, isDiskFull, isSameFile, machineDisk } from './disk.js';
import {
  candidateFileName,
  epochOf,
  isCandidateFileName,
  lockFileName,
  maxEpoch,
  ownerFileName,
} from './file-names.js';
import { withShortPath } from './short-path.js';

/** A lock that is held. It does not keep the process alive. */
export interface Lock {
  /** The directory, as an absolute path. */
  readonly directory: string;
  /** Greater than that of every owner before. */
  readonly epoch: number;
  /** The path of the socket. */
  readonly file: string;
  /** Whether that path still leads to the socket. If not, another owner may have taken the lock. */
  isHeld(): boolean;
  /** The socket server whose listening is the lock. Closing it gives the lock up; use {@link Lock.release}. */
  readonly server: net.Server;
  /** Hands connections from now on to `serve`, which must take care of their errors. Until then they are left to end. */
  onConnection(serve: (connection: net.Socket) => void): void;
  /** Gives the lock up and ends all connections. */
  release(): Promise<void>;
}

/**
 * Takes the lock of a directory, which is created with its parents where missing. Throws `JournalLockedError` if another owner is
 * alive, `CallsheetError` with `DIRECTORY_UNUSABLE`, or `StorageFullError`.
 */
export async function acquireLock(directory: string, options?: DirectoryOptions): Promise<Lock> {
  const absolute = prepareDirectory(directory, options);
  let candidate: Candidate | undefined;
  try {
    // Ends: each turn either takes the lock, finds an owner, or another process has taken a step forward.
    for (;;) {
      const highest = highestEpoch(absolute);
      if (highest > 0) {
        const state = await ownerState(absolute, highest);
        if (state === 'alive') throw new JournalLockedError(`${absolute} is in use by ${ownerName(absolute, highest)}`);
        if (state === 'gone') continue;
      }
      if (highest === maxEpoch) {
        const name = lockFileName(highest);
        throw new Error(
          `${name} has the highest number that there is, so no lock can follow it; nobody holds it: while no process opens the directory, remove it`,
        );
      }
      candidate ??= await Candidate.listen(absolute);
      const epoch = highest + 1;
      const outcome = candidate.publish(epoch);
      if (outcome === 'published') {
        tidyUp(absolute, epoch);
        return candidate.asLock(epoch);
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

/** A socket that listens under a name of its own, and may become the lock. */
class Candidate {
  readonly #directory: string;
  readonly #name: string;
  readonly #server: net.Server;
  readonly #connections = new Set<net.Socket>();
  #serve: (connection: net.Socket) => void = (connection) => {
    connection.on('error', () => {});
    connection.resume();
  };

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
      this.#serve(connection);
    });
  }

  /** Tries to become the lock. `taken`: another was faster. `removed`: the new owner has tidied this candidate away. */
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
      server: this.#server,
      onConnection: (serve) => {
        this.#serve = serve;
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
        // An accept that fails later (too many files open) does not end the listening, and so is none of the lock's business.
        this.#server.on('error', () => {});
        this.#server.unref();
        resolve();
      });
    });
  }
}

/** Says who owns the lock, and removes what earlier owners and other candidates left. None of it must fail the owner. */
function tidyUp(directory: string, epoch: number): void {
  const file = path.join(directory, ownerFileName(epoch));
  try {
    removeIfThere(file);
    fs.writeFileSync(file, `${process.pid} ${os.hostname()}\n`, { flag: 'wx' });
  } catch {
    // On a full disk. Then the name of the owner is not known to who finds the directory locked.
    removeIfThere(file);
  }
  for (const name of fs.readdirSync(directory)) {
    const isOld = /^journal-\d{10}\.(lock|owner)$/.test(name) && name < lockFileName(epoch);
    if (isOld || isCandidateFileName(name)) removeIfThere(path.join(directory, name));
  }
}

function highestEpoch(directory: string): number {
  let highest = 0;
  for (const entry of fs.readdirSync(directory, { withFileTypes: true })) {
    const epoch = epochOf(entry.name) ?? 0;
    // Where it leads to there may be an owner of something else, or nothing that could ever be seen to be dead.
    if (epoch > 0 && entry.isSymbolicLink()) throw new Error(`${entry.name} is a symbolic link, as no lock is`);
    highest = Math.max(highest, epoch);
  }
  return highest;
}

/** Whether somebody listens. `gone`: the file was removed since it was listed, so the world has moved on. */
function ownerState(directory: string, epoch: number): Promise<'alive' | 'dead' | 'gone'> {
  return withShortPath(directory, lockFileName(epoch), (socketPath) => {
    return new Promise((resolve) => {
      const connection = net.connect(socketPath);
      connection.once('connect', () => {
        connection.destroy();
        resolve('alive');
      });
      connection.once('error', (error) => {
        const code = errorCodeOf(error);
        resolve(code === 'ECONNREFUSED' ? 'dead' : code === 'ENOENT' ? 'gone' : 'alive');
      });
    });
  });
}

/** Who the owner said it was, as far as is known: a stopped one cannot be asked, so it is in a file. */
function ownerName(directory: string, epoch: number): string {
  try {
    const [pid, host] = readStart(path.join(directory, ownerFileName(epoch)))
      .trim()
      .split(' ');
    if (host === undefined) return 'another process';
    return pid === String(process.pid) && host === os.hostname()
      ? `this process (pid ${pid})`
      : `the process with pid ${pid} on ${host}`;
  } catch {
    return 'another process';
  }
}

/** The text that a short file holds. */
function readStart(name: string): string {
  const file = machineDisk.open(name, 'read');
  try {
    const bytes = Buffer.alloc(1024);
    return bytes.toString('utf8', 0, file.read(bytes, 0));
  } finally {
    file.close();
  }
}

function removeIfThere(file: string): void {
  try {
    fs.unlinkSync(file);
  } catch {
    // Another owner's tidying was faster, or the file system has become read-only; neither changes who owns the lock.
  }
}
