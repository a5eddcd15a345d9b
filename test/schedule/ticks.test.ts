/**
 * The ticks of patterns against an oracle that looks at every minute around each change of the
 * clocks, in eight zones. It knows the rule of daylight saving, and nothing of the library.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ticksOf } from '../../src/schedule/ticks.js';
import { randomFrom, seedOf } from '../harness/randomness.js';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/**
 * Zones with gaps of 30 and 60 minutes, at night and at midnight, on both hemispheres, and none.
 */
const zones = [
  'Europe/Berlin',
  'America/New_York',
  'Australia/Lord_Howe',
  'America/Santiago',
  'Africa/Cairo',
  'Pacific/Auckland',
  'Asia/Kolkata',
  'America/St_Johns',
];

/** The minutes and the hours of a pattern, `undefined` for `*`; the days are all days. */
interface Pattern {
  readonly text: string;
  readonly minutes: ReadonlySet<number> | undefined;
  readonly hours: ReadonlySet<number> | undefined;
  /** `true` if the hours are a wildcard or a step. */
  readonly isElapsed: boolean;
}

const every = (step: number, below: number) =>
  new Set(Array.from({ length: Math.ceil(below / step) }, (_, n) => n * step));
const patterns: readonly Pattern[] = [
  { text: '30 2 * * *', minutes: new Set([30]), hours: new Set([2]), isElapsed: false },
  { text: '0 3 * * *', minutes: new Set([0]), hours: new Set([3]), isElapsed: false },
  { text: '15 1 * * *', minutes: new Set([15]), hours: new Set([1]), isElapsed: false },
  { text: '0 0 * * *', minutes: new Set([0]), hours: new Set([0]), isElapsed: false },
  { text: '30 0 * * *', minutes: new Set([30]), hours: new Set([0]), isElapsed: false },
  { text: '45 23 * * *', minutes: new Set([45]), hours: new Set([23]), isElapsed: false },
  { text: '0 * * * *', minutes: new Set([0]), hours: undefined, isElapsed: true },
  { text: '*/15 * * * *', minutes: every(15, 60), hours: undefined, isElapsed: true },
  { text: '* * * * *', minutes: undefined, hours: undefined, isElapsed: true },
];

/** Reads the wall clock of a zone. Formatting is slow, so readings are kept. */
class Zone {
  readonly #format: Intl.DateTimeFormat;
  readonly #read = new Map<number, number>();

  constructor(timeZone: string) {
    const digits = { hour: '2-digit', minute: '2-digit', day: '2-digit', month: '2-digit', year: 'numeric' } as const;
    this.#format = new Intl.DateTimeFormat('en-GB', { ...digits, timeZone, hourCycle: 'h23' });
  }

  /**
   * Returns the wall clock at a whole minute, as milliseconds since the epoch as if it were UTC.
   */
  wall(at: number): number {
    const quarter = Math.floor(at / (15 * minuteMs)) * 15 * minuteMs;
    let shown = this.#read.get(quarter);
    if (shown === undefined) {
      const parts = Object.fromEntries(
        this.#format.formatToParts(quarter).map(({ type, value }) => [type, Number(value)]),
      );
      shown = Date.UTC(parts.year!, parts.month! - 1, parts.day!, parts.hour!, parts.minute!);
      this.#read.set(quarter, shown);
    }
    // All offsets of these zones are multiples of fifteen minutes, and change at such a time.
    return shown + (at - quarter);
  }
}

const fits = ({ minutes, hours }: Pattern, wall: number) => {
  const date = new Date(wall);
  return (minutes?.has(date.getUTCMinutes()) ?? true) && (hours?.has(date.getUTCHours()) ?? true);
};

/** Finds the ticks from `from` up to `to` by looking at each minute. */
function expected(zone: Zone, pattern: Pattern, from: number, to: number): number[] {
  const found: number[] = [];
  // The latest wall clock so far: what lies before it was shown already.
  let shown = zone.wall(from - 3 * hourMs);
  for (let at = from - 3 * hourMs + minuteMs; at < to; at += minuteMs) {
    const wall = zone.wall(at);
    let isTick = fits(pattern, wall) && (pattern.isElapsed || wall > shown);
    // A fixed time in a gap ticks at the first moment after it.
    if (!pattern.isElapsed) for (let gap = shown + minuteMs; gap < wall; gap += minuteMs) isTick ||= fits(pattern, gap);
    if (isTick && at >= from) found.push(at);
    shown = Math.max(shown, wall);
  }
  return found;
}

/** Returns the moments at which the offset of a zone changes. */
function changes(zone: Zone, from: number, to: number): number[] {
  const found: number[] = [];
  for (let at = from; at < to; at += dayMs) {
    if (zone.wall(at) - at === zone.wall(at + dayMs) - at - dayMs) continue;
    let change = at;
    while (zone.wall(change) - change === zone.wall(change + 15 * minuteMs) - change - 15 * minuteMs)
      change += 15 * minuteMs;
    found.push(change + 15 * minuteMs);
  }
  return found;
}

describe('the ticks of a pattern', () => {
  it('[14.1] keep the rule of daylight saving around each change of the clocks', (t) => {
    let sequences = 0;
    for (const name of zones) {
      const zone = new Zone(name);
      const around = changes(zone, Date.UTC(2026, 0), Date.UTC(2028, 0));
      for (const change of around.length > 0 ? around : [Date.UTC(2026, 5)]) {
        for (const pattern of patterns) {
          const reachMs = (pattern.isElapsed ? 2 : 26) * hourMs;
          const [from, to] = [change - reachMs, change + reachMs];
          const ticks = ticksOf({ cron: pattern.text, zone: name });
          const found: number[] = [];
          for (let at = ticks.after(from - 1); at < to; at = ticks.after(at)) found.push(at);
          const text = (all: readonly number[]) => all.map((at) => new Date(at).toISOString());
          const want = expected(zone, pattern, from, to);
          assert.deepEqual(text(found), text(want), `${pattern.text} in ${name}`);
          sequences++;
        }
      }
    }
    t.diagnostic(`${sequences} sequences`);
  });

  it('[14.2] are found from behind as from the front', (t) => {
    const random = randomFrom(seedOf(t));
    for (let round = 0; round < 60; round++) {
      const zone = zones[random(zones.length)]!;
      const cron = patterns[random(patterns.length)]!.text;
      const ticks = ticksOf(
        random(8) === 0 ? { everyMs: 1000 * (1 + random(5000)), anchor: random(1e6) } : { cron, zone },
      );
      const from = ticks.after(Date.UTC(2026, random(12), 1 + random(28)));
      let last = from;
      const all = [from];
      for (let left = random(40); left > 0; left--) {
        last = ticks.after(last);
        all.push(last);
      }
      const by = last + random(ticks.after(last) - last);
      assert.equal(ticks.latest(by, from), last, `${cron} in ${zone} by ${new Date(by).toISOString()}`);
      assert.equal(ticks.count(from, by, 1000), all.length);
    }
  });

  it('[14.1] of an interval stand on its anchor', () => {
    const ticks = ticksOf({ everyMs: 15 * minuteMs, anchor: 5 * minuteMs });
    assert.equal(ticks.after(5 * minuteMs - 1), 5 * minuteMs);
    assert.equal(ticks.after(5 * minuteMs), 20 * minuteMs);
    assert.equal(ticks.latest(0, 0), -10 * minuteMs);
  });
});
