/**
 * Creates the files of segments, and opens the last one to append to. The journal decides when to
 * create one, and syncs the file and its name.
 */
import * as path from 'node:path';
import { type Disk, writeFully } from './disk.js';
import { encodeFileHeader } from './file-header.js';
import { segmentFileName } from './file-names.js';
import { fileKind } from './format.js';
import type { LogEnd } from './frame-writer.js';
import type { RecoveredLog } from './recovery.js';

/** Creates a segment with its header; syncs neither file nor name. Leaves no file if it fails. */
export function createSegment(
  disk: Disk,
  directory: string,
  number: number,
  before: { lsn: number; checksum: number },
  salt: number,
): LogEnd {
  const { bytes, header } = encodeFileHeader({
    kind: fileKind.segment,
    number,
    salt: salt >>> 0,
    firstLsn: before.lsn + 1,
    previousChecksum: before.checksum,
  });
  const file = disk.open(path.join(directory, segmentFileName(number)), 'create');
  try {
    writeFully(file, bytes, 0);
  } catch (error) {
    file.close();
    disk.unlink(file.path);
    throw error;
  }
  return { file, segment: number, salt: header.salt, offset: bytes.length, lsn: before.lsn, checksum: header.checksum };
}

/** Opens the last segment of a recovered log at its end; `undefined` if there is no segment. */
export function reopenLastSegment(disk: Disk, log: RecoveredLog): LogEnd | undefined {
  if (log.last === undefined) return undefined;
  const { number, path: file, header } = log.last;
  return { file: disk.open(file, 'write'), segment: number, salt: header.salt, ...log.end };
}
