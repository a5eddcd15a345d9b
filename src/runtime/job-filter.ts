/** Filters of jobs as users give them, and cursors of the lists that they select. */
import { createHash } from 'node:crypto';
import { idToText, isId } from '../codec/id.js';
import { highestNumber, mostNames } from '../core/limits.js';
import { type Id, type JobStatus, jobRoles, jobStatuses } from '../core/records.js';
import { encodeAnnotation } from '../definition/annotations.js';
import { checkArray, checkBoolean, checkOneOf, checkText } from '../definition/arguments.js';
import type { EncodeContext } from '../definition/encode.js';
import { functionName, type JobFilter } from '../definition/filters.js';
import { checkOptions, type OptionNames } from '../definition/known-options.js';
import { checkAnnotationName, checkJobId, checkLookedFor, checkName } from '../definition/names.js';
import { quotaKeyFrom } from '../definition/options.js';
import { invalidOption } from '../errors.js';
import { checkKnown } from '../protocol/known-functions.js';
import {
  countedOutcomes,
  type Interval,
  intervalNames,
  type JobOrder,
  type KindFilter,
  type PlaceInOrder,
  type JobQuery as Query,
  type WireFilter,
} from '../protocol/monitor.js';
import { dispatcherId } from './dispatcher.js';
import { timeOf } from './time.js';

/** Every field that is given must fit. */
export type JobQuery = Query<Date, JobFilter>;

const kindNames: OptionNames<KindFilter> = { queue: true, callable: true };
const filterNames: OptionNames<JobQuery> = {
  ...kindNames,
  ...{
    id: true,
    status: true,
    outcome: true,
    role: true,
    error: true,
    parent: true,
    agent: true,
    dispatcher: true,
    quota: true,
  },
  ...{ unique: true, retried: true, annotation: true, where: true },
  ...{ put: true, due: true, started: true, ended: true, completed: true },
};

/** Checks a filter by queue and callable only, and returns it as it is sent. */
export function wireKinds(filter: KindFilter): KindFilter {
  checkOptions('filter', filter, kindNames);
  const { queue, callable } = filter;
  checkNames({ queue, callable } as NamedFilter);
  return withoutUndefined({ queue, callable }) as KindFilter;
}

/** Checks a filter of jobs, and returns it as it is sent. */
export function wireFilter(filter: JobQuery, { reference, modules }: EncodeContext): WireFilter {
  checkOptions('filter', filter, filterNames);
  const { id, queue, callable, status, outcome, role, error, parent, agent } = filter;
  const { dispatcher, quota, unique, retried, annotation, where } = filter;
  checkNames({ queue, callable, error } as NamedFilter);
  if (Array.isArray(status)) {
    checkArray('filter.status', status, 'statuses', mostNames);
    for (const [index, one] of status.entries()) checkOneOf(`filter.status[${index}]`, one, jobStatuses);
  } else if (status !== undefined) checkOneOf('filter.status', status as JobStatus, jobStatuses);
  if (id !== undefined) checkText('filter.id', id, 'must be the first digits of an id', (text) => idForm.test(text));
  if (outcome !== undefined) checkOneOf('filter.outcome', outcome, countedOutcomes);
  if (role !== undefined) checkOneOf('filter.role', role, jobRoles);
  if (agent !== undefined) checkName('filter.agent', agent);
  if (retried !== undefined) checkBoolean('filter.retried', retried);
  if (unique !== undefined) checkLookedFor('filter.unique', unique, '');
  return withoutUndefined({
    ...{ queue, callable, status, outcome, role, error, agent, unique, retried },
    id: id?.replaceAll('-', '').toLowerCase(),
    parent: parent === undefined ? undefined : checkJobId(parent),
    dispatcher: dispatcher === undefined ? undefined : dispatcherId('filter.dispatcher', dispatcher),
    quota: quota === undefined ? undefined : quotaKeyFrom(quota, 'filter.quota'),
    where:
      where === undefined
        ? undefined
        : functionName(where, 'filter.where', (callable) => checkKnown(modules, callable, 'filter.where.')),
    annotation: annotation === undefined ? undefined : wireAnnotation(annotation, reference),
    ...Object.fromEntries(intervalNames.map((name) => [name, wireInterval(`filter.${name}`, filter[name])])),
  }) as WireFilter;
}

