/**
 * The options of a journal, filled in and checked once.
 */
import { randomBytes } from 'node:crypto';
import type { DirectoryOptions } from './directory.js';
import { machineDisk } from './disk.js';
import type { Lock } from './lock.js';

export interface JournalOptions extends DirectoryOptions {
  /** Size in bytes at which a segment is followed by a new one. At least 4096. Default 64 MiB. */
  segmentBytes?: number;
  /** Bytes kept for appends with `reserve` on a full disk. 0: none. Default 4 MiB. */
  reserveBytes?: number;
  /** Bytes of zeros written ahead of the log, for quicker syncs. 0: none. Default 256 KiB. */
  aheadBytes?: number;
  /** The lock, checked before the journal writes and before it acknowledges. Default: none. */
  lock?: Pick<Lock, 'file' | 'isHeld'>;
  /** Returns the salt of a new segment, an integer of 32 bits. Default: random. */
  salt?: () => number;
}

/** Fills in defaults. Throws a `RangeError` that names an invalid option. */
export function resolveOptions(
  options: JournalOptions,
): Required<Omit<JournalOptions, 'lock'>> & Pick<JournalOptions, 'lock'> {
  const { segmentBytes = 64 * 1024 * 1024, reserveBytes = 4 * 1024 * 1024, aheadBytes = 256 * 1024 } = options;
  if (!Number.isSafeInteger(segmentBytes) || segmentBytes < 4096) {
    throw new RangeError(`segmentBytes must be an integer of at least 4096, got ${segmentBytes}`);
  }
  if (!Number.isSafeInteger(reserveBytes) || reserveBytes < 0) {
    throw new RangeError(`reserveBytes must be an integer of at least 0, got ${reserveBytes}`);
  }
  if (!Number.isSafeInteger(aheadBytes) || aheadBytes < 0) {
    throw new RangeError(`aheadBytes must be an integer of at least 0, got ${aheadBytes}`);
  }
  const salt = options.salt ?? (() => randomBytes(4).readUInt32LE());
  const { disk = machineDisk, allowNetworkFileSystem = false } = options;
  return {
    segmentBytes,
    reserveBytes,
    aheadBytes,
    disk,
    allowNetworkFileSystem,
    salt,
    ...(options.lock && { lock: options.lock }),
  };
}
