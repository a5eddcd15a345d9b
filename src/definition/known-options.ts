/**
 * Options as they are given: an object in which every name is one that somebody reads. A misspelt
 * one would do nothing, in silence.
 */
import { invalidOption } from '../errors.js';

/** The names of all options of a kind; where one is missing, this does not compile. */
export type OptionNames<Options> = { readonly [Name in keyof Options]-?: true };

/**
 * Checks that `options` is an object without unknown properties.
 *
 * @param path The argument, or the part of it that `options` is, as errors name it.
 * @throws {TypeError} INVALID_OPTION.
 */
export function checkOptions<Options extends object>(
  path: string,
  options: Options,
  known: OptionNames<Options>,
): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw invalidOption(path, 'must be an object', options);
  for (const name of Object.keys(options))
    if (!Object.hasOwn(known, name))
      throw invalidOption(path, `must have no options but ${Object.keys(known).join(', ')}`, name);
}
