/** The logger of commands that run jobs. It writes to standard error. */
import { createRequire } from 'node:module';
import { destination, type Logger, pino } from 'pino';
import { CommandError, exitCodes } from './exit.js';

export interface LogOptions {
  readonly logLevel: string;
  readonly logFormat: 'auto' | 'pretty' | 'json';
}

/**
 * Returns a logger. `auto` is pretty on a terminal if pino-pretty is installed beside callsheet or
 * in the working directory.
 */
export function makeLogger({ logLevel: level, logFormat }: LogOptions): Logger {
  const isPretty = logFormat === 'pretty' || (logFormat === 'auto' && process.stderr.isTTY);
  const pretty = isPretty ? findPretty() : undefined;
  if (pretty !== undefined) return pino({ level }, pretty({ destination: 2, sync: true }));
  if (logFormat === 'pretty')
    throw new CommandError(exitCodes.configuration, '--log-format pretty needs a package: npm install pino-pretty');
  return pino({ level }, destination({ dest: 2, sync: true }));
}

type Pretty = (options: { destination: number; sync: boolean }) => NodeJS.WritableStream;

function findPretty(): Pretty | undefined {
  for (const from of [import.meta.url, `${process.cwd()}/`]) {
    try {
      return createRequire(from)('pino-pretty') as Pretty;
    } catch {}
  }
  return undefined;
}
