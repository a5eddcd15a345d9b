/** Checks of arguments. Each throws the error of `invalidOption`. */
import { isWellFormed } from '../codec/storable.js';
import { invalidOption } from '../errors.js';

/** The allowed numbers: all by default, but never NaN. */
export interface NumberRange {
  readonly integer?: boolean;
  readonly finite?: boolean;
  readonly least?: number;
  readonly most?: number;
  /** An exclusive lower bound. */
  readonly above?: number;
  /** An exclusive upper bound. */
  readonly below?: number;
  /** Names the unit in messages. */
  readonly unit?: 'milliseconds';
}

export function checkNumber(path: string, value: unknown, range: NumberRange): void {
  const { integer = false, finite = false, least, most, above, below } = range;
  const fits =
    typeof value === 'number' &&
    !Number.isNaN(value) &&
    (!integer || Number.isInteger(value)) &&
    (!finite || Number.isFinite(value)) &&
    (least === undefined || value >= least) &&
    (most === undefined || value <= most) &&
    (above === undefined || value > above) &&
    (below === undefined || value < below);
  if (!fits) throw invalidOption(path, ruleOf(range), value, typeof value === 'number' ? RangeError : TypeError);
}

function ruleOf({ integer, finite, least, most, above, below, unit }: NumberRange): string {
  const kind = integer ? 'an integer' : finite ? 'a finite number' : 'a number';
  const subject = unit === undefined ? kind : `${kind} of ${unit}`;
  if (least !== undefined && most !== undefined) return `must be ${subject} from ${least} to ${most}`;
  const bounds = Object.entries({ 'at least': least, 'at most': most, above, below })
    .filter(([, bound]) => bound !== undefined)
    .map(([word, bound]) => `${word} ${bound}`);
  return `must be ${[subject, ...bounds].join(', ')}`;
}

export function checkBoolean(path: string, value: unknown): void {
  if (typeof value !== 'boolean') throw invalidOption(path, 'must be true or false', value);
}

export function checkOneOf(path: string, value: unknown, names: readonly string[]): void {
  if (names.includes(value as string)) return;
  const rule = `must be one of ${names.map((name) => JSON.stringify(name)).join(', ')}`;
  throw invalidOption(path, rule, value, typeof value === 'string' ? RangeError : TypeError);
}

/**
 * @param of Names the elements in the message: "jobs".
 * @param most The most elements; no limit by default.
 */
export function checkArray(path: string, value: unknown, of: string, most = Number.POSITIVE_INFINITY): void {
  if (!Array.isArray(value)) throw invalidOption(path, `must be an array of ${of}`, value);
  if (value.length > most) throw invalidOption(path, `must have at most ${most} ${of}`, value, RangeError);
}

export function checkFunction(path: string, value: unknown, rule = 'must be a function'): void {
  if (typeof value !== 'function') throw invalidOption(path, rule, value);
}

/** Checks that `value` is a string that `fits` accepts and that can be stored. */
export function checkText(path: string, value: unknown, rule: string, fits: (text: string) => boolean): void {
  if (typeof value !== 'string') throw invalidOption(path, rule, value);
  if (!fits(value)) throw invalidOption(path, rule, value, RangeError);
  if (!isWellFormed(value))
    throw invalidOption(path, 'must have no lone surrogate, which cannot be stored', value, RangeError);
}
