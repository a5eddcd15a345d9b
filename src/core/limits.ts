/**
 * Limits of what users give. Arguments are checked against them, and so are the messages of other
 * processes: a message made of accepted arguments is never refused.
 */

/** Characters of a name or pattern to look for. A name that is stored has fewer. */
export const longestName = 1_000;
/** Names in one list of a filter of jobs. */
export const mostNames = 1_000;
/** Characters of a unique key, and of the name or the key of a quota. */
export const longestKey = 500;
/** Characters of a retry policy. */
export const longestPolicy = 65_536;
/** Larger than any useful delay, and small enough for exact sums with a time. */
export const longestMs = 2 ** 51;
/** So large that no size or number reaches it, and all sums are exact. */
export const highestNumber = 2 ** 50;
/** Levels of parts and callbacks in a job. A message nests as deep, and its reader recurses. */
export const deepestJob = 100;
/** Cells in which the parts of a whole are counted. */
export const mostCells = 1_000;
/** Ticks of a schedule that run at once. */
export const mostTicks = 1_000;
