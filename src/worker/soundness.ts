/**
 * Whether a thread is as it was: jobs share it, and one of them may have broken what callsheet's
 * own code in it stands on.
 */
import { decodePayload, encodePayload } from '../codec/payload.js';

/** Something of all that arguments and results are made of. */
const sample = {
  list: [0, -1, 2.5, 2n ** 70n, true, null, undefined, 'text', 'tëxt'],
  table: new Map<unknown, unknown>([['key', new Set([new Date(0)])]]),
  bytes: Uint8Array.of(1, 2, 3),
};
const stored = encodeSample(sample);

/**
 * Encodes, decodes, and looks something up. Costs some microseconds: for when something went wrong.
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
