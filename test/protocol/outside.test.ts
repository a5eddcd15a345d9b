/** Messages of clients in other processes, well-formed and not. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { newId } from '../../src/codec/id.js';
import type { ClientMessage, WireJob } from '../../src/protocol/messages.js';
import { BadMessageError, messageFromOutside } from '../../src/protocol/outside.js';
import { packBatch, unpackBatch } from '../../src/protocol/packing.js';
import { randomFrom } from '../harness/randomness.js';

const id = newId();
const bytes = new Uint8Array([1, 2, 3]);
const call = (...callbacks: WireJob[]): WireJob => [newId(), 'call', 'm#f', bytes, { priority: -1.5 }, [], callbacks];
const side = (role: 'onSuccess' | 'onFailure'): WireJob => {
  const [id, form, callable, args, options, parts, callbacks] = call();
  return [id, form, callable, args, options, parts, callbacks, role];
};
const choice: WireJob = [newId(), 'choice', '', null, null, [side('onSuccess'), side('onFailure')], []];
const whole: WireJob = [newId(), 'parallel', '', null, null, [call(), call(choice)], [call()]];
const agent = { dispatcher: id, queue: '', name: 'main', size: 2 };

const good: readonly ClientMessage[] = [
  ['puts', 1, '', 'full', [call(choice)]],
  ['do', 2, 'process', { type: 'put', queue: 'mail', jobs: [whole, [newId(), 'map', '', null, null, [], []]] }],
  [
    'do',
    3,
    'memory',
    {
      type: 'all',
      commands: [
        { type: 'put', queue: '', jobs: [call()] },
        { type: 'remove', job: id },
      ],
    },
  ],
  ['do', 4, 'full', { type: 'change', job: id, args: null, options: { quotas: ['a\0b'], unique: 'k', beginAfter: 0 } }],
  [
    'do',
    5,
    'full',
    { type: 'setAgent', ...agent, filter: { callables: ['m#f'], minPriority: -1 }, retry: { jobs: 'r' } },
  ],
  ['do', 6, 'full', { type: 'setQuota', queue: '', name: 'q', size: 1, rate: 0, ratePeriodMs: 0 }],
  ['do', 7, 'full', { type: 'feed', job: id, from: 0, chunk: newId(), parts: [call()] }],
  ['outcome', 8, id],
  [
    'ask',
    9,
    { type: 'completedBy', queue: '', dispatcher: id, name: 'main', from: 0, to: Number.POSITIVE_INFINITY, limit: 5 },
  ],
  ['ask', 10, { type: 'line', queue: '', skip: 0, count: 10, after: undefined }],
  ['annotation', 11, id, 'note', 1000],
  ['fed', 12, id, 3],
  ['drained', 13, ''],
  ['subscribe', 14, 1, 10_000],
  ['events', 15, 1],
  ['hold', 16, id, id, []],
  ['release', 17, id],
  ['close', 18, Number.POSITIVE_INFINITY],
];

/** Values that no field takes, or not this one. */
const strange: readonly unknown[] = [
  undefined,
  null,
  true,
  -1,
  1.5,
  Number.NaN,
  2 ** 60,
  'x'.repeat(100_000),
  '\ud800',
  [],
  {},
  { type: 'recover' },
  { type: 'constructor' },
  new Date(0),
  new Map(),
  [[[]]],
];

function* places(value: unknown, path: (string | number)[] = []): Generator<(string | number)[]> {
  yield path;
  if (value instanceof Uint8Array || value === null || typeof value !== 'object') return;
  for (const [key, part] of Object.entries(value)) yield* places(part, [...path, key]);
}

function withValue(message: unknown, [key, ...rest]: readonly (string | number)[], value: unknown): unknown {
  if (key === undefined) return value;
  const copy = (Array.isArray(message) ? [...message] : { ...(message as object) }) as Record<string, unknown>;
  copy[key] = withValue(copy[key], rest, value);
  return copy;
}

describe('a message from outside', () => {
  it('is accepted if it is one of the protocol', () => {
    for (const message of unpackBatch<ClientMessage>(packBatch(good))) messageFromOutside(message);
  });

  it('is refused with its place if it is not', () => {
    const cases: readonly [unknown, RegExp][] = [
      ['do', /^message must be a list$/],
      [['undo', 1], /^message has an unknown type$/],
      [['__proto__', 1], /unknown type/],
      [['outcome', 0, id], /^outcome\.request must be an integer/],
      [['outcome', 1], /^outcome must have 1 fields/],
      [['outcome', 1, 'no UUID, 16 char'], /^outcome\[0\] must be a UUID$/],
      [['puts', 1, '', 'full', []], /^puts must have a job$/],
      [['do', 1, 'full', { type: 'recover' }], /^do\[1\]\.type is unknown$/],
      [['do', 1, 'full', { type: 'settle', job: id }], /^do\[1\]\.type is unknown$/],
      [['do', 1, 'full', { type: 'cancel', job: id, now: true }], /^do\[1\] must have no field "now"$/],
      [
        ['do', 1, 'full', { type: 'setQuota', queue: '', name: 'q\0', size: 1, rate: 0, ratePeriodMs: 0 }],
        /zero character/,
      ],
      [
        ['do', 1, 'full', { type: 'setQuota', queue: '', name: 'q', size: 0, rate: 0, ratePeriodMs: 0 }],
        /\.size must be/,
      ],
      [['puts', 1, '', 'full', [choice]], /^puts\[2\]\[0\]\.form must be one of call, serial, parallel, map$/],
      [['puts', 1, '', 'full', [side('onSuccess')]], /role must be left out/],
      [['puts', 1, '', 'full', [[id, 'chunk', '', null, null, [], []]]], /form must be one of/],
      [['puts', 1, '', 'full', [[id, 'call', '', null, null, [], []]]], /callable does not fit/],
      [['puts', 1, '', 'full', [[id, 'call', 'm#f', null, null, [call()], []]]], /parts must be a list of at most 0/],
      [['ask', 1, { type: 'completed', job: id, from: 0, reader: 'job' }], /reader must be one of client/],
    ];
    for (const [message, rule] of cases)
      assert.throws(
        () => messageFromOutside(message),
        (error) => error instanceof BadMessageError && rule.test(error.message),
        String(rule),
      );
    let deep = call();
    for (let depth = 0; depth < 300; depth++) deep = [newId(), 'serial', '', null, null, [deep], []];
    assert.throws(() => messageFromOutside(['puts', 1, '', 'full', [deep]]), /nested at most/);
  });

  it('is accepted or refused, and nothing else, with any strange value in any place', () => {
    const random = randomFrom(1);
    let refused = 0;
    for (const message of good)
      for (const path of places(message))
        for (const value of [...strange, good[random(good.length)]])
          try {
            messageFromOutside(withValue(message, path, value));
          } catch (error) {
            assert.ok(error instanceof BadMessageError, `${path}: ${error}`);
            refused++;
          }
    assert.ok(refused > 1000);
  });
});
