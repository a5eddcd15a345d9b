/** Jobs by the first digits of their ids. */
import type { Runtime } from '../runtime/runtime.js';
import { CommandError, exitCodes } from './exit.js';
import { callableName } from './words.js';

/** Long enough to be meant, and to fit few jobs. */
const leastDigits = 4;
const mostShown = 5;

/** Returns the id of the job that these digits begin, if they begin one only. */
export async function findJob(callsheet: Runtime, text: string): Promise<string> {
  const digits = text.toLowerCase();
  if (!/^[\da-f][\da-f-]*$/.test(digits) || digits.length > 36)
    throw new CommandError(exitCodes.usage, `${JSON.stringify(text)} is not the id of a job, nor its first digits`);
  if (digits.length === 36) return digits;
  if (digits.length < leastDigits)
    throw new CommandError(exitCodes.usage, `${text} is too short: give at least ${leastDigits} digits of the id`);
  const { items } = await callsheet.monitor.jobs({ id: digits }, { limit: mostShown + 1 });
  const [first, ...others] = items;
  if (first === undefined) throw new CommandError(exitCodes.notFound, `there is no job whose id begins with ${text}`);
  if (others.length === 0) return first.id;
  const shown = items.slice(0, mostShown).map(({ id, callable }) => `${id} ${callableName(callable)}`);
  const more = items.length > mostShown ? ['…'] : [];
  throw new CommandError(
    exitCodes.usage,
    [`several jobs have ids that begin with ${text}: give more digits`, ...shown, ...more].join('\n  '),
  );
}
