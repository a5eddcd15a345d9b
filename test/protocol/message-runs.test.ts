/**
 * Messages between clients and the coordinator. Runs of the frequent ones are packed tightly; the
 * receiver sees no difference.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Level } from '../../src/core/records.js';
import {
  canJoin,
  type Puts,
  packClientMessages,
  packCoordinatorMessages,
  unpackClientMessages,
  unpackCoordinatorMessages,
  unpackPuts,
} from '../../src/protocol/message-runs.js';
import type { ClientMessage, CoordinatorMessage, WireJob } from '../../src/protocol/messages.js';

const id = (number: number) => String.fromCharCode(number, ...Array(14).fill(0xff), 0);
const args = (...bytes: number[]) => new Uint8Array(bytes);
const plain = (number: number, callable = 'm#f', given: Uint8Array | null = args(number)): WireJob => [
  id(number),
  'call',
  callable,
  given,
  null,
  [],
  [],
];

interface PutOf {
  readonly queue: string;
  readonly level: Level;
  readonly job: WireJob;
}

/** The bytes that an array keeps in memory beyond its own. */
const excess = (bytes: Uint8Array) => bytes.buffer.byteLength - bytes.byteLength;

/** Copies views on a larger buffer into plain lists, for comparison. */
function unshared(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(unshared);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, unshared(inner)]));
}

const client = (messages: ClientMessage[]) =>
  assert.deepEqual(unshared(unpackClientMessages(packClientMessages(messages)).map(unpackPuts)), unshared(messages));
const coordinator = (messages: CoordinatorMessage[]) =>
  assert.deepEqual(unshared(unpackCoordinatorMessages(packCoordinatorMessages(messages))), unshared(messages));

describe('a batch of client messages', () => {
  it('keeps the order of runs of puts in two queues and levels, with other messages between', () =>
    client([
      ['puts', 1, 'a', 'full', [plain(1), plain(2, 'other#g', null)]],
      ['puts', 3, 'a', 'process', [plain(3)]],
      ['puts', 4, 'b', 'process', [plain(4, 'm#f', args())]],
      ['ask', 5, { type: 'queues' }],
      ['puts', 2 ** 40, 'a', 'full', [plain(5, 'm#f', new Uint8Array(100_000).fill(7))]],
    ]));

  it('keeps the options, parts and callbacks of a put', () => {
    const withOptions: WireJob = [id(1), 'call', 'm#f', args(1), { priority: 2 }, [], []];
    const whole: WireJob = [id(2), 'parallel', '', null, null, [plain(3), plain(4)], [plain(5)]];
    const side: WireJob = [id(6), 'call', 'm#f', null, null, [], [], 'onSuccess'];
    client([
      ['puts', 1, 'a', 'full', [withOptions]],
      ['puts', 2, 'a', 'full', [whole]],
      ['puts', 3, 'a', 'full', [plain(7)]],
      ['do', 4, 'full', { type: 'addCallbacks', job: id(1), callbacks: [side] }],
    ]);
  });

  it('keeps many jobs of one put, plain or not', () => {
    const put = (request: number, jobs: WireJob[]): ClientMessage => [
      'do',
      request,
      'full',
      { type: 'put', queue: 'a', jobs },
    ];
    const plainJobs = Array.from({ length: 200 }, (_, number) => plain(number, `m#f${number % 3}`));
    client([
      put(1, plainJobs),
      put(2, [...plainJobs, [id(1), 'call', 'm#f', null, { unique: 'k' }, [], []]]),
      put(3, []),
    ]);
  });
});

describe('a run of puts', () => {
  const put = (request: number, { queue = 'a', level = 'full', job = plain(request) }: Partial<PutOf> = {}): Puts => [
    'puts',
    request,
    queue,
    level,
    [job],
  ];

  it('takes the next plain put into the same queue at the same level', () => {
    const withOptions: WireJob = [id(2), 'call', 'm#f', null, { priority: 2 }, [], []];
    assert.ok(canJoin(put(1), put(2)));
    assert.ok(canJoin(['puts', 1, 'a', 'full', [plain(1), plain(2)]], put(3)));
    const others = [put(3), put(1), put(2, { queue: 'b' }), put(2, { level: 'memory' }), put(2, { job: withOptions })];
    for (const other of others) assert.ok(!canJoin(put(1), other));
    assert.ok(!canJoin(put(1, { job: withOptions }), put(2)));
    assert.ok(!canJoin(undefined, put(1)));
    assert.ok(!canJoin(['ask', 1, { type: 'queues' }], put(2)));
  });

  it('has an end', () => {
    const run = put(0);
    let length = 1;
    for (; canJoin(run, put(length)); length++) run[4].push(plain(length));
    assert.equal(length, 64);
  });
});

describe('a batch of coordinator messages', () => {
  it('keeps the order of runs of outcomes, with other messages between', () =>
    coordinator([
      ['done', 1, 64],
      [
        'deliver',
        [1, 2 ** 33],
        [
          { kind: 'value', payload: args(1, 2) },
          { kind: 'failure', payload: new Uint8Array(70_000) },
        ],
      ],
      ['answer', 3, { jobs: 3 }],
      ['deliver', [4], [{ kind: 'list', payload: args() }]],
      ['deliver', [5], [{ kind: 'value', payload: args(5) }]],
    ]));
});

describe('a message that is kept', () => {
  const large = new Uint8Array(100_000);
  const small = args(1, 2, 3);
  const isOwn = (bytes: Uint8Array | null) => assert.ok(excess(bytes!) <= 4096 + 64, `${excess(bytes!)} bytes beside`);

  it('holds at most a few thousand bytes of its batch: arguments', () => {
    const jobs = [small, large, small, small, large].map((given, number) => plain(number, 'm#f', given));
    const optional: WireJob = [id(9), 'call', 'm#f', small, { priority: 1 }, [], []];
    const put = { type: 'put', queue: '', jobs } as const;
    const batch = packClientMessages([
      ['puts', 0, '', 'full', jobs],
      ['puts', 9, '', 'full', [optional]],
      ['do', 10, 'full', put],
      ['do', 11, 'full', { ...put, jobs: [...jobs, optional] }],
    ]);
    for (const message of unpackClientMessages(batch).map(unpackPuts)) {
      if (message[0] === 'puts') for (const job of message[4]) isOwn(job[3]);
      else if (message[0] === 'do' && message[3].type === 'put') for (const job of message[3].jobs) isOwn(job[3]);
    }
  });

  it('holds at most a few thousand bytes of its batch: outcomes', () => {
    const batch = packCoordinatorMessages([
      ['deliver', [0, 1, 2], [small, large, small].map((payload) => ({ kind: 'value' as const, payload }))],
      ['outcome', 3, 'value', small],
      ['kept', id(1), id(2), 'value', small],
      ['answer', 5, large],
    ]);
    for (const message of unpackCoordinatorMessages(batch)) {
      if (message[0] === 'deliver') for (const { payload } of message[2]) isOwn(payload);
      else isOwn(message.find((part) => part instanceof Uint8Array) as unknown as Uint8Array);
    }
  });
});
