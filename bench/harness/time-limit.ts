/**
 * A time limit for contestants: one that hangs is a failed row, not a bench without an end.
 */
export const defaultLimitMs = 180_000;

export async function withinTime<T>(work: Promise<T>, limitMs: number): Promise<T> {
  let limit: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    limit = setTimeout(() => reject(new Error(`it was not done after ${limitMs / 1000} s`)), limitMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(limit);
  }
}