const idForm = /^[\da-f][\da-f-]{0,35}$/i;

const withoutUndefined = (fields: object) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

function wireAnnotation(
  annotation: NonNullable<JobQuery['annotation']>,
  reference: EncodeContext['reference'],
): NonNullable<WireFilter['annotation']> {
  if (typeof annotation === 'string') {
    checkAnnotationName(annotation);
    return { name: annotation };
  }
  checkOptions('filter.annotation', annotation, { name: true, value: true });
  const { name, value } = annotation;
  return { name, value: encodeAnnotation(name, value, reference) };
}

function wireInterval(path: string, interval: Interval<Date> | undefined): Interval<number> | undefined {
  if (interval === undefined) return undefined;
  checkOptions(path, interval, { from: true, to: true });
  const { from, to } = interval;
  const times = {
    from: from === undefined ? undefined : timeOf(`${path}.from`, from),
    to: to === undefined ? undefined : timeOf(`${path}.to`, to),
  };
  if (times.from !== undefined && times.to !== undefined && times.to < times.from)
    throw invalidOption(`${path}.to`, 'must not be before `from`', to, RangeError);
  return withoutUndefined(times);
}

type NamedFilter = Pick<JobQuery, 'queue' | 'callable' | 'error'>;

function checkNames(filter: NamedFilter): void {
  for (const name of ['queue', 'callable', 'error'] as const) {
    const names = filter[name];
    if (names === undefined) continue;
    const path = `filter.${name}`;
    if (Array.isArray(names)) {
      checkArray(path, names, 'strings', mostNames);
      for (const [index, one] of names.entries()) checkLookedFor(`${path}[${index}]`, one, '');
    } else checkLookedFor(path, names, ', or an array of them');
  }
}

/** A list that is read in pages. */
export interface List {
  readonly runtime: Id;
  readonly order: JobOrder;
  readonly filter: WireFilter;
}

/** Makes a cursor, which is opaque to users: the place of the last job, and the list. */
export function cursorFrom(place: PlaceInOrder, { runtime, order, filter }: List): string {
  const id = Buffer.from(place.id, 'latin1').toString('hex');
  const cursor = [idToText(runtime), order, digestOf(filter), { ...place, id }];
  return Buffer.from(JSON.stringify(cursor)).toString('base64url');
}

/** Returns the place of a cursor. Refuses one of another list. */
export function placeFrom(cursor: string, { runtime, order, filter }: List): PlaceInOrder {
  const rule = 'must be `next` of a page';
  checkText('cursor', cursor, rule, () => true);
  const parsed = parse(cursor);
  if (parsed === undefined) throw invalidOption('cursor', rule, cursor, RangeError);
  const other = (of: string) => invalidOption('cursor', `${rule} of the same ${of}`, cursor, RangeError);
  if (parsed.runtime !== idToText(runtime)) throw other('runtime');
  if (parsed.order !== order) throw other('order');
  if (parsed.digest !== digestOf(filter)) throw other('filter');
  return parsed.place;
}

function parse(cursor: string): { runtime: string; order: string; digest: string; place: PlaceInOrder } | undefined {
  try {
    const [runtime, order, digest, place] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as [
      string,
      string,
      string,
      PlaceInOrder,
    ];
    const { dueAt, putAt, completedAt, priority, front, alone, eligible } = place;
    const id = Buffer.from(place.id, 'hex').toString('latin1');
    const fits =
      [dueAt, putAt, completedAt].every((time) => Number.isFinite(time) && time >= 0 && time < 2 ** 53) &&
      Number.isFinite(priority) &&
      [front, alone].every((flag) => typeof flag === 'boolean') &&
      Number.isInteger(eligible) &&
      eligible >= 0 &&
      eligible <= highestNumber;
    if (!fits || !/^[0-9a-f]{32}$/.test(place.id) || !isId(id)) return undefined;
    const times = { dueAt, putAt, completedAt };
    return { runtime, order, digest, place: { ...times, priority, front, alone, eligible, id } };
  } catch {
    return undefined;
  }
}

/** Equal for equal filters. */
function digestOf(filter: WireFilter): string {
  const fields = Object.entries(filter).sort(([a], [b]) => (a < b ? -1 : 1));
  const text = JSON.stringify(fields, (_, value) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
  );
  return createHash('sha256').update(text, 'utf8').digest('base64url').slice(0, 16);
}
