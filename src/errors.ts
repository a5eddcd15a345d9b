/**
 * The errors that callsheet raises on purpose: one base class, a subclass for each outcome that a
 * caller must tell apart, and a stable `code` for each. Messages may change between releases; codes
 * do not.
 *
 * This file stands below every layer, the pure core included, so it imports neither Node nor any
 * other file.
 */

/** The codes of {@link CallsheetError}, stable between releases. */
export type ErrorCode =
  | 'ARGUMENT_NOT_STORABLE'
  | 'CLOSED'
  | 'COORDINATOR_DIED'
  | 'COUNT_DIFFERS'
  | 'DATABASE_UNUSABLE'
  | 'DATABASE_VERSION'
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
  | 'NO_OWNER'
  | 'NOT_IN_JOB'
  | 'PAYLOAD_CORRUPT'
  | 'PAYLOAD_TOO_LARGE'
  | 'PEER_MISSING'
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
  | 'UNKNOWN_SCHEDULE'
  | 'WAIT_TIMEOUT'
  | 'WHERE_FAILED';

/** The base of every error that callsheet raises on purpose. */
export class CallsheetError extends Error {
  /** Names the kind of error for programs. Stable between releases. */
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** Returns a subclass of `CallsheetError` for one code. */
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

/** The runtime is closed or closing. Nothing was stored. */
export class ClosedError extends errorClass('ClosedError', 'CLOSED') {}
/** The job's status does not allow the call. Nothing changed. */
export class JobStatusError extends errorClass('JobStatusError', 'JOB_STATUS') {}
/** The job did not begin before its deadline (option `beginByMs`). */
export class JobExpiredError extends errorClass('JobExpiredError', 'JOB_EXPIRED') {}
/** The job ran longer than its `timeoutMs`. */
export class JobTimeoutError extends errorClass('JobTimeoutError', 'JOB_TIMEOUT') {}
/** The job was cancelled. */
export class JobCancelledError extends errorClass('JobCancelledError', 'JOB_CANCELLED') {}
/** The job was interrupted (its thread or process died) more often than its policy allows. */
export class JobInterruptedError extends errorClass('JobInterruptedError', 'JOB_INTERRUPTED') {}
/** The process that fed the map ended, and no `unique` key lets another continue to feed it. */
export class MapAbandonedError extends errorClass('MapAbandonedError', 'MAP_ABANDONED') {}
/** The job completed, and its queue's retention has deleted it since. */
export class JobForgottenError extends errorClass('JobForgottenError', 'JOB_FORGOTTEN') {}
/** A running job waited for a job that it put and that is committed only with its own end. */
export class JobNotCommittedError extends errorClass('JobNotCommittedError', 'JOB_NOT_COMMITTED') {}
/** A job tried to wait for another inside its thread, and no thread would be left to run a job. */
export class TooManyWaitsError extends errorClass('TooManyWaitsError', 'TOO_MANY_WAITS') {}
/** The store has no job with this id. */
export class UnknownJobError extends errorClass('UnknownJobError', 'UNKNOWN_JOB') {}
/** The claim is over: another dispatcher took the job. Its result was refused. */
export class ClaimLostError extends errorClass('ClaimLostError', 'CLAIM_LOST') {}
/** The queue has no agent with this name, or no active dispatcher has an agent in it. */
export class UnknownAgentError extends errorClass('UnknownAgentError', 'UNKNOWN_AGENT') {}
/** No dispatcher has this id. */
export class UnknownDispatcherError extends errorClass('UnknownDispatcherError', 'UNKNOWN_DISPATCHER') {}
/** The dispatcher is at work. It cannot be unregistered, and cannot be started a second time. */
export class DispatcherActiveError extends errorClass('DispatcherActiveError', 'DISPATCHER_ACTIVE') {}
/** The dispatcher is not at work, or was taken for dead. */
export class DispatcherInactiveError extends errorClass('DispatcherInactiveError', 'DISPATCHER_INACTIVE') {}
/** `open` was given no module with this name. */
export class UnknownModuleError extends errorClass('UnknownModuleError', 'UNKNOWN_MODULE') {}
/** The module exports no function with this name. */
export class UnknownExportError extends errorClass('UnknownExportError', 'UNKNOWN_EXPORT') {}
/** The module exports this name, but not as a function. */
export class ExportNotCallableError extends errorClass('ExportNotCallableError', 'EXPORT_NOT_CALLABLE') {}
/** A module of `jobs` cannot be imported within `importMs`. `cause` is the import's error. */
export class ModuleNotLoadableError extends errorClass('ModuleNotLoadableError', 'MODULE_NOT_LOADABLE') {}
/** No queue has this name. */
export class UnknownQueueError extends errorClass('UnknownQueueError', 'UNKNOWN_QUEUE') {}
/** The queue is not empty, or is the queue `''`. It cannot be removed. */
export class QueueNotEmptyError extends errorClass('QueueNotEmptyError', 'QUEUE_NOT_EMPTY') {}
/** The queue has no quota with this name. */
export class UnknownQuotaError extends errorClass('UnknownQuotaError', 'UNKNOWN_QUOTA') {}
/** There is no schedule with this name. */
export class UnknownScheduleError extends errorClass('UnknownScheduleError', 'UNKNOWN_SCHEDULE') {}
/** The job had no outcome within the `timeoutMs` of `result()`. The job goes on. */
export class WaitTimeoutError extends errorClass('WaitTimeoutError', 'WAIT_TIMEOUT') {}
/** The function `where` of a filter threw, gave no boolean, or gave no answer in time. */
export class WhereFailedError extends errorClass('WhereFailedError', 'WHERE_FAILED') {}
/** `currentJob()` was called outside a job, or from another copy of callsheet. */
export class NotInJobError extends errorClass('NotInJobError', 'NOT_IN_JOB') {}
/** An optional package is not installed. */
export class PeerMissingError extends errorClass('PeerMissingError', 'PEER_MISSING') {}
/** callsheet's own thread died. Whether the call was done is not known. */
export class CoordinatorDiedError extends errorClass('CoordinatorDiedError', 'COORDINATOR_DIED') {}
/** Another number of jobs fits the filter than `expect` says. Nothing was done. */
export class CountDiffersError extends errorClass('CountDiffersError', 'COUNT_DIFFERS') {}
/** No process owns the directory, or its owner does not answer. A call in flight may be done. */
export class NoOwnerError extends errorClass('NoOwnerError', 'NO_OWNER') {}
/** This Node is older than callsheet needs. */
export class NodeTooOldError extends errorClass('NodeTooOldError', 'NODE_TOO_OLD') {}
/** Two versions of callsheet are in one process, or in an owner and its client. */
export class ProtocolVersionError extends errorClass('ProtocolVersionError', 'PROTOCOL_VERSION') {}
/** A stored value cannot be read. */
export class PayloadCorruptError extends errorClass('PayloadCorruptError', 'PAYLOAD_CORRUPT') {}
/** The directory cannot hold a journal. The message gives the reason. */
export class DirectoryUnusableError extends errorClass('DirectoryUnusableError', 'DIRECTORY_UNUSABLE') {}
/** The PostgreSQL database cannot be used. The message gives the reason, and what to do. */
export class DatabaseUnusableError extends errorClass('DatabaseUnusableError', 'DATABASE_UNUSABLE') {}
/** A newer version of callsheet has migrated the database's tables. Nothing was modified. */
export class DatabaseVersionError extends errorClass('DatabaseVersionError', 'DATABASE_VERSION') {}
/** Another process has the directory open. A stopped process counts as alive. */
export class JournalLockedError extends errorClass('JournalLockedError', 'JOURNAL_LOCKED') {}
/** Another version of callsheet wrote the journal in another format. It was not modified. */
export class JournalVersionError extends errorClass('JournalVersionError', 'JOURNAL_VERSION') {}
/** A write or sync of the journal failed. The runtime closes; opening the directory recovers. */
export class JournalWriteError extends errorClass('JournalWriteError', 'JOURNAL_WRITE') {}
/** The directory, segment or lock of an open journal was removed. The runtime closes. */
export class JournalRemovedError extends errorClass('JournalRemovedError', 'JOURNAL_REMOVED') {}
/**
 * The disk is full. The put was refused; running jobs complete, puts work again with free space.
 */
export class StorageFullError extends errorClass('StorageFullError', 'STORAGE_FULL') {}

/** The journal is damaged in another place than a torn tail. Nothing was modified. */
export class JournalCorruptError extends CallsheetError {
  /** The damaged file. */
  readonly file: string;
  /** Bytes from the start of the file to the damage. */
  readonly offset: number;
  /** The log sequence number expected at `offset`; 0 if only the place of a payload is known. */
  readonly lsn: number;
  /** The damage, in words. */
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

/** A value cannot be stored faithfully. `path` leads to the part that cannot. */
export class NotStorableError extends CallsheetError {
  /** The part as an expression: `arguments[0].items[3].when`. */
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
 * The class of each code. An error that crossed a thread becomes an instance of it again. Two codes
 * are missing: the error of JOB_FAILED is made from a job's outcome, and an error with
 * INVALID_OPTION stays in the thread of its caller.
 */
export const errorClasses: {
  readonly [code in Exclude<ErrorCode, 'INVALID_OPTION' | 'JOB_FAILED'>]: {
    readonly name: string;
    readonly prototype: CallsheetError;
  };
} = {
  ARGUMENT_NOT_STORABLE: NotStorableError,
  CLAIM_LOST: ClaimLostError,
  CLOSED: ClosedError,
  COORDINATOR_DIED: CoordinatorDiedError,
  COUNT_DIFFERS: CountDiffersError,
  DATABASE_UNUSABLE: DatabaseUnusableError,
  DATABASE_VERSION: DatabaseVersionError,
  DIRECTORY_UNUSABLE: DirectoryUnusableError,
  DISPATCHER_ACTIVE: DispatcherActiveError,
  DISPATCHER_INACTIVE: DispatcherInactiveError,
  EXPORT_NOT_CALLABLE: ExportNotCallableError,
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
  MODULE_NOT_LOADABLE: ModuleNotLoadableError,
  NODE_TOO_OLD: NodeTooOldError,
  NO_OWNER: NoOwnerError,
  NOT_IN_JOB: NotInJobError,
  PEER_MISSING: PeerMissingError,
  PAYLOAD_CORRUPT: PayloadCorruptError,
  PAYLOAD_TOO_LARGE: NotStorableError,
  PROTOCOL_VERSION: ProtocolVersionError,
  QUEUE_NOT_EMPTY: QueueNotEmptyError,
  RESULT_NOT_STORABLE: NotStorableError,
  STORAGE_FULL: StorageFullError,
  TOO_MANY_WAITS: TooManyWaitsError,
  UNKNOWN_AGENT: UnknownAgentError,
  UNKNOWN_DISPATCHER: UnknownDispatcherError,
  UNKNOWN_EXPORT: UnknownExportError,
  UNKNOWN_JOB: UnknownJobError,
  UNKNOWN_MODULE: UnknownModuleError,
  UNKNOWN_QUEUE: UnknownQueueError,
  UNKNOWN_QUOTA: UnknownQuotaError,
  UNKNOWN_SCHEDULE: UnknownScheduleError,
  WAIT_TIMEOUT: WaitTimeoutError,
  WHERE_FAILED: WhereFailedError,
};

/**
 * Returns the error for a bad argument: its code is INVALID_OPTION, its message "`path` rule, got
 * value". A bad argument is a mistake in the caller's program, so its error is no CallsheetError.
 *
 * @param path The argument, or the part of it that is wrong: `quotas[0]`, `backoff.factor`.
 * @param rule The rule that `value` breaks, as a predicate: "must be an integer from 1 to 1024".
 * @param Kind `RangeError` if `value` has the right type and breaks the rule by its value only.
 */
export function invalidOption(
  path: string,
  rule: string,
  value: unknown,
  Kind: typeof TypeError | typeof RangeError = TypeError,
): TypeError | RangeError {
  const code: ErrorCode = 'INVALID_OPTION';
  return Object.assign(new Kind(`\`${path}\` ${rule}, got ${shown(value)}`), { code });
}

const longestShown = 60;

function shown(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value.length > longestShown
        ? `${JSON.stringify(value.slice(0, longestShown))}… (${value.length} characters)`
        : JSON.stringify(value);
    case 'bigint':
      return `${value}n`;
    case 'function':
      return 'a function';
    case 'object':
      if (value === null) return 'null';
      if (Array.isArray(value)) return 'an array';
      return Object.prototype.toString.call(value) === '[object Date]' ? String(value) : 'an object';
    default:
      return String(value);
  }
}
