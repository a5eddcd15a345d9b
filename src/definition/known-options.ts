/**
 * Options: objects without unknown properties, since a misspelt one would have no effect, in
 * silence.
 */
import { invalidOption } from '../errors.js';

/** The names of all options of a kind. The compiler reports a missing one. */
export type OptionNames<Options> = { readonly [Name in keyof Options]-?: true };

/**
 * Checks that `options` is an object without unknown properties.
 *
 * @param path The name of the argument or of its part in errors.
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
