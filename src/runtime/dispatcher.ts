/**
 * Dispatchers and agents, as their users see them: as data, as they stand when they are asked for.
 */

import { idFromText, idToText } from '../codec/id.js';
import type { AgentFilter, Id } from '../core/records.js';
import type { RetryDefaults } from '../definition/options.js';
import { invalidOption } from '../errors.js';
import type { AgentInfo, DispatcherInfo } from '../protocol/messages.js';

/** An agent: who claims for a dispatcher in a queue. */
export interface Agent {
  /** The id of the dispatcher whose it is. */
  readonly dispatcher: string;
  readonly queue: string;
  readonly name: string;
  /** On how many threads it has jobs at most. */
  readonly size: number;
  /** What it takes; undefined: everything. */
  readonly filter: AgentFilter | undefined;
  /** The function that chooses for it: `module#export`. */
  readonly chooser: string | undefined;
  /**
   * What becomes of its jobs that do not say it themselves; of own policies, their `module#export`.
   */
  readonly retry: RetryDefaults;
  /** What is wrong with its filter or chooser, and since when; as its own dispatcher knows it. */
  readonly problem: { readonly message: string; readonly since: Date } | undefined;
  /** The ids of the jobs that it has claimed. */
  readonly running: readonly string[];
}

/** A dispatcher: a process that runs jobs, or did. */
export interface Dispatcher {
  /** The id of its runtime: the same over restarts. */
  readonly id: string;
  /** Where it runs, or ran last. */
  readonly host: string;
  readonly pid: number;
  /** Whether it works. One that died is active until another notices. */
  readonly active: boolean;
  readonly activatedAt: Date;
  /** When it last said that it is alive. */
  readonly lastPingAt: Date;
  /** Its agents, in all queues. */
  readonly agents: readonly Agent[];
}

/** @internal */
export function agentFrom({
  dispatcher,
  queue,
  name,
  size,
  filter,
  chooser,
  retry,
  problem,
  running,
}: AgentInfo): Agent {
  const shown = { queue, name, size, filter: filter ?? undefined, chooser: chooser ?? undefined };
  const trouble = problem === null ? undefined : { ...problem, since: new Date(problem.since) };
  return {
    dispatcher: idToText(dispatcher),
    ...shown,
    retry: retry as RetryDefaults,
    problem: trouble,
    running: running.map(idToText),
  };
}

/** @internal */
export function dispatcherFrom({ id, activatedAt, lastPingAt, agents, ...rest }: DispatcherInfo): Dispatcher {
  return {
    id: idToText(id),
    ...rest,
    activatedAt: new Date(activatedAt),
    lastPingAt: new Date(lastPingAt),
    agents: agents.map(agentFrom),
  };
}

/** @internal */
export function dispatcherId(path: string, text: string): Id {
  const isText = typeof text === 'string';
  const id = isText ? idFromText(text) : undefined;
  if (id === undefined)
    throw invalidOption(path, 'must be the id of a dispatcher, a UUID', text, isText ? RangeError : TypeError);
  return id;
}
