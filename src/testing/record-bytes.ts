/**
 * Records as bytes, for stores of tests: nothing that is not in the bytes outlives the process that
 * wrote them.
 */

import type { AnnotationRecord, JobRecord, Payload, SettingRecord } from '../core/records.js';
import { CompactJob } from '../core/state/compact-job.js';
import { packBatch, unpackBatch } from '../protocol/packing.js';

export type AnyRecord = SettingRecord | AnnotationRecord | JobRecord;

/** With its payloads' bytes in it. */
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

/** A payload was decoded as its bytes. */
function payloadOf<T extends Payload | null>(decoded: T): T {
  return (decoded === null ? null : Uint8Array.from(decoded as Uint8Array)) as T;
}
