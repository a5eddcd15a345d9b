/**
 * Checks messages of a client in another process, which may be of any make: each has a shape that
 * the coordinator handles, before it sees it. Its meaning is decided as for any client.
 *
 * The tables name every field of every message, and the compiler compares them with the types.
 */

import { isId } from '../codec/id.js';
import { MOST_LIMIT_BYTES } from '../codec/payload-format.js';
import { isWellFormed } from '../codec/storable.js';
import type { JobOptions } from '../core/commands.js';
import {
  deepestJob,
  highestNumber,
  longestKey,
  longestMs,
  longestName,
  longestPolicy,
  mostCells,
  mostNames,
  mostTicks,
} from '../core/limits.js';
import {
  type AgentFilter,
  jobRoles,
  jobStatuses,
  levels,
  logThresholds,
  missedPolicies,
  overlapPolicies,
  type RetryDefaults,
  type ScheduleSettings,
} from '../core/records.js';
import type { PlaceInLine } from '../core/state/view.js';
import type { ClientMessage, Query, ScheduleCommand, WalkingQuery, WireCommand, WireJob } from './messages.js';
import {
  type BulkAction,
  countedOutcomes,
  countFields,
  failureFields,
  jobOrders,
  type KindFilter,
  type PlaceInOrder,
  statFields,
  type WireFilter,
} from './monitor.js';
import { isTrace } from './stored-call.js';

/** A message is not one of this protocol. The message names the place and the rule. */
export class BadMessageError extends Error {}

/** Throws `BadMessageError` unless the value fits. */
type Check = (value: unknown, path: string) => void;
type Fields<T> = { readonly [key in Exclude<keyof T, 'type'>]-?: Check };
type ByType<T extends { readonly type: string }> = { readonly [type in T['type']]: Fields<Extract<T, { type: type }>> };

const longestText = 65_536;
/** Elements of a list. More do not fit in a message. */
const mostItems = 2 ** 24;
/** A pair of callbacks is a level of its own. */
const deepest = 2 * deepestJob + 1;
/** A quota as records spell it: its name, a zero character and its key. */
const longestQuota = 2 * longestKey + 1;

function refuse(path: string, rule: string): never {
  throw new BadMessageError(`${path} ${rule}`);
}

const textOf =
  (most: number, least = 0): Check =>
  (value, path) => {
    if (typeof value !== 'string' || value.length < least || value.length > most || !isWellFormed(value))
      refuse(path, `must be a text of ${least} to ${most} characters`);
  };
const text = textOf(longestText);
const name = textOf(longestName);
/** A part of stored keys, which a zero character separates. */
const keyName: Check = (value, path) => {
  textOf(longestName, 1)(value, path);
  if ((value as string).includes('\0')) refuse(path, 'must have no zero character');
};

const numberOf =
  (least: number, most: number, isWhole: boolean): Check =>
  (value, path) => {
    const fits = typeof value === 'number' && value >= least && value <= most;
    if (!fits || (isWhole && !Number.isInteger(value)))
      refuse(path, `must be ${isWhole ? 'an integer' : 'a number'} from ${least} to ${most}`);
  };
const count = numberOf(0, highestNumber, true);
const size = numberOf(1, highestNumber, true);
const duration = numberOf(0, longestMs, false);
const time = numberOf(0, 2 ** 53, false);
const finite = numberOf(-Number.MAX_VALUE, Number.MAX_VALUE, false);
const anyNumber = numberOf(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, false);

const boolean: Check = (value, path) => {
  if (typeof value !== 'boolean') refuse(path, 'must be true or false');
};
const bytes: Check = (value, path) => {
  if (!(value instanceof Uint8Array) || value.byteLength > MOST_LIMIT_BYTES)
    refuse(path, `must be at most ${MOST_LIMIT_BYTES} bytes`);
};
const id: Check = (value, path) => {
  if (typeof value !== 'string' || value.length !== 16 || /[^\0-\xff]/.test(value) || !isId(value))
    refuse(path, 'must be a UUID');
};
const oneOf =
  (names: readonly string[]): Check =>
  (value, path) => {
    if (!names.includes(value as string)) refuse(path, `must be one of ${names.join(', ')}`);
  };
