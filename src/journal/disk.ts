/**
 * The disk port: the few file operations that the journal needs, and their implementation on
 * `node:fs`.
 *
 * The journal uses a disk only through {@link Disk}, one call per system call, so that a simulator
 * can count crash points, tear writes and fail any single operation. This file knows nothing of
 * frames, segments or recovery.
 *
 * There are two kinds of sync. `sync` (asynchronous `fdatasync`) is the hot path: the event loop
 * goes on while the device flushes. `syncNow` (blocking `fsync`) is for the rare moments when
 * nothing may happen in between: rolling and repairing.
 */
import * as fs from 'node:fs';
import { constants } from 'node:os';
import { type CallsheetError, DirectoryUnusableError } from '../errors.js';

/**
 * How a file is opened. `create` fails if the name is taken; `write` and `read` fail if there is no
 * such file. They fail with `DIRECTORY_UNUSABLE` for anything but a regular file: the journal makes
 * only those, and the target of a symbolic link is not the journal's.
 */
export type OpenMode = 'create' | 'write' | 'read';

/** An open file. All modes may read; `read` may not write. */
export interface DiskFile {
  readonly path: string;
  size(): number;
  /** Reads at `offset`. Returns the number of bytes read, 0 at the end of the file. */
  read(into: Uint8Array, offset: number): number;
  /** Writes at `offset`. Returns the bytes written, maybe not all: see {@link writeFully}. */
  write(bytes: Uint8Array, offset: number): number;
  truncate(size: number): void;
  /** Runs `fdatasync` off the event loop. Covers the bytes written before the call. */
  sync(): Promise<void>;
  /**
   * Does the same while a `sync` runs, so that a failed write fails both. Returns `undefined`, and
   * does nothing, where that is not possible.
   */
  syncBeside(): Promise<void> | undefined;
  /** Blocks in `fsync`, which includes the file's size. */
  syncNow(): void;
  /** Whether the path still leads to this file: a removed one takes writes and syncs for ever. */
  isInPlace(): boolean;
  close(): void;
}

/** The file system as the journal uses it. Errors are those of `node:fs`, with its codes. */
export interface Disk {
  list(directory: string): string[];
  /** Makes one directory, in a parent that exists. */
  makeDirectory(path: string): void;
  /** Throws unless `path` is a directory in which files can be made. */
  checkDirectory(path: string): void;
  /** Returns Linux's number of the type of `path`'s file system; elsewhere `undefined`. */
  fileSystemType(path: string): number | undefined;
  /** Returns the bytes that are free for this user on the file system of `path`. */
  freeBytes(path: string): number;
  open(path: string, mode: OpenMode): DiskFile;
  unlink(path: string): void;
  /** Renames a file within its directory. Replaces a file that has the new name. */
  rename(from: string, to: string): void;
  /** Makes names durable. Until then a crash may undo creating, renaming or removing a file. */
  syncDirectory(directory: string): Promise<void>;
  /** Does the same, blocking. */
  syncDirectoryNow(directory: string): void;
}

/** The error of {@link writeFully}: how many bytes were written, and why not all. */
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
 * Writes all of `bytes` at `offset`. A disk that runs full writes a part and reports it only by the
 * returned length; the error comes with the next write, and a later sync succeeds. So the length of
 * every write is checked here.
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

/** Closes files. A failure loses nothing: the bytes are synced, or a failed sync was reported. */
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

/** Returns the system's code of an error, such as `ENOSPC`. */
export function errorCodeOf(error: unknown): string | undefined {
  const { code, errno } = (error ?? {}) as { code?: unknown; errno?: unknown };
  if (typeof code !== 'string') return undefined;
  // Node has no names for some errors of the system: a used-up quota has the code `UNKNOWN`.
  return typeof errno === 'number' && !Object.hasOwn(constants.errno, code) ? (nameOfErrno(errno) ?? code) : code;
}

function nameOfErrno(errno: number): string | undefined {
  return Object.entries(constants.errno).find(([, number]) => number === Math.abs(errno))?.[0];
}

/** Whether an error means that the disk is full or the quota used up. */
export function isDiskFull(error: unknown): boolean {
  const code = errorCodeOf(error);
  return code === 'ENOSPC' || code === 'EDQUOT';
}

/** Whether an error means too many open files in the process or the system, which passes. */
export function isOutOfFiles(error: unknown): boolean {
  const code = errorCodeOf(error);
  return code === 'EMFILE' || code === 'ENFILE';
}

const flagsOf = {
  create: fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL,
  write: fs.constants.O_RDWR,
  read: fs.constants.O_RDONLY,
} as const;

/** Do not wait for the other end of a pipe, nor follow a symbolic link. Windows has neither. */
const ownOnly = (fs.constants.O_NONBLOCK ?? 0) | (fs.constants.O_NOFOLLOW ?? 0);

/** Opens a regular file. Throws `DIRECTORY_UNUSABLE` for anything else. */
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
  return new DirectoryUnusableError(
    `${path} must be a regular file, but is a directory, a symbolic link, a pipe or similar, which the journal never makes: move it elsewhere`,
    { cause },
  );
}

/** The numbers that identify a file: two files that exist at the same time never share them. */
interface FileIdentity {
  readonly dev: number;
  readonly ino: number;
}

/** Returns whether both are the same file; `false` if either does not exist. */
export function isSameFile(before: FileIdentity | undefined, now: FileIdentity | undefined): boolean {
  return before !== undefined && now !== undefined && before.ino === now.ino && before.dev === now.dev;
}

function dataSync(descriptor: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.fdatasync(descriptor, (error) => (error === null || error === undefined ? resolve() : reject(error)));
  });
}

class NodeFile implements DiskFile {
  readonly path: string;
  readonly #descriptor: number;
  #identity: FileIdentity | undefined;
  /**
   * For a sync beside another: the system reports a failed write to each descriptor, but only once.
   */
  #second: number | undefined;

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
    return dataSync(this.#descriptor);
  }

  syncBeside(): Promise<void> | undefined {
    try {
      this.#second ??= openFile(this.path, 'write');
    } catch {
      // Too many files are open, or the name is gone, which the next look at the name shows.
      return undefined;
    }
    return isSameFile(this.#ownIdentity, fs.fstatSync(this.#second)) ? dataSync(this.#second) : undefined;
  }

  syncNow(): void {
    fs.fsyncSync(this.#descriptor);
  }

  isInPlace(): boolean {
    return isSameFile(this.#ownIdentity, fs.statSync(this.path, { throwIfNoEntry: false }));
  }

  get #ownIdentity(): FileIdentity {
    this.#identity ??= fs.fstatSync(this.#descriptor);
    return this.#identity;
  }

  close(): void {
    if (this.#second !== undefined) fs.closeSync(this.#second);
    fs.closeSync(this.#descriptor);
  }
}

/** The disk of the machine. */
export const machineDisk: Disk = {
  list: (directory) => fs.readdirSync(directory),
  makeDirectory: (path) => fs.mkdirSync(path, 0o700),
  checkDirectory(path) {
    // The trailing separator makes the system refuse a file in place of a directory (`ENOTDIR`).
    fs.accessSync(`${path}/`, fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK);
  },
  fileSystemType: (path) => (process.platform === 'linux' ? fs.statfsSync(path).type : undefined),
  freeBytes(path) {
    const { bavail, bsize } = fs.statfsSync(path);
    return bavail * bsize;
  },
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
