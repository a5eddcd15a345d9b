/**
 * The modifications that recovery makes to files. Each is durable when it returns, and harmless
 * when made twice, since a crash between any two of them leads to another recovery. `recovery.ts`
 * decides which are made.
 */
import * as path from 'node:path';
import { type Disk, type DiskFile, errorCodeOf, writeFully } from './disk.js';
import { readFully } from './file-window.js';

const stepBytes = 1024 * 1024;

/**
 * Copies a file from `offset` to its end into a new file, under the first free name of `nameFor`.
 * Returns the new file's path and size, or `undefined` if there was nothing to copy. Its name is
 * made durable, too: the original is cut next.
 */
export function copyAside(
  disk: Disk,
  from: string,
  offset: number,
  nameFor: (attempt: number) => string,
): { keptAs: string; bytes: number } | undefined {
  const source = disk.open(from, 'read');
  try {
    const size = source.size();
    if (size <= offset) return undefined;
    const { file: target, name: keptAs } = createUnderFreeName(disk, nameFor);
    try {
      forEachStep(offset, size, (at, length) => {
        const bytes = new Uint8Array(length);
        readFully(source, bytes, at);
        writeFully(target, bytes, at - offset);
      });
      target.syncNow();
    } catch (error) {
      disk.unlink(keptAs);
      throw error;
    } finally {
      target.close();
    }
    disk.syncDirectoryNow(path.dirname(keptAs));
    return { keptAs, bytes: size - offset };
  } finally {
    source.close();
  }
}

function createUnderFreeName(disk: Disk, nameFor: (attempt: number) => string) {
  for (let attempt = 1; ; attempt++) {
    const name = nameFor(attempt);
    try {
      return { file: disk.open(name, 'create'), name };
    } catch (error) {
      if (errorCodeOf(error) !== 'EEXIST') throw error;
    }
  }
}

export function cutOff(disk: Disk, segmentPath: string, offset: number): void {
  const file = disk.open(segmentPath, 'write');
  try {
    file.truncate(offset);
    file.syncNow();
  } finally {
    file.close();
  }
}

/** Frees the space of a file; `false` if the file is empty or does not exist. */
export function emptyIfThere(disk: Disk, name: string): boolean {
  let file: DiskFile;
  try {
    file = disk.open(name, 'write');
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') return false;
    throw error;
  }
  try {
    if (file.size() === 0) return false;
    file.truncate(0);
    return true;
  } finally {
    file.close();
  }
}

/**
 * Writes the bytes from `from` to `to` over themselves, and syncs. A sync that failed in an earlier
 * process leaves pages that can be read and count as clean, but are not on the disk: another sync
 * alone would not write them.
 */
export function rewriteInPlace(disk: Disk, segmentPath: string, from: number, to: number): void {
  const file = disk.open(segmentPath, 'write');
  try {
    forEachStep(from, to, (at, length) => {
      const bytes = new Uint8Array(length);
      readFully(file, bytes, at);
      writeFully(file, bytes, at);
    });
    file.syncNow();
  } finally {
    file.close();
  }
}

function forEachStep(from: number, to: number, take: (at: number, length: number) => void): void {
  for (let at = from; at < to; at += stepBytes) take(at, Math.min(stepBytes, to - at));
}
