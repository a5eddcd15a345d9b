/** Progress: an annotation with a fixed shape, so that tools can show it. */

import { invalidOption } from '../errors.js';

/** The progress of a job: the value of its annotation `progress`. */
export interface Progress {
  /** The amount done, in any unit; at least 0. */
  readonly done: number;
  /** The whole amount in the same unit, if known. */
  readonly total?: number;
  /** A text for people about the current step. */
  readonly message?: string;
}

export const progressName = 'progress';

export function checkProgress({ done, total, message }: Progress): Progress {
  for (const [name, value] of Object.entries({ done, total: total ?? 0 })) {
    if (typeof value !== 'number' || !(value >= 0) || value === Number.POSITIVE_INFINITY)
      throw invalidOption(
        `progress.${name}`,
        'must be a finite number, at least 0',
        value,
        typeof value === 'number' ? RangeError : TypeError,
      );
  }
  if (message !== undefined && typeof message !== 'string')
    throw invalidOption('progress.message', 'must be a string', message);
  return { done, ...(total === undefined ? {} : { total }), ...(message === undefined ? {} : { message }) };
}

/** Returns an annotation as progress; `undefined` if it has another shape. */
export function progressFrom(said: unknown): Progress | undefined {
  if (typeof said !== 'object' || said === null) return undefined;
  try {
    return checkProgress(said as Progress);
  } catch {
    return undefined;
  }
}