const nullOr =
  (check: Check): Check =>
  (value, path) =>
    value === null || check(value, path);
const optional =
  (check: Check): Check =>
  (value, path) =>
    value === undefined || check(value, path);

const listOf =
  (check: Check, most = mostItems): Check =>
  (value, path) => {
    if (!Array.isArray(value) || value.length > most) refuse(path, `must be a list of at most ${most}`);
    for (let index = 0; index < value.length; index++) check(value[index], `${path}[${index}]`);
  };

/** Checks an object with these fields and no others; also with a `type`, if it was checked. */
const recordOf =
  (fields: Readonly<Record<string, Check>>, type?: 'type'): Check =>
  (value, path) => {
    if (Object.prototype.toString.call(value) !== '[object Object]') refuse(path, 'must be an object');
    const record = value as Record<string, unknown>;
    for (const key of Object.keys(record))
      if (key !== type && !Object.hasOwn(fields, key)) refuse(path, `must have no field ${JSON.stringify(key)}`);
    for (const [key, check] of Object.entries(fields))
      check(Object.hasOwn(record, key) ? record[key] : undefined, `${path}.${key}`);
  };

const byType =
  (types: Readonly<Record<string, Readonly<Record<string, Check>>>>): Check =>
  (value, path) => {
    const type: unknown = (value as { type?: unknown } | null | undefined)?.type;
    if (typeof type !== 'string' || !Object.hasOwn(types, type)) refuse(`${path}.type`, 'is unknown');
    recordOf(types[type]!, 'type')(value, path);
  };

const queue = name;
const quota = textOf(longestQuota, 1);
/** `module#export`. A module may export long names. */
const callable = text;
const level = oneOf(levels);
const again = optional(boolean);

const jobOptions: Fields<JobOptions> = {
  only: optional(id),
  priority: optional(finite),
  quotas: optional(listOf(quota)),
  policy: optional(textOf(longestPolicy)),
  beginAfter: optional(time),
  delayed: optional(boolean),
  beginByMs: optional(duration),
  timeoutMs: optional(duration),
  log: optional(oneOf(logThresholds)),
  unique: optional(name),
  replace: optional(boolean),
  held: optional(boolean),
  refers: optional(listOf(id)),
};
const options = recordOf(jobOptions);

/** The place of a job in its message decides its form and its role. */
type JobPlace = 'item' | 'callback' | 'side';

const jobAt =
  (place: JobPlace, depth = 0): Check =>
  (value, path) => {
    if (!Array.isArray(value) || value.length < 7 || value.length > 8) refuse(path, 'must be a job');
    if (depth > deepest) refuse(path, `must be nested at most ${deepest} deep`);
    const [job, form, called, args, given, parts, callbacks, role] = value as WireJob;
    id(job, `${path}.id`);
    oneOf(place === 'callback' ? [...forms, 'choice'] : forms)(form, `${path}.form`);
    callable(called, `${path}.callable`);
    if ((called === '') !== (form !== 'call') && form !== 'serial' && form !== 'parallel' && form !== 'map')
      refuse(`${path}.callable`, `does not fit the form ${form}`);
    nullOr(bytes)(args, `${path}.args`);
    nullOr(options)(given, `${path}.options`);
    const most = form === 'choice' ? 2 : form === 'call' || form === 'map' ? 0 : mostItems;
    listOf(jobAt(form === 'choice' ? 'side' : 'item', depth + 1), most)(parts, `${path}.parts`);
    listOf(jobAt('callback', depth + 1))(callbacks, `${path}.callbacks`);
    if (place === 'side') oneOf(['onSuccess', 'onFailure'])(role, `${path}.role`);
    else if (role !== undefined && role !== null) refuse(`${path}.role`, 'must be left out');
  };
const forms = ['call', 'serial', 'parallel', 'map'];
const job = jobAt('item');

