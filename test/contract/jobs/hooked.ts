/** Jobs with setUp and tearDown. */
import { currentJob } from 'callsheet';
import { mark } from './work.js';

export function setUp(captured: unknown): string {
  mark(`setUp of ${currentJob().attempt}, given ${String(captured)}`);
  if (captured === 'bad') throw new RangeError('cannot be set up');
  return `set up for ${String(captured)}`;
}

export function tearDown(set: unknown): void {
  mark(`tearDown, given ${String(set)}`);
  if (set === 'set up for worse') throw new Error('cannot be torn down');
}

export const run = (name: string): string => mark(name);
export const runUntil = (attempt: number): number => {
  mark(`run ${currentJob().attempt}`);
  if (currentJob().attempt < attempt) throw new Error('not yet');
  return attempt;
};
