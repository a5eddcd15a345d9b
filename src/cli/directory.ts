/** The directory that a command works on. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { CommandError, exitCodes } from './exit.js';

const usual = './.callsheet';

/** Returns the directory given, or the usual one if it exists. */
export function directoryOf(given: string | undefined): string {
  if (given !== undefined && given !== '') return resolve(given);
  if (existsSync(usual)) return resolve(usual);
  throw new CommandError(
    exitCodes.usage,
    `no directory: name one with --directory or CALLSHEET_DIRECTORY; there is no ${usual} here`,
  );
}
