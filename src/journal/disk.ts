/**
 * The disk port: the few file operations that the journal needs, and their production implementation on `node:fs`.
 *
 * Everything the journal does to a disk goes through {@link Disk}, one call per system call, so that a simulator can count
 * crash points, tear writes and fail any single operation. This file knows nothing of frames, segments or recovery.
 *
 * Two kinds of sync are here on purpose. `sync` (asynchronous `fdatasync`) is the hot path: the event loop goes on while the
 * device flushes. `syncNow` (blocking `fsync`) is for the rare moments when nothing may happen in between: rolling, repairing.
 */
import * as fs from 'node:fs';
import { constants } from 'node:os';
import { CallsheetError } from '../errors.js';

/**
 * How a file is opened: `create` fails if the name is taken; `write` and `read` fail if it is not there, and with `DIRECTORY_UNUSABLE` if
 * something else than a file is: the journal makes nothing else, and what a symbolic link leads to is not the journal's.
 */
export type OpenMode = 'create' | 'write' | 'read';

/** An open file. All modes may read; `read` may not write. */
export interface DiskFile {
  readonly path: string;
  /** The file's size, in bytes. */
  size(): number;
  /** Reads at `offset`; gives the number of bytes read, 0 at the end of the file. */
  read(into: Uint8Array, offset: number): number;
  /** Writes at `offset`; gives the number of bytes written, which may be fewer than asked: see {@link writeFully}. */
  write(bytes: Uint8Array, offset: number): number;
  /** Sets the file's size, in bytes. */
  truncate(size: number): void;
  /** `fdatasync` off the event loop: what was written before the call is on the disk when the promise resolves. */
  sync(): Promise<void>;
  /** A blocking `fsync`, the file's size included. */
  syncNow(): void;
  /** Whether the file's path still leads to it. Writes and syncs of a file that was removed go well for ever. */
  isInPlace(): boolean;
  close(): void;
}

/** What the journal needs of a file system. Errors are those of `node:fs`, with its codes. */
export interface Disk {
  /** The names in a directory, in any order. */
  list(directory: string): string[];
  /** Makes one directory, in a parent that exists. */
  makeDirectory(path: string): void;
  /** Throws unless `path` is a directory in which files can be made. */
  checkDirectory(path: string): void;
  /** The number by which Linux knows the file system that `path` is on; undefined on other systems. */
  fileSystemType(path: string): number | undefined;
  open(path: string, mode: OpenMode): DiskFile;
  unlink(path: string): void;
  /** Gives a file another name in the same directory; a file that has that name is replaced. */
  rename(from: string, to: string): void;
  /** Makes the names in a directory durable: a new, renamed or removed file may be lost or back again before that. */
  syncDirectory(directory: string): Promise<void>;
  /** The same, blocking. */
  syncDirectoryNow(directory: string): void;
}

/** Says that bytes could not all be written: how many were, and why not. */
export class PartialWriteError extends Error {
  readonly writtenBytes: number;
  readonly wantedBytes: number;
  /** The code of the system's error, such as `ENOSPC`. */
  readonly code: string;

  constructor(path: string, writtenBytes: number, wantedBytes: number, cause: unknown) {
    super(`wrote ${writtenBytes} of ${wantedBytes} bytes to ${path}: ${String(cause)}`, { cause });
    this.writtenBytes = writtenBytes;
    this.wantedBytes = wantedBytes;
    this.code = errorCodeOf(cause) ?? 'EIO';
  }
}

/**
 * Writes all of `bytes` at `offset`. A disk that runs full writes a part, says so only by the length it returns, and gives
 * the error to the next write; a later sync succeeds all the same. So the length of every write is checked, here.
 */
export function writeFully(file: DiskFile, bytes: Uint8Array, offset: number): void {
  let written = 0;
  try {
    written = file.write(bytes, offset);
    while (written < bytes.length) {
      const more = file.write(bytes.subarray(written), offset + written);
      if (more === 0) throw new Error('a write of 0 bytes');
      written += more;
    }
  } catch (error) {
    throw new PartialWriteError(file.path, written, bytes.length, error);
  }
}

/** Closes what is not needed any more. One that fails loses nothing: what has to be on the disk was synced, or its loss was told. */
export function closeAll(files: Iterable<Pick<DiskFile, 'close'>>): void {
  for (const file of files) {
    try {
      file.close();
    } catch {}
  }
}

export function removeIfThere(disk: Disk, name: string): void {
  try {
    disk.unlink(name);
  } catch (error) {
    if (errorCodeOf(error) !== 'ENOENT') throw error;
  }
}

/** The system's code of an error (`ENOSPC`), if it has one. */
export function errorCodeOf(error: unknown): string | undefined {
  const { code, errno } = (error ?? {}) as { code?: unknown; errno?: unknown };
  if (typeof code !== 'string') return undefined;
  // Node has names for a part of the system's errors only: a used-up quota is UNKNOWN to it.
  return typeof errno === 'number' && !Object.hasOwn(constants.errno, code) ? (nameOfErrno(errno) ?? code) : code;
}

