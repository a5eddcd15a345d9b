/** New and damaged directories: a journal that lost its log is never taken for a new directory. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { JournalCorruptError } from '../../src/errors.js';
import { openJournal } from '../../src/journal/journal.js';
import { append, Collector, filled, printed } from './reading.js';
import { type Pick, StrictDisk } from './strict-disk.js';

const directory = '/journal';
const segment = `${directory}/journal-0000000001.segment`;
const witness = `${directory}/journal-created`;
const options = { reserveBytes: 2048, salt: () => 1 };

async function openOn(disk: StrictDisk) {
  const collector = new Collector();
  const journal = await openJournal(directory, collector, { disk, ...options });
  return { journal, transactions: collector.transactions };
}

/** A journal of one segment, as kill -9 leaves it. */
async function written(): Promise<StrictDisk> {
  const disk = new StrictDisk();
  const { journal } = await openOn(disk);
  append(journal, filled(1, 1000, 1));
  await journal.sync();
  return disk.afterKill();
}

async function assertCorrupt(disk: StrictDisk): Promise<void> {
  const before = disk.files();
  await assert.rejects(openOn(disk), (error) => {
    assert.ok(error instanceof JournalCorruptError, String(error));
    assert.deepEqual({ file: error.file, offset: error.offset, lsn: error.lsn }, { file: segment, offset: 0, lsn: 1 });
    return true;
  });
  assert.deepEqual(disk.files(), before);
}

function picks(seed: number): Pick[] {
  const sampled = Array.from({ length: 4 }, (_, index): Pick => {
    let state = seed * 31 + index;
    return (count) => {
      state = (state * 1103515245 + 12345) % 2 ** 31;
      return (state >> 8) % count;
    };
  });
  return [(count) => count - 1, () => 0, ...sampled];
}

describe('opening a journal with one segment', () => {
  for (const length of [0, 1, 63]) {
    it(`[9.1] refuses a segment cut to ${length} bytes, with nothing modified`, async () => {
      const disk = await written();
      disk.put(segment, disk.files().get(segment)!.slice(0, length));
      await assertCorrupt(disk);
    });
  }

  it('[9.1] refuses a segment filled with zeros, with nothing modified', async () => {
    const disk = await written();
    disk.put(segment, new Uint8Array(disk.files().get(segment)!.length));
    await assertCorrupt(disk);
  });

  for (const others of ['and the reserve, too', 'alone']) {
    it(`[9.1] refuses a removed segment (${others}), with nothing modified`, async () => {
      const disk = await written();
      disk.unlink(segment);
      if (others !== 'alone') disk.unlink(`${directory}/journal-reserve`);
      await assertCorrupt(disk);
    });
  }
});

describe('the creation of a journal', () => {
  it('[9.1] leaves a new directory or a whole journal after a power loss at any operation', async (t) => {
    let states = 0;
    for (let operation = 1; ; operation++) {
      const disk = new StrictDisk();
      disk.fault = (_kind, _file, number) => {
        if (number >= operation) throw new Error('the power is gone');
        return undefined;
      };
      const created = await openOn(disk).then(
        () => true,
        () => false,
      );
      for (const pick of picks(operation)) {
        const left = disk.afterCrash(pick);
        const { journal, transactions } = await openOn(left);
        assert.deepEqual(transactions, []);
        append(journal, filled(1, 100, operation));
        await journal.sync();
        const again = left.afterCrash(() => 0);
        assert.ok(again.files().has(witness), 'what was acknowledged has a witness');
        assert.deepEqual((await openOn(again)).transactions, [printed([filled(1, 100, operation)])]);
        states += 1;
      }
      if (created) break;
    }
    t.diagnostic(`states of an interrupted creation: ${states}`);
    assert.ok(states > 50);
  });

  it('makes a missing witness beside a log', async () => {
    const disk = await written();
    disk.unlink(witness);
    assert.deepEqual((await openOn(disk)).transactions, [printed([filled(1, 1000, 1)])]);
    const left = disk.afterCrash(() => 0);
    left.unlink(segment);
    await assertCorrupt(left);
  });
});
