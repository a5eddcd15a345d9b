/**
 * Checks that a thread still works. Jobs share their thread, and one of them may have broken
 * something that callsheet's own code there depends on.
 */
import { decodePayload, encodePayload } from '../codec/payload.js';

/** A value of each kind that occurs in arguments and results. */
const sample = {
  list: [0, -1, 2.5, 2n ** 70n, true, null, undefined, 'text', 'tëxt'],
  table: new Map<unknown, unknown>([['key', new Set([new Date(0)])]]),
  bytes: Uint8Array.of(1, 2, 3),
};
const stored = encodeSample(sample);

/**
 * Returns `false` if encoding, decoding or a lookup no longer works. Takes some microseconds, so it
 * is called only after an error.
 */
export function isSound(): boolean {
  try {
    const found = decodePayload(stored) as typeof sample;
    return found.table.get('key') instanceof Set && Buffer.compare(encodeSample(found), stored) === 0;
  } catch {
    return false;
  }
}

function encodeSample(value: unknown): Uint8Array {
  return encodePayload(value, { root: 'sample', code: 'RESULT_NOT_STORABLE' });
}
