/** Opening damaged journals: each kind of damage, in every place. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { crc32 } from 'node:zlib';
import { JournalCorruptError, JournalVersionError } from '../../src/errors.js';
import { createFirstSegment } from '../../src/journal/creation.js';
import { encodeFileHeader } from '../../src/journal/file-header.js';
import { fileKind, formatVersion, frameHeaderBytes, maxEntryBytes, maxFrameBytes } from '../../src/journal/format.js';
import { FrameWriter } from '../../src/journal/frame-writer.js';
import { type Journal, openJournal, type TornTail } from '../../src/journal/journal.js';
import { SalvageReader } from '../../src/journal/salvage-reader.js';
import { Witness } from '../../src/journal/witness.js';
import { append, Collector, filled, packed, printed } from './reading.js';
import { StrictDisk } from './strict-disk.js';

const directory = '/journal';
const firstSegment = `${directory}/journal-0000000001.segment`;
const lastSegment = `${directory}/journal-0000000002.segment`;
const witness = `${directory}/journal-created`;

type Files = Map<string, Uint8Array>;

const lastSegmentGone: readonly [what: string, spoil: (files: Files) => void][] = [
  ['is missing', (files) => files.delete(lastSegment)],
  ['is empty', (files) => files.set(lastSegment, new Uint8Array(0))],
  ['ends inside its header', (files) => files.set(lastSegment, files.get(lastSegment)!.slice(0, 63))],
  ['has a header of zeros', (files) => files.set(lastSegment, files.get(lastSegment)!.slice().fill(0, 0, 64))],
];

interface Outcome {
  transactions: string[];
  tornTail: TornTail | undefined;
  disk: StrictDisk;
}

function diskWith(files: Files): StrictDisk {
  const disk = new StrictDisk();
  for (const [name, bytes] of files) disk.put(name, bytes);
  return disk;
}

async function openOn(disk: StrictDisk): Promise<Outcome & { journal: Journal }> {
  const collector = new Collector();
  const sizes = { reserveBytes: 0, segmentBytes: 4096, aheadBytes: 0 };
  const journal = await openJournal(directory, collector, { disk, ...sizes, salt: () => 1 });
  return { transactions: collector.transactions, tornTail: journal.report.tornTail, disk, journal };
}

/** Opens damaged files. Returns `undefined` if they were refused, with nothing modified. */
async function opened(files: Files): Promise<Outcome | undefined> {
  const disk = diskWith(files);
  try {
    return await openOn(disk);
  } catch (error) {
    assert.ok(error instanceof JournalCorruptError, String(error));
    for (const [name, bytes] of disk.files()) assert.equal(Buffer.compare(bytes, files.get(name)!), 0);
    assert.equal(disk.files().size, files.size);
    return undefined;
  }
}

function withFile(files: Files, name: string, bytes: Uint8Array): Files {
  return new Map([...files, [name, bytes]]);
}

/** The same files with an empty witness, as an earlier version left it. */
function unwitnessed(files: Files): Files {
  return withFile(files, witness, new Uint8Array(0));
}

/**
 * A journal of two segments, and the ends of the last one's transactions. In the last segment, the
 * first three transactions are vouched for, the last three are not.
 */
async function smallJournal() {
  const disk = new StrictDisk();
  const { journal } = await openOn(disk);
  const transactions: string[] = [];
  const ends: number[] = [];
  const put = (...lengths: number[]) => {
    const entries = lengths.map((length, index) => filled(1 + index, length, transactions.length + index));
    append(journal, ...entries);
    transactions.push(printed(entries));
    if (journal.segmentNumber === 2) ends.push(disk.files().get(lastSegment)!.length);
  };
  while (journal.beginFrame(2800) === 1) put(200, 30, 370);
  const sealed = transactions.length;
  put(90, 5);
  put(700);
  put(1, 2, 3);
  await journal.sync();
  put(333, 0, 100);
  put(900);
  put(40);
  const files = disk.files();
  assert.deepEqual([...files.keys()].sort(), [firstSegment, lastSegment, witness]);
  return { files, transactions, ends, sealed, vouched: sealed + 3 };
}

