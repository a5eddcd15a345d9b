/**
 * The note of the run that is under way: which job it is, so that the next start of the program can go on with it.
 *
 * The job itself, its parts and what they returned are in the journal; its id is all that a program has to remember.
 */
import { open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

export interface RunNote {
  /** The job's id. */
  readonly job: string;
  /** Darts thrown in each part. The parts are counted with the job itself. */
  readonly darts: number;
}

/** Undefined where there is no note, or one that does not make sense. */
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

/** On the disk when it resolves; whoever reads meanwhile sees the old note or the new one. */
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

/** The run is over. */
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
