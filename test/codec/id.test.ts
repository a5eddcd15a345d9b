import assert from 'node:assert/strict';
import { it } from 'node:test';
import { idFromText, idToText, isId, newId } from '../../src/codec/id.js';

it('an id has a text only if it is a UUID', () => {
  const random = newId();
  assert.equal(idFromText(idToText(random)), random);
  const at = (id: string, index: number, byte: number) =>
    id.slice(0, index) + String.fromCharCode(byte) + id.slice(index + 1);
  const ids = [random, '\0'.repeat(16), '\xff'.repeat(16), `${'\0'.repeat(15)}\x01`];
  for (let byte = 0; byte < 256; byte++) ids.push(at(random, 6, byte), at(random, 8, byte));
  for (const id of ids) {
    if (isId(id)) assert.equal(idFromText(idToText(id)), id);
    else assert.throws(() => idToText(id), TypeError);
  }
  assert.equal(ids.filter(isId).length, 3 + 8 * 16 + 64);
});
