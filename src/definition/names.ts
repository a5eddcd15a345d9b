/**
 * Names that users give: parts of keys, which are stored, and which people read. One that would
 * come back otherwise than it was given, and be taken for another, is refused.
 */
import { isWellFormed } from '../codec/storable.js';

const longest = 200;

/** Of a queue, a quota or an agent. @throws {TypeError} it cannot be one. */
export function checkName(what: string, name: string): void {
  const right =
    typeof name === 'string' && name !== '' && name.length <= longest && !name.includes('\0') && !name.includes('\n');
  if (!right) throw new TypeError(`${what}: a text of 1 to ${longest} characters without line breaks is needed`);
  checkText(what, name);
}

/** Of an annotation. @throws {TypeError} it cannot be one. */
export function checkAnnotationName(name: string): void {
  if (typeof name !== 'string' || name === '' || name.length > longest)
    throw new TypeError(`name: a text of 1 to ${longest} characters is needed`);
  checkText('name', name);
  if (name === '__proto__') throw new TypeError('name: "__proto__" names the prototype, and cannot be stored as a key');
}

/** Of a queue that may be there or not. @throws {TypeError} there can be none. */
export function checkQueueName(what: string, name: string): void {
  if (typeof name !== 'string') throw new TypeError(`${what}: a text is needed`);
  checkText(what, name);
}

/** Why a text would not be stored as it is; undefined: it would. */
export function textRefusal(text: string): string | undefined {
  return isWellFormed(text) ? undefined : `${JSON.stringify(text)} has a lone surrogate, which cannot be stored`;
}

function checkText(what: string, text: string): void {
  const refusal = textRefusal(text);
  if (refusal !== undefined) throw new TypeError(`${what}: ${refusal}`);
}
