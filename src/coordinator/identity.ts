/**
 * Who this runtime is: a UUID that stays the same over restarts, in a file that a person can read.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Id } from '../core/records.js';
import { CallsheetError } from '../errors.js';
import { idFromText, idToText, newId } from '../protocol/id.js';

const fileName = 'uuid.txt';
const explanation = `
The line above identifies this instance of callsheet: the runtime that opens this directory is the same dispatcher as long
as this file stays. Delete it, with no runtime open, and the next one is a new dispatcher.
`;

/**
 * Reads the id from the file that `CALLSHEET_UUID` names, or from the directory; makes the file where there is none. Without either it is
 * another one each time: nothing outlives such a runtime that could know it again.
 */
export function readIdentity(directory: string | undefined): Id {
  const file = process.env.CALLSHEET_UUID || (directory === undefined ? undefined : join(directory, fileName));
  if (file === undefined) return newId();
  const text = readIfThere(file);
  if (text === undefined) return writeIdentity(file);
  const id = idFromText(text.split('\n', 1)[0]!.trim());
  if (id === undefined) throw new CallsheetError('DIRECTORY_UNUSABLE', `the first line of ${file} is not a UUID`);
  return id;
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new CallsheetError('DIRECTORY_UNUSABLE', `${file} cannot be read`, { cause: error });
  }
}

function writeIdentity(file: string): Id {
  const id = newId();
  const draft = `${file}.new`;
  const fd = openSync(draft, 'w');
  try {
    writeSync(fd, `${idToText(id)}\n${explanation}`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(draft, file);
  return id;
}
