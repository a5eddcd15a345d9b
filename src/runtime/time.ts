/** Dates that users give. */
import { types } from 'node:util';
import { invalidOption } from '../errors.js';

/** Returns the milliseconds since the epoch. */
export function timeOf(path: string, date: Date): number {
  const isDate = types.isDate(date);
  const time = isDate ? date.getTime() : Number.NaN;
  if (Number.isNaN(time)) throw invalidOption(path, 'must be a valid Date', date, isDate ? RangeError : TypeError);
  return time;
}
