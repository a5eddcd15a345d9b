/**
 * A store in memory that a crash leaves behind: beside its state it keeps every record as bytes.
 *
 * What is there after a crash is made of these bytes alone, so that nothing survives in a test that would not survive on a disk.
 */
import { JobRow } from '../core/job-row.js';
import type { AnnotationRecord, Id, JobRecord, Payload, SettingRecord } from '../core/records.js';
import type { Changes } from '../core/state.js';
import { packBatch, unpackBatch } from '../protocol/packing.js';
import { MemoryStore } from '../store/memory-store.js';
import type { StoreOutside, StoreOwner } from '../store/store.js';
import { StoredPayload } from '../store/stored-payload.js';

type Records = SettingRecord | AnnotationRecord | JobRecord;

/** What outlives a dispatcher: the last state of each record, encoded. Jobs of level `memory` are not among them. */
export class KeptRecords {
  readonly #records = new Map<string, Uint8Array>();

  keep({ jobs, forgotten, settings, annotations }: Changes): void {
    for (const job of jobs) if (job.level !== 'memory') this.#records.set(jobKey(job.id), encode(new JobRow(job)));
    for (const id of forgotten) this.#records.delete(jobKey(id));
    for (const [key, record] of [...settings, ...annotations]) {
      if (record === undefined) this.#records.delete(key);
      else this.#records.set(key, encode(record));
    }
  }

  *entries(): IterableIterator<[key: string, record: Records]> {
    for (const [key, bytes] of this.#records) yield [key, unpackBatch<Records>(bytes)[0]!];
  }
}

export class VirtualStore extends MemoryStore {
  readonly #kept: KeptRecords;

  constructor(outside: StoreOutside, kept: KeptRecords) {
    super(outside);
    this.#kept = kept;
  }

  override async open(owner: StoreOwner): Promise<void> {
    for (const [key, record] of this.#kept.entries()) {
      if (record.kind === 'job')
        this.state.load({ ...record, args: payloadOf(record.args), result: payloadOf(record.result) });
      else if (record.kind === 'annotation')
        this.state.loadAnnotation(record.job, record.name, payloadOf(record.value));
      else this.state.loadSetting(key, record);
    }
    this.state.loaded();
    await super.open(owner);
  }

  override commit(): void {
    this.#kept.keep(this.state.changes());
    super.commit();
  }
}

const jobKey = (id: Id) => `job${id}`;

/** Payloads become their bytes. */
function encode(record: Records): Uint8Array {
  const plain: Record<string, unknown> = { ...record };
  for (const [key, value] of Object.entries(plain)) if (value instanceof StoredPayload) plain[key] = value.bytes;
  return packBatch([plain]);
}

/** A payload was decoded as its bytes. */
function payloadOf<T extends Payload | null>(decoded: T): T {
  return (decoded === null ? null : StoredPayload.of(Uint8Array.from(decoded as unknown as Uint8Array))) as T;
}
