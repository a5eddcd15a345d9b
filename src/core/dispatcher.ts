/**
 * Dispatchers: the processes that run jobs.
 *
 *   state      entered when                      left when
 *   (unknown)  never activated; unregistered     activated
 *   active     activated                         closed; another saw that its pings stand still
 *   inactive   closed; declared dead             activated again; unregistered; passing
 *
 * Its pings are counted in a record of their own. Others observe on their own clock whether the
 * count moves (`coordinator/presence.ts`): clocks of two hosts are never compared, here or there.
 *
 * Each claim belongs to a dispatcher, whose id is in the key of the job's agent. The decision that
 * makes a dispatcher inactive also takes all its claims, so an inactive one never has any. The
 * fence of a claim refuses whatever the dispatcher sends later.
 *
 * An incarnation, made when a process starts, distinguishes it from another process with the same
 * id. So a command whose fate is unknown can be sent again, and a command of a replaced process is
 * refused.
 *
 * A callback needs no agent but a dispatcher: the one that ran its job, or else the one that
 * decides, or else any active one. Without one, `nobody` holds the callback until a dispatcher is
 * activated.
 */

import { DispatcherActiveError, DispatcherInactiveError, JobInterruptedError } from '../errors.js';
import type { Command } from './commands.js';
import { finishIfDone, goOnWithParts } from './composite.js';
import { type Decision, tellDispatcher } from './decision.js';
import { dispatcherOf, pingsOf, requireDispatcher } from './dispatchers.js';
import { conclude, concludeCancelled, giveBack } from './job.js';
import { abandon } from './map.js';
import { ownFailure } from './outcome.js';
import {
  agentDispatcher,
  agentKey,
  type DispatcherRecord,
  defaultsKey,
  dispatcherKey,
  type Id,
  type JobRecord,
  nobody,
  pingKey,
} from './records.js';
import { recover } from './recovery.js';
import { askAgain, interrupted } from './retry.js';

export function activate(decision: Decision, command: Extract<Command, { type: 'activate' }>): void {
  const { state, now } = decision;
  const { dispatcher: id, incarnation, host, pid, pingMs, deathMs, isPassing } = command;
  const there = dispatcherOf(state, id);
  if (there?.active && there.incarnation !== incarnation)
    throw new DispatcherActiveError(`the dispatcher is at work already, in process ${there.pid} on ${there.host}`);
  const times = { activatedAt: now, pingMs, deathMs };
  const identity = { id, host, pid, incarnation, ...(isPassing && { isPassing }) };
  state.set(dispatcherKey(id), { kind: 'dispatcher', active: true, ...identity, ...times });
  countPing(decision, id, command.holdsFrom);
  if (there === undefined) tellDispatcher(decision, 'registered', id);
  const wasThoughtDead = there?.active === false && there.incarnation === incarnation;
  if (wasThoughtDead) tellDispatcher(decision, 'reactivated', id);
  else if (there?.incarnation !== incarnation) tellDispatcher(decision, 'activated', id);
  for (const job of state.heldBy(nobody)) giveBack(decision, job);
  forgetPassed(decision);
}

/** Forgets dispatchers that ended long ago and cannot come back: each process may leave one. */
function forgetPassed(decision: Decision): void {
  const { state, now } = decision;
  const isSilent = (id: Id) => (pingsOf(state, id)?.at ?? 0) < now - passedForMs;
  const passed = [...state.settings()]
    .filter((setting) => setting.kind === 'dispatcher')
    .filter(({ id, active, isPassing }) => isPassing === true && !active && isSilent(id))
    .slice(0, forgottenAtOnce);
  for (const { id } of passed) if (state.boundTo(id).length === 0) unregister(decision, id);
}

/** Long beyond any difference between the clocks of two hosts. */
const passedForMs = 86_400_000;
const forgottenAtOnce = 100;

