/**
 * Records that a decision needs and a partial state lacks, as data: a store can load them and
 * decide again.
 */
import { agentDispatcher, type Id, type JobRecord } from '../../core/records.js';
import type { Kept } from '../../core/state/completed.js';
import {
  agentOf,
  awaitedBy,
  boundTo,
  dateOf,
  isAtWork,
  isOpenCallback,
  isOpenPart,
  isResting,
  isUnendedPart,
  isUnfinished,
  liveUnique,
  placeKey,
} from '../../core/state/indices.js';
import type { Place } from '../../core/state/lanes.js';
import type { FarPayload } from './far-payload.js';

/** The ways to find jobs other than by id; see `core/state/indices.ts`. */
export type Index =
  | 'part'
  /** A part, by `memberKey`. */
  | 'member'
  | 'callback'
  | MemberIndex
  | 'inner'
  | 'unique'
  | 'agent'
  | 'dispatcher'
  | 'bound'
  | 'place'
  | 'unfinished'
  | 'dated'
  | 'atWork'
  /** A job in line. */
  | 'queued';

/** The part of a lane behind a place. */
export interface LaneRest {
  readonly lane: Id;
  readonly isGated: boolean;
  readonly after: Place;
}

/** The members of a job that its end, or the turns of others, wait for. */
export type OpenIndex = 'openPart' | 'openCallback';

/** The members of a job that are left to do something about. */
export type MemberIndex = OpenIndex | 'unendedPart';

export type Want =
  | { readonly kind: 'job'; readonly id: Id }
  /**
   * The job and all its descendants, with their annotations. One that `isAlone` is loaded, and has
   * no descendants.
   */
  | { readonly kind: 'tree'; readonly id: Id; readonly isAlone: boolean }
  /**
   * The first `most` members of a job, by index from `from` on, that an index has under the job's
   * id.
   */
  | {
      readonly kind: 'next';
      readonly index: MemberIndex;
      readonly key: Id;
      readonly from: number;
      readonly most: number;
    }
  /** All jobs that an index has under a key. */
  | { readonly kind: 'found'; readonly index: Index; readonly key: string }
  /** The number of jobs that an index has under a key. */
  | { readonly kind: 'count'; readonly index: Index; readonly key: string }
  /** The length of a queue's line, counted up to `most`. */
  | { readonly kind: 'length'; readonly queue: string; readonly most: number }
  /**
   * Lanes of a line that no full quota holds back, and that no other transaction has locked, with
   * about `most` jobs in all: the first `most` lanes with gates, behind `after`; without it, also
   * those that a rate opens until `now`, and all lanes without gates. Callables in `except` are
   * left out.
   */
  | {
      readonly kind: 'lanes';
      readonly queue: string;
      readonly except: readonly string[];
      readonly now: number;
      readonly after: Place | undefined;
      readonly most: number;
    }
  /** The same for the first `most` lanes that are parked at a quota, by `placeKey`. */
  | { readonly kind: 'parked'; readonly key: string; readonly most: number }
  /** The next `most` jobs of lanes of a queue, each behind a place. */
  | { readonly kind: 'rest'; readonly queue: string; readonly lanes: readonly LaneRest[]; readonly most: number }
  /** The first `most` jobs that are due at `by`. */
  | { readonly kind: 'due'; readonly by: number; readonly most: number }
  /**
   * The first `most` roots of one kind to forget, in the order in which they completed, without
   * those that are awaited; and the number and bytes of all of that kind.
   */
  | { readonly kind: 'oldest'; readonly kept: Kept; readonly most: number }
  /**
   * The first `most` roots of level `memory` that a process put and no other job awaits, by id,
   * with all descendants; see `memoryOf`.
   */
  | { readonly kind: 'memory'; readonly owner: Id; readonly most: number }
  /** The number and bytes of the roots of one kind, and the time of the oldest. */
  | { readonly kind: 'kept'; readonly kept: Kept }
  /** The jobs that a dispatcher has at hand. Those come that are not of the version in `seen`. */
  | { readonly kind: 'held'; readonly dispatcher: Id; readonly seen: ReadonlyMap<Id, string> }
  /** Those of these jobs that have an outcome, and the ids of those that are not there. */
  | { readonly kind: 'ended'; readonly jobs: readonly Id[] }
  /** The bytes of a payload that does not come with its row. */
  | { readonly kind: 'payload'; readonly payload: FarPayload }
  /** A job and its annotations. */
  | { readonly kind: 'annotations'; readonly job: Id }
  /** The earliest timer of any job, and the first time after `now` at which a rate opens a lane. */
  | { readonly kind: 'timer'; readonly now: number }
  /** The tallies of all jobs. */
  | { readonly kind: 'tallies' }
  /** Whether puts of users' own transactions wait. */
  | { readonly kind: 'posted' }
  /** Whether any process listens to events. */
  | { readonly kind: 'heard' }
  /** The events after a listener's last reading; before the first, since it was registered. */
  | { readonly kind: 'events'; readonly listener: string; readonly after: string | undefined }
  /** All rows of all tables. */
  | { readonly kind: 'all' }
  /** By `settingKey`. */
  | { readonly kind: 'setting'; readonly key: string }
  /** All settings. */
  | { readonly kind: 'settings' }
  /** The used part of a quota's rate, by `placeKey`. */
  | { readonly kind: 'bucket'; readonly key: string }
  /** Blocks of positions in line that no transaction has used. */
  | { readonly kind: 'positions'; readonly blocks: number };

