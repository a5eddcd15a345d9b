/**
 * Bounds: the length of a queue at which puts wait. The core delays no put: callers that let puts
 * wait ask here before they have one decided. On a store that processes share, the decision looks
 * again (`bounded`), since others may have filled the queue meanwhile.
 */
import { CallsheetError } from '../errors.js';
import type { Command, JobSpec } from './commands.js';
import { queueOf, requireQueue } from './queue.js';
import { checkAllQuotas, checkQuotas } from './quota.js';
import type { JobRecord } from './records.js';
import { requireFailed } from './run-again.js';
import type { SettingsView, View } from './state/view.js';

export function boundOf(view: SettingsView, queue: string): number {
  return queueOf(view, queue)?.bound ?? 0;
}

export function isFull(view: View, queue: string): boolean {
  const bound = boundOf(view, queue);
  return bound > 0 && view.isLong(queue, bound);
}

/** A queue has no room for a command now. The caller has it decided again, later. */
export class NoRoomError extends Error {}

/** Refuses a command with a `NoRoomError` if a queue that it fills is full. */
export function requireRoom(view: View, command: Command): void {
  const full = queuesToFill(view, command).find((queue) => isFull(view, queue));
  if (full !== undefined) throw new NoRoomError(`the queue ${JSON.stringify(full)} is full`);
}

/** Returns the queues in which the command would put more jobs than they hold now. */
export function queuesToFill(view: View, command: Command): readonly string[] {
  switch (command.type) {
    case 'put':
      return command.jobs.some((spec) => needsRoom(view, spec, command.queue)) ? [command.queue] : none;
    case 'all':
      return [...new Set(command.commands.flatMap((inner) => queuesToFill(view, inner)))];
    case 'putAgain':
      return isPutAgain(view, view.job(command.job), command.queue) ? [command.queue] : none;
    case 'retry': {
      const job = view.job(command.job);
      return job === undefined || view.uniqueJob(job.queue, job.unique) !== undefined ? none : [job.queue];
    }
    case 'feed': {
      const map = view.job(command.job);
      return map === undefined ? none : [map.queue];
    }
    default:
      return none;
  }
}

/** `false` if the put returns or replaces a live job, or if the job is held. */
function needsRoom(view: View, { options: { held, unique } }: JobSpec, queue: string): boolean {
  return !held && (unique === undefined || view.uniqueJob(queue, unique) === undefined);
}

/** `false` if the put is refused in any case: it is in a queue, is a member, or its key is live. */
function isPutAgain(view: View, job: JobRecord | undefined, queue: string): boolean {
  return job?.status === 'new' && job.role === 'root' && view.uniqueJob(queue, job.unique) === undefined;
}

/** `true` if the command would be refused however long it waited. */
export function isInVain(view: View, command: Command): boolean {
  if (command.type === 'all') return command.commands.some((inner) => isInVain(view, inner));
  try {
    if (command.type === 'put') {
      requireQueue(view, command.queue);
      checkSpecs(view, command.queue, command.jobs);
    } else if (command.type === 'putAgain' || command.type === 'retry') {
      const job = view.job(command.job);
      if (job === undefined) return true;
      if (command.type === 'retry') requireFailed(view, job);
      else {
        requireQueue(view, command.queue);
        checkAllQuotas(view, job, command.queue);
      }
    }
    return false;
  } catch (error) {
    if (error instanceof CallsheetError) return true;
    throw error;
  }
}

/** Checks the quotas that new jobs and their members name. */
export function checkSpecs(view: View, queue: string, specs: readonly JobSpec[]): void {
  for (const { options, parts, callbacks } of specs) {
    checkQuotas(view, { queue, quotas: options.quotas ?? none });
    checkSpecs(view, queue, parts);
    checkSpecs(view, queue, callbacks);
  }
}

const none: readonly never[] = [];
