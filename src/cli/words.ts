/** Figures and times in words for people, and texts of others made harmless. */

/** Returns milliseconds as `12ms`, `1.2s`, `42s`, `3m 20s`, `2h 5m` or `3d 4h`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${ms < 10 && ms !== 0 ? Number(ms.toFixed(1)) : Math.round(ms)}ms`;
  const seconds = Math.floor(ms / 1000);
  if (seconds < 10) return `${Number((ms / 1000).toFixed(1))}s`;
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return two(seconds, 60, 'm', 's');
  return seconds < 86_400 ? two(Math.floor(seconds / 60), 60, 'h', 'm') : two(Math.floor(seconds / 3600), 24, 'd', 'h');
}

const two = (least: number, each: number, large: string, small: string) =>
  `${Math.floor(least / each)}${large}${least % each === 0 ? '' : ` ${least % each}${small}`}`;

/** Returns how long before `now` a time is, both ISO texts; `–` for no time. */
export function age(time: string | undefined, now: string): string {
  if (time === undefined) return '–';
  const ms = Date.parse(now) - Date.parse(time);
  return ms < 0 ? `in ${duration(-ms)}` : duration(ms);
}

export const count = (value: number) => value.toLocaleString('en');

/** Returns a number with its noun: `1 job`, `1,204 jobs`. */
export const counted = (value: number, noun: string) => `${count(value)} ${noun}${value === 1 ? '' : 's'}`;

const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];

export function size(bytes: number): string {
  let [value, unit] = [bytes, 0];
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** A queue as it is named on the command line: the default queue has an empty name. */
export const queueName = (name: string) => (name === '' ? "''" : escaped(name));

/** A composition without postprocess has no function. */
export const callableName = (callable: string) => (callable === '' ? '(composition)' : escaped(callable));

/** Characters that a terminal obeys, that reorder text, or that end lines. */
const controls = /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/gu;

/** Returns a text in which each control character is shown as in JSON, such as `\u001b`. */
export const escaped = (text: string): string =>
  text.replaceAll(controls, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** Returns a text in one line, without anything that a terminal would obey. */
export const plain = (text: string) => escaped(text.replaceAll(/\s+/g, ' '));

/** Returns lines without anything else that a terminal would obey. */
export const plainLines = (text: string) =>
  text.split(/\r\n|[\n\r]/).map((line) => escaped(line.replaceAll('\t', '    ')));

const longestName = 60;

/** Returns a name that was given, for a message. A long one is cut. */
export function givenName(name: string): string {
  if (name.length <= longestName) return escaped(JSON.stringify(name));
  return `${escaped(JSON.stringify(name.slice(0, longestName)))}… (${name.length} characters)`;
}
