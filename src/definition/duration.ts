/** Durations as text. */

const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Returns the milliseconds of `250ms`, `30s`, `1.5h` or `1d`; `undefined` for any other text. */
export function parseDuration(text: string): number | undefined {
  const [, count, unit] = /^(\d{1,12}(?:\.\d{1,12})?)(ms|s|m|h|d)$/.exec(text) ?? [];
  return unit === undefined ? undefined : Number(count) * units[unit as keyof typeof units];
}
