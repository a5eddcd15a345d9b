/**
 * Every error that callsheet raises on purpose: one base class, a subclass for each outcome that a
 * caller tells apart, and a stable `code`. Messages may change between releases; codes do not.
 *
 * This file stands below every layer, the pure core included, so it knows neither Node nor any
 * other file.
 */

/** The codes of {@link CallsheetError}, stable between releases. */
export type ErrorCode =
  | 'ARGUMENT_NOT_STORABLE'
  | 'CLOSED'
  | 'COORDINATOR_DIED'
  | 'DIRECTORY_UNUSABLE'
  | 'DISPATCHER_ACTIVE'
  | 'DISPATCHER_INACTIVE'
  | 'EXPORT_NOT_CALLABLE'
  | 'JOB_CANCELLED'
  | 'JOB_EXPIRED'
  | 'JOB_FAILED'
  | 'JOB_FORGOTTEN'
  | 'JOB_INTERRUPTED'
  | 'JOB_NOT_COMMITTED'
  | 'JOB_STATUS'
  | 'JOB_TIMEOUT'
  | 'JOURNAL_CORRUPT'
  | 'JOURNAL_LOCKED'
  | 'JOURNAL_REMOVED'
  | 'JOURNAL_VERSION'
  | 'JOURNAL_WRITE'
  | 'CLAIM_LOST'
  | 'INVALID_OPTION'
  | 'MAP_ABANDONED'
  | 'MODULE_NOT_LOADABLE'
  | 'NODE_TOO_OLD'
  | 'NOT_IN_JOB'
  | 'PAYLOAD_CORRUPT'
  | 'PAYLOAD_TOO_LARGE'
  | 'PROTOCOL_VERSION'
  | 'QUEUE_NOT_EMPTY'
  | 'RESULT_NOT_STORABLE'
  | 'STORAGE_FULL'
  | 'TOO_MANY_WAITS'
  | 'UNKNOWN_AGENT'
  | 'UNKNOWN_DISPATCHER'
  | 'UNKNOWN_EXPORT'
  | 'UNKNOWN_JOB'
  | 'UNKNOWN_MODULE'
  | 'UNKNOWN_QUEUE'
  | 'UNKNOWN_QUOTA'
  | 'WAIT_TIMEOUT';

/** The base of every error that callsheet raises on purpose. */
export class CallsheetError extends Error {
  /** What happened, for programs: stable between releases. */
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** Makes a subclass for one code, so that the list below is a table and not three hundred lines. */
function errorClass(name: string, code: ErrorCode) {
  const made = class extends CallsheetError {
    constructor(message: string, options?: { cause?: unknown }) {
      super(code, message, options);
      this.name = name;
    }
  };
  Object.defineProperty(made, 'name', { value: name });
  return made;
}

/** The runtime is closed, or is closing. Nothing was stored. */
export class ClosedError extends errorClass('ClosedError', 'CLOSED') {}
/** The job's status does not allow the call. Nothing changed. */
export class JobStatusError extends errorClass('JobStatusError', 'JOB_STATUS') {}
/** The job was not begun before its deadline (`beginBy`). */
export class JobExpiredError extends errorClass('JobExpiredError', 'JOB_EXPIRED') {}
/** The job ran longer than its `timeout`. */
export class JobTimeoutError extends errorClass('JobTimeoutError', 'JOB_TIMEOUT') {}
/** The job was cancelled. */
export class JobCancelledError extends errorClass('JobCancelledError', 'JOB_CANCELLED') {}
/**
 * The job was interrupted (its thread or its process died) more often than its retry policy allows.
 */
export class JobInterruptedError extends errorClass('JobInterruptedError', 'JOB_INTERRUPTED') {}
/**
 * The process that fed the map has ended, and the map has no `unique` key by which another could go
 * on with it.
 */
export class MapAbandonedError extends errorClass('MapAbandonedError', 'MAP_ABANDONED') {}
/** The job completed and has been forgotten since, as its retention allows. */
export class JobForgottenError extends errorClass('JobForgottenError', 'JOB_FORGOTTEN') {}
/** A job put inside a running job was waited for there, before it could have been committed. */
export class JobNotCommittedError extends errorClass('JobNotCommittedError', 'JOB_NOT_COMMITTED') {}
/** A job would wait for another inside its thread, and no thread would be left to run anything. */
export class TooManyWaitsError extends errorClass('TooManyWaitsError', 'TOO_MANY_WAITS') {}
/** No job has this id here. */
export class UnknownJobError extends errorClass('UnknownJobError', 'UNKNOWN_JOB') {}
/**
 * The claim under which a result was sent is over: the job was taken from this dispatcher. The
 * result is refused.
 */
export class ClaimLostError extends errorClass('ClaimLostError', 'CLAIM_LOST') {}
/** No queue has this name. */
export class UnknownQueueError extends errorClass('UnknownQueueError', 'UNKNOWN_QUEUE') {}
/** The queue has no quota with this name. */
export class UnknownQuotaError extends errorClass('UnknownQuotaError', 'UNKNOWN_QUOTA') {}
/** Another process has the directory open. A stopped owner counts as alive. */
export class JournalLockedError extends errorClass('JournalLockedError', 'JOURNAL_LOCKED') {}
/** The journal was written by a newer version of callsheet. It was not touched. */
export class JournalVersionError extends errorClass('JournalVersionError', 'JOURNAL_VERSION') {}
/**
 * A write or a sync of the journal failed; the runtime closes, and opening the directory again
 * recovers.
 */
export class JournalWriteError extends errorClass('JournalWriteError', 'JOURNAL_WRITE') {}
/**
 * The directory, the segment or the lock of an open journal was removed or replaced; the runtime
 * closes.
 */
export class JournalRemovedError extends errorClass('JournalRemovedError', 'JOURNAL_REMOVED') {}
/**
 * The disk is full: the put was refused and nothing was stored. Jobs that run complete; puts work
 * again by themselves.
 */
export class StorageFullError extends errorClass('StorageFullError', 'STORAGE_FULL') {}

/** The journal is damaged elsewhere than in a torn tail. Nothing was modified. */
export class JournalCorruptError extends CallsheetError {
  /** The damaged file. */
  readonly file: string;
  /** Where in the file the damage was seen, in bytes. */
  readonly offset: number;
  /** The log sequence number that was expected there; 0 where only a payload's place is known. */
  readonly lsn: number;
  /** What was wrong there. */
  readonly reason: string;

