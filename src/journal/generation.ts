/**
 * Chooses the generation to start from: the newest one with a whole snapshot and all segments of
 * its log. Without a snapshot, the whole log is a generation. Modifies nothing.
 *
 * A damaged snapshot does not prevent opening if an older generation leads to the same state, with
 * more log to replay. A gap in the log does: no older snapshot holds its content.
 */
import * as path from 'node:path';
import { JournalCorruptError } from '../errors.js';
import type { Disk } from './disk.js';
import { segmentFileName } from './file-names.js';
import { checkSnapshotNow, type DamagedSnapshot, type Snapshot } from './snapshot-reader.js';
import type { HeaderlessFile, Survey, SurveyedSegment } from './survey.js';

/** A state of the journal to start from, and the beginning of its log. */
export interface Generation {
  /** The snapshot to read first; `undefined` if the log begins with segment 1. */
  readonly snapshot: Snapshot | undefined;
  /** The number of the segment with which its log begins. */
  readonly number: number;
  /** The LSN and the checksum of the last frame before that segment. */
  readonly startLsn: number;
  readonly startChecksum: number;
  /** The LSN up to which the log was once on the disk. */
  readonly endLsn: number;
}

export interface ChosenGeneration {
  readonly generation: Generation;
  /** Newer snapshots that are damaged. */
  readonly damaged: readonly DamagedSnapshot[];
  readonly log: FoundLog;
}

/** The files of a log. */
export interface FoundLog {
  /** The segments with intact headers, from the first on, without a gap. */
  readonly segments: readonly SurveyedSegment[];
  /** The last segment, if its header is not intact. */
  readonly unborn?: HeaderlessFile;
  /** The segment after those, if it must exist but is missing or has no header. */
  readonly lost?: { readonly path: string; readonly reason: string };
}

const wholeLog: Generation = { snapshot: undefined, number: 1, startLsn: 0, startChecksum: 0, endLsn: 0 };

export function chooseGeneration(disk: Disk, directory: string, survey: Survey): ChosenGeneration {
  const damaged: DamagedSnapshot[] = [];
  let generation = wholeLog;
  for (const file of survey.snapshots) {
    const found = checkSnapshotNow(disk, file.path, file.number);
    if ('reason' in found) {
      damaged.push(found);
      continue;
    }
    generation = generationOf(found);
    break;
  }
  return { generation, damaged, log: logOf(directory, generation, damaged, survey) };
}

/** Returns all generations that are whole, the newest first. */
export function* wholeGenerations(disk: Disk, directory: string, survey: Survey): Generator<ChosenGeneration> {
  const found = survey.snapshots.map((file) => checkSnapshotNow(disk, file.path, file.number));
  const generations = found.flatMap((snapshot) => ('reason' in snapshot ? [] : [generationOf(snapshot)]));
  for (const generation of [...generations, wholeLog]) {
    const log = logOf(directory, generation, [], survey);
    if (log.lost === undefined) yield { generation, damaged: [], log };
  }
}

export function generationOf(snapshot: Snapshot): Generation {
  const { number, header, footer } = snapshot;
  return {
    snapshot,
    number,
    startLsn: header.firstLsn - 1,
    startChecksum: header.previousChecksum,
    endLsn: footer.endLsn,
  };
}

/** Returns the log of a generation: its segments from the first on. */
function logOf(
  directory: string,
  generation: Generation,
  damaged: readonly DamagedSnapshot[],
  { segments: all, witness }: Survey,
): FoundLog {
  const segments: SurveyedSegment[] = [];
  const log = all.filter(({ number }) => number >= generation.number);
  const mayBeNew = witness === undefined && generation.snapshot === undefined && damaged.length === 0;
  if (mayBeNew && all.length === 0) return { segments };
  for (let index = 0; index < Math.max(log.length, 1); index++) {
    const number = generation.number + index;
    const file = log[index];
    if (file?.number !== number) {
      // The segment may have been deleted because of a newer snapshot; then that snapshot is the
      // damage.
      const first = damaged[0];
      if (first !== undefined)
        throw new JournalCorruptError(first.path, first.offset, generation.startLsn + 1, first.reason);
      return {
        segments,
        lost: { path: path.join(directory, segmentFileName(number)), reason: 'the segment is missing' },
      };
    }
    if (file.kind === 'header') {
      segments.push(file);
    } else {
      // The first segment of a log existed before its snapshot began, and segment 1 before the
      // witness.
      const mayBeUnborn = index === log.length - 1 && (index > 0 || mayBeNew);
      return mayBeUnborn ? { segments, unborn: file } : { segments, lost: file };
    }
  }
  return { segments };
}
