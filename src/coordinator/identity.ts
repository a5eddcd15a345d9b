/** The identity of a runtime: a UUID that survives restarts, in a file that a person can read. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { idFromText, idToText, newId } from '../codec/id.js';
import type { Id } from '../core/records.js';
import { DirectoryUnusableError, StorageFullError } from '../errors.js';
import { type Disk, isDiskFull, machineDisk, removeIfThere, writeFully } from '../journal/disk.js';

const fileName = 'uuid.txt';
const explanation = `
The line above identifies this instance of callsheet: the runtime that opens this directory is the same dispatcher as long
as this file stays. Delete it, with no runtime open, and the next one is a new dispatcher.
`;

/** Returns the id that the directory has, if it has one. */
export function identityOf(directory: string): Id | undefined {
  return idFromText((readIfThere(join(directory, fileName)) ?? '').split('\n', 1)[0]!.trim());
}

/**
 * Reads the id from the file that `CALLSHEET_UUID` names, else from the directory. Creates the file
 * if it is missing. Without either, returns a new id: nothing outlives such a runtime.
 */
export function readIdentity(directory: string | undefined, disk: Disk = machineDisk): Id {
  const file = fileOf(directory);
  if (file === undefined) return newId();
  const text = readIfThere(file);
  if (text === undefined) return writeIdentity(file, disk);
  const id = idFromText(text.split('\n', 1)[0]!.trim());
  if (id !== undefined) return id;
  const found = text.trim() === '' ? `${file} is empty` : `the first line of ${file} is not a UUID`;
  throw new DirectoryUnusableError(
    `${found}: write the UUID of this dispatcher there, or delete the file, with no runtime open, and the next one is a new dispatcher`,
  );
}

/** `true` if a later process can have the same id. */
export const keepsIdentity = (directory: string | undefined): boolean => fileOf(directory) !== undefined;

const fileOf = (directory: string | undefined) =>
  process.env.CALLSHEET_UUID || (directory === undefined ? undefined : join(directory, fileName));

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new DirectoryUnusableError(`${file} cannot be read`, { cause: error });
  }
}

function writeIdentity(file: string, disk: Disk): Id {
  const id = newId();
  const draft = `${file}.new`;
  try {
    removeIfThere(disk, draft);
    const opened = disk.open(draft, 'create');
    try {
      writeFully(opened, Buffer.from(`${idToText(id)}\n${explanation}`), 0);
      opened.syncNow();
    } finally {
      opened.close();
    }
    disk.rename(draft, file);
  } catch (error) {
    try {
      removeIfThere(disk, draft);
    } catch {}
    if (isDiskFull(error)) throw new StorageFullError(`the disk of ${file} is full`, { cause: error });
    throw new DirectoryUnusableError(`${file} cannot be written: ${String(error)}`, { cause: error });
  }
  return id;
}
