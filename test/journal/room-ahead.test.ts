/** Zeros after the end of the log: made, used up, cut off, and never taken for anything else. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { JournalCorruptError } from '../../src/errors.js';
import { inspectJournal } from '../../src/journal/inspect.js';
import { type Journal, type JournalOptions, openJournal } from '../../src/journal/journal.js';
import { SalvageReader } from '../../src/journal/salvage-reader.js';
import { append, Collector, filled, printed } from './reading.js';
import { diskError, StrictDisk } from './strict-disk.js';

const directory = '/journal';
const segment = `${directory}/journal-0000000001.segment`;
const aheadBytes = 4096;

async function openOn(disk: StrictDisk, options: JournalOptions = {}) {
  const collector = new Collector();
  const sizes = { reserveBytes: 0, aheadBytes };
  const journal = await openJournal(directory, collector, { disk, ...sizes, salt: () => 1, ...options });
  return { journal, collector };
}

const one = filled(1, 300, 1);
const sizeOf = (disk: StrictDisk, name = segment) => disk.files().get(name)!.length;

/** A journal as a killed process leaves it: frames, and room ahead. */
async function killed(): Promise<{ disk: StrictDisk; whole: string[] }> {
  const disk = new StrictDisk();
  const { journal } = await openOn(disk);
  for (let count = 0; count < 5; count++) append(journal, one);
  return { disk: disk.afterKill(), whole: Array(5).fill(printed([one])) };
}

describe('room ahead', () => {
  it('is made seldom, so that most syncs do not change the length of the file', async () => {
    const disk = new StrictDisk();
    const { journal } = await openOn(disk);
    const sizes = new Set<number>();
    for (let count = 0; count < 40; count++) {
      append(journal, one);
      await journal.sync();
      sizes.add(sizeOf(disk));
    }
    assert.ok(sizes.size <= 6, `${[...sizes]}`);
    await journal.close();
  });

  it('is not made after large writes', async () => {
    const disk = new StrictDisk();
    const { journal } = await openOn(disk);
    for (let count = 0; count < 5; count++) append(journal, filled(1, 1000, count));
    assert.equal(sizeOf(disk), journal.diskBytes);
    append(journal, one);
    assert.ok(sizeOf(disk) > journal.diskBytes);
    await journal.close();
  });

  it('is cut off at the end of a segment and on closing', async () => {
    const disk = new StrictDisk();
    const { journal } = await openOn(disk, { segmentBytes: 8192 });
    while (journal.beginFrame(400) === 1) append(journal, one);
    const sealed = disk.files().get(segment)!;
    assert.notEqual(sealed.at(-400), 0);
    assert.ok(sealed.length <= 8192);
    append(journal, one);
    await journal.close();
    const { files } = inspectJournal(directory, new Collector(), disk);
    const log = files.filter(({ name }) => name.endsWith('.segment')).reduce((sum, { bytes }) => sum + bytes, 0);
    assert.equal(log, journal.diskBytes);
  });

  it('does not count as a torn tail after a kill, and loses nothing', async () => {
    const { disk, whole } = await killed();
    assert.ok(sizeOf(disk) >= aheadBytes);
    assert.deepEqual(inspectJournal(directory, new Collector(), disk).damages, []);
    const salvaged = new Collector();
    const reader = new SalvageReader(directory, disk);
    reader.read(salvaged);
    assert.deepEqual([salvaged.transactions, reader.losses], [whole, []]);
    const { journal, collector } = await openOn(disk);
    assert.deepEqual([collector.transactions, journal.report.tornTail], [whole, undefined]);
    append(journal, one);
    await journal.close();
    assert.deepEqual((await openOn(disk)).collector.transactions, [...whole, printed([one])]);
  });

  it('loses no transaction if one of its bits is flipped', async () => {
    const { disk, whole } = await killed();
    const bytes = disk.files().get(segment)!;
    const room = bytes.length - bytes.findLastIndex((byte) => byte !== 0);
    for (let at = bytes.length - room + 8; at < bytes.length; at++) {
      const damaged = new StrictDisk();
      for (const [name, whole] of disk.files()) damaged.put(name, whole);
      damaged.put(segment, bytes.with(at, 1 << (at % 8)));
      try {
        assert.deepEqual((await openOn(damaged)).collector.transactions, whole);
      } catch (error) {
        assert.ok(error instanceof JournalCorruptError, String(error));
      }
    }
  });

  it('is given up on a full disk, which gets its bytes back', async () => {
    const disk = new StrictDisk();
    const { journal } = await openOn(disk);
    disk.capacityBytes = disk.usedBytes + 1000;
    append(journal, one);
    append(journal, one);
    assert.ok(sizeOf(disk) < 1000);
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    await journal.close();
    assert.equal((await openOn(disk)).collector.transactions.length, 2);
  });

  it('is given up if it cannot be written, without a failure', async () => {
    const disk = new StrictDisk();
    const { journal } = await openOn(disk);
    let writes = 0;
    disk.fault = (operation) => {
      if (operation === 'write' && ++writes === 2) throw diskError('EIO', 'write');
      return undefined;
    };
    for (let count = 0; count < 3; count++) append(journal, one);
    assert.equal(await journal.sync(), 3);
    await journal.close();
    assert.equal((await openOn(disk)).collector.transactions.length, 3);
  });

  it('rejects a size that is not a whole number of bytes', async () => {
    const open = (bytes: number): Promise<{ journal: Journal }> => openOn(new StrictDisk(), { aheadBytes: bytes });
    for (const bytes of [-1, 0.5, Number.NaN]) await assert.rejects(open(bytes), /aheadBytes must be an integer/);
  });
});
