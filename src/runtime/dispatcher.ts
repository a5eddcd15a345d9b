/** The public data of dispatchers and agents, as of the request. */

import { idFromText, idToText } from '../codec/id.js';
import type { AgentFilter, Id } from '../core/records.js';
import type { RetryDefaults } from '../definition/options.js';
import { invalidOption } from '../errors.js';
import type { AgentInfo, DispatcherInfo } from '../protocol/messages.js';

/** An agent: claims jobs of one queue for a dispatcher. */
export interface Agent {
  /** The id of the dispatcher to which it belongs. */
  readonly dispatcher: string;
  readonly queue: string;
  readonly name: string;
  /** Maximum number of threads on which it runs jobs. */
  readonly size: number;
  /** The jobs that it may claim; `undefined` for all. */
  readonly filter: AgentFilter | undefined;
  /** The function that chooses its next job: `module#export`. */
  readonly chooser: string | undefined;
  /**
   * The retry policies of its jobs that have none of their own. A policy function is shown as
   * `module#export`.
   */
  readonly retry: RetryDefaults;
  /** The problem with its filter or chooser, and since when, as its own dispatcher knows it. */
  readonly problem: { readonly message: string; readonly since: Date } | undefined;
  /** The ids of the jobs that it has claimed. */
  readonly running: readonly string[];
}

/** A dispatcher: a process that runs jobs, or did. */
export interface Dispatcher {
  /** The id of its runtime, the same after a restart. */
  readonly id: string;
  /** The host on which it runs, or ran last. */
  readonly host: string;
  readonly pid: number;
  /** `true` if it is at work. One that died stays active until another dispatcher notices. */
  readonly active: boolean;
  readonly activatedAt: Date;
  /** When it last sent a sign of life. */
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
