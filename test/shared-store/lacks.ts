/**
 * Records that a decision needs and a partial state lacks, as data: a store can load them and
 * decide again.
 */
import type { Id } from '../../src/core/records.js';
import type { Kept } from '../../src/core/state/completed.js';

/** The ways to find jobs other than by id; see `core/state/indices.ts`. */
export type Index =
  | 'parent'
  | 'inner'
  | 'unique'
  | 'agent'
  | 'dispatcher'
  | 'bound'
  | 'place'
  | 'unfinished'
  | 'atWork';

export type Want =
  | { readonly kind: 'job'; readonly id: Id }
  /** The job and all its descendants. */
  | { readonly kind: 'tree'; readonly id: Id }
  /** All jobs that an index has under a key. */
  | { readonly kind: 'found'; readonly index: Index; readonly key: string }
  /** The number of jobs that an index has under a key. */
  | { readonly kind: 'count'; readonly index: Index; readonly key: string }
  /** The first `most` jobs that are due at `by`. */
  | { readonly kind: 'due'; readonly by: number; readonly most: number }
  /**
   * The roots of one kind that completed first, with all descendants, and the number and bytes of
   * that kind.
   */
  | { readonly kind: 'oldest'; readonly kept: Kept; readonly most: number }
  | { readonly kind: 'setting'; readonly key: string }
  | { readonly kind: 'settings' }
  | { readonly kind: 'bucket'; readonly key: string };

/** Returns a text that is the same for equal wants. */
export function wantKey(want: Want): string {
  switch (want.kind) {
    case 'job':
    case 'tree':
      return `${want.kind} ${want.id}`;
    case 'found':
    case 'count':
      return `${want.kind} ${want.index} ${want.key}`;
    case 'setting':
    case 'bucket':
      return `${want.kind} ${want.key}`;
    case 'oldest':
      return `${want.kind} ${want.kept}`;
    case 'due':
      // A later command of the same group has a later `by`.
      return `${want.kind} ${want.by}`;
    default:
      return want.kind;
  }
}

/** Thrown out of a decision that lacks a record. The decision has changed nothing. */
export class Lacks extends Error {
  readonly want: Want;

  constructor(want: Want) {
    super(`the view lacks ${wantKey(want)}`);
    this.want = want;
  }
}
