/**
 * The names of the journal's files, and which names in a directory are the journal's at all.
 *
 * Everything that starts with `journal-` is ours. Of these, a name that this version does not know may be the work of a newer
 * version (or a part of the journal under a wrong name), so opening is refused rather than going on without it. All other
 * names are foreign: editors' leftovers, `lost+found`, a `.gitkeep`. They are ignored and never touched.
 */

const prefix = 'journal-';
const numberedName = /^journal-(\d{10})\.(segment|snapshot|unfinished)$/;
/** What else this version makes: kept tails, the reserve, the witness, and the files of the lock with their candidates. */
const otherName =
  /^journal-(\d{10}-\d+(-\d+)?\.torn|reserve|created|\d{10}\.lock|\d{10}\.owner|[0-9a-f]{16}\.candidate)$/;

/** The highest number that the names of segments have room for: 640 PB of log at the default size. */
export const maxSegmentNumber = 9_999_999_999;

/** The highest epoch that the names of locks have room for: three hundred years of an opening each second. */
export const maxEpoch = 9_999_999_999;

/** The file in which space is kept for a full disk. */
export const reserveFileName = 'journal-reserve';

/** The file that says that there was a journal here, and how far its log went: see `format.ts`. */
export const witnessFileName = 'journal-created';

export function segmentFileName(number: number): string {
  return `${prefix}${tenDigits(number)}.segment`;
}

/** The snapshot whose log begins with this segment. */
export function snapshotFileName(segment: number): string {
  return `${prefix}${tenDigits(segment)}.snapshot`;
}

/** The same while it is written. */
export function unfinishedFileName(segment: number): string {
  return `${prefix}${tenDigits(segment)}.unfinished`;
}

/** The name for a torn tail that was cut off at `offset`; `attempt` > 1 when earlier recoveries kept one there, too. */
export function tornFileName(segment: number, offset: number, attempt: number): string {
  return `${prefix}${tenDigits(segment)}-${offset}${attempt > 1 ? `-${attempt}` : ''}.torn`;
}

/** The socket by which an owner of the directory holds it. */
export function lockFileName(epoch: number): string {
  return `${prefix}${tenDigits(epoch)}.lock`;
}

/** The epoch in the name of a lock; undefined for all other names. */
export function epochOf(name: string): number | undefined {
  const digits = /^journal-(\d{10})\.lock$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** The file that says who the owner is. */
export function ownerFileName(epoch: number): string {
  return `${prefix}${tenDigits(epoch)}.owner`;
}

/** A socket that is to become a lock; `random` is 16 hexadecimal digits. */
export function candidateFileName(random: string): string {
  return `${prefix}${random}.candidate`;
}

export function isCandidateFileName(name: string): boolean {
  return /^journal-[0-9a-f]{16}\.candidate$/.test(name);
}

/** What a name in the journal's directory stands for. */
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

/** Numbers in names have a fixed width, so that a listing is in order and one number has one name. */
export function tenDigits(number: number): string {
  return String(number).padStart(10, '0');
}
