/**
 * Dispatchers: the processes that run jobs.
 *
 *   state entered when left when (unknown) it has never worked here; it was unregistered it is
 *   activated active it is activated it closes; it was silent too long and another noticed inactive
 *   it closed, or was taken for dead it is activated again; it is unregistered
 *
 * Whatever is claimed is claimed by a dispatcher, whose id is in the key of the job's agent. When a
 * dispatcher becomes inactive all of that is taken from it in the same decision, so an inactive one
 * never has anything; the claim's fence refuses what it may still say.
 *
 * A process is told from another with the same id by its incarnation, which it makes when it
 * starts. So a command that may or may not have been decided can be sent again, and one that comes
 * from a process that was replaced is refused.
 *
 * A callback needs no agent, but somebody has to run it: the dispatcher that ran its job, or else
 * the one that decides, or else any that is active. While there is none it is held by `nobody`, and
 * whoever is activated next takes it.
 */

import { CallsheetError, JobInterruptedError } from '../errors.js';
import type { Command } from './commands.js';
import { finishIfDone } from './composite.js';
import { type Decision, tellDispatcher } from './decision.js';
import { dispatcherOf, isSilent, nobody, requireDispatcher } from './dispatchers.js';
import { conclude, concludeCancelled, giveBack } from './job.js';
import { abandon } from './map.js';
import {
  agentDispatcher,
  agentKey,
  type DispatcherRecord,
  defaultsKey,
  dispatcherKey,
  type Id,
  type JobRecord,
} from './records.js';
import { recover } from './recovery.js';
import { askAgain, interrupted } from './retry.js';

export function activate(decision: Decision, command: Extract<Command, { type: 'activate' }>): void {
  const { state, now } = decision;
  const { dispatcher: id, incarnation, host, pid, pingMs, deathMs } = command;
  const there = dispatcherOf(state, id);
  if (there?.active && there.incarnation !== incarnation) {
    if (!isSilent(there, now)) {
      const message = `the dispatcher is at work already, in process ${there.pid} on ${there.host}`;
      throw new CallsheetError('DISPATCHER_ACTIVE', message);
    }
    takenForDead(decision, there);
  }
  const times = { activatedAt: now, lastPingAt: now, pingMs, deathMs };
  state.set(dispatcherKey(id), { kind: 'dispatcher', id, host, pid, active: true, incarnation, ...times });
  if (there === undefined) tellDispatcher(decision, 'registered', id);
  const wasThoughtDead = there?.active === false && there.incarnation === incarnation;
  if (wasThoughtDead) tellDispatcher(decision, 'reactivated', id);
  else if (there?.incarnation !== incarnation) tellDispatcher(decision, 'activated', id);
  for (const job of state.heldBy(nobody)) giveBack(decision, job);
}

export function ping({ state, now }: Decision, { dispatcher, incarnation }: Extract<Command, { type: 'ping' }>): void {
  const there = dispatcherOf(state, dispatcher);
  if (!there?.active || there.incarnation !== incarnation)
    throw new CallsheetError('DISPATCHER_INACTIVE', 'the dispatcher was taken for dead, and its jobs from it');
  state.set(dispatcherKey(dispatcher), { ...there, lastPingAt: now });
}

/** By itself, at its end. Nothing to do if it has been replaced meanwhile. */
export function deactivate(decision: Decision, { dispatcher, incarnation }: Extract<Command, { type: 'deactivate' }>) {
  const { state } = decision;
  const there = dispatcherOf(state, dispatcher);
  if (!there?.active || there.incarnation !== incarnation) return;
  becomeInactive(decision, there);
  for (const job of state.heldBy(dispatcher)) {
    if (job.cancelled) concludeCancelled(decision, job);
    else if (job.begun) interrupted(decision, job, 'close');
    else giveBack(decision, job);
  }
  endBound(decision, dispatcher);
}

/** By another. It may have been heard of since, or been rescued. */
export function rescue(decision: Decision, id: Id): void {
  const there = dispatcherOf(decision.state, id);
  if (there?.active && isSilent(there, decision.now)) takenForDead(decision, there);
}

/** Nobody else can have the store open: all have died, whatever they were heard of last. */
export function recoverAll(decision: Decision): void {
  const { state, now } = decision;
  state.catchUpRates(now);
  const dead = [...state.settings()].filter((setting) => setting.kind === 'dispatcher').filter(({ active }) => active);
  for (const dispatcher of dead) becomeInactive(decision, dispatcher);
  const jobs = [...state.jobs()];
  // What nobody held has surely not begun: whoever is activated next takes it.
  const isHeld = (job: JobRecord) => job.claimed && agentDispatcher(job.agent) !== nobody;
  recover(decision, jobs.filter(isHeld));
  for (const { id } of dead) endBound(decision, id);
  for (const job of jobs) {
    if (job.stage === 'policy') askAgain(decision, job);
    else if (job.form === 'chunk' && job.stage === 'waiting') finishIfDone(decision, job);
    else if (job.form === 'map') abandon(decision, job);
  }
}

export function unregister(decision: Decision, id: Id): void {
  const { state } = decision;
  if (requireDispatcher(state, id).active)
    throw new CallsheetError('DISPATCHER_ACTIVE', 'the dispatcher is active: only an inactive one can be unregistered');
  for (const setting of [...state.settings()]) {
    if (setting.kind === 'agent' && setting.dispatcher === id)
      state.set(agentKey(id, setting.queue, setting.name), undefined);
  }
  state.set(defaultsKey(id), undefined);
  state.set(dispatcherKey(id), undefined);
  tellDispatcher(decision, 'unregistered', id);
}

/**
 * What nobody else may claim fails with its dispatcher, unless it waits for the outcome of a job
 * that others may run.
 */
function endBound(decision: Decision, id: Id): void {
  for (const job of decision.state.boundTo(id)) {
    if (job.outcome !== 'none' || job.stage === 'inner') continue;
    const error = new JobInterruptedError('the job was interrupted: the dispatcher that it was for is gone');
    conclude(decision, job, 'failure', decision.failure(error));
  }
}

function takenForDead(decision: Decision, dispatcher: DispatcherRecord): void {
  becomeInactive(decision, dispatcher);
  recover(decision, decision.state.heldBy(dispatcher.id));
  endBound(decision, dispatcher.id);
}

function becomeInactive(decision: Decision, dispatcher: DispatcherRecord): void {
  decision.state.set(dispatcherKey(dispatcher.id), { ...dispatcher, active: false });
  tellDispatcher(decision, 'deactivated', dispatcher.id);
}
