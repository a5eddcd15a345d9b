/** `callsheet pause`, `resume`, `drain`, `agent` and `quota`. */
import type { AgentFilter, JobChooser } from '../../definition/filters.js';
import { UnknownAgentError, UnknownQueueError, UnknownQuotaError } from '../../errors.js';
import type { Agent } from '../../runtime/dispatcher.js';
import type { Quota } from '../../runtime/queue.js';
import { callableOf } from '../callable.js';
import { CommandError, exitCodes } from '../exit.js';
import type { Session } from '../session.js';
import type { Column } from '../table.js';
import type { Rate } from '../values.js';
import { callableName, count, counted, duration, escaped, givenName, plain, queueName } from '../words.js';

export async function setPaused({ callsheet, out }: Session, names: readonly string[], paused: boolean) {
  await requireQueues(callsheet, names);
  for (const name of names) {
    await (paused ? callsheet.queue(name).pause() : callsheet.queue(name).resume());
    if (out.isJson) out.json({ queue: name, paused });
    else out.line(`${queueName(name)} ${paused ? 'is paused' : 'goes on'}`);
  }
  return exitCodes.done;
}

/** Nothing is done if one of the queues does not exist. */
async function requireQueues(callsheet: Session['callsheet'], names: readonly string[]): Promise<void> {
  const known = await callsheet.queues();
  for (const name of names)
    if (!known.includes(name)) throw new UnknownQueueError(`there is no queue named ${givenName(name)}`);
}

/** Waits until nothing in the queues is due or running. */
export async function drain(
  { callsheet, out }: Session,
  given: readonly string[],
  { timeout }: { readonly timeout?: number },
): Promise<number> {
  const names = given.length > 0 ? given : await callsheet.queues();
  await requireQueues(callsheet, names);
  const all = Promise.all(names.map(async (queue) => ({ queue, ...(await callsheet.queue(queue).drain()) })));
  const drained = await within(all, timeout);
  for (const { queue, left } of drained) {
    if (out.isJson) out.json({ queue, left });
    else out.line(`${queueName(queue)} is drained`);
    for (const { callable, jobs } of left)
      out.note(`${counted(jobs, 'job')} of ${callableName(callable)} left: the owner does not have this function`);
  }
  return drained.some(({ left }) => left.length > 0) ? exitCodes.failed : exitCodes.done;
}

