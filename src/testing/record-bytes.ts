/**
 * Records as bytes, for the stores of tests: only the bytes outlive the process that wrote them.
 */

import type { AnnotationRecord, JobRecord, Payload, SettingRecord } from '../core/records.js';
import { CompactJob } from '../core/state/compact-job.js';
import { packBatch, unpackBatch } from '../protocol/packing.js';

export type AnyRecord = SettingRecord | AnnotationRecord | JobRecord;

/** Returns the bytes of a record, with those of its payloads. */
export function encodeRecord(record: AnyRecord): Uint8Array {
  return packBatch([record.kind === 'job' ? CompactJob.toRecord(record) : record]);
}

export function decodeRecord<R extends AnyRecord>(bytes: Uint8Array): R {
  const record = unpackBatch<AnyRecord>(bytes)[0]!;
  if (record.kind === 'job')
    return { ...record, args: payloadOf(record.args), result: payloadOf(record.result) } as JobRecord as R;
  if (record.kind === 'annotation') return { ...record, value: payloadOf(record.value) } as AnnotationRecord as R;
  return record as R;
}

/** Copies a payload out of the decoded batch. */
function payloadOf<T extends Payload | null>(decoded: T): T {
  return (decoded === null ? null : Uint8Array.from(decoded as Uint8Array)) as T;
}
