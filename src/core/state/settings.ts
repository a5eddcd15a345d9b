/**
 * The records beside the jobs: queues, quotas, agents, dispatchers and their defaults; with indices
 * for the questions that every job asks.
 *
 * The indices follow each change. There may be tens of thousands of records, so a change costs
 * nothing for records that it does not concern.
 */
import { Heap } from '../collections/heap.js';
import type { AgentRecord, Id, QuotaRecord, ScheduleRecord, SettingRecord } from '../records.js';

export class Settings {
  readonly #records = new Map<string, SettingRecord>();
  /** Active dispatchers, in the order in which they became active. */
  readonly #active = new Set<Id>();
  /** Agents and quotas, by queue and key. */
  readonly #ofQueue = new Groups<AgentRecord | QuotaRecord>();
  /** Agents, by dispatcher and queue, and key. */
  readonly #agents = new Groups<AgentRecord>();
  /** The number of records with a retry policy for jobs that name none. */
  #retryDefaults = 0;

  /** The schedules with a next tick, by name, and in the order of their ticks. */
  readonly #schedules = new Map<string, Scheduled>();
  readonly #ticks = new Heap<Scheduled>(
    (a, b) => a.record.nextAt < b.record.nextAt,
    (one, position) => {
      one.position = position;
    },
  );

  get(key: string): SettingRecord | undefined {
    return this.#records.get(key);
  }

  all(): IterableIterator<SettingRecord> {
    return this.#records.values();
  }

  /** Returns the agents and quotas of a queue. */
  ofQueue(queue: string): Iterable<AgentRecord | QuotaRecord> {
    return this.#ofQueue.of(queue);
  }

  /** Returns the agents of a dispatcher in a queue. */
  agentsOf(dispatcher: Id, queue: string): Iterable<AgentRecord> {
    return this.#agents.of(dispatcher + queue);
  }

  /** `undefined` removes the record. */
  put(key: string, record: SettingRecord | undefined): void {
    const before = this.#records.get(key);
    this.#noteActive(before, record);
    this.#noteOfQueue(key, record ?? before, record !== undefined);
    this.#noteSchedule(before, record);
    this.#retryDefaults += defaultsOf(record) - defaultsOf(before);
    if (record === undefined) this.#records.delete(key);
    else this.#records.set(key, record);
  }

  isActive(dispatcher: Id): boolean {
    return this.#active.has(dispatcher);
  }

  active(): IterableIterator<Id> {
    return this.#active.values();
  }

  /** `true` if any agent or dispatcher has a retry policy for jobs that name none. */
  get hasRetryDefaults(): boolean {
    return this.#retryDefaults > 0;
  }

  #noteOfQueue(key: string, record: SettingRecord | undefined, isThere: boolean): void {
    if (record?.kind !== 'agent' && record?.kind !== 'quota') return;
    this.#ofQueue.put(record.queue, key, record, isThere);
    if (record.kind === 'agent') this.#agents.put(record.dispatcher + record.queue, key, record, isThere);
  }

  /** The schedule with the earliest next tick. */
  get nextSchedule(): ScheduleRecord | undefined {
    return this.#ticks.first()?.record;
  }

  #noteSchedule(before: SettingRecord | undefined, now: SettingRecord | undefined): void {
    if (before?.kind === 'schedule') {
      const there = this.#schedules.get(before.name);
      if (there !== undefined) this.#ticks.remove(there.position);
      this.#schedules.delete(before.name);
    }
    if (now?.kind !== 'schedule' || now.paused || now.nextAt === 0) return;
    const one: Scheduled = { record: now, position: -1 };
    this.#schedules.set(now.name, one);
    this.#ticks.add(one);
  }

  #noteActive(before: SettingRecord | undefined, now: SettingRecord | undefined): void {
    if (now?.kind === 'dispatcher' && now.active) this.#active.add(now.id);
    else if (before?.kind === 'dispatcher') this.#active.delete(before.id);
  }
}

/** A schedule with a next tick, and its position in the heap. */
interface Scheduled {
  readonly record: ScheduleRecord;
  position: number;
}

/** Records by group and key. A group exists while it has records. */
class Groups<R> {
  readonly #groups = new Map<string, Map<string, R>>();

  of(group: string): Iterable<R> {
    return this.#groups.get(group)?.values() ?? [];
  }

  put(group: string, key: string, record: R, isThere: boolean): void {
    const records = this.#groups.get(group) ?? new Map<string, R>();
    if (isThere) records.set(key, record);
    else records.delete(key);
    if (records.size > 0) this.#groups.set(group, records);
    else this.#groups.delete(group);
  }
}

const defaultsOf = (record: SettingRecord | undefined) =>
  record !== undefined && 'retry' in record && Object.keys(record.retry).length > 0 ? 1 : 0;