export const memberKey = (whole: Id, index: number) => `${whole}\n${index}`;

export const indexKey = (index: Index, key: string) => `${index} ${key}`;

/**
 * Returns the agent of the dispatcher that has a job at hand: it has claimed the job, runs its
 * callbacks, or runs the job as a callback that rests.
 */
export function holderOf(job: JobRecord): string {
  return isResting(job) ? job.agent : agentOf(job);
}

/** Returns the keys, by `indexKey`, under which indices have a job. */
export function indexKeysOf(job: JobRecord): readonly string[] {
  const keys: string[] = [];
  const add = (index: Index, key: string) => {
    if (key !== '') keys.push(indexKey(index, key));
  };
  add(job.role === 'callback' ? 'callback' : 'part', job.parent);
  if (job.role === 'part') add('member', memberKey(job.parent, job.index));
  if (isOpenPart(job)) add('openPart', job.parent);
  if (isUnendedPart(job)) add('unendedPart', job.parent);
  if (isOpenCallback(job)) add('openCallback', job.parent);
  add('inner', awaitedBy(job));
  add('unique', liveUnique(job));
  add('bound', boundTo(job));
  add('agent', agentOf(job));
  const holder = holderOf(job);
  if (holder !== '') add('dispatcher', agentDispatcher(holder));
  for (const quota of job.places) add('place', placeKey(job.queue, quota));
  // The name of a queue may be empty.
  if (isUnfinished(job)) keys.push(indexKey('unfinished', job.queue));
  if (isUnfinished(job) && dateOf(job) !== 0) keys.push(indexKey('dated', job.queue));
  if (isAtWork(job)) keys.push(indexKey('atWork', job.queue));
  if (job.queued) keys.push(indexKey('queued', job.queue));
  return keys;
}

/** Returns a text that is the same for equal wants. */
export function wantKey(want: Want): string {
  switch (want.kind) {
    case 'job':
    case 'tree':
      return `${want.kind} ${want.id}`;
    case 'found':
    case 'count':
      return `${want.kind} ${want.index} ${want.key}`;
    case 'next':
      return `${want.kind} ${want.index} ${want.key} ${want.from} ${want.most}`;
    case 'setting':
    case 'bucket':
      return `${want.kind} ${want.key}`;
    case 'oldest':
    case 'kept':
      return `${want.kind} ${want.kept}`;
    case 'payload':
      return `${want.kind} ${want.payload.id}`;
    case 'annotations':
      return `${want.kind} ${want.job}`;
    case 'length':
      return `${want.kind} ${want.queue}`;
    case 'memory':
      return `${want.kind} ${want.owner} ${want.most}`;
    case 'lanes':
      return `${want.kind} ${want.queue} ${want.after?.id ?? ''}`;
    case 'parked':
      return `${want.kind} ${want.key}`;
    case 'rest':
      return `${want.kind} ${want.lanes.map(({ lane, after }) => `${lane}${after.id}`).join(' ')}`;
    case 'due':
      // A later command of the same group has a later `by`.
      return `${want.kind} ${want.by}`;
    default:
      return want.kind;
  }
}

/**
 * Thrown out of a decision that lacks a record. The decision has changed nothing. It is no `Error`:
 * nearly every transaction throws it, and a stack costs more than the decision.
 */
export class Lacks {
  readonly want: Want;

  constructor(want: Want) {
    this.want = want;
  }
}
