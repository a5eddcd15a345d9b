/**
 * All that is set up beside the jobs (queues, quotas, agents, dispatchers, their defaults), with what is asked of it for every job.
 *
 * These records are few and change seldom: what is derived of them all is found out again after any change.
 */
import type { Id, SettingRecord } from './records.js';

export class Settings {
  readonly #records = new Map<string, SettingRecord>();
  /** Dispatchers, in the order in which they became so. */
  readonly #active = new Set<Id>();
  /** Undefined: the settings have changed since it was found out. */
  #hasRetryDefaults: boolean | undefined;

  get(key: string): SettingRecord | undefined {
    return this.#records.get(key);
  }

  all(): IterableIterator<SettingRecord> {
    return this.#records.values();
  }

  /** Undefined removes it. */
  put(key: string, record: SettingRecord | undefined): void {
    this.#noteActive(this.#records.get(key), record);
    this.#hasRetryDefaults = undefined;
    if (record === undefined) this.#records.delete(key);
    else this.#records.set(key, record);
  }

  isActive(dispatcher: Id): boolean {
    return this.#active.has(dispatcher);
  }

  active(): IterableIterator<Id> {
    return this.#active.values();
  }

  /** Whether any agent or dispatcher says which policy its jobs have that name none. */
  get hasRetryDefaults(): boolean {
    this.#hasRetryDefaults ??= [...this.#records.values()].some(
      (record) => 'retry' in record && Object.keys(record.retry).length > 0,
    );
    return this.#hasRetryDefaults;
  }

  #noteActive(before: SettingRecord | undefined, now: SettingRecord | undefined): void {
    if (now?.kind === 'dispatcher' && now.active) this.#active.add(now.id);
    else if (before?.kind === 'dispatcher') this.#active.delete(before.id);
  }
}
