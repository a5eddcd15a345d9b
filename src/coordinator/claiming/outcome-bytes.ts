/**
 * Joins outcomes, and the arguments made of them, as bytes; nothing is decoded.
 *
 * A short list is passed in one piece. A running job gets a long list as a reference and asks for a
 * piece at a time. A client gets a list whole, up to `listLimitBytes`. The list of a map is never
 * passed in one piece.
 */
import { calledWith } from '../../core/callback.js';
import { countItems, isFolded } from '../../core/map.js';
import { chunkItems, type Id, type JobRecord, type OutcomeKind, takesTurns } from '../../core/records.js';
import type { View } from '../../core/state/view.js';
import { JobStatusError, JournalCorruptError } from '../../errors.js';
import {
  type CompletedItem,
  type EncodedOutcome,
  listLimitBytes,
  packCompleted,
  packedBytes,
  packReference,
  unpackCompleted,
} from '../../protocol/completed-list.js';
import type { Records } from '../../store/store.js';
import type { Run } from '../pool/pool-port.js';
import { completedItems, packFailedItems, restBytes } from './failed-items.js';

/** A list with more bytes goes to a running job piece by piece, in pieces of about this size. */
const pieceBytes = 1024 * 1024;
/** The outcomes of a chunk of a map are folded into one payload up to this size. */
const foldedBytes = 16 * 1024 * 1024;

const emptyList: EncodedOutcome = { kind: 'list', payload: packCompleted([]) };
const nothing = new Uint8Array();

/**
 * Returns the argument after a job's own ones: the completed parts for a postprocess, the outcome
 * for a callback.
 */
export function fedTo(records: Records, job: JobRecord): Run['fed'] {
  if (job.form === 'call' && !takesTurns(job)) return null;
  return job.form === 'call' ? outcomeFor(records, calledWith(records.view, job), 'job') : listFor(records, job, 'job');
}

export function outcomeFor(records: Records, job: JobRecord, reader: 'job' | 'client'): EncodedOutcome {
  if (job.outcome !== 'list' || job.result !== null) {
    const payload = job.result === null ? nothing : records.bytes(job.result);
    return { kind: job.outcome as Exclude<OutcomeKind, 'none'>, payload };
  }
  const whole = wholeOf(records, job);
  return whole === undefined ? emptyList : listFor(records, whole, reader);
}

/**
 * Returns the completed parts of a whole from `from` on: as many as fit in a piece, at least one.
 */
export function pieceOf(records: Records, whole: JobRecord, from: number, reader: 'job' | 'client'): Uint8Array {
  const piece: CompletedItem[] = [];
  let bytes = 0;
  for (const item of itemsFrom(records, whole, from, reader)) {
    bytes += item.payload.byteLength;
    if (piece.length > 0 && bytes > pieceBytes) break;
    piece.push(item);
  }
  return packCompleted(piece);
}

/** The outcomes of a chunk's items, packed, and the failed items; `null` if no item failed. */
export interface Folded {
  readonly list: Uint8Array;
  readonly failed: Uint8Array | null;
}

/** Returns the folded items of a chunk; `null` if they are too large or damaged. */
export function foldedItems(records: Records, chunk: JobRecord, now: number): Folded | null {
  const parts = records.view.parts(chunk);
  const bytes = listBytes(records, chunk) + restBytes(chunk);
  if (!parts.every((part) => isOver(records.view, part)) || bytes > foldedBytes) return null;
  try {
    const failed = packFailedItems(records, chunk, now);
    if ((failed?.byteLength ?? 0) > foldedBytes) return null;
    const items = parts.map((part) => item(records, part, 'client'));
    return { list: packCompleted(completedItems(records, chunk, items)), failed };
  } catch (error) {
    // A damaged outcome is reported to the reader of that item.
    if (error instanceof JournalCorruptError) return null;
    throw error;
  }
}

function listFor(records: Records, whole: JobRecord, reader: 'job' | 'client'): EncodedOutcome {
  if (whole.form === 'map')
    return { kind: 'items', payload: reference(whole.id, countItems(records.view, whole).taken) };
  const limitBytes = reader === 'job' ? pieceBytes : listLimitBytes;
  if (listBytes(records, whole) > limitBytes) return { kind: 'pages', payload: reference(whole.id, whole.parts) };
  const items = records.view.parts(whole).map((part) => ({ id: part.id, ...outcomeFor(records, part, reader) }));
  return { kind: 'list', payload: packCompleted(items) };
}

const reference = (whole: Id, length: number) => packReference({ whole, length });

/** The bytes of a whole's list with everything in it, computed without reading a payload. */
function listBytes(records: Records, whole: JobRecord): number {
  const parts = records.view.parts(whole);
  const payloads = parts.reduce((sum, part) => {
    if (part.outcome !== 'list' || part.result !== null) return sum + (part.result?.byteLength ?? 0);
    const from = wholeOf(records, part);
    return sum + (from === undefined || from.form === 'map' ? emptyList.payload.byteLength : listBytes(records, from));
  }, 0);
  return packedBytes(parts.length, payloads);
}

/**
 * Finds the whole behind a list: the job itself, or the whole that it returned or passed through.
 */
function wholeOf(records: Records, job: JobRecord): JobRecord | undefined {
  if (job.inner === '' && job.form !== 'call' && job.form !== 'choice') return job;
  const from =
    job.inner !== '' ? records.view.job(job.inner) : takesTurns(job) ? calledWith(records.view, job) : undefined;
  return from === undefined ? undefined : wholeOf(records, from);
}

function* itemsFrom(
  records: Records,
  whole: JobRecord,
  from: number,
  reader: 'job' | 'client',
): Generator<CompletedItem> {
  const parts = records.view.parts(whole);
  if (whole.form !== 'map') {
    for (let index = from; index < parts.length; index++) yield item(records, parts[index]!, reader);
    return;
  }
  const chunk = parts[Math.floor(from / chunkItems)];
  if (chunk === undefined) return;
  const first = from % chunkItems;
  if (isFolded(chunk)) yield* unpackCompleted(records.bytes(chunk.result!)).slice(first);
  else if (chunk.args === null) yield* itemsFrom(records, chunk, first, reader);
  else {
    const items = records.view.parts(chunk).map((part) => item(records, part, reader));
    yield* completedItems(records, chunk, items).slice(first);
  }
}

function item(records: Records, part: JobRecord, reader: 'job' | 'client'): CompletedItem {
  if (part.outcome === 'none') throw new JobStatusError('not all parts of the job are done');
  return { id: part.id, ...outcomeFor(records, part, reader) };
}

/**
 * `true` if nothing of a job is left to do and its parts hold its whole outcome, so that folding
 * can replace it.
 */
function isOver(view: View, job: JobRecord): boolean {
  const own = job.outcome !== 'list' || (job.form !== 'call' && job.form !== 'map');
  const members = [...view.parts(job), ...view.callbacks(job)];
  return own && job.status === 'completed' && members.every((member) => isOver(view, member));
}
