/**
 * Prepares the directory of a journal. Knows nothing of its content.
 */
import * as path from 'node:path';
import { type CallsheetError, DirectoryUnusableError } from '../errors.js';
import { type Disk, errorCodeOf, machineDisk } from './disk.js';
import { sharedFileSystem } from './file-system.js';

export interface DirectoryOptions {
  /** The disk. Default: the machine's. */
  disk?: Disk;
  /** Accept a file system shared with machines that the lock cannot keep out. Default `false`. */
  allowNetworkFileSystem?: boolean;
}

const reasons: Record<string, string> = {
  ENOENT: 'it does not exist',
  EISDIR: 'it is a directory',
  EACCES: 'this process is not allowed to',
  EPERM: 'this process is not allowed to',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'a part of the path is a file',
  ENAMETOOLONG: 'the path is too long',
  ELOOP: 'the path has a loop of symbolic links',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
};

/**
 * Creates the directory and its missing parents, each made durable in its own parent. Checks that
 * files can be made in it, and returns its absolute path.
 *
 * Throws `DIRECTORY_UNUSABLE` with the path and the reason. For a network file system without
 * `allowNetworkFileSystem` that happens before anything is made.
 */
export function prepareDirectory(directory: string, options: DirectoryOptions = {}): string {
  const { disk = machineDisk, allowNetworkFileSystem = false } = options;
  if (typeof directory !== 'string' || directory === '') throw new TypeError('directory must be a non-empty string');
  const absolute = path.resolve(directory);
  try {
    const name = allowNetworkFileSystem ? undefined : sharedFileSystem(typeOf(disk, absolute));
    if (name !== undefined) {
      throw new Error(
        `it is on a file system that other machines may share (${name}), where the lock does not keep them out; open({ allowNetworkFileSystem: true }) uses it anyway`,
      );
    }
    if (!isThere(disk, absolute)) {
      make(disk, absolute);
      disk.checkDirectory(absolute);
    }
  } catch (error) {
    throw unusableDirectory(absolute, error);
  }
  return absolute;
}

/** Returns the type of file system of the directory, or of its nearest existing parent. */
function typeOf(disk: Disk, directory: string): number | undefined {
  try {
    return disk.fileSystemType(directory);
  } catch (error) {
    const parent = path.dirname(directory);
    if (errorCodeOf(error) !== 'ENOENT' || parent === directory) throw error;
    return typeOf(disk, parent);
  }
}

/** The error for a directory in which a journal cannot work. */
export function unusableDirectory(directory: string, cause: unknown): CallsheetError {
  const message = `${directory} cannot be used as a directory for the journal: ${reasonOf(cause)}`;
  return new DirectoryUnusableError(message, { cause });
}

/** Returns the reason of a failed call of the system in words, with its code. */
export function reasonOf(cause: unknown): string {
  const code = errorCodeOf(cause);
  const reason =
    (code === undefined ? undefined : reasons[code]) ?? (cause instanceof Error ? cause.message : String(cause));
  return code === undefined ? reason : `${reason} (${code})`;
}

/** Returns whether the directory exists. Throws if it exists and cannot be used. */
function isThere(disk: Disk, directory: string): boolean {
  try {
    disk.checkDirectory(directory);
    return true;
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

function make(disk: Disk, directory: string, parentIsThere = false): void {
  const parent = path.dirname(directory);
  try {
    disk.makeDirectory(directory);
  } catch (error) {
    const code = errorCodeOf(error);
    if (code === 'ENOENT' && !parentIsThere && parent !== directory) {
      make(disk, parent);
      make(disk, directory, true);
      return;
    }
    // Another process has made it at the same time, and may not have synced its parent yet.
    if (code !== 'EEXIST') throw error;
  }
  disk.syncDirectoryNow(parent);
}
