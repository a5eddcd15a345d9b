/**
 * What a decision can lack while it looks at a part of the records: told as data, so that a store
 * can load it and decide again.
 */
import type { Id } from '../../src/core/records.js';

/** By what jobs are found beside their id; see `core/indices.ts`. */
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
  /** With all that belongs to it. */
  | { readonly kind: 'tree'; readonly id: Id }
  /** All jobs that an index has under a key. */
  | { readonly kind: 'found'; readonly index: Index; readonly key: string }
  /** How many an index has under a key. */
  | { readonly kind: 'count'; readonly index: Index; readonly key: string }
  /** Those whose time has come by then, the first of them. */
  | { readonly kind: 'due'; readonly by: number; readonly most: number }
  /** The roots that completed first, with all that belongs to them, and how many there are. */
  | { readonly kind: 'oldest'; readonly most: number }
  | { readonly kind: 'setting'; readonly key: string }
  | { readonly kind: 'settings' }
  | { readonly kind: 'bucket'; readonly key: string };

/** Each want as a text: two that are the same have the same. */
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
    case 'due':
      // A later command of the same group is decided at a later time.
      return `${want.kind} ${want.by}`;
    default:
      return want.kind;
  }
}

/** Thrown out of a decision, which has changed nothing then. */
export class Lacks extends Error {
  readonly want: Want;

  constructor(want: Want) {
    super(`the view lacks ${wantKey(want)}`);
    this.want = want;
  }
}
