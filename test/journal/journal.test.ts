/** The journal through its public methods, on a disk in memory and on the machine's disk. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { after, describe, it } from 'node:test';
import { JournalCorruptError } from '../../src/errors.js';
import { maxEntryBytes } from '../../src/journal/format.js';
import { type Entry, type JournalOptions, openJournal } from '../../src/journal/journal.js';
import { append, appendAll, Collector, entry, filled, printed } from './reading.js';
import { StrictDisk } from './strict-disk.js';

const directory = '/journal';

async function openOn(disk: StrictDisk, options: JournalOptions = {}) {
  const collector = new Collector();
  const journal = await openJournal(directory, collector, { disk, reserveBytes: 0, salt: () => 0x5a17, ...options });
  return { journal, collector };
}

describe('a journal', () => {
  it('replays all transactions on opening, in order, with LSNs and positions', async () => {
    const disk = new StrictDisk();
    const { journal } = await openOn(disk);
    assert.deepEqual(journal.report, { lsn: 0, segments: 0, frames: 0, bytes: 0 });
    const transactions: Entry[][] = [
      [entry(1, 'one')],
      [entry(255, ''), entry(2, 'two'), entry(2, 'two')],
      [filled(7, 100_000, 3)],
    ];
    const appended = transactions.map((entries) => appendAll(journal, entries));
    assert.deepEqual(
      appended.map(({ lsn }) => lsn),
      [1, 2, 3],
    );
    assert.equal(await journal.sync(), 3);
    await journal.close();

    const { journal: again, collector } = await openOn(disk);
    assert.deepEqual(collector.transactions, transactions.map(printed));
    assert.deepEqual(
      collector.entries.map(({ at }) => at),
      appended.flatMap(({ positions }) => positions),
    );
    assert.deepEqual(
      collector.entries.map(({ lsn }) => lsn),
      [1, 2, 2, 2, 3],
    );
    for (const { at, bytes } of collector.entries) assert.deepEqual(again.read(at), bytes);
    await again.close();
  });

  it('works on the disk of this machine', async () => {
    const temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'journal-test-'));
    try {
      const nested = path.join(temporary, 'a', 'b');
      const journal = await openJournal(nested, new Collector());
      const { lsn, positions } = appendAll(journal, [entry(1, 'here'), filled(2, 5000, 1)]);
      assert.equal(await journal.sync(), lsn);
      assert.equal(journal.syncedLsn, lsn);
      assert.deepEqual(journal.read(positions[0]!), entry(1, 'here').bytes);
      await journal.close();
      const collector = new Collector();
      await (await openJournal(nested, collector)).close();
      assert.deepEqual(collector.transactions, [printed([entry(1, 'here'), filled(2, 5000, 1)])]);
    } finally {
      fs.rmSync(temporary, { recursive: true });
    }
  });

  it('writes a large transaction as several frames, and a large entry as several parts', async () => {
    const temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'journal-test-'));
    after(() => fs.rmSync(temporary, { recursive: true }));
    const journal = await openJournal(temporary, new Collector());
    const mebibyte = 1024 * 1024;
    const entries = [
      entry(1, 'before'),
      filled(2, 18 * mebibyte, 5),
      filled(3, 5 * mebibyte, 6),
      filled(4, 5 * mebibyte, 7),
      entry(5, 'after'),
    ];
    const first = append(journal, entry(9, 'small'));
    const { lsn, positions } = appendAll(journal, entries);
    assert.ok(lsn > first + 4, 'several frames');
    for (const [index, at] of positions.entries()) {
      assert.equal(Buffer.compare(journal.read(at), entries[index]!.bytes), 0);
    }
    const edge = 8 * mebibyte - 56;
    const exact = [filled(1, edge, 1), filled(1, edge + 1, 2), filled(1, 2 * edge, 3)];
    appendAll(journal, exact);
    append(journal, entry(9, 'last'));
    await journal.close();

    const collector = new Collector();
    const again = await openJournal(temporary, collector);
    const wanted = [entry(9, 'small'), ...entries, ...exact, entry(9, 'last')];
    assert.equal(collector.entries.length, wanted.length);
    for (const [index, read] of collector.entries.entries()) {
      assert.equal(read.type, wanted[index]!.type);
      assert.equal(Buffer.compare(read.bytes, wanted[index]!.bytes), 0);
      assert.equal(Buffer.compare(again.read(read.at), wanted[index]!.bytes), 0);
    }
    assert.ok(collector.entries.slice(1, 6).every((read) => read.lsn === lsn));
    await again.close();
  });

  it('drops a transaction of several frames if the last frame is missing', async () => {
    const disk = new StrictDisk();
    const { journal } = await openOn(disk);
    append(journal, entry(1, 'kept'));
    appendAll(journal, [filled(1, 6_000_000, 1), filled(1, 6_000_000, 2)]);
    const [file, bytes] = [...disk.files()][0]!;
    const cut = new StrictDisk();
    cut.put(file, bytes.subarray(0, bytes.length - 6_000_064));
    const { journal: again, collector } = await openOn(cut);
    assert.deepEqual(collector.transactions, [printed([entry(1, 'kept')])]);
    assert.equal(again.lsn, 1);
    assert.ok(again.report.tornTail);
    await again.close();
  });

  it('stays the same when opened twice, and does not grow by opening and closing', async () => {
    const disk = new StrictDisk();
    const { journal } = await openOn(disk, { segmentBytes: 4096 });
    for (let i = 0; i < 50; i++) {
      journal.beginFrame(400);
      append(journal, filled(1, 300, i));
    }
    await journal.close();
    const views: unknown[] = [];
    for (let round = 0; round < 3; round++) {
      const { journal: again, collector } = await openOn(disk);
      views.push({ report: again.report, entries: collector.entries, segments: collector.segments });
      await again.close();
    }
    assert.deepEqual(views[1], views[0]);
    assert.deepEqual(views[2], views[0]);
  });

  it('rolls when the estimate does not fit, returns the new segment, and replays by segment', async () => {
    const disk = new StrictDisk();
    const { journal } = await openOn(disk, { segmentBytes: 4096 });
    const segments: number[] = [];
    for (let i = 0; i < 40; i++) {
      const promised = journal.beginFrame(700);
      const { positions } = appendAll(journal, [filled(1, 600, i)]);
      assert.equal(positions[0]!.segment, promised);
      segments.push(promised);
    }
    assert.ok(journal.segmentNumber > 5);
    assert.equal(journal.beginFrame(1_000_000), journal.segmentNumber, 'an estimate larger than a segment rolls once');
    append(journal, entry(1, 'x'));
    await journal.close();
    const { journal: again, collector } = await openOn(disk, { segmentBytes: 4096 });
    assert.deepEqual(
      collector.entries.slice(0, 40).map(({ at }) => at.segment),
      segments,
    );
    assert.deepEqual(
      collector.segments,
      Array.from({ length: again.segmentNumber }, (_, index) => index + 1),
    );
    for (const { at, bytes } of collector.entries) assert.deepEqual(again.read(at), bytes);
    await again.close();
  });

  it('has the old segment and its name on the disk before the new one exists', async () => {
    const disk = new StrictDisk();
    const { journal } = await openOn(disk, { segmentBytes: 4096 });
    for (let i = 0; i < 30; i++) {
      journal.beginFrame(700);
      append(journal, filled(1, 600, i));
      // A power loss never drops frames of sealed segments.
      const { collector } = await openOn(disk.afterCrash(() => 0));
      const sealed = journal.syncedLsn;
      assert.ok(collector.entries.length >= sealed, `${collector.entries.length} of ${sealed}`);
    }
    assert.ok(journal.segmentNumber > 4);
    await journal.close();
  });

  it('rolls only after the sync in flight', async () => {
    const disk = new StrictDisk();
    const { journal } = await openOn(disk, { segmentBytes: 4096 });
    append(journal, filled(1, 4000, 1));
    let open = () => {};
    disk.syncGate = new Promise((resolve) => {
      open = resolve;
    });
    const syncing = journal.sync();
    assert.equal(journal.beginFrame(1000), 1);
    append(journal, filled(1, 1000, 2));
    open();
    assert.equal(await syncing, 1);
    assert.equal(journal.segmentNumber, 2);
    assert.equal(journal.syncedLsn, 2, 'what came in between was sealed with the segment');
    disk.syncGate = undefined;
    await journal.close();
  });

  it('rolls only after both of two syncs in flight', async () => {
    const disk = new StrictDisk();
    const { journal } = await openOn(disk, { segmentBytes: 4096 });
    append(journal, filled(1, 2000, 1));
    const first = journal.sync();
    append(journal, filled(1, 2000, 2));
    let open = () => {};
    disk.syncGate = new Promise((resolve) => {
      open = resolve;
    });
    const second = journal.syncBeside();
    disk.syncGate = undefined;
    assert.equal(journal.beginFrame(1000), 1);
    assert.equal(await first, 1);
    assert.deepEqual([journal.segmentNumber, journal.syncedLsn], [1, 1]);
    open();
    assert.equal(await second, 2);
    assert.deepEqual([journal.segmentNumber, journal.syncedLsn], [2, 2]);
    await journal.close();
  });

  it('has at most two syncs in flight', async () => {
    const disk = new StrictDisk();
    const { journal } = await openOn(disk);
    append(journal, entry(1, 'a'));
    let open = () => {};
    disk.syncGate = new Promise((resolve) => {
      open = resolve;
    });
    const begun = () => disk.counts.get('sync') ?? 0;
    const before = begun();
    const syncs = [journal.sync(), journal.syncBeside(), journal.syncBeside(), journal.sync()];
    assert.equal(begun() - before, 2);
    assert.equal(syncs[3], syncs[2], 'the others share the next one');
    append(journal, entry(1, 'b'));
    open();
    assert.deepEqual(await Promise.all(syncs), [1, 1, 2, 2]);
    disk.syncGate = undefined;
    await journal.close();
  });

  it('rejects an append to another segment than beginFrame returned', async () => {
    const disk = new StrictDisk();
    const { journal } = await openOn(disk, { segmentBytes: 4096 });
    append(journal, filled(1, 4000, 1));
    const syncing = journal.sync();
    journal.beginFrame(1000);
    await syncing;
    assert.throws(() => append(journal, filled(1, 1000, 2)), /beginFrame/);
    await journal.close();
  });

  it('covers by a sync all earlier appends and no later ones', async () => {
    const disk = new StrictDisk();
    const { journal } = await openOn(disk);
    append(journal, entry(1, 'a'));
    let open = () => {};
    disk.syncGate = new Promise((resolve) => {
      open = resolve;
    });
    const first = journal.sync();
    append(journal, entry(1, 'b'));
    const second = journal.sync();
    assert.equal(journal.sync(), second, 'who asks during a sync shares the next one');
    append(journal, entry(1, 'c'));
    open();
    assert.equal(await first, 1);
    assert.equal(await second, 3);
    assert.equal(journal.syncs, 2);
    assert.equal(await journal.sync(), 3);
    assert.equal(journal.syncs, 2, 'nothing to sync costs nothing');
    await journal.close();
  });

  it('has one sync in flight, even if the first caller syncs again at once', async () => {
    const disk = new StrictDisk();
    const { journal } = await openOn(disk);
    let inFlight = 0;
    disk.fault = (operation, file) => {
      if (operation === 'sync' && file.endsWith('.segment')) inFlight += 1;
      assert.ok(inFlight <= 1);
      return undefined;
    };
    append(journal, entry(1, 'a'));
    const ask = async () => {
      const lsn = await journal.sync();
      inFlight = 0;
      append(journal, entry(1, 'again'));
      return lsn;
    };
    await Promise.all([ask().then(ask).then(ask), ask().then(ask), ask()]);
    disk.fault = undefined;
    await journal.close();
  });

  it('rejects arguments that it cannot write, and goes on', async () => {
    const disk = new StrictDisk();
    const { journal } = await openOn(disk);
    assert.throws(() => appendAll(journal, []), RangeError);
    assert.throws(() => append(journal, entry(0, 'x')), RangeError);
    assert.throws(() => append(journal, entry(256, 'x')), RangeError);
    assert.throws(() => append(journal, { type: 1, bytes: new Uint8Array(maxEntryBytes + 1) }), RangeError);
    for (const table of [
      [1, -1],
      [1, 2, 1, 1],
      [1, 0.5],
      [1, 3],
    ])
      assert.throws(() => journal.append({ count: table.length / 2, bytes: new Uint8Array(2), table }), RangeError);
    assert.equal(append(journal, entry(1, 'x')), 1);
    await journal.close();
    for (const options of [{ segmentBytes: 10 }, { segmentBytes: 1.5 }, { reserveBytes: -1 }]) {
      await assert.rejects(openOn(disk, options), RangeError);
    }
  });

  it('rejects every call once it is closed, and closes once', async () => {
    const { journal } = await openOn(new StrictDisk());
    const { positions } = appendAll(journal, [entry(1, 'x')]);
    const closing = journal.close();
    assert.equal(journal.close(), closing);
    assert.throws(() => append(journal, entry(1, 'y')), { code: 'CLOSED' });
    assert.throws(() => journal.beginFrame(1), { code: 'CLOSED' });
    assert.throws(() => journal.read(positions[0]!), { code: 'CLOSED' });
    await assert.rejects(journal.sync(), { code: 'CLOSED' });
    await closing;
  });

  it('rejects reading damaged or missing bytes, and wrong positions', async () => {
    const disk = new StrictDisk();
    const { journal } = await openOn(disk);
    const { positions } = appendAll(journal, [filled(1, 100, 1), filled(1, 100, 2)]);
    const at = positions[0]!;
    for (const lie of [
      { ...at, offset: at.offset + 1 },
      { ...at, length: 99 },
      { ...at, length: 2 ** 40 },
      { ...at, offset: -1 },
      { ...at, checksum: at.checksum ^ 1 },
      { ...at, segment: 7 },
    ]) {
      assert.throws(() => journal.read(lie), JournalCorruptError);
    }
    assert.deepEqual(journal.read(at), filled(1, 100, 1).bytes);
    await journal.close();
  });
});
