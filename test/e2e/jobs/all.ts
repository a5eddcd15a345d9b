/** The job modules that tests register, and readers of the marks. */
import { readFileSync } from 'node:fs';
import { defineJobs } from 'callsheet';

export const numbers = defineJobs<typeof import('./numbers.js')>('numbers', new URL('./numbers.js', import.meta.url));
export const marks = defineJobs<typeof import('./marks.js')>('marks', new URL('./marks.js', import.meta.url));
export const bad = defineJobs<typeof import('./misbehaving.js')>('bad', new URL('./misbehaving.js', import.meta.url));
export const allJobs = [numbers, marks, bad];

/** The marks that jobs left in a file, in order; none if the file does not exist. */
export function marksIn(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n').slice(0, -1);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

export function countMarks(file: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const mark of marksIn(file)) counts.set(mark, (counts.get(mark) ?? 0) + 1);
  return counts;
}
