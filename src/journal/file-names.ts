/**
 * The names of the journal's files.
 *
 * Every name that starts with `journal-` belongs to the journal. If this version does not know such
 * a name, a newer version may have made the file, or a part of the journal may have got a wrong
 * name: opening is refused. All other names are foreign (editors' leftovers, `lost+found`, a
 * `.gitkeep`). They are ignored and never touched.
 */

const prefix = 'journal-';
const numberedName = /^journal-(\d{10})\.(segment|snapshot|unfinished)$/;
/**
 * Kept tails, the reserve, the witness, the mark of a promotion, locks with their owners, and
 * candidates.
 */
const otherName =
  /^journal-(\d{10}-\d+(-\d+)?\.torn|reserve|created|promoted|\d{10}\.lock|\d{10}\.owner|[0-9a-f]{16}\.candidate)$/;

/** The highest number that fits into a segment's name: 640 PB of log at the default size. */
export const maxSegmentNumber = 9_999_999_999;

/** The highest epoch that fits into a lock's name: an opening each second for 300 years. */
export const maxEpoch = 9_999_999_999;

/** Keeps space for a full disk: see `reserve.ts`. */
export const reserveFileName = 'journal-reserve';

/** Proves that a journal was created here, and how far its log went: see `format.ts`. */
export const witnessFileName = 'journal-created';

/** Says that the jobs are in a database: see `promotion.ts`. */
export const promotionFileName = 'journal-promoted';

export function segmentFileName(number: number): string {
  return `${prefix}${tenDigits(number)}.segment`;
}

/** The name of the snapshot with a log that begins with `segment`. */
export function snapshotFileName(segment: number): string {
  return `${prefix}${tenDigits(segment)}.snapshot`;
}

/** The name of that snapshot until it is published. */
export function unfinishedFileName(segment: number): string {
  return `${prefix}${tenDigits(segment)}.unfinished`;
}

/** The name of a kept tail; `attempt` is above 1 if earlier recoveries cut at the same `offset`. */
export function tornFileName(segment: number, offset: number, attempt: number): string {
  return `${prefix}${tenDigits(segment)}-${offset}${attempt > 1 ? `-${attempt}` : ''}.torn`;
}

/** The name of the socket that is the lock of an owner. */
export function lockFileName(epoch: number): string {
  return `${prefix}${tenDigits(epoch)}.lock`;
}

/** The epoch in a lock's name; `undefined` for all other names. */
export function epochOf(name: string): number | undefined {
  const digits = /^journal-(\d{10})\.lock$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** The name of the file that names the owner's process. */
export function ownerFileName(epoch: number): string {
  return `${prefix}${tenDigits(epoch)}.owner`;
}

/** The name of a socket that may become a lock; `random` has 16 hexadecimal digits. */
export function candidateFileName(random: string): string {
  return `${prefix}${random}.candidate`;
}

export function isCandidateFileName(name: string): boolean {
  return /^journal-[0-9a-f]{16}\.candidate$/.test(name);
}

/** The meaning of a name in the journal's directory. */
export type NameMeaning =
  | { kind: 'segment' | 'snapshot' | 'unfinished'; number: number }
  | { kind: 'other' }
  | { kind: 'unknown' }
  | { kind: 'foreign' };

export function meaningOf(name: string): NameMeaning {
  if (!name.startsWith(prefix)) return { kind: 'foreign' };
  const numbered = numberedName.exec(name);
  if (numbered !== null) {
    return { kind: numbered[2] as 'segment' | 'snapshot' | 'unfinished', number: Number(numbered[1]) };
  }
  return { kind: otherName.test(name) ? 'other' : 'unknown' };
}

/** Formats a number with a fixed width: one name for each number, and names sort as numbers do. */
export function tenDigits(number: number): string {
  return String(number).padStart(10, '0');
}
