/**
 * A store in memory that survives a crash: beside its state it keeps every record as bytes.
 *
 * The state after a crash is read from these bytes alone, so that in a test nothing survives that
 * would not survive on a disk.
 */

import type { StatisticsStore } from '../coordinator/statistics/statistics.js';
import type { Id } from '../core/records.js';
import type { Changes } from '../core/state/change-log.js';
import { MemoryStore } from '../store/memory-store.js';
import type { Store, StoreOutside, StoreOwner } from '../store/store.js';
import { type AnyRecord, decodeRecord, encodeRecord } from './record-bytes.js';
import type { Keeping } from './virtual-dispatcher.js';

/**
 * The records that outlive a dispatcher, each encoded in its last state. Jobs of level `memory` are
 * left out.
 */
export class KeptRecords implements Keeping {
  readonly #records = new Map<string, Uint8Array>();

  store(outside: StoreOutside): Store {
    return new VirtualStore(outside, this);
  }

  crashed(): void {}

  keep({ jobs, forgotten, settings, annotations }: Changes): void {
    for (const job of jobs) if (job.level !== 'memory') this.#records.set(jobKey(job.id), encodeRecord(job));
    for (const id of forgotten) this.#records.delete(jobKey(id));
    for (const [key, record] of [...settings, ...annotations]) {
      if (record === undefined) this.#records.delete(key);
      else this.#records.set(key, encodeRecord(record));
    }
  }

  *entries(): IterableIterator<[key: string, record: AnyRecord]> {
    for (const [key, bytes] of this.#records) yield [key, decodeRecord(bytes)];
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
      if (record.kind === 'job') this.state.load(record);
      else if (record.kind === 'annotation') this.state.loadAnnotation(record.job, record.name, record.value);
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

/** The lines of statistics that outlive a dispatcher. */
export class KeptStatistics implements StatisticsStore {
  #text = '';

  async read(): Promise<string> {
    return this.#text;
  }

  append(line: string): void {
    this.#text += `${line}\n`;
  }

  replace(lines: readonly string[]): void {
    this.#text = lines.map((line) => `${line}\n`).join('');
  }

  async written(): Promise<void> {}
}
