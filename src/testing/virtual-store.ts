/**
 * A store in memory that survives a crash: beside its state it keeps every record as bytes.
 *
 * The state after a crash is read from these bytes alone, so that in a test nothing survives that
 * would not survive on a disk.
 */

import type { StatisticsStore } from '../coordinator/statistics/statistics.js';
import type { AnnotationRecord, Id, Payload, SettingRecord } from '../core/records.js';
import type { Changes } from '../core/state/change-log.js';
import type { State } from '../core/state/state.js';
import { headerOf, jobFrom } from '../store/job-bytes.js';
import { MemoryStore } from '../store/memory-store.js';
import { settingFrom, settingText } from '../store/setting-json.js';
import type { Store, StoreOutside, StoreOwner } from '../store/store.js';
import type { Keeping } from './virtual-dispatcher.js';

/**
 * The records that outlive a dispatcher, each in the bytes of its last state. Jobs of level
 * `memory` are left out.
 */
export class KeptRecords implements Keeping {
  readonly #jobs = new Map<Id, readonly [header: Uint8Array, args: Payload | null, result: Payload | null]>();
  readonly #settings = new Map<string, string>();
  readonly #annotations = new Map<string, AnnotationRecord>();

  store(outside: StoreOutside): Store {
    return new VirtualStore(outside, this);
  }

  crashed(): void {}

  keep({ jobs, forgotten, settings, annotations }: Changes): void {
    for (const job of jobs) if (job.level !== 'memory') this.#jobs.set(job.id, [headerOf(job), job.args, job.result]);
    for (const id of forgotten) this.#jobs.delete(id);
    for (const [key, setting] of settings) {
      if (setting === undefined) this.#settings.delete(key);
      else this.#settings.set(key, settingText(setting));
    }
    for (const [key, annotation] of annotations) {
      if (annotation === undefined) this.#annotations.delete(key);
      else this.#annotations.set(key, annotation);
    }
  }

  *settings(): IterableIterator<[key: string, setting: SettingRecord]> {
    for (const [key, text] of this.#settings) yield [key, settingFrom(key, text)];
  }

  load(state: State): void {
    for (const kept of this.#jobs.values()) state.load(jobFrom(...kept));
    for (const [key, setting] of this.settings()) state.loadSetting(key, setting);
    for (const { job, name, value } of this.#annotations.values()) state.loadAnnotation(job, name, value);
    state.loaded();
  }
}

export class VirtualStore extends MemoryStore {
  readonly #kept: KeptRecords;

  constructor(outside: StoreOutside, kept: KeptRecords) {
    super(outside);
    this.#kept = kept;
  }

  override async open(owner: StoreOwner): Promise<void> {
    this.#kept.load(this.state);
    await super.open(owner);
  }

  override commit(): void {
    this.#kept.keep(this.state.changes());
    super.commit();
  }
}

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
