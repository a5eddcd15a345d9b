/**
 * Options: objects without unknown properties, since a misspelt one would have no effect, in
 * silence.
 */
import { invalidOption } from '../errors.js';

/** The names of all options of a kind. The compiler reports a missing one. */
export type OptionNames<Options> = { readonly [Name in keyof Options]-?: true };

/**
 * Checks that `options` is a plain object without unknown properties: those of an instance, such as
 * a `Date`, could not be seen.
 *
 * @param path The name of the argument or of its part in errors.
 * @throws {TypeError} INVALID_OPTION.
 */
export function checkOptions<Options extends object>(
  path: string,
  options: Options,
  known: OptionNames<Options>,
): void {
  if (!isPlainObject(options)) throw invalidOption(path, 'must be a plain object', options);
  for (const name of Object.keys(options))
    if (!Object.hasOwn(known, name))
      throw invalidOption(path, `must have no options but ${Object.keys(known).join(', ')}`, name);
}

/** `true` for an object of any realm that has no class. */
function isPlainObject(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
