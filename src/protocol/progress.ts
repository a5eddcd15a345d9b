/**
 * Progress: an annotation with a shape, so that tools can show how far a job is.
 */

/** How far a job is: the annotation named `progress`. */
export interface Progress {
  /** How much is done, in whatever unit; from 0. */
  readonly done: number;
  /** How much there is to do in the same unit, where that is known. */
  readonly total?: number;
  /** What is being done, for people. */
  readonly message?: string;
}

export const progressName = 'progress';

/**
 * @throws {RangeError} `done` or `total` is not a finite number from 0. @throws {TypeError}
 * `message` is not text.
 */
export function checkProgress({ done, total, message }: Progress): Progress {
  for (const [name, value] of Object.entries({ done, total: total ?? 0 })) {
    if (typeof value !== 'number' || !(value >= 0) || value === Number.POSITIVE_INFINITY)
      throw new RangeError(`progress.${name}: ${value} is not a finite number from 0`);
  }
  if (message !== undefined && typeof message !== 'string') throw new TypeError('progress.message: a text is needed');
  return { done, ...(total === undefined ? {} : { total }), ...(message === undefined ? {} : { message }) };
}

/** Undefined for what was said under the same name in a shape of its own. */
export function progressFrom(said: unknown): Progress | undefined {
  if (typeof said !== 'object' || said === null) return undefined;
  try {
    return checkProgress(said as Progress);
  } catch {
    return undefined;
  }
}
