/**
 * The ticks of a schedule, computed. Imported when there is a schedule, since croner and the time
 * zones of `Intl` take time to load.
 *
 * Daylight saving, as in Vixie cron and Airflow: a fixed time in the gap of spring ticks once, at
 * the first moment after the gap, and a fixed time in the overlap of autumn once, the first time. A
 * pattern with a wildcard or a step in the hour goes by elapsed time.
 */
import { Cron } from 'croner';
import type { ScheduleSpec } from '../core/records.js';

/** Times are milliseconds since the epoch. */
export interface Ticks {
  /** Returns the first tick after `at`; 0 for no further tick. */
  after(at: number): number;
  /** Returns the last tick until `by`, which must not be before `from`, a tick. */
  latest(by: number, from: number): number;
  /** Returns the number of ticks from `from`, a tick, until `by`; at most `most`. */
  count(from: number, by: number, most: number): number;
}

export function ticksOf(spec: ScheduleSpec): Ticks {
  const ticks = 'cron' in spec ? new CronTicks(spec.cron, spec.zone) : new EvenTicks(spec.everyMs, spec.anchor);
  const { from, until } = spec;
  return from === undefined && until === undefined ? ticks : new LimitedTicks(ticks, from, until);
}

/** Throws an error of croner's own if it is no pattern. */
export function checkPattern(cron: string): void {
  new Cron(cron);
}

/** Patterns that were read, since reading one takes as long as computing a tick. */
const read = new Map<string, Cron>();
const mostRead = 1000;

class CronTicks implements Ticks {
  readonly #cron: Cron;

  constructor(pattern: string, zone: string) {
    const key = `${zone} ${pattern}`;
    if (read.size >= mostRead) read.clear();
    this.#cron = read.get(key) ?? new Cron(pattern, { timezone: zone });
    read.set(key, this.#cron);
  }

  after(at: number): number {
    return this.#cron.nextRun(new Date(at))?.getTime() ?? 0;
  }

  latest(by: number, from: number): number {
    // Ticks are whole seconds. The search ends before its reference.
    const [before] = this.#cron.previousRuns(1, new Date(Math.floor(by / 1000) * 1000 + 1000));
    let last = from;
    // The way forward decides which ticks there are.
    if (before !== undefined && before.getTime() > from) last = this.after(before.getTime() - 1);
    if (last > by) last = from;
    for (let next = this.after(last); next !== 0 && next <= by; next = this.after(last)) last = next;
    return last;
  }

  count(from: number, by: number, most: number): number {
    let count = 0;
    for (let at = from; at !== 0 && at <= by && count < most; at = this.after(at)) count++;
    return count;
  }
}

class EvenTicks implements Ticks {
  readonly #everyMs: number;
  readonly #anchor: number;

  constructor(everyMs: number, anchor: number) {
    this.#everyMs = everyMs;
    this.#anchor = anchor;
  }

  after(at: number): number {
    return this.latest(at) + this.#everyMs;
  }

  latest(by: number): number {
    return by - ((((by - this.#anchor) % this.#everyMs) + this.#everyMs) % this.#everyMs);
  }

  count(from: number, by: number): number {
    return from > by ? 0 : Math.floor((by - from) / this.#everyMs) + 1;
  }
}

/** The ticks from a moment until another. */
class LimitedTicks implements Ticks {
  readonly #ticks: Ticks;
  readonly #from: number;
  readonly #until: number;

  constructor(ticks: Ticks, from = Number.NEGATIVE_INFINITY, until = Number.POSITIVE_INFINITY) {
    this.#ticks = ticks;
    this.#from = from;
    this.#until = until;
  }

  after(at: number): number {
    const next = this.#ticks.after(Math.max(at, this.#from - 1));
    return next > this.#until ? 0 : next;
  }

  latest(by: number, from: number): number {
    return this.#ticks.latest(Math.min(by, this.#until), from);
  }

  count(from: number, by: number, most: number): number {
    return this.#ticks.count(from, Math.min(by, this.#until), most);
  }
}
