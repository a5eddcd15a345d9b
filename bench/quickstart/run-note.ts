/**
 * The note of the current run: the job's id, so that the next start of the program can continue it.
 *
 * The job, its parts and their results are in the journal; a program has to remember only the id.
 */
import { open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

export interface RunNote {
  /** The job's id. */
  readonly job: string;
  /** Darts thrown in each part. The job itself holds the number of parts. */
  readonly darts: number;
}

/** Returns the note; `undefined` if it is missing or invalid. */
export async function readRunNote(directory: string): Promise<RunNote | undefined> {
  let text: string;
  try {
    text = await readFile(notePath(directory), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const note: unknown = JSON.parse(text);
    if (isRunNote(note)) return note;
  } catch {}
  return undefined;
}

/** Writes the note durably. A reader sees the old note or the new one at any moment. */
export async function writeRunNote(directory: string, note: RunNote): Promise<void> {
  const path = notePath(directory);
  const draft = `${path}.new`;
  const file = await open(draft, 'w');
  try {
    await file.writeFile(`${JSON.stringify(note)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
  const parent = await open(directory);
  try {
    await parent.sync();
  } finally {
    await parent.close();
  }
}

/** Removes the note at the end of the run. */
export async function removeRunNote(directory: string): Promise<void> {
  await rm(notePath(directory), { force: true });
}

function notePath(directory: string): string {
  return join(directory, 'run.json');
}

function isRunNote(note: unknown): note is RunNote {
  if (typeof note !== 'object' || note === null) return false;
  const { job, darts } = note as Record<string, unknown>;
  return typeof job === 'string' && Number.isSafeInteger(darts);
}
