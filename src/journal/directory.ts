/**
 * Makes sure of the directory that a journal is to live in: that it is there, durably, on a disk of this machine, and can be worked
 * in. Knows nothing of what will be in it.
 */
import * as path from 'node:path';
import { CallsheetError } from '../errors.js';
import { type Disk, errorCodeOf, machineDisk } from './disk.js';
import { sharedFileSystem } from './file-system.js';

export interface DirectoryOptions {
  /** The disk. Default: the machine's. */
  disk?: Disk;
  /** Take a directory that other machines may share, too. Default false: the lock does not hold them off. */
  allowNetworkFileSystem?: boolean;
}

const reasons: Record<string, string> = {
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
 * Creates the directory with its parents where missing, each made durable in its own parent, and checks that files can be
 * made in it. Gives its absolute path. Throws `DIRECTORY_UNUSABLE` with path and reason, also for a network file system that was not
 * asked for; then nothing is made.
 */
export function prepareDirectory(directory: string, options: DirectoryOptions = {}): string {
  const { disk = machineDisk, allowNetworkFileSystem = false } = options;
  if (typeof directory !== 'string' || directory === '') throw new TypeError('directory must be a path');
  const absolute = path.resolve(directory);
  try {
    const name = allowNetworkFileSystem ? undefined : sharedFileSystem(typeOf(disk, absolute));
    if (name !== undefined) {
      throw new Error(
        `it is on a file system that other machines may share (${name}), where the lock does not hold them off; open({ allowNetworkFileSystem: true }) takes it all the same`,
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

/** The type of the file system that the directory is on, or will be on when it is made. */
function typeOf(disk: Disk, directory: string): number | undefined {
  try {
    return disk.fileSystemType(directory);
  } catch (error) {
    const parent = path.dirname(directory);
    if (errorCodeOf(error) !== 'ENOENT' || parent === directory) throw error;
    return typeOf(disk, parent);
  }
}

/** The error for a directory in which what we need cannot be done. */
export function unusableDirectory(directory: string, cause: unknown): CallsheetError {
  const code = errorCodeOf(cause);
  const reason =
    (code === undefined ? undefined : reasons[code]) ?? (cause instanceof Error ? cause.message : String(cause));
  const message = `${directory} cannot be used as a directory for the journal: ${reason}${code === undefined ? '' : ` (${code})`}`;
  return new CallsheetError('DIRECTORY_UNUSABLE', message, { cause });
}

/** Checks the directory if it is there; throws if it cannot be used. */
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
    // Another process has just made it, and may not have synced its parent yet; so that is done in any case.
    if (code !== 'EEXIST') throw error;
  }
  disk.syncDirectoryNow(parent);
}
