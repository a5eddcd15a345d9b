/**
 * What a journal did while something was measured, and whether that can have made durable what was claimed to be.
 */
import type { Measured } from '../harness/bench.js';
import type { SyncFigures } from './pool.js';

/** The journal's own. */
const segmentBytes = 64 * 1024 * 1024;

/**
 * A part of what was measured.
 *
 * @param leastSyncs How many times at least somebody had to wait for a sync of his own before anything could go on; undefined where
 * nobody waits for one.
 */
export function journalled(
  before: SyncFigures,
  after: SyncFigures,
  leastSyncs: number | undefined,
): Pick<Measured, 'journal' | 'void'> {
  const frames = after.frames - before.frames;
  const syncs = after.syncs - before.syncs;
  return {
    journal: { frames, syncs },
    void: leastSyncs === undefined ? undefined : implausible(frames + segmentsBegun(before, after), syncs, leastSyncs),
  };
}

/** The most that can have been begun: a new segment is synced, too, before anything is in it. */
function segmentsBegun(before: SyncFigures, after: SyncFigures): number {
  const full = Math.ceil((after.bytesWritten - before.bytesWritten) / segmentBytes);
  // One snapshot may have begun that is not published yet.
  return full + after.snapshots - before.snapshots + 1;
}

function implausible(written: number, syncs: number, leastSyncs: number): string | undefined {
  if (syncs < leastSyncs) return `${syncs} syncs cannot have been waited for ${Math.ceil(leastSyncs)} times`;
  // One may have been under way when it began.
  if (syncs > written + 1) return `${syncs} syncs of at most ${written} frames and segments: some synced nothing`;
  return undefined;
}
