/**
 * Jobs for real threads and processes that die. Each start appends a line to a file in one write,
 * for an observer outside.
 */
import { appendFileSync } from 'node:fs';
import { type CompletedItems, type CompletedJobs, currentJob } from 'callsheet';
import { marking } from './all.js';

export function mark(file: string, line: string): string {
  appendFileSync(file, `${line}\n`);
  return line;
}

/** Marks its begin and its end, and computes for `ms` in between. */
export function stretch(file: string, name: string, ms: number): string {
  mark(file, `begin ${name}`);
  const end = performance.now() + ms;
  while (performance.now() < end);
  mark(file, `end ${name}`);
  return name;
}

/** A callback that marks and ignores the outcome. */
export const called = (file: string, line: string, _outcome: unknown): string => mark(file, line);

export const child = (file: string, name: string): string => mark(file, `${name} ${currentJob().id}`).split(' ')[0]!;

export function parent(file: string, name: string) {
  mark(file, `parent ${name}`);
  currentJob().put(marking.child(file, `put-by-${name}`));
  return currentJob().put(marking.child(file, `returned-by-${name}`));
}

export function unsteady(file: string, name: string): number {
  mark(file, `${name} attempt ${currentJob().attempt}`);
  if (currentJob().attempt < 3) throw new Error('not yet');
  return currentJob().attempt;
}

export function say(file: string, name: string): string {
  currentJob().annotations.set('said', name);
  return mark(file, name);
}

export async function gathered(items: CompletedItems<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const { result } of items) all.push(result);
  return all;
}

export function together(file: string, line: string, parts: CompletedJobs<unknown>): unknown[] {
  mark(file, line);
  return Array.from(parts, ({ result }) => result);
}
