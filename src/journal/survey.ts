/**
 * Looks over a journal's directory before anything in it is read as log: which segments there are, whether any is missing,
 * newer than this version, or not ours to understand. Reads names and headers only, and modifies nothing.
 */
import * as path from 'node:path';
import { CallsheetError, JournalCorruptError, JournalVersionError } from '../errors.js';
import type { Disk } from './disk.js';
import { meaningOf, segmentFileName } from './file-names.js';
import { FileWindow } from './file-window.js';
import { segmentHeaderBytes } from './format.js';
import { hasZeroSector } from './frame-reader.js';
import { decodeSegmentHeader, type SegmentHeader } from './segment-header.js';

/** A segment whose header is intact. */
export interface SurveyedSegment {
  readonly number: number;
  readonly path: string;
  readonly header: SegmentHeader;
}

/** The last segment, if its header is not intact: perhaps its creation never reached the disk. */
export interface UnbornSegment {
  readonly number: number;
  readonly path: string;
  readonly reason: string;
  /** Whether a creation that a power loss cut short explains it. */
  readonly looksTorn: boolean;
}

export interface Survey {
  readonly segments: readonly SurveyedSegment[];
  readonly unborn: UnbornSegment | undefined;
}

export function surveyDirectory(disk: Disk, directory: string): Survey {
  const numbers: number[] = [];
  for (const name of listNames(disk, directory)) {
    const meaning = meaningOf(name);
    if (meaning.kind === 'segment') numbers.push(meaning.number);
    if (meaning.kind === 'unknown') {
      const file = path.join(directory, name);
      throw new JournalVersionError(
        `${file} has a name of the journal's that this version of callsheet does not know. Nothing was modified.`,
      );
    }
  }
  numbers.sort((a, b) => a - b);

  // All headers are looked at before the first complaint about damage: a newer version may well look damaged to us.
  const readings = numbers.map((number) => {
    const file = path.join(directory, segmentFileName(number));
    return { number, path: file, ...readHeader(disk, file) };
  });
  for (const reading of readings) {
    if (reading.kind !== 'newer') continue;
    throw new JournalVersionError(
      `${reading.path} has format version ${reading.version}, from a newer callsheet. Nothing was modified.`,
    );
  }

  const segments: SurveyedSegment[] = [];
  for (const [index, reading] of readings.entries()) {
    if (reading.number !== index + 1) {
      const missing = path.join(directory, segmentFileName(index + 1));
      throw new JournalCorruptError(missing, 0, segments.at(-1)?.header.firstLsn ?? 1, 'the segment is missing');
    }
    if (reading.kind === 'header') {
      segments.push({ number: reading.number, path: reading.path, header: reading.header });
    } else if (reading.kind === 'damaged') {
      if (index === readings.length - 1) return { segments, unborn: reading };
      throw new JournalCorruptError(reading.path, 0, segments.at(-1)?.header.firstLsn ?? 1, reading.reason);
    }
  }
  return { segments, unborn: undefined };
}

function listNames(disk: Disk, directory: string): string[] {
  try {
    return disk.list(directory);
  } catch (cause) {
    throw unreadable(directory, cause);
  }
}

function readHeader(disk: Disk, file: string) {
  let opened: ReturnType<Disk['open']> | undefined;
  try {
    opened = disk.open(file, 'read');
    const window = new FileWindow(opened);
    const length = Math.min(window.size, segmentHeaderBytes);
    const reading = decodeSegmentHeader(window.bytes(0, length));
    if (reading.kind !== 'damaged') return reading;
    return { ...reading, looksTorn: length < segmentHeaderBytes || hasZeroSector(window, 0, 0, length) };
  } catch (cause) {
    throw unreadable(file, cause);
  } finally {
    opened?.close();
  }
}

/** The journal could not even be looked at. That is a matter of the machine, not of what the journal holds. */
export function unreadable(file: string, cause: unknown): CallsheetError {
  return new CallsheetError('DIRECTORY_UNUSABLE', `${file} cannot be read: ${String(cause)}`, { cause });
}
