/**
 * Creates a new journal in the order that `format.ts` gives. A crash may follow each step: the next
 * opening goes on from there.
 */
import type { Disk } from './disk.js';
import type { LogEnd } from './frame-writer.js';
import { createSegment } from './segment-file.js';

/** Creates the first segment of a new journal, durably. */
export function createFirstSegment(disk: Disk, directory: string, salt: number): LogEnd {
  const end = createSegment(disk, directory, 1, { lsn: 0, checksum: 0 }, salt);
  try {
    end.file.syncNow();
    disk.syncDirectoryNow(directory);
  } catch (error) {
    end.file.close();
    throw error;
  }
  return end;
}