async function within<T>(work: Promise<T>, ms: number | undefined): Promise<T> {
  if (ms === undefined) return work;
  let timer: NodeJS.Timeout;
  const late = new Promise<never>((_, reject) => {
    const error = () => new CommandError(exitCodes.timedOut, `there are still jobs after ${duration(ms)}`);
    timer = setTimeout(() => reject(error()), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

export async function listAgents({ callsheet, out }: Session, queue: string | undefined): Promise<number> {
  const names = queue === undefined ? await callsheet.queues() : [queue];
  const agents = (await Promise.all(names.map((name) => callsheet.queue(name).agents()))).flat();
  const columns: Column<Agent>[] = [
    { title: 'QUEUE', of: (agent) => queueName(agent.queue), cut: true },
    { title: 'AGENT', of: ({ name }) => escaped(name), cut: true },
    { title: 'SIZE', of: ({ size }) => count(size), right: true },
    { title: 'RUNNING', of: ({ running }) => count(running.length), right: true },
    { title: 'FILTER', of: ({ filter }) => (filter === undefined ? '' : plain(JSON.stringify(filter))), cut: true },
    { title: 'CHOOSER', of: ({ chooser }) => plain(chooser ?? ''), cut: true },
    { title: 'DISPATCHER', of: ({ dispatcher }) => dispatcher },
    { title: 'PROBLEM', of: ({ problem }) => plain(problem?.message ?? ''), cut: true },
  ];
  out.rows(agents, columns, 'there are no agents');
  return exitCodes.done;
}

interface OfDispatcher {
  readonly dispatcher?: string;
}

/** Adds an agent, or changes its size. Its filter, chooser and policies stay. */
export async function setAgent(
  session: Session,
  queue: string,
  name: string,
  { size, dispatcher }: OfDispatcher & { readonly size: number },
): Promise<number> {
  const { callsheet, out } = session;
  const owner = dispatcher ?? (await ownerOf(session));
  const there = (await callsheet.queue(queue).agents()).find(
    (agent) => agent.name === name && agent.dispatcher === owner,
  );
  await callsheet.queue(queue).setAgent(name, { ...(there && asGiven(there)), size, dispatcher: owner });
  if (out.isJson) out.json({ queue, name, size, dispatcher: owner });
  else out.line(`the agent ${escaped(name)} of ${queueName(queue)} has size ${count(size)}`);
  return exitCodes.done;
}

/** Returns the dispatcher whose agents are meant if none is named. */
async function ownerOf({ callsheet, place }: Session): Promise<string> {
  if ('directory' in place) return (await callsheet.monitor.status()).id;
  throw new CommandError(
    exitCodes.usage,
    'a database has no owner: name one of its dispatchers with --dispatcher; agent list shows them',
  );
}

/** Returns the options of an agent as they were given: functions instead of their names. */
function asGiven({ filter, chooser, retry }: Agent) {
  const policies = Object.entries(retry).map(([kind, policy]) => {
    const isFunction = typeof policy === 'string' && /^[^{#]+#/.test(policy);
    return [kind, isFunction ? callableOf(policy) : policy];
  });
  const { by, ...data } = filter ?? {};
  return {
    ...(filter === undefined
      ? {}
      : { filter: (by === undefined ? data : { ...data, by: callableOf(by) }) as AgentFilter }),
    ...(chooser === undefined ? {} : { chooser: callableOf(chooser) as JobChooser }),
    retry: Object.fromEntries(policies) as Agent['retry'],
  };
}

export async function removeAgent(
  session: Session,
  queue: string,
  name: string,
  options: OfDispatcher,
): Promise<number> {
  const { callsheet, out } = session;
  const { dispatcher = await ownerOf(session) } = options;
  const agents = await callsheet.queue(queue).agents();
  if (!agents.some((agent) => agent.name === name && agent.dispatcher === dispatcher))
    throw new UnknownAgentError(`there is no agent named ${givenName(name)} in ${queueName(queue)}`);
  await callsheet.queue(queue).removeAgent(name, { dispatcher });
  if (out.isJson) out.json({ queue, name, removed: true });
  else out.line(`the agent ${escaped(name)} of ${queueName(queue)} is removed`);
  return exitCodes.done;
}

export async function listQuotas({ callsheet, out }: Session, queue: string | undefined): Promise<number> {
  const names = queue === undefined ? await callsheet.queues() : [queue];
  const found = await Promise.all(
    names.map(async (name) => (await callsheet.queue(name).quotas()).map((quota) => ({ queue: name, ...quota }))),
  );
  const columns: Column<Quota & { readonly queue: string }>[] = [
    { title: 'QUEUE', of: (quota) => queueName(quota.queue), cut: true },
    { title: 'QUOTA', of: ({ name }) => escaped(name), cut: true },
    { title: 'SIZE', of: ({ size }) => count(size), right: true },
    { title: 'HELD', of: ({ holders }) => count(holders.length), right: true },
    { title: 'RATE', of: ({ rate }) => (rate === undefined ? '' : `${rate.count}/${duration(rate.periodMs)}`) },
  ];
  out.rows(found.flat(), columns, 'there are no quotas');
  return exitCodes.done;
}

export interface QuotaFlags {
  readonly size?: number;
  readonly rate?: Rate | 'none';
}

/** Adds a quota, or changes its given limits. */
export async function setQuota({ callsheet, out }: Session, queue: string, name: string, given: QuotaFlags) {
  const there = (await callsheet.queue(queue).quotas()).find((quota) => quota.name === name);
  if (there === undefined && given.size === undefined && given.rate === undefined)
    throw new CommandError(exitCodes.usage, 'give a new quota its --size (1 by default), its --rate or both');
  const size = given.size ?? there?.size;
  const rate = given.rate === 'none' ? undefined : (given.rate ?? there?.rate);
  await callsheet
    .queue(queue)
    .setQuota(name, { ...(size === undefined ? {} : { size }), ...(rate === undefined ? {} : { rate }) });
  if (out.isJson) out.json({ queue, name, size, rate });
  else out.line(`the quota ${escaped(name)} of ${queueName(queue)} is set`);
  return exitCodes.done;
}

export async function removeQuota({ callsheet, out }: Session, queue: string, name: string): Promise<number> {
  const quotas = await callsheet.queue(queue).quotas();
  if (!quotas.some((quota) => quota.name === name))
    throw new UnknownQuotaError(`there is no quota named ${givenName(name)} in ${queueName(queue)}`);
  await callsheet.queue(queue).removeQuota(name);
  if (out.isJson) out.json({ queue, name, removed: true });
  else out.line(`the quota ${escaped(name)} of ${queueName(queue)} is removed`);
  return exitCodes.done;
}
