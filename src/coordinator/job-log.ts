/**
 * The log lines about jobs: *events* (failures, interruptions, retries) and *trace* (each start and
 * each end).
 *
 * A line is made only if its level is on, and no payload is decoded here. At most `linesAtOnce`
 * lines are posted in `againMs`. Further lines are counted, and the count is logged, so that
 * logging never holds up the work.
 */

import { idToText } from '../codec/id.js';
import type { Effect, EndCause } from '../core/commands.js';
import type { Event } from '../core/events.js';
import {
  agentName,
  type Id,
  type JobRecord,
  type LogLevel,
  type LogThreshold,
  logLevels,
  type Payload,
  takesTurns,
} from '../core/records.js';
import type { View } from '../core/state/view.js';
import { JournalCorruptError } from '../errors.js';
import type { ModuleSetup } from '../protocol/dispatch.js';
import { functionThreshold, thresholdsOf } from '../protocol/log-levels.js';
import type { JobLine } from '../protocol/messages.js';
import type { Records } from '../store/store.js';
import type { Outcomes } from './clients/outcomes.js';
import type { Context } from './context.js';

export interface LogOptions {
  /** The lowest level that is logged for a module without a level of its own. */
  readonly log: LogThreshold;
  readonly modules: Readonly<Record<string, ModuleSetup>>;
}

/** A line before its threshold is known. */
type Line = Omit<JobLine, 'threshold'>;

const linesAtOnce = 1000;
const againMs = 1000;

export class JobLog {
  readonly #context: Context;
  readonly #outcomes: Outcomes;
  readonly #options: LogOptions;
  /** `true` if any module logs each start and end of its jobs. */
  readonly traces: boolean;
  /** Jobs whose end has no line, since a bulk action that ends them has one. */
  readonly #leftOut = new Set<Id>();
  #left = linesAtOnce;
  #dropped = 0;

  constructor(context: Context, outcomes: Outcomes, options: LogOptions) {
    this.#context = context;
    this.#outcomes = outcomes;
    this.#options = options;
    const thresholds = [options.log, ...Object.values(options.modules).flatMap(thresholdsOf)];
    this.traces = thresholds.some((log) => reaches('debug', log));
  }

  event(event: Event, failure: Payload | undefined): void {
    if (!('job' in event)) return;
    const { type, job, callable, queue, attempts, interruption } = event;
    const fields = { queue, attempt: attempts };
    if (type === 'job.started') this.#write(() => 'debug', 'a job began', job, { log: 'trace', callable, fields });
    else if (type === 'job.retried')
      this.#write(() => 'info', 'a job failed, and will run again', job, { log: 'events', callable, fields }, failure);
    else if (type === 'job.interrupted') {
      const { cause, error } = interruption!;
      const line: Line = { log: 'events', callable, fields: { ...fields, cause }, ...(error && { error }) };
      // The end of a thread has a log line of its own.
      this.#write(
        () => (cause === 'close' || error !== undefined ? 'info' : 'warn'),
        `a job was interrupted: ${causes[cause]}`,
        job,
        line,
      );
    }
  }

  /** The next end of this job has no line. */
  leaveOut(job: Id): void {
    this.#leftOut.add(job);
  }

  /** Undoes `leaveOut`. */
  takeIn(job: Id): void {
    this.#leftOut.delete(job);
  }

  /** Logs the outcome of a job, before it is delivered: `#isSeen` still finds the waiters. */
  ended(job: JobRecord, how: EndCause | undefined): void {
    if (job.form === 'chunk' || (this.#leftOut.size > 0 && this.#leftOut.delete(job.id))) return;
    const { id, callable, log } = job;
    if (job.outcome !== 'failure') {
      if (!this.traces && log === '') return;
      const ranMs = job.lastStartAt === 0 ? undefined : job.endAt - job.lastStartAt;
      const fields = { ...fieldsOf(job), ranMs };
      return this.#write(() => 'debug', 'a job succeeded', id, { log: 'trace', callable, fields });
    }
    // A failed callback has a log line of its own.
    if (takesTurns(job)) return;
    const put = this.#outcomes.ownPutOf(id);
    const line: Line = { log: 'events', callable, fields: fieldsOf(job), put };
    const isSeen = job.role !== 'root' || job.cancelled || how === 'cancelled' || this.#outcomes.isWaitedFor(id);
    const level = (view: View) => (isSeen || isSeenBelow(view, job) ? 'info' : 'warn');
    this.#write(level, 'a job failed', id, line, job.result);
  }

  log({ level, message, job: id }: Extract<Effect, { type: 'log' }>): void {
    const tell = (_: unknown, job?: JobRecord | undefined) => {
      if (job === undefined) return this.#context.post(['log', level, message, `job ${idToText(id)}`]);
      const line: Line = { log: 'events', callable: job.callable, fields: fieldsOf(job) };
      this.#write(() => level, message, id, line, job.outcome === 'failure' ? job.result : null);
    };
    this.#context.store.read(({ view }: Records) => view.job(id), tell, 'decided');
  }

  /** Writes a line if its level reaches the threshold of its job. */
  #write(
    levelIn: (view: View) => LogLevel,
    message: string,
    job: Id,
    line: Line,
    failure: Payload | null = null,
  ): void {
    const { modules, log } = this.#options;
    const { callable } = line;
    const look = (records: Records) => {
      const { view } = records;
      const threshold = view.job(job)?.log || functionThreshold(modules, callable, log);
      const level = levelIn(view);
      if (!reaches(level, threshold)) return undefined;
      return { level, threshold, bytes: this.#left === 0 ? undefined : bytesOf(records, failure) };
    };
    const tell = (_: unknown, found?: ReturnType<typeof look>) => {
      if (found === undefined) return;
      if (this.#left === 0) {
        this.#dropped++;
        return;
      }
      if (this.#left === linesAtOnce) this.#context.after(againMs, () => this.#refill());
      this.#left--;
      const { level, threshold, bytes } = found;
      const fields = { job: idToText(job), callable, ...line.fields };
      this.#context.post(['log', level, message, { ...line, threshold, fields, ...(bytes && { failure: bytes }) }]);
    };
    this.#context.store.read(look, tell, 'decided');
  }

  #refill(): void {
    this.#left = linesAtOnce;
    if (this.#dropped === 0) return;
    const message = `${this.#dropped} lines about jobs were not logged: the limit is ${linesAtOnce} lines a second`;
    this.#dropped = 0;
    this.#context.post(['log', 'warn', message, '']);
  }
}

/** `true` if a callback sees the failure. */
function isSeenBelow(view: View, job: JobRecord): boolean {
  const takesFailure = (callback: JobRecord) => view.parts(callback).some(({ role }) => role === 'onFailure');
  return view.callbacks(job).some((callback) => callback.form !== 'choice' || takesFailure(callback));
}

/** Returns `undefined` if the bytes are damaged: the reader of the outcome gets an error. */
function bytesOf(records: Records, failure: Payload | null): Uint8Array | undefined {
  try {
    return failure === null ? undefined : records.bytes(failure);
  } catch (error) {
    if (error instanceof JournalCorruptError) return undefined;
    throw error;
  }
}

const causes = { close: 'the runtime was closed', thread: 'its thread died', process: 'its process died' } as const;

const reaches = (level: LogLevel, threshold: LogThreshold) =>
  threshold !== 'silent' && logLevels.indexOf(level) >= logLevels.indexOf(threshold);

const fieldsOf = ({ queue, agent, attempts }: JobRecord) => ({
  queue,
  attempt: attempts,
  agent: agentName(agent) || undefined,
});
