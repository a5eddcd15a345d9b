/** Results as JSON. */
import { types } from 'node:util';
import { NotStorableError } from '../../errors.js';

/**
 * Returns a result as JSON text without line breaks; `''` for `undefined`. A bigint becomes its
 * digits in a string, a date its ISO form.
 *
 * @throws {NotStorableError} the result has a value that JSON would drop or empty, such as a Map.
 */
export function resultAsJson(value: unknown): string {
  if (value === undefined) return '';
  if (typeof value !== 'object' || value === null) check(value, 'result');
  let text: string | undefined;
  try {
    text = JSON.stringify(value, bigintAsText);
  } catch (error) {
    throw new NotStorableError('RESULT_NOT_STORABLE', 'result', `has no JSON form: ${(error as Error).message}`);
  }
  if (typeof value === 'object' && value !== null) check(value, 'result');
  return text ?? '';
}

const bigintAsText = (_key: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value);

/** Refuses what `JSON.stringify` drops or empties. It has found no circle before. */
function check(value: unknown, path: string): void {
  if (typeof value === 'function' || typeof value === 'symbol') throw refused(path, `a ${typeof value}`);
  if (typeof value !== 'object' || value === null || 'toJSON' in value) {
    if (ArrayBuffer.isView(value)) throw refused(path, 'binary data');
    return;
  }
  if (types.isMap(value) || types.isSet(value) || types.isRegExp(value) || types.isPromise(value))
    throw refused(path, `a ${value[Symbol.toStringTag as never] ?? 'RegExp'}`);
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) throw refused(path, 'binary data');
  if (Array.isArray(value)) for (const [index, one] of value.entries()) check(one, `${path}[${index}]`);
  else for (const [key, one] of Object.entries(value)) check(one, `${path}.${key}`);
}

const refused = (path: string, what: string) =>
  new NotStorableError(
    'RESULT_NOT_STORABLE',
    path,
    `is ${what}, which has no JSON form: return plain data, or write a file and return its name`,
  );
