/**
 * Lists a journal's files and checks every byte of them. Modifies nothing, and works while the
 * journal is open: the last write may then look torn.
 */
import * as path from 'node:path';
import { type Disk, machineDisk } from './disk.js';
import { FileWindow } from './file-window.js';
import { FrameReader } from './frame-reader.js';
import { findRefusal, type Replay } from './recovery.js';
import type { Loss } from './salvage-reader.js';
import { checkSnapshotNow } from './snapshot-reader.js';
import { type SurveyedFile, surveyJournal } from './survey.js';

export interface Inspection {
  readonly files: readonly { readonly name: string; readonly bytes: number; readonly note: string }[];
  readonly damages: readonly Loss[];
}

/** Replays the journal as opening does. Throws `DIRECTORY_UNUSABLE` if there is none. */
export function inspectJournal(directory: string, replay: Replay, disk: Disk = machineDisk): Inspection {
  const absolute = path.resolve(directory);
  const { segments, snapshots, unfinished } = surveyJournal(disk, absolute);
  const files: { name: string; bytes: number; note: string }[] = [];
  const damages: Loss[] = [];
  for (const file of snapshots) {
    const found = checkSnapshotNow(disk, file.path, file.number);
    const isDamaged = 'reason' in found;
    if (isDamaged) damages.push({ file: file.path, offset: found.offset, reason: found.reason });
    const note = isDamaged
      ? 'a damaged snapshot'
      : `a snapshot of ${found.footer.count} entries; its log begins with LSN ${found.header.firstLsn}`;
    files.push({ name: path.basename(file.path), bytes: file.bytes, note });
  }
  for (const file of segments) {
    files.push({ name: path.basename(file.path), bytes: file.bytes, note: readSegment(disk, file, damages) });
  }
  for (const file of unfinished) files.push({ name: path.basename(file), bytes: 0, note: 'an unfinished snapshot' });
  const refusal = findRefusal(disk, absolute, replay);
  if (refusal !== undefined && !damages.some(({ file }) => file === refusal.file)) damages.push(refusal);
  return { files, damages };
}

/** Returns a description of a segment, and adds its damage to `damages`. */
function readSegment(disk: Disk, file: SurveyedFile, damages: Loss[]): string {
  if (file.kind === 'damaged') {
    damages.push({ file: file.path, offset: 0, reason: file.reason });
    return 'a segment with a damaged header';
  }
  const opened = disk.open(file.path, 'read');
  try {
    const reader = new FrameReader(new FileWindow(opened), file.header);
    for (;;) {
      const found = reader.next();
      if (found?.kind === 'frame') continue;
      const range = `a segment with LSNs ${file.header.firstLsn} to ${reader.point.lsn}`;
      if (found === undefined) return range;
      damages.push({ file: file.path, offset: found.offset, reason: found.reason });
      return `${range}, then damage${found.looksTorn ? ' that a write cut short explains' : ''}`;
    }
  } finally {
    opened.close();
  }
}
