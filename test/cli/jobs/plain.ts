/** A job module that knows nothing of callsheet. */
export const double = (n: number): number => 2 * n;
