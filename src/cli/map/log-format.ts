/**
 * The log of a run of `callsheet map`: the only thing that a run keeps, and from which it goes on.
 *
 * Each line is a record: eight hexadecimal digits of the CRC-32 of the rest, a space, and JSON. A
 * crash can cut or spoil the end; the log is what comes before the first line that does not fit its
 * sum. Everything else that a run writes (output, errors, job log) is derived from the records.
 */
import { readSync } from 'node:fs';
import { crc32 } from 'node:zlib';

/** The first record: what must be the same when a run goes on. */
export interface RunRecord {
  readonly run: RunIdentity;
}

export interface RunIdentity {
  /** The command without the options that may change, for messages. */
  readonly command: string;
  /** The sizes of the input files. */
  readonly sizes: readonly (number | null)[];
}

/** Items up to number `read` have been read. A result of an item comes after such a record. */
export interface ReadRecord {
  readonly read: number;
  /** A digest of all items so far. */
  readonly digest: string;
  /** `true`: the input ended here. */
  readonly end?: true;
}

/** The failures before this record do not count: those items run again. */
export interface RetryRecord {
  readonly retry: true;
}

/** The outcome of an item. */
export interface ItemRecord {
  /** The number of the item, from 1. */
  readonly n: number;
  /** The place of the item in the input, for failures: `line 17`. */
  readonly place?: string;
  readonly input: unknown;
  /** The result; missing for `undefined` and for failures. */
  readonly value?: unknown;
  readonly error?: ItemError;
  /** When the last run began, in milliseconds since the epoch. */
  readonly at: number;
  /** How long the last run took. */
  readonly ms: number;
  readonly attempts: number;
}

export interface ItemError {
  readonly name: string;
  readonly message: string;
  readonly code?: string | number;
  readonly stack?: string;
}

/** The files that a process of the run writes from here on. None: the last ones are whole. */
export interface WritesRecord {
  readonly writes: readonly string[];
}

export type LogRecord = RunRecord | ReadRecord | RetryRecord | WritesRecord | ItemRecord;

const sumLength = 8;

/** Returns a record as a line of the log. */
export function lineOf(json: string): string {
  return `${crc32(json).toString(16).padStart(sumLength, '0')} ${json}\n`;
}

/** A record, its JSON, and where its line begins and ends in the log. */
export interface LogLine {
  readonly json: string;
  readonly record: LogRecord;
  readonly start: number;
  readonly end: number;
}

const pieceBytes = 1 << 20;

/** Reads the records up to `end`, or to the first line that is cut or spoiled. */
export function* readLog(fd: number, end = Number.POSITIVE_INFINITY): Generator<LogLine> {
  const piece = Buffer.allocUnsafe(pieceBytes);
  let rest: Buffer = Buffer.alloc(0);
  let start = 0;
  for (let at = 0; start < end; ) {
    const length = readSync(fd, piece, 0, pieceBytes, at);
    if (length === 0) return;
    at += length;
    const bytes = Buffer.concat([rest, piece.subarray(0, length)]);
    let from = 0;
    for (let to = bytes.indexOf(10, rest.length); to >= 0 && start < end; to = bytes.indexOf(10, from)) {
      const line = bytes.toString('utf8', from, to);
      const record = recordFrom(line);
      if (record === undefined) return;
      const next = start + to + 1 - from;
      yield { json: line.slice(sumLength + 1), record, start, end: next };
      start = next;
      from = to + 1;
    }
    rest = Buffer.from(bytes.subarray(from));
  }
}

function recordFrom(line: string): LogRecord | undefined {
  const json = line.slice(sumLength + 1);
  if (line !== lineOf(json).slice(0, -1)) return undefined;
  return JSON.parse(json) as LogRecord;
}
