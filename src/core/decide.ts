/**
 * The one place where anything is decided: a command against the state gives changes, effects and a reply, or an error and no change.
 *
 * Pure: no clock, no randomness, no I/O, no waiting. What a command means is in the file of the entity that it concerns.
 */
import { ClaimLostError } from '../errors.js';
import type { Command, Effect } from './commands.js';
import { begin, claim, conclude, createJob, type Decision, enqueue, putBack } from './job.js';
import { requireQueue } from './queue.js';
import type { Id, JobRecord } from './records.js';
import { recover } from './recovery.js';
import { forgetCompleted } from './retention.js';
import { interrupted } from './retry.js';
import type { State } from './state.js';

/** Decides one command. On an error the state is as it was. */
export function decide(state: State, command: Command, now: number): Effect[] {
  const mark = state.begin();
  const decision: Decision = { state, now, effects: [] };
  try {
    apply(decision, command);
  } catch (error) {
    state.rollback(mark);
    throw error;
  }
  return decision.effects;
}

function apply(decision: Decision, command: Command): void {
  const { state, now } = decision;
  switch (command.type) {
    case 'put': {
      const { queue, owner, level } = command;
      requireQueue(queue);
      for (const spec of command.jobs) {
        enqueue(decision, createJob(decision, spec, { owner, queue, level, role: 'root', parent: '', index: 0 }));
      }
      return;
    }
    case 'claim': {
      const job = state.job(command.job);
      if (job?.queued) claim(decision, job);
      return;
    }
    case 'begun':
      return begin(decision, claimedJob(state, command), command.at);
    case 'settle': {
      const job = claimedJob(state, command);
      begin(decision, job, command.startedAt);
      return conclude(decision, job, command.outcome, command.payload);
    }
    case 'giveBack':
      return putBack(decision, claimedJob(state, command));
    case 'interrupt': {
      const job = claimedJob(state, command);
      begin(decision, job, now);
      return interrupted(decision, job, command.cause, command.failure);
    }
    case 'recover':
      return recover(decision, command.failure);
    case 'forget':
      return forgetCompleted(decision, command.keep);
  }
}

/** The job, if it is still claimed under this fence; what anyone else says about it is refused. */
function claimedJob(state: State, { job: id, fence }: { readonly job: Id; readonly fence: number }): JobRecord {
  const job = state.job(id);
  if (job?.claimed && job.fence === fence) return job;
  throw new ClaimLostError('the job was taken from this claim meanwhile, so what was sent under it is refused');
}
