/** Numbers, durations and times as people read them. */

const counts = new Intl.NumberFormat('en');

export const countText = (count: number) => counts.format(count);

export const plural = (count: number, one: string, many = `${one}s`) =>
  `${countText(count)} ${count === 1 ? one : many}`;

const units: readonly (readonly [ms: number, unit: string])[] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'm'],
];

/** `850 ms`, `1.2 s`, `4m 12s`, `3d 2h`. */
export function durationText(ms: number | undefined): string {
  if (ms === undefined || !Number.isFinite(ms)) return '–';
  if (ms < 1) return ms <= 0 ? '0 ms' : `${Number(ms.toPrecision(2))} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${ms < 10_000 ? (ms / 1000).toFixed(1) : Math.floor(ms / 1000)} s`;
  for (const [at, [unitMs, unit]] of units.entries()) {
    if (ms < unitMs) continue;
    const [nextMs, next] = units[at + 1] ?? [1000, 's'];
    const rest = Math.floor((ms % unitMs) / nextMs);
    return `${Math.floor(ms / unitMs)}${unit}${rest === 0 ? '' : ` ${rest}${next}`}`;
  }
  return '–';
}

/** An exact interval: `250ms`, `5s`, `1h 30m`. */
export function intervalText(ms: number): string {
  const parts: string[] = [];
  let rest = ms;
  for (const [unitMs, unit] of [...units, [1000, 's'], [1, 'ms']] as const) {
    const count = Math.floor(rest / unitMs);
    if (count > 0) parts.push(`${count}${unit}`);
    rest -= count * unitMs;
  }
  return parts.join(' ');
}

export function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const exponent = Math.min(4, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** exponent;
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${['', 'KiB', 'MiB', 'GiB', 'TiB'][exponent]}`;
}

/** The size of a journal; a store without one has 0 bytes. */
export const journalText = (bytes: number): string => (bytes === 0 ? 'none' : bytesText(bytes));

/** A rate in a second. */
export function rateText(rate: number | undefined): string {
  if (rate === undefined || rate === 0) return '0';
  return rate < 10 ? String(Number(rate.toPrecision(2))) : countText(Math.round(rate));
}

const two = (part: number) => String(part).padStart(2, '0');

/** `14:05:09` today, with the date on other days. */
export function timeText(time: string | number): string {
  const date = new Date(time);
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return date.toDateString() === new Date().toDateString()
    ? clock
    : `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock}`;
}

/** `2030-01-31 14:05:09`, by the clocks of a zone. */
export function dateText(time: string, zone: string): string {
  // Sweden writes dates as ISO does.
  return new Intl.DateTimeFormat('sv', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' }).format(
    new Date(time),
  );
}

export const minuteText = (time: number) => timeText(time).slice(-8, -3);

/** Milliseconds between two ISO texts; `undefined` if one is missing. */
export const between = (from: string | undefined, to: string | undefined) =>
  from === undefined || to === undefined ? undefined : Date.parse(to) - Date.parse(from);

/** `true` for a run that takes much longer than usual. */
export const isLate = (ranMs: number, expectedMs: number | undefined) =>
  expectedMs !== undefined && ranMs > 2 * expectedMs && ranMs > 1000;

/** The last part of an id, which differs among jobs that were put at the same time. */
export const shortId = (id: string) => id.slice(-8);

export const queueText = (name: string) => (name === '' ? '(default)' : name);
export const callableText = (name: string) => (name === '' ? '(composition)' : name);
