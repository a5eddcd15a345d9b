/**
 * A payload that a database keeps apart from the rows of its jobs: it is so large that only the
 * looks that ask for its bytes read it. It never changes, and several jobs may have it.
 */
import { newId } from '../../codec/id.js';
import type { Id, Payload } from '../../core/records.js';

export class FarPayload implements Payload {
  readonly id: Id;
  readonly byteLength: number;

  constructor(byteLength: number, id: Id = newId()) {
    this.id = id;
    this.byteLength = byteLength;
  }
}

/** `true` for one payload, in two states of a record. */
export const isSamePayload = (a: Payload | null, b: Payload | null): boolean =>
  a === b || (a instanceof FarPayload && b instanceof FarPayload && a.id === b.id);
