/**
 * What can be asked of a journal when it is opened, filled in and checked once.
 */
import { randomBytes } from 'node:crypto';
import type { DirectoryOptions } from './directory.js';
import { machineDisk } from './disk.js';
import type { Lock } from './lock.js';

export interface JournalOptions extends DirectoryOptions {
  /** A segment that has reached this size is followed by a new one, in bytes. At least 4096. Default 64 MiB. */
  segmentBytes?: number;
  /** Space kept for appends with `reserve` when the disk is full, in bytes. 0 keeps none. Default 4 MiB. */
  reserveBytes?: number;
  /** Zeros that are written ahead of the log, so that syncs are quicker, in bytes. 0: none. Default 256 KiB. */
  aheadBytes?: number;
  /** The lock of the directory, which the journal looks at before it writes and before it acknowledges. Default: none. */
  lock?: Pick<Lock, 'file' | 'isHeld'>;
  /** Makes the salt of a new segment, an integer of 32 bits. Default: random. */
  salt?: () => number;
}

/** Fills in what is not given. Throws a RangeError that names what cannot be. */
export function resolveOptions(
  options: JournalOptions,
): Required<Omit<JournalOptions, 'lock'>> & Pick<JournalOptions, 'lock'> {
  const { segmentBytes = 64 * 1024 * 1024, reserveBytes = 4 * 1024 * 1024, aheadBytes = 256 * 1024 } = options;
  if (!Number.isSafeInteger(segmentBytes) || segmentBytes < 4096) {
    throw new RangeError(`segmentBytes must be an integer of at least 4096, not ${segmentBytes}`);
  }
  if (!Number.isSafeInteger(reserveBytes) || reserveBytes < 0) {
    throw new RangeError(`reserveBytes must be an integer of at least 0, not ${reserveBytes}`);
  }
  if (!Number.isSafeInteger(aheadBytes) || aheadBytes < 0) {
    throw new RangeError(`aheadBytes must be an integer of at least 0, not ${aheadBytes}`);
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
