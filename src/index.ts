/**
 * callsheet: durable jobs for CPU-heavy Node.js services, in process, on worker threads. Users
 * import this file only.
 */
import './runtime/node-version.js';

export { type Failure, failureFrom as failure, JobFailedError } from './codec/failure.js';
export { transfer } from './codec/transfer.js';
export type { KeptLimits } from './core/commands.js';
export type { JobStatus, Level } from './core/records.js';
export type { Callable } from './definition/callable.js';
export type { CallbackLike } from './definition/callbacks.js';
export {
  type Composition,
  type CompositionOptions,
  type Part,
  type PartResult,
  parallel,
  serial,
} from './definition/compose.js';
export {
  type Callables,
  defineJobs,
  type JobModule,
  type NoType,
  type UntypedJobs,
} from './definition/define-jobs.js';
export type { AgentFilter, ChooserQuestion, JobChooser, JobFilter } from './definition/filters.js';
export type { JobCall, Puttable } from './definition/job-call.js';
export type { Awaited, JobDetails } from './definition/job-details.js';
export { type ItemSource, type MapOptions, type Mapping, map } from './definition/map.js';
export type { JobOptions, RetryDefaults } from './definition/options.js';
export type { OwnPolicy, RetryAnswer, RetryQuestion } from './definition/own-policies.js';
export {
  type RetryErrorsOptions,
  type RetryPolicy,
  retryDefault,
  retryErrors,
  retryForever,
  retryNever,
} from './definition/retry-policies.js';
export {
  CallsheetError,
  ClaimLostError,
  ClosedError,
  CoordinatorDiedError,
  CountDiffersError,
  DatabaseUnusableError,
  DatabaseVersionError,
  DirectoryUnusableError,
  DispatcherActiveError,
  DispatcherInactiveError,
  type ErrorCode,
  ExportNotCallableError,
  JobCancelledError,
  JobExpiredError,
  JobForgottenError,
  JobInterruptedError,
  JobNotCommittedError,
  JobStatusError,
  JobTimeoutError,
  JournalCorruptError,
  JournalLockedError,
  JournalRemovedError,
  JournalVersionError,
  JournalWriteError,
  MapAbandonedError,
  ModuleNotLoadableError,
  NodeTooOldError,
  NoOwnerError,
  NotInJobError,
  NotStorableError,
  PayloadCorruptError,
  PeerMissingError,
  ProtocolVersionError,
  QueueNotEmptyError,
  StorageFullError,
  TooManyWaitsError,
  UnknownAgentError,
  UnknownDispatcherError,
  UnknownExportError,
  UnknownJobError,
  UnknownModuleError,
  UnknownQueueError,
  UnknownQuotaError,
  UnknownScheduleError,
  WaitTimeoutError,
  WhereFailedError,
} from './errors.js';
export type { AskedJob } from './protocol/asked-job.js';
export { CompletedItems, CompletedJob, CompletedJobs } from './protocol/completed-jobs.js';
export type { ExplainedState, Explanation, OnThread, Reason, ReasonCode, Waiting } from './protocol/explanation.js';
export type {
  BadRun,
  CallbackTree,
  CountedOutcome,
  CountField,
  CountRow,
  DurationStats,
  DurationTotals,
  FailureField,
  FailureGroup,
  FailureStep,
  Failures,
  FullJobForm,
  Interval,
  JobOrder,
  JobPage,
  JobRelations,
  JobRow,
  KindFilter,
  KindTotals,
  PartCounts,
  PartsReport,
  StatField,
  StatRow,
  Totals,
} from './protocol/monitor.js';
export type { Progress } from './protocol/progress.js';
export type {
  AgentStatus,
  EndedThread,
  QueueStatus,
  QueuesPage,
  QuotaStatus,
  RunningJob,
  RuntimeStatus,
  ThreadSpan,
  ThreadsReport,
  ThreadUsage,
  ThreadWork,
} from './protocol/status.js';
export type { Annotations } from './runtime/annotations.js';
export type { BulkOptions, BulkProgress, BulkResult, RefusedJob } from './runtime/bulk.js';
export type { Agent, Dispatcher } from './runtime/dispatcher.js';
export type {
  CallsheetEvent,
  DispatcherEvent,
  DroppedEvents,
  EventStream,
  EventsOptions,
  JobEvent,
  QueueEvent,
  ScheduleEvent,
} from './runtime/events.js';
export type { CallbackPair, Handles, Job, JobChanges, ResultOptions } from './runtime/job.js';
export type { JobQuery } from './runtime/job-filter.js';
export type {
  CountOptions,
  FailuresOptions,
  FullJob,
  FullJobOptions,
  JobsOptions,
  LastOptions,
  LoggedLine,
  Monitor,
  NextOptions,
  PartsOptions,
  QueuesOptions,
  StatOptions,
  ThreadsOptions,
  Traceback,
} from './runtime/monitor.js';
export { type OpenOptions, open, type RetentionOptions, type Share } from './runtime/open.js';
export type { SqlClient } from './runtime/outbox.js';
export type {
  AgentOptions,
  CompletedByOptions,
  Drained,
  PutOptions,
  Queue,
  Quota,
  QuotaOptions,
} from './runtime/queue.js';
export type { RetryAllOptions, RetryOptions } from './runtime/retry.js';
export type { Closed, CloseOptions, PutTogether, Runtime, TogetherOptions } from './runtime/runtime.js';
export type {
  DeclaredSchedule,
  Schedule,
  ScheduleDetails,
  ScheduledJob,
  ScheduleOptions,
} from './runtime/schedules.js';
export {
  type CurrentSchedule,
  currentJob,
  type JobAnnotations,
  type JobContext,
  type JobReference,
  type WaitOptions,
} from './worker/context.js';
