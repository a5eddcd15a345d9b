/**
 * The work of a journal during a measurement, and whether it can have made durable as much as
 * claimed.
 */
import type { Measured } from '../harness/bench.js';
import type { SyncFigures } from './pool.js';

/** The default of the journal. */
const segmentBytes = 64 * 1024 * 1024;

/**
 * Returns the journal's part of a measurement.
 *
 * @param leastSyncs The least number of syncs that callers had to wait for one after the other;
 * `undefined` if no caller waits for one.
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

/** Returns the most segments that can have begun: each is synced once before it has frames. */
function segmentsBegun(before: SyncFigures, after: SyncFigures): number {
  const full = Math.ceil((after.bytesWritten - before.bytesWritten) / segmentBytes);
  // One snapshot may have begun and not be published yet.
  return full + after.snapshots - before.snapshots + 1;
}

function implausible(written: number, syncs: number, leastSyncs: number): string | undefined {
  if (syncs < leastSyncs) return `${syncs} syncs cannot have been waited for ${Math.ceil(leastSyncs)} times`;
  // One sync may have been in flight when the measurement began.
  if (syncs > written + 1) return `${syncs} syncs of at most ${written} frames and segments: some synced nothing`;
  return undefined;
}
