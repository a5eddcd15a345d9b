/** Batches of claimed jobs, from the coordinator to a worker thread. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeArguments } from '../../src/codec/payload.js';
import type { WireRun } from '../../src/protocol/dispatch.js';
import { RunBatchReader, RunBatchWriter } from '../../src/protocol/run-batch.js';
import { decodeCall } from '../../src/protocol/stored-call.js';

const id = (fill: string) => fill.repeat(16);
const bytes = (...values: number[]) => new Uint8Array(values);

const runs: WireRun[] = [
  {
    ...{
      slot: 0,
      word: 5,
      id: id('a'),
      parent: '',
      isPart: false,
      callable: 'm#f',
      attempt: 1,
      queue: '',
      agent: 'main',
    },
    ...{ args: encodeArguments([1, 'two']), fed: null, timed: false, log: '' },
  },
  {
    ...{
      slot: 511,
      word: -7,
      id: id('\u00ff'),
      parent: id('p'),
      isPart: true,
      callable: 'm#g',
      attempt: 300,
      queue: 'ä',
      agent: '',
    },
    ...{ args: null, fed: { kind: 'failure', payload: bytes(9) }, timed: true, log: 'silent' },
  },
  {
    ...{
      slot: 3,
      word: 0x7fff_fffd,
      id: id('c'),
      parent: '',
      isPart: false,
      callable: 'm#f',
      attempt: 1,
      queue: 'ä',
      agent: 'main',
    },
    ...{ args: encodeArguments([]), fed: { kind: 'list', payload: new Uint8Array(100_000) }, timed: false, log: '' },
  },
];

/** The runs with decoded arguments and copied bytes, for comparison. */
function plain(batch: readonly WireRun[]): unknown[] {
  return batch.map(({ args, fed, ...run }) => ({ ...run, call: decodeCall(args), fed: copied(fed) }));
}

function read(batch: Uint8Array): unknown[] {
  const runs: unknown[] = [];
  for (const reader = new RunBatchReader(batch); reader.next(); )
    runs.push({ ...reader, call: reader.call(), fed: copied(reader.fed) });
  return runs;
}

const copied = (fed: WireRun['fed']) => fed && [fed.kind, [...fed.payload]];

describe('a batch of runs', () => {
  it('round-trips, one batch after another', () => {
    const writer = new RunBatchWriter();
    for (const batch of [runs, runs.slice(1), runs.slice(0, 1)]) {
      for (const run of batch) writer.add(run);
      assert.deepEqual(read(writer.finish()), plain(batch));
    }
  });

  it('has a buffer of its own, so that it can be transferred', () => {
    const writer = new RunBatchWriter();
    writer.add(runs[0]!);
    const batch = writer.finish();
    assert.equal(batch.byteLength, batch.buffer.byteLength);
  });
});
