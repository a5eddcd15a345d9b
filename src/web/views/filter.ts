/** Filters of jobs in the query of an address. */
import { parseDuration } from '../../definition/duration.js';
import type { JobQuery } from '../../protocol/monitor.js';
import { HttpError } from '../http-error.js';

/** The parameters that are no part of the filter. */
const others = ['view', 'order', 'cursor', 'limit', 'range', 'action', 'id', 'name'];
const texts = ['outcome', 'role', 'parent', 'agent', 'dispatcher', 'unique', 'annotation'];
const lists = ['queue', 'callable', 'status', 'error'];

/**
 * Reads a filter. Lists may repeat their parameter. `quota` is `name` or `name:key`; `retried` is
 * `true` or `false`; `since` is a duration such as `1h`, or a date, of the put.
 *
 * @throws {HttpError} a parameter is not known, or has no such form.
 */
export function filterFrom(query: URLSearchParams): JobQuery {
  const filter: Record<string, unknown> = {};
  for (const name of new Set(query.keys())) {
    const all = query.getAll(name);
    const [value = ''] = all;
    if (texts.includes(name)) filter[name] = value;
    else if (lists.includes(name)) filter[name] = all.length === 1 ? value : all;
    else if (name === 'quota') filter.quota = quotaFrom(value);
    else if (name === 'retried') filter.retried = value === 'true';
    else if (name === 'since') filter.put = { from: sinceFrom(value) };
    else if (!others.includes(name))
      throw new HttpError(400, 'UNKNOWN_PARAMETER', `there is no filter ${JSON.stringify(name.slice(0, 100))}`);
  }
  return filter;
}

function quotaFrom(text: string): string | { name: string; key: string } {
  const at = text.indexOf(':');
  return at < 0 ? text : { name: text.slice(0, at), key: text.slice(at + 1) };
}

/** Reads a duration back from now, or a date. */
export function sinceFrom(text: string): Date {
  const ms = parseDuration(text);
  // A round time, so that the pages of a list have one filter.
  const date = ms === undefined ? new Date(text) : new Date(Math.floor((Date.now() - ms) / 60_000) * 60_000);
  if (Number.isNaN(date.getTime()))
    throw new HttpError(400, 'BAD_PARAMETER', 'since must be a duration such as 15m, 1h or 7d, or a date');
  return date;
}

/** Returns the number of a parameter. */
export function numberFrom(query: URLSearchParams, name: string, usual: number, most: number): number {
  const text = query.get(name);
  if (text === null) return usual;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= most) return value;
  throw new HttpError(400, 'BAD_PARAMETER', `${name} must be an integer from 1 to ${most}`);
}
