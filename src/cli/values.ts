/** The values of options, parsed and checked. */
import { InvalidArgumentError } from 'commander';
import { logThresholds } from '../core/records.js';
import { parseDuration } from '../definition/duration.js';

export const thresholds = logThresholds;

/** Parses `250ms`, `30s`, `5m`, `2h` or `1d` to milliseconds. */
export function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new InvalidArgumentError('It must be a duration such as 250ms, 30s, 5m, 2h or 1d.');
  return ms;
}

/** Parses a duration from a minute. */
export function step(text: string): number {
  const ms = duration(text);
  if (ms < 60_000) throw new InvalidArgumentError('It must be at least a minute.');
  return ms;
}

/** Returns a parser of integers in a range. */
export function count(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    const range = most === Number.MAX_SAFE_INTEGER ? `from ${least}` : `from ${least} to ${most}`;
    throw new InvalidArgumentError(`It must be an integer ${range}.`);
  };
}

export interface AgentSize {
  readonly queue: string;
  readonly size: number;
}

/** Parses `queue=size`, and adds it to those before. An empty name is the default queue. */
export function agentSize(text: string, before: readonly AgentSize[]): readonly AgentSize[] {
  const at = text.lastIndexOf('=');
  if (at < 0) throw new InvalidArgumentError('It must be a queue and a size, such as mail=4.');
  return [...before, { queue: text.slice(0, at), size: count(1)(text.slice(at + 1)) }];
}

/** Parses `500M` or `2G` to bytes. */
export function bytes(text: string): number {
  const [, number, unit = ''] = /^(\d{1,12}(?:\.\d{1,6})?)([KMGT]?)$/i.exec(text) ?? [];
  if (number === undefined) throw new InvalidArgumentError('It must be a size such as 500M or 2G.');
  return Number(number) * 1024 ** ' KMGT'.indexOf(unit.toUpperCase() || ' ');
}

/** Parses `80%` to 80. */
export function percent(text: string): number {
  const [, number] = /^(\d{1,6})%$/.exec(text) ?? [];
  if (number === undefined || Number(number) === 0) throw new InvalidArgumentError('It must be a part such as 80%.');
  return Number(number);
}

/** A time limit: milliseconds, or a part in hundredths of the median. */
export type TimeLimit = { readonly ms: number } | { readonly percent: number };

export function timeLimit(text: string): TimeLimit {
  return text.endsWith('%') ? { percent: percent(text) } : { ms: duration(text) };
}

/** Numbers from `from` to `to`, both included if a step leads there. */
export interface Range {
  readonly from: number;
  readonly to: number;
  readonly step: number;
}

/** Parses `1..1000`, `0..1e6:10` or `10..1:-1`. */
export function range(text: string): Range {
  const [first = '', second = ''] = text.split(':', 2);
  const [from, to, more] = first.split('..').map(rangeEnd);
  const step = text.includes(':') ? rangeEnd(second) : 1;
  const fits = [from, to, step].every(Number.isSafeInteger) && more === undefined && step !== 0;
  if (!fits || text.split(':').length > 2)
    throw new InvalidArgumentError('It must be integers such as 1..1000, or 0..100:5 with a step.');
  return { from: from!, to: to!, step };
}

const rangeEnd = (text: string) => (/^-?\d+(e\d+)?$/.test(text) ? Number(text) : Number.NaN);

/** Parses the arguments of a call: a JSON array. */
export function args(text: string): readonly unknown[] {
  try {
    const parsed: unknown = JSON.parse(text);
    if (Array.isArray(parsed)) return parsed;
  } catch {
    // It is no JSON at all.
  }
  throw new InvalidArgumentError('It must be a JSON array, such as ["{}", 200].');
}

/** When a run stops before its end. */
export interface Halt {
  /** `soon`: what runs may end. */
  readonly when: 'now' | 'soon';
  readonly fail: number;
  /** `fail` is a part of the completed items in hundredths. */
  readonly isPart: boolean;
}

/** Parses `never`, `soon,fail=3` or `now,fail=10%`. */
export function halt(text: string): Halt | undefined {
  if (text === 'never') return undefined;
  const [, when, fail, part] = /^(now|soon),fail=([1-9]\d{0,8})(%?)$/.exec(text) ?? [];
  if (when === undefined || (part === '%' && Number(fail) > 100))
    throw new InvalidArgumentError('It must be never, or such as soon,fail=1 or now,fail=10%.');
  return { when: when as Halt['when'], fail: Number(fail), isPart: part === '%' };
}

/** Parses a time: ISO text with its zone, or how long ago, such as `15m`. */
export function time(text: string): Date {
  const agoMs = parseDuration(text.replace(/^-/, ''));
  if (agoMs !== undefined) return new Date(Date.now() - agoMs);
  const at = isoTime(text);
  if (at === undefined)
    throw new InvalidArgumentError('It must be how long ago, such as 15m or 2d, or a time such as 2026-05-01T12:00Z.');
  return at;
}

/** Returns the time of a date, or of an ISO text with its zone; undefined for any other text. */
function isoTime(text: string): Date | undefined {
  const isWhole = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d))?$/i.test(text);
  const date = new Date(text);
  return isWhole && !Number.isNaN(date.getTime()) ? date : undefined;
}

/** Returns a parser of one of some words, or several between commas, which adds to those before. */
export function words<Word extends string>(known: readonly Word[]) {
  return (text: string, before: readonly Word[] = []): readonly Word[] => {
    const all = text.split(',') as Word[];
    for (const word of all)
      if (!known.includes(word))
        throw new InvalidArgumentError(`${JSON.stringify(word)} must be one of ${known.join(', ')}.`);
    return [...before, ...all];
  };
}

/** Adds a text to those before. */
export const texts = (text: string, before: readonly string[] = []): readonly string[] => [...before, text];

/** A number of starts in a period. */
export interface Rate {
  readonly count: number;
  readonly periodMs: number;
}

/** Parses `10/1m`, or `none`. */
export function rate(text: string): Rate | 'none' {
  if (text === 'none') return text;
  const [, number = '', period = ''] = /^(\d{1,9})\/(.+)$/.exec(text) ?? [];
  const periodMs = parseDuration(period);
  if (Number(number) > 0 && periodMs !== undefined && periodMs > 0) return { count: Number(number), periodMs };
  throw new InvalidArgumentError('It must be a number of starts in a period, such as 10/1m, or none.');
}

/** Parses a delay from now, such as `5m`, to milliseconds, or an ISO time. */
export function later(text: string): Date | number {
  const at = parseDuration(text) ?? isoTime(text);
  if (at === undefined)
    throw new InvalidArgumentError('It must be a delay such as 5m, or a time such as 2026-05-01T12:00Z.');
  return at;
}

/** Parses an integer, also a negative one. */
export function integer(text: string): number {
  if (/^-?\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be an integer.');
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

const mostPort = 65_535;

/** Parses a port. 0 is any free one. */
export const port = count(0, mostPort);

/** Parses `host:port`, or a port of this machine alone. */
export function address(text: string): Address {
  const [, host = '127.0.0.1', number] = /^(?:\[?([^[\]]+)\]?:)?(\d+)$/.exec(text) ?? [];
  if (number === undefined) throw new InvalidArgumentError('It must be a host and a port, such as 127.0.0.1:7070.');
  return { host, port: port(number) };
}
