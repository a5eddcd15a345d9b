/**
 * Lists a journal's directory before recovery reads it: which files of the journal exist, and
 * whether one is of another version or unknown. Reads names and headers only, modifies nothing, and
 * does not judge damage: which files must be intact depends on the generation that recovery starts
 * from.
 */
import * as path from 'node:path';
import { CallsheetError, DirectoryUnusableError, JournalVersionError } from '../errors.js';
import { reasonOf } from './directory.js';
import { type Disk, errorCodeOf } from './disk.js';
import { decodeFileHeader, type FileHeader } from './file-header.js';
import { meaningOf, witnessFileName } from './file-names.js';
import { FileWindow } from './file-window.js';
import { type FileKind, fileHeaderBytes, fileKind, formatVersion } from './format.js';
import { hasZeroSector } from './frame-reader.js';
import { readWitness, type Testimony } from './witness.js';

/** A file with an intact header. */
export interface SurveyedSegment {
  readonly kind: 'header';
  readonly number: number;
  readonly path: string;
  readonly bytes: number;
  readonly header: FileHeader;
}

/** A file without an intact header, maybe because its creation was cut short. */
export interface HeaderlessFile {
  readonly kind: 'damaged';
  readonly number: number;
  readonly path: string;
  readonly bytes: number;
  readonly reason: string;
  /** `true` if a creation cut short by a power loss explains it. */
  readonly looksTorn: boolean;
}

export type SurveyedFile = SurveyedSegment | HeaderlessFile;

export interface Survey {
  /** The segments in the order of their numbers, which may have gaps. */
  readonly segments: readonly SurveyedFile[];
  /** The snapshots, the newest first. */
  readonly snapshots: readonly SurveyedFile[];
  /** Paths of snapshots that were never finished. */
  readonly unfinished: readonly string[];
  /** Missing if no journal was completely created here. */
  readonly witness: Testimony | undefined;
}

export function surveyDirectory(disk: Disk, directory: string): Survey {
  const found: Record<'segment' | 'snapshot', { number: number; path: string }[]> = { segment: [], snapshot: [] };
  const unfinished: string[] = [];
  const names = listNames(disk, directory);
  for (const name of names) {
    const meaning = meaningOf(name);
    const file = path.join(directory, name);
    if (meaning.kind === 'segment' || meaning.kind === 'snapshot')
      found[meaning.kind].push({ number: meaning.number, path: file });
    if (meaning.kind === 'unfinished') unfinished.push(file);
    if (meaning.kind === 'unknown') {
      throw new JournalVersionError(
        `${file} has a name reserved for the journal that this version of callsheet does not know; a newer one may have made it. Nothing was modified.`,
      );
    }
  }
  const segments = found.segment.map((file) => ({ ...file, ...readHeader(disk, file.path, fileKind.segment) }));
  const snapshots = found.snapshot.map((file) => ({ ...file, ...readHeader(disk, file.path, fileKind.snapshot) }));
  for (const reading of [...segments, ...snapshots]) {
    if (reading.kind !== 'otherVersion') continue;
    const wayOut =
      reading.version > formatVersion
        ? 'a newer callsheet wrote it: upgrade this one'
        : 'an older callsheet wrote it: finish its jobs with that one, or open another directory';
    throw new JournalVersionError(
      `${reading.path} has format version ${reading.version}, and this callsheet reads version ${formatVersion} only; ${wayOut}. Nothing was modified.`,
    );
  }
  return {
    segments: (segments as SurveyedFile[]).sort((a, b) => a.number - b.number),
    snapshots: (snapshots as SurveyedFile[]).sort((a, b) => b.number - a.number),
    unfinished,
    witness: names.includes(witnessFileName) ? testimonyOf(disk, directory) : undefined,
  };
}

/** Surveys a directory for a read-only tool. Throws if there is no file of a journal. */
export function surveyJournal(disk: Disk, directory: string): Survey {
  const survey = surveyDirectory(disk, directory);
  const { segments, snapshots, unfinished, witness } = survey;
  if (segments.length + snapshots.length + unfinished.length === 0 && witness === undefined)
    throw new DirectoryUnusableError(`there is no journal in ${directory}: it contains no journal file`);
  return survey;
}

function listNames(disk: Disk, directory: string): string[] {
  try {
    return disk.list(directory);
  } catch (cause) {
    throw unreadable(directory, cause);
  }
}

function testimonyOf(disk: Disk, directory: string): Testimony {
  try {
    return readWitness(disk, directory);
  } catch (cause) {
    throw unreadable(path.join(directory, witnessFileName), cause);
  }
}

function readHeader(disk: Disk, file: string, kind: FileKind) {
  let opened: ReturnType<Disk['open']> | undefined;
  try {
    opened = disk.open(file, 'read');
    const window = new FileWindow(opened);
    const length = Math.min(window.size, fileHeaderBytes);
    const reading = decodeFileHeader(window.bytes(0, length), kind);
    const bytes = window.size;
    if (reading.kind !== 'damaged') return { ...reading, bytes };
    return { ...reading, bytes, looksTorn: length < fileHeaderBytes || hasZeroSector(window, 0, 0, length) };
  } catch (cause) {
    // Another generation may replace a snapshot that cannot be read, but nothing replaces a
    // segment.
    if (kind === fileKind.snapshot && errorCodeOf(cause) === 'EIO')
      return { kind: 'damaged' as const, bytes: 0, reason: `it cannot be read: ${reasonOf(cause)}`, looksTorn: false };
    throw unreadable(file, cause);
  } finally {
    opened?.close();
  }
}

/** The error for a file that the machine cannot read, which proves nothing about the journal. */
export function unreadable(file: string, cause: unknown): CallsheetError {
  if (cause instanceof CallsheetError) return cause;
  return new DirectoryUnusableError(`${file} cannot be read: ${reasonOf(cause)}`, { cause });
}
