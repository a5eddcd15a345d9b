/**
 * callsheet: durable jobs for CPU-heavy Node.js services, in process, on worker threads. This file is all that users import.
 */
import './runtime/node-version.js';

export type { JobStatus, Level } from './core/records.js';
export {
  CallsheetError,
  ClaimLostError,
  ClosedError,
  type ErrorCode,
  JobCancelledError,
  JobExpiredError,
  JobForgottenError,
  JobInterruptedError,
  JobNotCommittedError,
  JobStatusError,
  JobTimeoutError,
  JournalCorruptError,
  JournalLockedError,
  JournalVersionError,
  JournalWriteError,
  NotStorableError,
  StorageFullError,
  UnknownJobError,
  UnknownQueueError,
} from './errors.js';
export { CompletedJob, CompletedJobs } from './protocol/completed-jobs.js';
export { type Failure, JobFailedError } from './protocol/failure.js';
export { type Composition, type CompositionOptions, type Part, parallel, serial } from './runtime/compose.js';
export {
  type Callable,
  type Callables,
  defineJobs,
  type JobCall,
  type JobModule,
  type Puttable,
} from './runtime/define-jobs.js';
export type { Job, JobDetails } from './runtime/job.js';
export { type Closed, type CloseOptions, type OpenOptions, open, type Runtime } from './runtime/open.js';
export type { Queue } from './runtime/queue.js';