const filter: Fields<AgentFilter> = {
  callables: optional(listOf(name)),
  modules: optional(listOf(name)),
  quotas: optional(listOf(name)),
  minPriority: optional(anyNumber),
  maxPriority: optional(anyNumber),
  by: optional(callable),
};
const retry: Fields<RetryDefaults> = {
  jobs: optional(textOf(longestPolicy)),
  callbacks: optional(textOf(longestPolicy)),
};

/** An error and its classes. */
const errorNames = optional(listOf(text, longestName));
const inner = {
  put: { queue, jobs: listOf(job), again },
  remove: { job: id, queue: optional(queue) },
  putAgain: { job: id, queue },
  addCallbacks: { job: id, callbacks: listOf(jobAt('callback')), again },
  addParts: { job: id, parts: listOf(job), again },
};
/** The extent of a retry. */
const extent = { parts: oneOf(['failed', 'all']), callbacks: oneOf(['again', 'none']) };
const trace: Check = (value, path) => {
  if (!isTrace(value)) refuse(path, 'must be a trace');
};
const commands: ByType<WireCommand> = {
  ...inner,
  all: { commands: listOf(byType(inner)) },
  feed: { job: id, from: count, chunk: id, parts: listOf(job), again },
  endInput: { job: id, failure: nullOr(bytes), names: errorNames, again },
  change: { job: id, args: optional(nullOr(bytes)), options },
  fail: { job: id, failure: bytes, names: errorNames },
  cancel: { job: id },
  retry: {
    job: id,
    args: optional(nullOr(bytes)),
    options,
    ...extent,
    trace: optional(trace),
  },
  createQueue: { name: keyName },
  removeQueue: { name: queue },
  pauseQueue: { name: queue, paused: boolean },
  boundQueue: { name: queue, bound: count },
  setQuota: { queue, name: keyName, size, rate: count, ratePeriodMs: duration },
  removeQuota: { queue, name: keyName },
  setAgent: {
    dispatcher: id,
    queue,
    name: keyName,
    size,
    filter: nullOr(recordOf(filter)),
    chooser: optional(callable),
    retry: recordOf(retry),
  },
  removeAgent: { dispatcher: id, queue, name: keyName },
  unregister: { dispatcher: id },
  annotate: { job: id, name: textOf(longestName, 1), value: nullOr(bytes) },
};

const namesOf: Check = (value, path) => (Array.isArray(value) ? listOf(name, mostNames) : optional(name))(value, path);
const kindFilter: Fields<KindFilter> = { queue: namesOf, callable: namesOf };
const kinds = recordOf(kindFilter);
const interval: Check = optional(recordOf({ from: optional(anyNumber), to: optional(anyNumber) }));
const statuses: Check = (value, path) =>
  (Array.isArray(value) ? listOf(oneOf(jobStatuses), mostNames) : optional(oneOf(jobStatuses)))(value, path);
const jobQuery: Fields<WireFilter> = {
  ...kindFilter,
  id: optional(name),
  status: statuses,
  outcome: optional(oneOf(countedOutcomes)),
  role: optional(oneOf(jobRoles)),
  error: namesOf,
  parent: optional(id),
  agent: optional(name),
  dispatcher: optional(id),
  quota: optional(quota),
  unique: optional(name),
  retried: optional(boolean),
  annotation: optional(recordOf({ name, value: optional(bytes) })),
  where: optional(callable),
  due: interval,
  put: interval,
  started: interval,
  ended: interval,
  completed: interval,
};
const ofFilter = { filter: recordOf(jobQuery) };
const bulkActions: ByType<BulkAction> = {
  retry: { ...ofFilter, options, ...extent },
  cancel: ofFilter,
  forget: ofFilter,
};
const placeInLine: Fields<PlaceInLine> = {
  dueAt: time,
  priority: finite,
  front: boolean,
  alone: boolean,
  eligible: count,
  id,
};
const placeInOrder: Fields<PlaceInOrder> = { ...placeInLine, putAt: time, completedAt: time };

