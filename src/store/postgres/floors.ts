/**
 * Floors: how far the beginning of an index is known to be empty.
 *
 * A row that leaves an index stays in it until vacuum may take it away, and one old snapshot keeps
 * vacuum from that. A read of the first rows would walk over all that have left. So a process
 * remembers the position of the first row that it found in each index that it reads from the
 * beginning, and begins there the next time.
 *
 * A row may come before that: a job of a higher priority or one that is put back, one of a
 * transaction that drew its position early and committed late. The process that commits such a row
 * tells its position with the notification, and all lower their floors: so the row is found as soon
 * as without floors. A lost notification is made up for by the polls, which drop all floors.
 */
import { agentDispatcher, type Id, type JobRecord } from '../../core/records.js';
import { timerOf } from '../../core/state/indices.js';
import type { Place } from '../../core/state/lanes.js';
import { isFailedRoot, rootCompletedAt } from '../shared/columns.js';
import type { News, Writes } from '../shared/database.js';
import { holderOf } from '../shared/wants.js';
import { idFrom, uuidOf } from './values.js';

/** The values of a row in the order of an index. Ids are their hexadecimal digits. */
export type Position = readonly (number | string)[];

/** The indices of times: completed roots, and jobs by their timer. */
const times = { succeeded: true, failed: true, due: true };

/** An index of times or, by the digits of its id, the line of a lane without gates. */
export type IndexName = keyof typeof times | (string & {});

/** The first positions of rows that came, by index. */
export type Positions = ReadonlyMap<IndexName, Position>;

/** Returns a place in line as the values of the columns of its index. */
export const lineValues = ({ priority, front, alone, eligible, id }: Place) =>
  [-priority, front ? 0 : 1, alone ? 0 : 1, eligible, uuidOf(id)!] as const;

export class Floors {
  readonly #floors = new Map<IndexName, Position>();
  readonly #readings = new Set<Reading>();

  /** Must be called before the snapshot is taken from which the rows are read. */
  begin(): Reading {
    const reading = new Reading(this);
    this.#readings.add(reading);
    return reading;
  }

  end(reading: Reading): void {
    this.#readings.delete(reading);
  }

  /** Returns the floors of all lines. */
  ofLines(): Positions {
    return new Map([...this.#floors].filter(([index]) => !(index in times)));
  }

  of(index: IndexName): Position | undefined {
    return this.#floors.get(index);
  }

  raise(index: IndexName, position: Position): void {
    this.#floors.set(index, position);
  }

  /** Rows came, none of them before these positions; undefined if nothing is known of them. */
  lower(came: Positions | undefined): void {
    for (const reading of this.#readings) reading.lower(came);
    if (came === undefined) this.#floors.clear();
    else for (const [index, position] of came) if (this.#floors.has(index)) lowerIn(this.#floors, index, position);
  }
}

/** The reads of one transaction. */
export class Reading {
  readonly #floors: Floors;
  /** The rows that came since it began: its snapshot may not see them. */
  readonly #came = new Map<IndexName, Position>();
  #isOld = false;

  constructor(floors: Floors) {
    this.#floors = floors;
  }

  ofLines(): Positions {
    return this.#floors.ofLines();
  }

  of(index: IndexName): Position | undefined {
    return this.#floors.of(index);
  }

  /** This row is the first one that was found. */
  found(index: IndexName, first: Position): void {
    if (this.#isOld) return;
    const came = this.#came.get(index);
    this.#floors.raise(index, came !== undefined && isBefore(came, first) ? came : first);
  }

  lower(came: Positions | undefined): void {
    this.#isOld ||= came === undefined;
    for (const [index, position] of came ?? []) lowerIn(this.#came, index, position);
  }
}

/** Returns the floor of an index of times as a value of SQL. */
export const floorOf = (reading: Reading, index: keyof typeof times) =>
  (reading.of(index)?.[0] as number | undefined) ?? Number.NEGATIVE_INFINITY;

/** The position in which a commit has changed jobs that this dispatcher has at hand. */
const heldPrefix = 'held ';
const changedHere: Position = [];

/** The position of a commit that did more than to put jobs in line. */
const more = 'more';

/** Returns the first positions of the rows of a commit, and whose jobs it changed. */
export function positionsOf(
  { jobs, lanes, forgotten, inserted, settings, annotations }: Omit<Writes, 'events' | 'buckets'>,
  known: ReadonlyMap<Id, JobRecord>,
): Positions {
  const positions = new Map<IndexName, Position>();
  const isPut = jobs.length === inserted.length && jobs.every(({ queued }) => queued);
  if (!isPut || forgotten.length + settings.size + annotations.size > 0) positions.set(more, changedHere);
  for (const { id, gates, head } of lanes.joined)
    if (gates.length === 0) lowerIn(positions, uuidOf(id)!, lineValues(head));
  const before = [...jobs.map(({ id }) => id), ...forgotten].flatMap((id) => known.get(id) ?? []);
  const holders = new Set([...jobs, ...before].map(holderOf));
  for (const holder of holders)
    if (holder !== '') positions.set(`${heldPrefix}${uuidOf(agentDispatcher(holder))}`, changedHere);
  for (const job of jobs) {
    const [dueAt, completedAt] = [timerOf(job), rootCompletedAt(job)];
    if (dueAt !== 0) lowerIn(positions, 'due', [dueAt]);
    if (completedAt !== 0) lowerIn(positions, isFailedRoot(job) ? 'failed' : 'succeeded', [completedAt]);
  }
  return positions;
}

/** The content of a notification: proofs of life, rows that came, or anything. */
export type Hint = 'ping' | 'anything' | Positions;

/** Returns whose jobs have changed, as far as that is known. */
export function newsIn(hint: Hint): News | undefined {
  if (typeof hint === 'string') return undefined;
  if (!hint.has(more)) return 'puts';
  const held = [...hint.keys()].filter((index) => index.startsWith(heldPrefix));
  return new Set(held.map((index) => idFrom(index.slice(heldPrefix.length))));
}

/** The most characters of a notification, with some to spare. */
const mostCharacters = 7000;

export function textOf(hint: Hint): string {
  if (hint === 'ping') return hint;
  const text = hint === 'anything' ? '' : JSON.stringify(Object.fromEntries(hint));
  return text.length > mostCharacters ? '' : text;
}

/** The text may be that of another build, or of any other user of the database. */
export function hintFrom(text: string): Hint {
  if (text === 'ping') return text;
  if (!text.startsWith('{')) return 'anything';
  try {
    const positions = Object.entries(JSON.parse(text) as object);
    return positions.every(([, position]) => isPosition(position)) ? new Map(positions) : 'anything';
  } catch {
    return 'anything';
  }
}

const isPosition = (value: unknown): value is Position =>
  Array.isArray(value) && value.every((one) => typeof one === 'number' || typeof one === 'string');

/** Returns what two notifications tell together. */
export function bothOf(a: Hint, b: Hint): Hint {
  if (a === 'ping' || b === 'anything') return b;
  if (b === 'ping' || a === 'anything') return a;
  const both = new Map(a);
  for (const [index, position] of b) lowerIn(both, index, position);
  return both;
}

function lowerIn(positions: Map<IndexName, Position>, index: IndexName, to: Position): void {
  const at = positions.get(index);
  if (at === undefined || isBefore(to, at)) positions.set(index, to);
}

function isBefore(a: Position, b: Position): boolean {
  const at = a.findIndex((value, place) => value !== b[place]);
  return at >= 0 && a[at]! < b[at]!;
}
