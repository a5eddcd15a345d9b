/**
 * The two logs of a runtime, children of the logger that it was given: `events`, and `trace`, which
 * has each job's start and end.
 */
import type { Logger } from 'pino';
import { decodeFailure, errorFrom } from '../codec/failure.js';
import type { ModuleSetup } from '../protocol/dispatch.js';
import {
  type CoordinatorMessage,
  type JobLine,
  type LogLevel,
  type LogThreshold,
  logLevels,
} from '../protocol/messages.js';

export type LogMessage = Extract<CoordinatorMessage, ['log', ...unknown[]]>;

type Modules = Readonly<Record<string, ModuleSetup>>;

export class Logs {
  readonly #logger: Logger;
  readonly #modules: Modules;
  /** By log and level. */
  readonly #children = new Map<string, Logger>();

  constructor(logger: Logger, modules: Modules) {
    this.#logger = logger;
    this.#modules = modules;
  }

  write([, level, message, detail]: LogMessage): void {
    if (typeof detail === 'string') return say(this.#child('events', undefined), level, { detail }, message);
    const { log, callable } = detail;
    const threshold = this.#modules[callable.slice(0, callable.indexOf('#'))]?.log;
    say(this.#child(log, threshold), level, fieldsOf(detail), message);
  }

  #child(log: JobLine['log'], level: LogThreshold | undefined): Logger {
    const key = `${log} ${level}`;
    let child = this.#children.get(key);
    if (child === undefined) {
      const make = typeof this.#logger.child === 'function';
      child = make ? this.#logger.child({ log }, level === undefined ? {} : { level }) : this.#logger;
      this.#children.set(key, child);
    }
    return child;
  }
}

/** What a line says of its job, with its error as `err`. */
export function fieldsOf({ fields, failure, error }: JobLine): Record<string, unknown> {
  const err = failure === undefined ? error && Object.assign(new Error(), error) : errorFrom(decodeFailure(failure));
  return err === undefined ? fields : { ...fields, err };
}

/** What is no pino logger may lack the lowest levels. */
function say(logger: Logger, level: LogLevel, fields: object, message: string): void {
  logger[level]?.(fields, message);
}

/** The level of a logger, one of its own as the next of pino's. */
export function thresholdOf({ levelVal, level }: Logger): LogThreshold {
  if (level === 'silent') return 'silent';
  return logLevels.find((_, index) => (index + 1) * 10 >= (levelVal ?? 30)) ?? 'silent';
}

/** A line that a job's own logger wrote, as all others are. */
export function messageOf(callable: string, line: string): LogMessage {
  const { level, msg, time: _, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const name = logLevels[Math.min(logLevels.length, Math.max(1, Math.ceil(Number(level) / 10))) - 1]!;
  return ['log', name, typeof msg === 'string' ? msg : '', { log: 'events', callable, fields }];
}
