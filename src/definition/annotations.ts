/** Checks and encodes annotations, which are set inside a job and outside. */

import { encodePayload } from '../codec/payload.js';
import { checkNumber } from './arguments.js';
import type { EncodeContext } from './encode.js';
import { checkOptions } from './known-options.js';
import { checkAnnotationName } from './names.js';

/** An annotation is a note, so its limit is far below that of a result. */
const limit = { limitBytes: 64 * 1024, limitName: 'the most that an annotation may have' };

/** @throws {NotStorableError} if `value` cannot be stored faithfully, or is too large. */
export function encodeAnnotation(name: string, value: unknown, reference: EncodeContext['reference']): Uint8Array {
  checkAnnotationName(name);
  return encodePayload(value, { root: `annotations.${name}`, code: 'ARGUMENT_NOT_STORABLE', ...limit, reference });
}

export function checkWait(name: string, options: { readonly timeoutMs: number; readonly default?: unknown }): void {
  checkAnnotationName(name);
  checkOptions('options', options, { timeoutMs: true, default: true });
  checkNumber('timeoutMs', options.timeoutMs, { finite: true, least: 0, unit: 'milliseconds' });
}
