/**
 * Records as bytes, for stores of tests: nothing that is not in the bytes outlives the process that
 * wrote them.
 */

import type { AnnotationRecord, JobRecord, Payload, SettingRecord } from '../core/records.js';
import { JobFields } from '../core/state/job-fields.js';
import { packBatch, unpackBatch } from '../protocol/packing.js';
import { StoredPayload } from '../store/journal/stored-payload.js';

export type AnyRecord = SettingRecord | AnnotationRecord | JobRecord;

/** With its payloads' bytes in it. */
export function encodeRecord(record: AnyRecord): Uint8Array {
  const plain: Record<string, unknown> = record.kind === 'job' ? { ...JobFields.toRecord(record) } : { ...record };
  for (const [key, value] of Object.entries(plain)) if (value instanceof StoredPayload) plain[key] = value.bytes;
  return packBatch([plain]);
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
  return (decoded === null ? null : StoredPayload.of(Uint8Array.from(decoded as unknown as Uint8Array))) as T;
}
