/**
 * Whether what was synced can have made durable what was claimed to be.
 */
import type { SyncFigures } from './pool.js';

/**
 * Why it cannot, or undefined if it can.
 *
 * @param leastSyncs How many times at least somebody had to wait for a sync of his own before anything could go on.
 */
export function implausibleSyncs(before: SyncFigures, after: SyncFigures, leastSyncs: number): string | undefined {
  const frames = after.frames - before.frames;
  const syncs = after.syncs - before.syncs;
  if (syncs < leastSyncs) return `${syncs} syncs cannot have been waited for ${Math.ceil(leastSyncs)} times`;
  // One may have been under way when it began.
  if (syncs > frames + 1) return `${syncs} syncs of ${frames} frames: some synced nothing`;
  return undefined;
}
