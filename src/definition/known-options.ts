/**
 * Options as they are given: an object in which every name is one that somebody reads. A misspelt
 * one would do nothing, in silence.
 */
import type { ErrorCode } from '../errors.js';

/** The names of all options of a kind; where one is missing, this does not compile. */
export type OptionNames<Options> = { readonly [Name in keyof Options]-?: true };

/**
 * @param where What they are called in errors: the argument, or the path to them.
 * @throws {TypeError} INVALID_OPTION: they are no object, or one of them is none that there is.
 */
export function checkOptions<Options extends object>(
  where: string,
  options: Options,
  known: OptionNames<Options>,
): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw refused(where, 'an object is needed');
  for (const name of Object.keys(options))
    if (!Object.hasOwn(known, name))
      throw refused(`${where}.${name}`, `there is no such option; known: ${Object.keys(known).join(', ')}`);
}

/** A mistake in the program, as all bad arguments are, that can be told by its code. */
export function refused(where: string, reason: string): TypeError {
  return Object.assign(new TypeError(`${where}: ${reason}`), { code: 'INVALID_OPTION' satisfies ErrorCode });
}
