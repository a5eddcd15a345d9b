/** The exit codes of the command line, and the errors that lead to them. */
import { CallsheetError, type ErrorCode } from '../errors.js';
import { plainLines } from './words.js';

/** Codes from 64 on are those of `sysexits.h`, by which supervisors decide whether to restart. */
export const exitCodes = {
  done: 0,
  /** Done, but something failed, or damage was found. */
  failed: 1,
  usage: 2,
  /** No runtime or directory can be reached: it is locked, missing or not permitted. */
  unreachable: 3,
  /** There is no such job, queue, quota, agent or schedule. */
  notFound: 4,
  /** Another version of callsheet wrote the directory, or owns it. */
  version: 5,
  /** There was no answer, or no outcome, in time. */
  timedOut: 6,
  /** The output could not be written. */
  output: 7,
  interrupted: 130,
  terminated: 143,
  /** The runtime ended on an error. */
  internal: 70,
  /** The grace was over: running jobs were given back, and run again. */
  givenBack: 75,
  /** The configuration is wrong, so that a restart would not help. */
  configuration: 78,
} as const;

/** An error whose message says everything to the user of the command line. */
export class CommandError extends Error {
  readonly exitCode: number;

  constructor(exitCode: number, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

const byCode: { readonly [code in ErrorCode]?: number } = {
  COUNT_DIFFERS: exitCodes.failed,
  JOB_STATUS: exitCodes.failed,
  JOB_FORGOTTEN: exitCodes.notFound,
  UNKNOWN_AGENT: exitCodes.notFound,
  UNKNOWN_DISPATCHER: exitCodes.notFound,
  UNKNOWN_JOB: exitCodes.notFound,
  UNKNOWN_QUEUE: exitCodes.notFound,
  UNKNOWN_QUOTA: exitCodes.notFound,
  UNKNOWN_SCHEDULE: exitCodes.notFound,
  JOURNAL_VERSION: exitCodes.version,
  PROTOCOL_VERSION: exitCodes.version,
  WAIT_TIMEOUT: exitCodes.timedOut,
  JOURNAL_LOCKED: exitCodes.unreachable,
  NO_OWNER: exitCodes.unreachable,
  DIRECTORY_UNUSABLE: exitCodes.unreachable,
  DATABASE_UNUSABLE: exitCodes.unreachable,
  DATABASE_VERSION: exitCodes.version,
  PEER_MISSING: exitCodes.configuration,
  INVALID_OPTION: exitCodes.configuration,
  MODULE_NOT_LOADABLE: exitCodes.configuration,
  UNKNOWN_EXPORT: exitCodes.configuration,
};

export function exitCodeOf(error: unknown): number {
  if (error instanceof CommandError) return error.exitCode;
  if (isOfSystem(error)) return exitCodes.unreachable;
  const code = error instanceof CallsheetError || isOfOption(error) ? error.code : undefined;
  return (code && byCode[code]) ?? exitCodes.internal;
}

/** `true` for the error of an option or an argument that was given. */
export function isOfOption(error: unknown): error is Error & { readonly code: 'INVALID_OPTION' } {
  return error instanceof Error && 'code' in error && error.code === 'INVALID_OPTION';
}

/** `true` if the connection to the owner was lost: nothing else can be asked. */
export const isLost = (error: unknown): boolean =>
  error instanceof CallsheetError && (error.code === 'NO_OWNER' || error.code === 'COORDINATOR_DIED');

/** `true` for an error of a system call, such as a path that does not exist. */
export function isOfSystem(error: unknown): error is Error {
  return error instanceof Error && 'syscall' in error;
}

/** Returns the message of a foreseen error, or the stack of any other, for a terminal. */
export function messageOf(error: unknown): string {
  const isForeseen =
    error instanceof CallsheetError || error instanceof CommandError || isOfSystem(error) || isOfOption(error);
  const text = isForeseen ? error.message : String((error as Error | undefined)?.stack ?? error);
  return plainLines(text).join('\n');
}
