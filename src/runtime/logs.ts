/**
 * The two logs of a runtime, as children of its logger: `events`, and `trace`, which has the start
 * and end of each job.
 */
import type { Logger } from 'pino';
import { decodeFailure, errorFrom } from '../codec/failure.js';
import { type LogLevel, type LogThreshold, logLevels } from '../core/records.js';
import type { CoordinatorMessage, JobLine } from '../protocol/messages.js';
import { loadPino } from '../worker/pino.js';

export type LogMessage = Extract<CoordinatorMessage, ['log', ...unknown[]]>;

export class Logs {
  #logger: Logger | undefined;
  /** The child loggers, by log and level. */
  readonly #children = new Map<string, Logger>();

  constructor(logger: Logger | undefined) {
    this.#logger = logger;
  }

  /** The logger given to `open`, or one that is made for the first line. */
  get logger(): Logger {
    this.#logger ??= makeDefault();
    return this.#logger;
  }

  write([, level, message, detail]: LogMessage): void {
    if (typeof detail === 'string') return say(this.#child('events', undefined), level, { detail }, message);
    say(this.#child(detail.log, detail.threshold), level, fieldsOf(detail), message);
  }

  #child(log: JobLine['log'], level: LogThreshold | undefined): Logger {
    const key = `${log} ${level}`;
    let child = this.#children.get(key);
    if (child === undefined) {
      const { logger } = this;
      const make = typeof logger.child === 'function';
      child = make ? logger.child({ log }, level === undefined ? {} : { level }) : logger;
      this.#children.set(key, child);
    }
    return child;
  }
}

/** The level of the logger that is made if `open` gets none. */
export const defaultThreshold = 'warn';

function makeDefault(): Logger {
  const { pino, destination } = loadPino();
  return pino({ name: 'callsheet', level: defaultThreshold }, destination(2));
}

/** Returns the fields of a line about a job, with its error as `err`. */
export function fieldsOf({ fields, failure, error }: JobLine): Record<string, unknown> {
  const err = failure === undefined ? error && Object.assign(new Error(), error) : errorFrom(decodeFailure(failure));
  return err === undefined ? fields : { ...fields, err };
}

/** Writes a line. A logger that is not from pino may lack the lowest levels. */
function say(logger: Logger, level: LogLevel, fields: object, message: string): void {
  logger[level]?.(fields, message);
}

/** Returns the level of a logger. A custom level counts as the next level of pino above it. */
export function thresholdOf({ levelVal, level }: Logger): LogThreshold {
  if (level === 'silent') return 'silent';
  return logLevels.find((_, index) => (index + 1) * 10 >= (levelVal ?? 30)) ?? 'silent';
}

/** Converts a line of a job's own logger, which has filtered it, to a log message. */
export function messageOf(callable: string, line: string): LogMessage {
  const { level, message, fields } = parsedLine(line);
  return ['log', level, message, { log: 'events', threshold: 'trace', callable, fields }];
}

/** Reads a line of a job's own logger. */
export function parsedLine(line: string) {
  const { level, time, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const name = logLevels[Math.min(logLevels.length, Math.max(1, Math.ceil(Number(level) / 10))) - 1]!;
  return { level: name, time: Number(time), message: typeof msg === 'string' ? msg : '', fields };
}
