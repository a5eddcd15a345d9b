/** Progress: an annotation with a fixed shape, so that tools can show it. */

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

/**
 * @throws {RangeError} if `done` or `total` is not a finite number from 0.
 * @throws {TypeError} if `message` is not a string.
 */
export function checkProgress({ done, total, message }: Progress): Progress {
  for (const [name, value] of Object.entries({ done, total: total ?? 0 })) {
    if (typeof value !== 'number' || !(value >= 0) || value === Number.POSITIVE_INFINITY)
      throw new RangeError(`progress.${name} must be a finite number from 0, got ${value}`);
  }
  if (message !== undefined && typeof message !== 'string')
    throw new TypeError(`progress.message must be a string, got ${typeof message}`);
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