  constructor(file: string, offset: number, lsn: number, reason: string) {
    const at = lsn === 0 ? '' : ` (LSN ${lsn})`;
    super('JOURNAL_CORRUPT', `${file} is damaged at byte ${offset}${at}: ${reason}. Nothing was modified.`);
    this.file = file;
    this.offset = offset;
    this.lsn = lsn;
    this.reason = reason;
  }
}

/** A value that cannot be stored faithfully, with the path to the part that cannot. */
export class NotStorableError extends CallsheetError {
  /** Where the value stands, as one would write it: `arguments[0].items[3].when`. */
  readonly path: string;

  constructor(
    code: 'ARGUMENT_NOT_STORABLE' | 'RESULT_NOT_STORABLE' | 'PAYLOAD_TOO_LARGE',
    path: string,
    reason: string,
  ) {
    super(code, `${path} ${reason}`);
    this.path = path;
  }
}

/**
 * The subclass for each code that has one: an error that crossed a thread is an instance of it
 * again.
 */
export const errorClasses: {
  readonly [code in ErrorCode]?: { readonly name: string; readonly prototype: CallsheetError };
} = {
  ARGUMENT_NOT_STORABLE: NotStorableError,
  CLAIM_LOST: ClaimLostError,
  CLOSED: ClosedError,
  JOB_CANCELLED: JobCancelledError,
  JOB_EXPIRED: JobExpiredError,
  JOB_FORGOTTEN: JobForgottenError,
  JOB_INTERRUPTED: JobInterruptedError,
  JOB_NOT_COMMITTED: JobNotCommittedError,
  JOB_STATUS: JobStatusError,
  JOB_TIMEOUT: JobTimeoutError,
  JOURNAL_CORRUPT: JournalCorruptError,
  JOURNAL_LOCKED: JournalLockedError,
  JOURNAL_REMOVED: JournalRemovedError,
  JOURNAL_VERSION: JournalVersionError,
  JOURNAL_WRITE: JournalWriteError,
  MAP_ABANDONED: MapAbandonedError,
  PAYLOAD_TOO_LARGE: NotStorableError,
  RESULT_NOT_STORABLE: NotStorableError,
  STORAGE_FULL: StorageFullError,
  TOO_MANY_WAITS: TooManyWaitsError,
  UNKNOWN_JOB: UnknownJobError,
  UNKNOWN_QUEUE: UnknownQueueError,
  UNKNOWN_QUOTA: UnknownQuotaError,
};
