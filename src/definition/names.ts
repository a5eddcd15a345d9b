/**
 * Names that users give. A name is a part of stored keys, and people read it. A name that would be
 * stored as another is refused.
 */
import { invalidOption } from '../errors.js';
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
  checkText(path, name, 'must be a string', () => true);
}
