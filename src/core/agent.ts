/** Agents. Each claims jobs of one queue for one dispatcher, up to its size. */

import { JobStatusError, UnknownAgentError } from '../errors.js';
import type { Command } from './commands.js';
import type { Decision } from './decision.js';
import { type AgentFilter, type AgentRecord, agentKey, type Id, quotaName } from './records.js';
import type { Lane } from './state/lanes.js';

/** The agent that `open` installs in every queue. */
export const mainAgent = 'main';

export function setAgent({ state }: Decision, agent: AgentRecord): void {
  state.set(agentKey(agent.dispatcher, agent.queue, agent.name), agent);
}

export function installAgent(decision: Decision, command: Extract<Command, { type: 'installAgent' }>): void {
  const { dispatcher, queue, name, size, wins } = command;
  const there = decision.state.setting(agentKey(dispatcher, queue, name)) as AgentRecord | undefined;
  if (there === undefined)
    setAgent(decision, { kind: 'agent', dispatcher, queue, name, size, filter: null, retry: {} });
  else if (wins && there.size !== size) setAgent(decision, { ...there, size });
}

/** Refused while the agent has running jobs. */
export function removeAgent({ state }: Decision, dispatcher: Id, queue: string, name: string): void {
  const key = agentKey(dispatcher, queue, name);
  if (state.setting(key) === undefined) throw new UnknownAgentError(`there is no agent named ${JSON.stringify(name)}`);
  if (state.runningCount(key) > 0) throw new JobStatusError(`the agent ${JSON.stringify(name)} has running jobs`);
  state.set(key, undefined);
}

/** `true` if the dispatcher may claim the job, or the jobs of the lane. */
export const isFor = ({ only }: { readonly only: Id }, dispatcher: Id) => only === '' || only === dispatcher;

/** The data of a filter: all but its function, which is asked elsewhere. */
export type FilterTerm = Exclude<keyof AgentFilter, 'by'>;

/** Returns the first term of the filter's data that refuses the lane; `undefined` if none does. */
export function refusingTerm(filter: AgentFilter | null, lane: Lane): FilterTerm | undefined {
  if (filter === null) return undefined;
  const { callables, modules, quotas, minPriority, maxPriority } = filter;
  if (callables !== undefined && !callables.includes(lane.callable)) return 'callables';
  if (modules !== undefined && !modules.includes(lane.callable.split('#', 1)[0]!)) return 'modules';
  if (quotas !== undefined && !lane.quotas.some((key) => quotas.includes(quotaName(key)))) return 'quotas';
  if (minPriority !== undefined && lane.priority < minPriority) return 'minPriority';
  return maxPriority !== undefined && lane.priority > maxPriority ? 'maxPriority' : undefined;
}