export function ping(decision: Decision, command: Extract<Command, { type: 'ping' }>): void {
  const { dispatcher, incarnation, holdsFrom } = command;
  const there = dispatcherOf(decision.state, dispatcher);
  if (!there?.active || there.incarnation !== incarnation)
    throw new DispatcherInactiveError('the dispatcher was declared dead, and its jobs were taken from it');
  countPing(decision, dispatcher, holdsFrom);
}

function countPing({ state, now }: Decision, dispatcher: Id, holdsFrom: Id | undefined): void {
  const count = (pingsOf(state, dispatcher)?.count ?? 0) + 1;
  state.set(pingKey(dispatcher), { kind: 'ping', dispatcher, count, at: now, ...(holdsFrom && { holdsFrom }) });
}

/** Deactivates a dispatcher that closes. Ignored if another process has replaced it. */
export function deactivate(decision: Decision, { dispatcher, incarnation }: Extract<Command, { type: 'deactivate' }>) {
  const { state } = decision;
  const there = dispatcherOf(state, dispatcher);
  if (!there?.active || there.incarnation !== incarnation) return;
  becomeInactive(decision, there);
  for (const job of state.heldBy(dispatcher)) {
    if (job.begun && job.cancelled) concludeCancelled(decision, job);
    else if (job.begun) interrupted(decision, job, 'close');
    else giveBack(decision, job);
  }
  endBound(decision, dispatcher);
}

/** Declares a silent dispatcher dead. Ignored if it has pinged since, or was rescued. */
export function rescue(decision: Decision, id: Id, pings: number): void {
  const there = dispatcherOf(decision.state, id);
  if (there?.active && pingsOf(decision.state, id)?.count === pings) takenForDead(decision, there);
}

/** Declares all dispatchers dead: no other process can have the store open. */
export function recoverAll(decision: Decision, owner?: Id): void {
  const { state, now } = decision;
  state.catchUpRates(now);
  const dead = [...state.settings()].filter((setting) => setting.kind === 'dispatcher').filter(({ active }) => active);
  for (const dispatcher of dead) becomeInactive(decision, dispatcher);
  const jobs = [...state.jobs()];
  // A callback that `nobody` holds has not begun: the dispatcher activated next takes it.
  const isHeld = (job: JobRecord) => job.claimed && agentDispatcher(job.agent) !== nobody;
  recover(decision, jobs.filter(isHeld));
  for (const { id } of dead) endBound(decision, id);
  for (const job of jobs) {
    goOnWithParts(decision, job);
    if (job.stage === 'policy') askAgain(decision, job);
    else if (job.form === 'chunk' && job.stage === 'waiting') finishIfDone(decision, job);
    else if (job.form === 'map' && (owner === undefined || job.owner === owner)) abandon(decision, job);
  }
}

export function unregister(decision: Decision, id: Id): void {
  const { state } = decision;
  if (requireDispatcher(state, id).active)
    throw new DispatcherActiveError('the dispatcher is active: only an inactive one can be unregistered');
  for (const setting of [...state.settings()]) {
    if (setting.kind === 'agent' && setting.dispatcher === id)
      state.set(agentKey(id, setting.queue, setting.name), undefined);
  }
  state.set(defaultsKey(id), undefined);
  state.set(pingKey(id), undefined);
  state.set(dispatcherKey(id), undefined);
  tellDispatcher(decision, 'unregistered', id);
}

/**
 * Fails the unfinished jobs bound to this dispatcher (broadcast copies and maps that it fed), but
 * not those waiting for a returned job that another may run.
 */
function endBound(decision: Decision, id: Id): void {
  for (const job of decision.state.boundTo(id)) {
    if (job.outcome !== 'none' || job.stage === 'inner') continue;
    if (job.only === '') {
      abandon(decision, job);
      continue;
    }
    const error = new JobInterruptedError('the job was interrupted: the only dispatcher that may run it has ended');
    conclude(decision, job, ownFailure(decision, error));
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
