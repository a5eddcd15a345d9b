/**
 * The lanes of lines as rows: the jobs in line of one queue that have one callable, and lack the
 * same places, are a lane. A claim reads the lanes that no full quota holds back, and the first
 * jobs of each. So the jobs of a full lane, and of a callable that no agent here can run, cost a
 * claim nothing, however many they are.
 *
 * The row of a lane is made by the first job that joins it. A claim that finds the lane full parks
 * it at the full quota, and whatever frees a place there opens it again. A claim that finds it
 * empty removes it. A lane that needs no places is never full, and its row stays.
 */
import { derivedId } from '../../codec/id.js';
import type { Id, JobRecord } from '../../core/records.js';
import { neededPlaces, placeKey } from '../../core/state/indices.js';
import { goesBefore, type Place } from '../../core/state/lanes.js';

/** The properties that all jobs of a lane share. */
export interface LaneKind {
  readonly id: Id;
  readonly queue: string;
  readonly callable: string;
  /** The quotas in which its jobs need a place, by `placeKey`. */
  readonly gates: readonly string[];
}

/** The state of a lane with gates. */
export interface LaneState {
  /** A place that no job of the lane goes before. */
  readonly head: Place;
  /** The full quota, by `placeKey`; undefined for a lane that claims read. */
  readonly parkedAt: string | undefined;
  /**
   * The time at which the rate of that quota may have room, in rows by the clock of the database;
   * undefined for a lack of places.
   */
  readonly opensAt: number | undefined;
}

export type StoredLane = LaneKind & LaneState;

/** How a commit changes lanes, in this order. */
export interface LaneWrites {
  /** The quotas that may have room again, by `placeKey`. Lanes that are parked there open. */
  readonly opened: readonly string[];
  /** The quotas whose definitions changed: the same for all their keys. */
  readonly redefined: readonly string[];
  readonly changed: readonly StoredLane[];
  /** All their jobs are read, and none is left. Any other job is a conflict. */
  readonly emptied: readonly Id[];
  /** Jobs that are in line now: a missing lane is made, and no head is behind them. */
  readonly joined: readonly (LaneKind & Pick<LaneState, 'head'>)[];
}

export const noLaneWrites: LaneWrites = { opened: [], redefined: [], changed: [], emptied: [], joined: [] };

type InLine = Pick<JobRecord, 'queue' | 'callable' | 'quotas' | 'shared' | 'places'>;

/** Kinds that were made lately, since making an id costs more than finding it. */
const kinds = new Map<string, LaneKind>();
const mostKinds = 10_000;
let last: LaneKind | undefined;

/** Returns the lane of a job in line. */
export function laneOf(job: InLine): LaneKind {
  const { queue, callable } = job;
  // Most jobs join the lane of the last one.
  if (job.quotas.length === 0 && last?.queue === queue && last.callable === callable) return last;
  const gates = neededPlaces(job).map((quota) => placeKey(queue, quota));
  const text = JSON.stringify([queue, callable, ...gates]);
  let kind = kinds.get(text);
  if (kind === undefined) {
    kind = { id: derivedId(text), queue, callable, gates };
    if (kinds.size === mostKinds) kinds.clear();
    kinds.set(text, kind);
  }
  if (gates.length === 0) last = kind;
  return kind;
}

/** Returns the lanes of those of these jobs that are in line, with the place of the first one. */
export function lanesOf(jobs: Iterable<JobRecord>): Map<Id, LaneKind & Pick<LaneState, 'head'>> {
  const lanes = new Map<Id, LaneKind & Pick<LaneState, 'head'>>();
  for (const job of jobs) {
    if (!job.queued) continue;
    const kind = laneOf(job);
    const before = lanes.get(kind.id);
    if (before === undefined || goesBefore(job, before.head)) lanes.set(kind.id, { ...kind, head: placeOf(job) });
  }
  return lanes;
}

export function placeOf({ priority, front, alone, eligible, id }: Place): Place {
  return { priority, front, alone, eligible, id };
}

/**
 * `true` if a line that is read up to `reach` may have jobs before `job` that are not read. A line
 * that is read to its end has an undefined `reach`; without a job, all of the line counts.
 */
export const isBeyond = (reach: Place | undefined, job: Place | undefined): boolean =>
  reach !== undefined && (job === undefined || goesBefore(reach, job));

/** The number of jobs to read of each of some lanes, of `most` jobs of a line. */
export const shareOf = (most: number, lanes: number): number => Math.max(2, Math.floor(most / Math.max(1, lanes)));