function nameOfErrno(errno: number): string | undefined {
  return Object.entries(constants.errno).find(([, number]) => number === Math.abs(errno))?.[0];
}

/** Whether an error says that there is no space, on the disk or within the quota. */
export function isDiskFull(error: unknown): boolean {
  const code = errorCodeOf(error);
  return code === 'ENOSPC' || code === 'EDQUOT';
}

/** Whether an error says that the process or the system has too many files open, which passes. */
export function isOutOfFiles(error: unknown): boolean {
  const code = errorCodeOf(error);
  return code === 'EMFILE' || code === 'ENFILE';
}

const flagsOf = {
  create: fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL,
  write: fs.constants.O_RDWR,
  read: fs.constants.O_RDONLY,
} as const;

/** Neither wait for the other end of a pipe, nor go where a symbolic link leads. Windows has neither flag. */
const ownOnly = (fs.constants.O_NONBLOCK ?? 0) | (fs.constants.O_NOFOLLOW ?? 0);

/** Opens what is a file, and nothing else. */
function openFile(path: string, mode: OpenMode): number {
  let descriptor: number;
  try {
    descriptor = fs.openSync(path, flagsOf[mode] | ownOnly, 0o600);
  } catch (error) {
    const found = mode === 'create' ? undefined : fs.lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined || found.isFile()) throw error;
    throw notAFile(path, error);
  }
  if (fs.fstatSync(descriptor).isFile()) return descriptor;
  fs.closeSync(descriptor);
  throw notAFile(path);
}

function notAFile(path: string, cause?: unknown): CallsheetError {
  return new CallsheetError(
    'DIRECTORY_UNUSABLE',
    `${path} is no file, but a directory, a symbolic link, a pipe or the like: the journal makes none`,
    { cause },
  );
}

/** What two files that exist at the same time never share. */
interface FileIdentity {
  readonly dev: number;
  readonly ino: number;
}

/** Whether what was found is what there was; false where either is not there. */
export function isSameFile(before: FileIdentity | undefined, now: FileIdentity | undefined): boolean {
  return before !== undefined && now !== undefined && before.ino === now.ino && before.dev === now.dev;
}

class NodeFile implements DiskFile {
  readonly path: string;
  readonly #descriptor: number;
  #identity: FileIdentity | undefined;

  constructor(path: string, mode: OpenMode) {
    this.path = path;
    this.#descriptor = openFile(path, mode);
  }

  size(): number {
    return fs.fstatSync(this.#descriptor).size;
  }

  read(into: Uint8Array, offset: number): number {
    return fs.readSync(this.#descriptor, into, 0, into.length, offset);
  }

  write(bytes: Uint8Array, offset: number): number {
    return fs.writeSync(this.#descriptor, bytes, 0, bytes.length, offset);
  }

  truncate(size: number): void {
    fs.ftruncateSync(this.#descriptor, size);
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.fdatasync(this.#descriptor, (error) => (error === null || error === undefined ? resolve() : reject(error)));
    });
  }

  syncNow(): void {
    fs.fsyncSync(this.#descriptor);
  }

  isInPlace(): boolean {
    this.#identity ??= fs.fstatSync(this.#descriptor);
    return isSameFile(this.#identity, fs.statSync(this.path, { throwIfNoEntry: false }));
  }

  close(): void {
    fs.closeSync(this.#descriptor);
  }
}

/** The disk of the machine. */
export const machineDisk: Disk = {
  list: (directory) => fs.readdirSync(directory),
  makeDirectory: (path) => fs.mkdirSync(path, 0o700),
  checkDirectory(path) {
    // A trailing separator makes the system itself refuse a file in the place of a directory (ENOTDIR).
    fs.accessSync(`${path}/`, fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK);
  },
  fileSystemType: (path) => (process.platform === 'linux' ? fs.statfsSync(path).type : undefined),
  open: (path, mode) => new NodeFile(path, mode),
  unlink: (path) => fs.unlinkSync(path),
  rename: (from, to) => fs.renameSync(from, to),
  syncDirectory: (directory) =>
    new Promise((resolve, reject) => {
      fs.open(directory, fs.constants.O_RDONLY, (openError, descriptor) => {
        if (openError) return reject(openError);
        fs.fsync(descriptor, (syncError) => {
          fs.close(descriptor, () => (syncError ? reject(syncError) : resolve()));
        });
      });
    }),
  syncDirectoryNow(directory) {
    const descriptor = fs.openSync(directory, fs.constants.O_RDONLY);
    try {
      fs.fsyncSync(descriptor);
    } finally {
      fs.closeSync(descriptor);
    }
  },
};