const limits = { from: optional(finite), until: optional(finite) };
const spec: Check = (value, path) =>
  (typeof value === 'object' && value !== null && 'cron' in value
    ? recordOf({ cron: name, zone: name, ...limits })
    : recordOf({ everyMs: numberOf(1, longestMs, false), anchor: anyNumber, ...limits }))(value, path);
const schedule: Fields<ScheduleSettings> = {
  name: keyName,
  queue,
  spec,
  missed: oneOf(missedPolicies),
  windowMs: duration,
  overlap: oneOf(overlapPolicies),
  jitterMs: duration,
  pauseOnFailure: boolean,
  declared: boolean,
  digest: name,
};
const schedules: ByType<ScheduleCommand> = {
  setSchedule: { settings: recordOf(schedule), template: recordOf({ id, args: bytes }), job },
  removeSchedule: { name: keyName },
  pauseSchedule: { name: keyName, paused: boolean },
  runTicks: { name: keyName, ticks: optional(listOf(time, mostTicks)) },
};

const queries: ByType<Query | WalkingQuery> = {
  job: { job: id },
  arguments: { job: id },
  annotations: { job: id },
  completed: { job: id, from: count, reader: oneOf(['client']) },
  queues: {},
  queue: { queue },
  quotas: { queue },
  agents: { queue },
  dispatchers: {},
  completedBy: { queue, dispatcher: id, name: keyName, from: anyNumber, to: anyNumber, limit: anyNumber },
  figures: {},
  schedules: { name: optional(keyName) },
  tick: { job: id },
  jobs: {
    filter: recordOf(jobQuery),
    order: oneOf(jobOrders),
    limit: size,
    after: optional(recordOf(placeInOrder)),
  },
  fullJob: { job: id, log: boolean },
  parts: { job: id, cells: numberOf(1, mostCells, true) },
  explain: { job: id },
  active: {},
  queueStatus: { queue: namesOf, limit: size },
  threads: { since: anyNumber },
  status: {},
  failures: {
    filter: recordOf(jobQuery),
    by: listOf(oneOf(failureFields), failureFields.length),
    since: anyNumber,
    limit: size,
    stepMs: anyNumber,
  },
  bulkCount: { action: byType(bulkActions) },
  counts: { filter: kinds, by: listOf(oneOf(countFields), countFields.length) },
  functions: {},
  totals: {},
  stats: {
    filter: kinds,
    by: listOf(oneOf(statFields), statFields.length),
    from: anyNumber,
    to: anyNumber,
    stepMs: duration,
  },
  line: {
    queue,
    skip: count,
    count: size,
    after: optional(recordOf(placeInLine)),
  },
};

/** The fields of each message, after its type and the number of its request. */
const messages: { readonly [type in ClientMessage[0]]: readonly Check[] } = {
  puts: [queue, level, listOf(job), again],
  do: [level, byType(commands)],
  schedule: [level, byType(schedules)],
  outcome: [id],
  ask: [byType(queries)],
  annotation: [id, name, anyNumber],
  fed: [id, anyNumber],
  drained: [nullOr(queue)],
  bulk: [count, nullOr(byType(bulkActions))],
  endBulk: [count],
  subscribe: [count, size],
  events: [count],
  unsubscribe: [count],
  hold: [id, id, listOf(id)],
  release: [id],
  posting: [],
  close: [anyNumber],
};

/** Returns the value as a message. Throws `BadMessageError`. */
export function messageFromOutside(value: unknown): ClientMessage {
  if (!Array.isArray(value)) refuse('message', 'must be a list');
  const [type, request, ...fields] = value as unknown[];
  if (typeof type !== 'string' || !Object.hasOwn(messages, type)) refuse('message', 'has an unknown type');
  const checks = messages[type as ClientMessage[0]];
  size(request, `${type}.request`);
  const fewest = type === 'puts' ? checks.length - 1 : checks.length;
  if (fields.length < fewest || fields.length > checks.length)
    refuse(type, `must have ${fewest} fields after its request`);
  for (const [index, check] of checks.entries()) check(fields[index], `${type}[${index}]`);
  if (type === 'puts' && (fields[2] as unknown[]).length === 0) refuse(type, 'must have a job');
  return value as ClientMessage;
}
