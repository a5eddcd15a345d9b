/**
 * The layout of objects that are made of packed jobs. V8 undoes all code that was compiled for a
 * class when one object of it gets another layout, for example by a number in a box.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { State } from '../../src/core/state/state.js';
import { HeldPayloads } from '../../src/store/held-payloads.js';
import { PayloadPlaces } from '../../src/store/journal/payload-places.js';
import { StoredPayload } from '../../src/store/journal/stored-payload.js';
import { call, idOf, Machine } from '../core/making.js';

setFlagsFromString('--allow-natives-syntax');
const haveSameLayout = new Function('one', 'other', 'return %HaveSameMap(one, other)') as (
  one: object,
  other: object,
) => boolean;
setFlagsFromString('--no-allow-natives-syntax');

it('gives the row of a packed job the layout of other rows', () => {
  const machine = new Machine(new State(new HeldPayloads()));
  machine.put(call('packed'));
  machine.claim('packed');
  machine.settle('packed');
  machine.state.pack([...machine.state.jobs()]);
  machine.put(call('other'));
  const other = machine.job('other');
  const [packed] = machine.state.jobs();
  assert.ok(packed !== [...machine.state.jobs()][0], 'it is packed');
  assert.ok(haveSameLayout(packed!, other));
});

it('gives a payload in its place the layout of other payloads', () => {
  const places = new PayloadPlaces();
  const largeChecksum = -1;
  const other = StoredPayload.of(new Uint8Array(3));
  other.evict();
  other.place(1, 100, largeChecksum);
  const also = StoredPayload.of(new Uint8Array(3));
  assert.ok(places.take(0, other, null));
  const found = places.payload(0, 'args', idOf('packed'))!;
  assert.deepEqual([found.segment, found.offset, found.byteLength, found.checksum], [1, 100, 3, largeChecksum]);
  assert.ok(haveSameLayout(found, also));
});