describe('opening a damaged journal', () => {
  it('never accepts a flipped bit', async (t) => {
    const { files, transactions } = await smallJournal();
    let cases = 0;
    let accepted = 0;
    for (const [name, bytes] of files) {
      const flipped = bytes.slice();
      const damaged = withFile(files, name, flipped);
      for (let at = 0; at < bytes.length; at++) {
        for (let bit = 0; bit < 8; bit++) {
          flipped[at] = bytes[at]! ^ (1 << bit);
          cases += 1;
          const outcome = await opened(damaged);
          // A log without its witness is still complete.
          if (name === witness) assert.deepEqual(outcome?.transactions, transactions);
          else if (outcome !== undefined) accepted += 1;
        }
        flipped[at] = bytes[at]!;
      }
    }
    t.diagnostic(`bit flips: ${cases} cases, ${accepted} accepted`);
    assert.equal(accepted, 0);
  });

  it('never accepts an overwritten byte', async (t) => {
    const { files } = await smallJournal();
    let cases = 0;
    for (const [name, bytes] of files) {
      if (name === witness) continue;
      const changed = bytes.slice();
      const damaged = withFile(files, name, changed);
      for (let at = 0; at < bytes.length; at++) {
        for (const value of [0x00, 0xff]) {
          if (bytes[at] === value) continue;
          changed[at] = value;
          cases += 1;
          assert.equal(await opened(damaged), undefined, `${name} at ${at}`);
        }
        changed[at] = bytes[at]!;
      }
    }
    t.diagnostic(`overwritten bytes: ${cases} cases, 0 accepted`);
  });

  it('[9.1] refuses a last segment that ends before the LSN of the witness', async (t) => {
    const { files, transactions, ends, vouched, sealed } = await smallJournal();
    const bytes = files.get(lastSegment)!;
    const provenBytes = ends[vouched - sealed - 1]!;
    for (let length = 0; length < bytes.length; length++) {
      const outcome = await opened(withFile(files, lastSegment, bytes.slice(0, length)));
      assert.equal(outcome === undefined, length < provenBytes, `cut to ${length}`);
      if (outcome !== undefined) assert.ok(outcome.transactions.length >= vouched);
    }
    assert.equal(transactions.length, vouched + 3);
    t.diagnostic(`cuts of the last segment: ${bytes.length} cases, none accepted before byte ${provenBytes}`);
  });

  for (const [what, spoil] of lastSegmentGone) {
    it(`[9.1] refuses a last segment that ${what}, with its path, offset and LSN`, async () => {
      const { files, sealed } = await smallJournal();
      const left = new Map(files);
      spoil(left);
      const disk = diskWith(left);
      await assert.rejects(openOn(disk), { code: 'JOURNAL_CORRUPT', file: lastSegment, offset: 0, lsn: sealed + 1 });
      assert.deepEqual(disk.files(), left, 'nothing is modified');
    });
  }

  it('[9.1] refuses every cut of the last segment of a closed journal', async () => {
    const { files } = await smallJournal();
    const disk = diskWith(files);
    await (await openOn(disk)).journal.close();
    const closed = disk.files();
    const bytes = closed.get(lastSegment)!;
    for (let length = 0; length < bytes.length; length++)
      assert.equal(await opened(withFile(closed, lastSegment, bytes.slice(0, length))), undefined, `cut to ${length}`);
  });

  it('[9.1] reports a missing segment with the LSN after the segment before it', async () => {
    const { files, sealed, transactions } = await smallJournal();
    const disk = diskWith(files);
    const { journal } = await openOn(disk);
    while (journal.segmentNumber === 2) {
      journal.beginFrame(900);
      append(journal, filled(1, 900, 1));
    }
    await journal.close();
    disk.unlink(lastSegment);
    assert.ok(transactions.length > sealed);
    await assert.rejects(openOn(disk), { code: 'JOURNAL_CORRUPT', file: lastSegment, offset: 0, lsn: sealed + 1 });
  });

  it('replays the whole transactions before any cut of the last segment, and reports the kept rest', async (t) => {
    const { files, transactions, ends, sealed } = await smallJournal();
    const bytes = files.get(lastSegment)!;
    for (let length = 0; length < bytes.length; length++) {
      const outcome = await opened(withFile(unwitnessed(files), lastSegment, bytes.slice(0, length)));
      assert.ok(outcome, `cut to ${length}`);
      const whole = ends.filter((end) => end <= length).length;
      assert.deepEqual(outcome.transactions, transactions.slice(0, sealed + whole), `cut to ${length}`);
      const end = length < 64 ? 0 : (ends[whole - 1] ?? 64);
      assert.equal(outcome.tornTail?.bytes ?? 0, length - end);
      if (outcome.tornTail === undefined) continue;
      assert.equal(outcome.tornTail.offset, end);
      assert.deepEqual(outcome.disk.files().get(outcome.tornTail.keptAs), bytes.slice(end, length));
    }
    t.diagnostic(`cuts of the last segment: ${bytes.length} cases, 0 accepted wrong`);
  });

  it('refuses every cut of a sealed segment', async (t) => {
    const { files } = await smallJournal();
    const bytes = files.get(firstSegment)!;
    for (let length = 0; length < bytes.length; length++) {
      const outcome = await opened(withFile(files, firstSegment, bytes.slice(0, length)));
      assert.equal(outcome, undefined, `cut to ${length}`);
    }
    t.diagnostic(`cuts of a sealed segment: ${bytes.length} cases, 0 accepted`);
  });

  it('cuts off zeroed sectors if nothing vouches for them, and refuses them anywhere else', async (t) => {
    const { files, transactions, ends, sealed, vouched } = await smallJournal();
    let cases = 0;
    let cut = 0;
    for (const [name, bytes] of files) {
      const sectors = Math.ceil(bytes.length / 512);
      for (let from = 0; from < sectors; from++) {
        for (let to = from + 1; to <= sectors; to++) {
          const zeroed = bytes.slice().fill(0, from * 512, to * 512);
          if (name === witness) continue;
          const outcome = await opened(withFile(unwitnessed(files), name, zeroed));
          cases += 1;
          if (outcome === undefined) continue;
          cut += 1;
          assert.equal(name, lastSegment);
          const whole = from === 0 ? 0 : ends.filter((end) => end <= from * 512).length;
          assert.deepEqual(outcome.transactions, transactions.slice(0, sealed + whole));
          // If the vouching frames are gone with the frames they vouched for, the loss cannot be
          // noticed.
          const vouchersAreGone = to * 512 >= ends[vouched - sealed - 1]!;
          assert.ok(whole >= vouched - sealed || vouchersAreGone, `sectors ${from} to ${to}`);
          // Zeros up to the end cannot be distinguished from room ahead.
          if (to < sectors) assert.ok(outcome.tornTail);
        }
      }
    }
    t.diagnostic(`zeroed sectors: ${cases} cases, ${cut} cut as torn tails, 0 accepted wrong`);
    assert.ok(cut > 0);
  });

  it('cuts off a tail of zeros of any length, which is room ahead', async () => {
    const { files, transactions } = await smallJournal();
    const bytes = files.get(lastSegment)!;
    for (const zeros of [1, 7, 8, 47, 48, 64, 511, 512, 4096, 100_000]) {
      const outcome = await opened(withFile(files, lastSegment, Buffer.concat([bytes, Buffer.alloc(zeros)])));
      assert.ok(outcome, `${zeros} zeros`);
      assert.deepEqual(outcome.transactions, transactions);
      assert.equal(outcome.tornTail, undefined);
      assert.deepEqual(outcome.disk.files().get(lastSegment), bytes);
    }
  });

  it('refuses swapped sectors', async (t) => {
    const { files } = await smallJournal();
    let cases = 0;
    for (const [name, bytes] of files) {
      const sectors = Math.floor(bytes.length / 512);
      for (let one = 0; one < sectors; one++) {
        for (let other = one + 1; other < sectors; other++) {
          const swapped = bytes.slice();
          swapped.set(bytes.subarray(one * 512, one * 512 + 512), other * 512);
          swapped.set(bytes.subarray(other * 512, other * 512 + 512), one * 512);
          cases += 1;
          assert.equal(await opened(withFile(files, name, swapped)), undefined, `sectors ${one} and ${other}`);
        }
      }
    }
    t.diagnostic(`swapped sectors: ${cases} cases, 0 accepted`);
  });

  it('refuses intact frames in a wrong place', async () => {
    const { files, ends } = await smallJournal();
    const bytes = files.get(lastSegment)!;
    const frames = [64, ...ends].slice(0, -1).map((from, index) => bytes.slice(from, ends[index]));
    const inOrder = (order: number[]) =>
      withFile(files, lastSegment, Buffer.concat([bytes.subarray(0, 64), ...order.map((index) => frames[index]!)]));
    assert.ok(await opened(inOrder([0, 1, 2, 3, 4, 5])));
    for (const order of [
      [0, 2, 1, 3, 4, 5],
      [0, 1, 1, 2, 3, 4, 5],
      [0, 1, 2, 4, 5],
      [1, 2, 3],
      [0, 1, 2, 3, 4, 5, 5],
    ]) {
      assert.equal(await opened(inOrder(order)), undefined, String(order));
    }
  });

  it('refuses a missing, an exchanged and a foreign segment', async () => {
    const { files, sealed } = await smallJournal();
    const first = files.get(firstSegment)!;
    const last = files.get(lastSegment)!;
    const third = `${directory}/journal-0000000003.segment`;
    assert.equal(await opened(new Map([[lastSegment, last]])), undefined, 'missing');
    assert.equal(
      await opened(
        new Map([
          [firstSegment, last],
          [lastSegment, first],
        ]),
      ),
      undefined,
      'exchanged',
    );
    assert.equal(
      await opened(
        new Map([
          [firstSegment, first],
          [third, last],
        ]),
      ),
      undefined,
      'a gap',
    );
    // A segment of another journal of the same shape: only its chain differs.
    const otherDisk = new StrictDisk();
    const other = await openOn(otherDisk);
    while (other.journal.beginFrame(2800) === 1)
      append(other.journal, filled(3, 200, 9), filled(3, 30, 9), filled(3, 370, 9));
    assert.equal(other.journal.lsn, sealed);
    append(other.journal, filled(3, 600, 99));
    assert.equal(await opened(withFile(files, lastSegment, otherDisk.files().get(lastSegment)!)), undefined, 'foreign');
    const previousChecksum = new DataView(last.buffer).getUint32(40, true);
    const header = { kind: fileKind.segment, number: 2, salt: 1, firstLsn: sealed + 1, previousChecksum };
    const without = unwitnessed(files);
    assert.ok(await opened(withFile(without, lastSegment, encodeFileHeader(header).bytes)));
    for (const lie of [{ firstLsn: sealed + 2 }, { number: 3 }, { previousChecksum: 5 }]) {
      const { bytes } = encodeFileHeader({ ...header, ...lie });
      assert.equal(await opened(withFile(without, lastSegment, bytes)), undefined, JSON.stringify(lie));
    }
  });

  it('has the torn tail in one file or the other at any moment while it is cut off', async () => {
    const { files, ends } = await smallJournal();
    const bytes = files.get(lastSegment)!;
    const torn = withFile(files, lastSegment, bytes.slice(0, bytes.length - 3));
    const tail = Buffer.from(bytes.slice(ends.at(-2)!, bytes.length - 3));
    for (let operation = 1, finished = false; !finished; operation++) {
      const disk = diskWith(torn);
      disk.fault = (_operation, _file, number) => {
        if (number >= operation) throw new Error('the power is gone');
        return undefined;
      };
      finished = await openOn(disk).then(
        () => true,
        () => false,
      );
      const left = [
        ...disk
          .afterCrash(() => 0)
          .files()
          .values(),
      ];
      assert.ok(
        left.some((file) => Buffer.from(file).includes(tail)),
        `operation ${operation}`,
      );
    }
  });

  it('goes on after a torn tail as if there had been none, also if it tears there again', async () => {
    const { files, transactions, ends } = await smallJournal();
    const bytes = files.get(lastSegment)!;
    let disk = diskWith(withFile(files, lastSegment, bytes.slice(0, bytes.length - 3)));
    for (let round = 0; round < 3; round++) {
      const { journal, transactions: read } = await openOn(disk);
      assert.deepEqual(read, transactions.slice(0, -1));
      assert.equal(journal.report.tornTail?.offset, ends.at(-2));
      append(journal, filled(1, 500, round));
      const left = disk.afterKill().files();
      const now = left.get(lastSegment)!;
      disk = diskWith(withFile(left, lastSegment, now.slice(0, now.length - 100)));
    }
    const torn = [...disk.files().keys()].filter((name) => name.endsWith('.torn'));
    assert.equal(torn.length, 3, 'none of them overwritten');
  });

  it('refuses an entry larger than any can be without allocating memory for it, and salvages the rest', async () => {
    const disk = new StrictDisk();
    disk.makeDirectory(directory);
    const writer = new FrameWriter(createFirstSegment(disk, directory, 1));
    Witness.open(disk, directory, undefined);
    for (const bytes of [new Uint8Array(maxEntryBytes + 1), Uint8Array.of(1)])
      writer.write(packed([{ type: 1, bytes }]), bytes.length, 0);
    const files = disk.files();

    const whole = Math.floor(maxEntryBytes / maxFrameBytes);
    const lastPart = 64 + whole * maxFrameBytes;
    await assert.rejects(openOn(diskWith(files)), { code: 'JOURNAL_CORRUPT', offset: lastPart, lsn: whole + 1 });
    assert.equal(await opened(files), undefined);

    const reader = new SalvageReader(directory, diskWith(files));
    const collector = new Collector();
    reader.read(collector);
    reader.close();
    assert.deepEqual(collector.transactions, ['1:\x01']);
    assert.equal(reader.losses.length, 1);
    assert.match(reader.losses[0]!.reason, /more than \d+ bytes/);
  });

  it('refuses damage at the end of a closed journal', async () => {
    const { files } = await smallJournal();
    const disk = diskWith(files);
    await (await openOn(disk)).journal.close();
    const bytes = disk.files().get(lastSegment)!;
    const zeroed = bytes.slice().fill(0, 2048, 2560);
    assert.equal(await opened(withFile(disk.files(), lastSegment, zeroed)), undefined);
  });

  it('rewrites frames without a voucher before it serves them', async () => {
    const disk = new StrictDisk();
    const { journal } = await openOn(disk);
    append(journal, filled(1, 300, 1));
    await journal.sync();
    append(journal, filled(1, 300, 2));
    append(journal, filled(1, 2000, 3));
    disk.forgetUnsynced();
    const { transactions } = await openOn(disk);
    assert.equal(transactions.length, 3);
    const after = await openOn(disk.afterCrash(() => 0));
    assert.deepEqual(after.transactions, transactions);
    assert.equal(after.tornTail, undefined);
  });

  it('does not rewrite frames that are vouched for', async () => {
    const { files, ends } = await smallJournal();
    const disk = diskWith(files);
    const written: number[] = [];
    const open = disk.open.bind(disk);
    disk.open = (name, mode) => {
      const file = open(name, mode);
      const write = file.write.bind(file);
      file.write = (bytes, offset) => {
        if (name !== witness) written.push(offset);
        return write(bytes, offset);
      };
      return file;
    };
    await openOn(disk);
    assert.deepEqual(written, [ends[2]]);
  });

  for (const [version, wayOut] of [
    [formatVersion - 1, /an older callsheet/],
    [formatVersion + 1, /upgrade this one/],
  ] as const) {
    it(`refuses format version ${version}, with nothing modified`, async () => {
      const { files } = await smallJournal();
      for (const name of [firstSegment, lastSegment]) {
        const other = files.get(name)!.slice();
        const view = new DataView(other.buffer);
        view.setUint32(12, version, true);
        view.setUint32(8, crc32(other.subarray(12, 64)), true);
        const changed = withFile(files, name, other);
        const disk = diskWith(changed);
        await assert.rejects(openOn(disk), (error) => {
          assert.ok(error instanceof JournalVersionError);
          assert.match(error.message, wayOut);
          return true;
        });
        assert.deepEqual(disk.files(), changed);
      }
    });
  }

  it('refuses an unknown name of the journal, and ignores foreign names', async () => {
    const { files, transactions } = await smallJournal();
    for (const name of [
      'journal-0000000003.summary',
      'journal-3.segment',
      'journal-0000000002.segment.bak',
      'journal-',
    ]) {
      const disk = diskWith(withFile(files, `${directory}/${name}`, Uint8Array.of(1)));
      await assert.rejects(openOn(disk), JournalVersionError, name);
    }
    const foreign = withFile(
      withFile(files, `${directory}/notes.txt`, Uint8Array.of(1)),
      `${directory}/.journal`,
      Uint8Array.of(2),
    );
    const outcome = await opened(foreign);
    assert.deepEqual(outcome?.transactions, transactions);
    const left = outcome!.disk.files();
    assert.deepEqual(withFile(left, witness, foreign.get(witness)!), foreign);
  });

  it('refuses impossible lengths and counts under any checksum, without allocating memory for them', async () => {
    const { files, ends } = await smallJournal();
    const salt = new DataView(files.get(lastSegment)!.buffer).getUint32(20, true);
    const hostile: [number, number][] = [
      [8, 0xffff_ffff],
      [8, 8 * 1024 * 1024],
      [40, 0xffff_ffff],
      [40, 0],
      [36, 0x0000_0301],
      [36, 0x0000_0201],
      [36, 0x0000_0401],
      [36, 0x0000_0003],
      [16, 99],
      [24, 0xffff_ffff],
      [32, 99],
      [44, 1],
    ];
    for (const [field, value] of hostile) {
      const bytes = files.get(lastSegment)!.slice();
      const view = new DataView(bytes.buffer, ends.at(-2)!);
      view.setUint32(field, value, true);
      view.setUint32(4, crc32(bytes.subarray(ends.at(-2)! + 8, ends.at(-2)! + frameHeaderBytes), salt), true);
      assert.equal(await opened(withFile(files, lastSegment, bytes)), undefined, `${field}: ${value}`);
    }
  });

  it('throws an error of the caller unchanged, with nothing modified', async () => {
    const { files } = await smallJournal();
    const disk = diskWith(files);
    const mine = new Error('mine');
    const replay = {
      segment() {},
      entry() {
        throw mine;
      },
    };
    await assert.rejects(openJournal(directory, replay, { disk }), (error) => error === mine);
    assert.deepEqual(disk.files(), files);
  });
});
