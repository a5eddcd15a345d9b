/**
 * The mark of a directory whose jobs have moved, or are moving, to a database. No process can open
 * the directory from the moment at which its jobs may be in the database: they would run twice.
 * Older builds refuse the mark, too, since they do not know its name.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { DirectoryUnusableError } from '../errors.js';
import { type Disk, machineDisk, removeIfThere, writeFully } from './disk.js';
import { promotionFileName } from './file-names.js';

export interface Promotion {
  /** By this UUID the database knows whether it has the jobs. */
  readonly id: string;
  /** The database in words. */
  readonly to: string;
  readonly isDone: boolean;
}

/** Returns the mark of a directory; `undefined` if it has none. */
export function promotionOf(directory: string): Promotion | undefined {
  const file = path.join(directory, promotionFileName);
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8')) as Promotion;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new DirectoryUnusableError(`${file} cannot be read: ${String(error)}`, { cause: error });
  }
}

/** Marks a directory. The mark is on the disk when this returns. */
export function markPromotion(directory: string, promotion: Promotion, disk: Disk = machineDisk): void {
  const file = path.join(directory, promotionFileName);
  const draft = path.join(directory, draftName);
  removeIfThere(disk, draft);
  const opened = disk.open(draft, 'create');
  try {
    writeFully(opened, Buffer.from(`${JSON.stringify(promotion)}\n`), 0);
    opened.syncNow();
  } finally {
    opened.close();
  }
  disk.rename(draft, file);
  disk.syncDirectoryNow(directory);
}

/** Foreign to the journal, so that one left by a crash is in no way. */
const draftName = 'promotion.new';

export function unmarkPromotion(directory: string, disk: Disk = machineDisk): void {
  removeIfThere(disk, path.join(directory, promotionFileName));
  disk.syncDirectoryNow(directory);
}

/** Refuses a directory whose jobs are elsewhere, or may be. */
export function refusePromoted(directory: string): void {
  const promotion = promotionOf(directory);
  if (promotion === undefined) return;
  const { to, isDone } = promotion;
  throw new DirectoryUnusableError(
    isDone
      ? `the jobs of ${directory} have moved to ${to}: open that, or look at the old state with callsheet status`
      : `the jobs of ${directory} are moving to ${to}: run the same \`callsheet promote\` again to its end`,
  );
}
