/**
 * Names that users give. A name is a part of stored keys, and people read it. A name that would be
 * stored as another is refused.
 */
import { idFromText } from '../codec/id.js';
import { longestName } from '../core/limits.js';
import type { Id } from '../core/records.js';
import { invalidOption, UnknownJobError } from '../errors.js';
import { checkText } from './arguments.js';

const longest = 200;

/** Checks the name of a queue, a quota or an agent. */
export function checkName(path: string, name: string): void {
  checkText(
    path,
    name,
    `must be a string of 1 to ${longest} characters without line breaks`,
    (text) => text !== '' && text.length <= longest && !/[\0\n]/.test(text),
  );
}

/** Checks the name of an annotation. */
export function checkAnnotationName(name: string): void {
  const fits = (text: string) => text !== '' && text.length <= longest;
  checkText('name', name, `must be a string of 1 to ${longest} characters`, fits);
  if (name === '__proto__')
    throw invalidOption('name', 'must not name the prototype: it cannot be stored as a key', name, RangeError);
}

/** Checks the name of a queue that need not exist. */
export function checkQueueName(path: string, name: string): void {
  checkLookedFor(path, name, '');
}

/**
 * Checks a name or a pattern that is looked for, so that it need not be one that is stored.
 *
 * @param or The end of the rule, if something else is allowed too.
 */
export function checkLookedFor(path: string, name: unknown, or: string): void {
  checkText(
    path,
    name,
    `must be a string of at most ${longestName} characters${or}`,
    (text) => text.length <= longestName,
  );
}

/** Returns the id of a job that a user gives as text. */
export function checkJobId(id: string): Id {
  const known = idFromText(id);
  if (known === undefined) throw new UnknownJobError(`${JSON.stringify(id)} is not the id of a job`);
  return known;
}
