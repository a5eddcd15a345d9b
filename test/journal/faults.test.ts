/** The journal on a disk that is full, cuts writes short, or fails. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { JournalWriteError, StorageFullError } from '../../src/errors.js';
import { type JournalOptions, openJournal } from '../../src/journal/journal.js';
import { append, appendAll, Collector, filled, printed } from './reading.js';
import { diskError, type Operation, StrictDisk } from './strict-disk.js';

const directory = '/journal';
const segment = `${directory}/journal-0000000001.segment`;

async function openOn(disk: StrictDisk, options: JournalOptions = {}) {
  const collector = new Collector();
  const journal = await openJournal(directory, collector, {
    disk,
    reserveBytes: 0,
    aheadBytes: 0,
    salt: () => 1,
    ...options,
  });
  return { journal, collector };
}

describe('a journal on a full disk', () => {
  it('refuses an append that does not fit, leaves no trace of it, and goes on when there is space', async () => {
    for (let room = 0; room < 700; room += 13) {
      const disk = new StrictDisk();
      const { journal } = await openOn(disk);
      append(journal, filled(1, 100, 1));
      const size = disk.files().get(segment)!.length;
      disk.capacityBytes = disk.usedBytes + room;
      assert.throws(() => append(journal, filled(1, 900, 2)), StorageFullError);
      assert.equal(disk.files().get(segment)!.length, size);
      assert.equal(journal.lsn, 1);
      disk.capacityBytes = Number.POSITIVE_INFINITY;
      assert.equal(append(journal, filled(1, 900, 3)), 2);
      assert.equal(await journal.sync(), 2);
      await journal.close();
      const { collector } = await openOn(disk);
      assert.deepEqual(collector.transactions, [printed([filled(1, 100, 1)]), printed([filled(1, 900, 3)])]);
    }
  });

  it('leaves no remains that a power loss could mix with the next frames', async () => {
    for (let seed = 0; seed < 40; seed++) {
      const disk = new StrictDisk();
      const { journal } = await openOn(disk);
      append(journal, filled(1, 100, 1));
      await journal.sync();
      disk.capacityBytes = disk.usedBytes + 2000;
      assert.throws(() => append(journal, filled(1, 3000, 2)), StorageFullError);
      disk.capacityBytes = Number.POSITIVE_INFINITY;
      append(journal, filled(1, 3000, 3));
      let state = seed;
      const { collector } = await openOn(
        disk.afterCrash((count) => {
          state = (state * 1103515245 + 12345) % 2 ** 31;
          return (state >> 8) % count;
        }),
      );
      assert.ok(collector.transactions.length >= 1);
      for (const read of collector.transactions.slice(1)) assert.equal(read, printed([filled(1, 3000, 3)]));
    }
  });

  it('cuts back a partly written transaction of several frames', async () => {
    const disk = new StrictDisk();
    const { journal } = await openOn(disk);
    disk.capacityBytes = disk.usedBytes + 9_000_000;
    assert.throws(() => append(journal, filled(1, 6_000_000, 1), filled(1, 6_000_000, 2)), StorageFullError);
    assert.equal(disk.files().get(segment)!.length, 64);
    assert.equal(append(journal, filled(1, 1000, 3)), 1);
    await journal.close();
  });

  it('appends completions from the reserve, refuses other appends meanwhile, and resumes by itself', async () => {
    const disk = new StrictDisk();
    const { journal } = await openOn(disk, { reserveBytes: 1_000_000 });
    const kept: string[] = [];
    const put = (seed: number, reserve: boolean) => {
      appendAll(journal, [filled(1, 5000, seed)], { reserve });
      kept.push(printed([filled(1, 5000, seed)]));
    };
    disk.capacityBytes = disk.usedBytes + 12_000;
    put(1, false);
    put(2, false);
    assert.throws(() => put(3, false), StorageFullError);
    for (let seed = 10; seed < 110; seed++) {
      put(seed, true);
      assert.throws(() => put(3, false), StorageFullError);
    }
    assert.ok(disk.usedBytes <= disk.capacityBytes);
    await journal.sync();
    disk.capacityBytes += 100_000;
    assert.throws(() => put(4, false), StorageFullError, 'the reserve comes first');
    disk.capacityBytes += 1_000_000;
    put(5, false);
    await journal.close();
    const { collector } = await openOn(disk);
    assert.deepEqual(collector.transactions, kept);
  });

  it('refuses completions when the reserve is used up, and still closes', async () => {
    const disk = new StrictDisk();
    const { journal } = await openOn(disk, { reserveBytes: 300_000 });
    disk.capacityBytes = disk.usedBytes;
    let appended = 0;
    const fill = () => {
      for (;;) {
        appendAll(journal, [filled(1, 5000, appended)], { reserve: true });
        appended += 1;
      }
    };
    assert.throws(fill, StorageFullError);
    assert.ok(appended >= 50, String(appended));
    await journal.close();
    const { collector } = await openOn(disk, { reserveBytes: 300_000 });
    assert.equal(collector.entries.length, appended);
  });

  it('opens for completions only, also with a torn tail', async () => {
    const disk = new StrictDisk();
    const { journal } = await openOn(disk, { reserveBytes: 100_000 });
    append(journal, filled(1, 100, 1));
    append(journal, filled(1, 100, 2));
    const left = disk.afterKill();
    const bytes = left.files().get(segment)!;
    left.put(segment, bytes.slice(0, bytes.length - 1));
    left.capacityBytes = left.usedBytes - 50_000;
    const { journal: again } = await openOn(left, { reserveBytes: 100_000 });
    assert.equal(again.report.lsn, 1);
    assert.throws(() => append(again, filled(1, 100, 3)), StorageFullError);
    assert.equal(appendAll(again, [filled(1, 100, 4)], { reserve: true }).lsn, 2);
    await again.close();
  });

  it('stays in its segment while there is no space for another', async () => {
    const disk = new StrictDisk();
    const { journal } = await openOn(disk, { segmentBytes: 4096, reserveBytes: 100_000 });
    append(journal, filled(1, 4000, 1));
    disk.capacityBytes = disk.usedBytes + 10;
    assert.equal(journal.beginFrame(1000), 1);
    assert.equal(appendAll(journal, [filled(1, 1000, 2)], { reserve: true }).lsn, 2);
    assert.equal(journal.beginFrame(1000), 1);
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    append(journal, filled(1, 10, 3));
    assert.equal(journal.beginFrame(1000), 2);
    append(journal, filled(1, 10, 4));
    await journal.close();
    const { collector } = await openOn(disk);
    assert.equal(collector.entries.length, 4);
  });
});

describe('a journal on a failing disk', () => {
  it('writes the rest after a write that was cut short', async () => {
    const disk = new StrictDisk();
    const { journal } = await openOn(disk);
    disk.fault = (operation) => (operation === 'write' ? 100 : undefined);
    append(journal, filled(1, 1000, 1));
    disk.fault = undefined;
    await journal.close();
    const { collector } = await openOn(disk);
    assert.deepEqual(collector.transactions, [printed([filled(1, 1000, 1)])]);
  });

  it('refuses every call after a failed sync, and never syncs again', async () => {
    const disk = new StrictDisk();
    const { journal } = await openOn(disk);
    append(journal, filled(1, 100, 1));
    let syncs = 0;
    disk.fault = (operation) => {
      if (operation !== 'sync') return undefined;
      syncs += 1;
      throw diskError('EIO', 'fdatasync');
    };
    const first = journal.sync();
    const second = journal.sync();
    await assert.rejects(first, JournalWriteError);
    await assert.rejects(second, JournalWriteError);
    disk.fault = (operation) => {
      assert.ok(operation !== 'sync' && operation !== 'write');
      return undefined;
    };
    assert.equal(syncs, 1);
    assert.equal(journal.syncedLsn, 0);
    assert.throws(() => append(journal, filled(1, 1, 1)), JournalWriteError);
    assert.throws(() => journal.beginFrame(1), JournalWriteError);
    await assert.rejects(journal.sync(), JournalWriteError);
    await assert.rejects(journal.close(), JournalWriteError);
  });

  it('refuses every call after a failed write or a failed roll', async () => {
    for (const failing of ['write', 'open', 'sync', 'syncDirectory'] as Operation[]) {
      const disk = new StrictDisk();
      const { journal } = await openOn(disk, { segmentBytes: 4096 });
      append(journal, filled(1, 4000, 1));
      disk.fault = (operation) => {
        if (operation === failing) throw diskError('EIO');
        return undefined;
      };
      const rollAndAppend = async () => {
        journal.beginFrame(1000);
        append(journal, filled(1, 1000, 2));
        await journal.sync();
      };
      await assert.rejects(rollAndAppend(), JournalWriteError, failing);
      disk.fault = undefined;
      assert.throws(() => append(journal, filled(1, 1, 1)), JournalWriteError, failing);
      await assert.rejects(journal.close(), JournalWriteError, failing);
      const { collector } = await openOn(disk.afterKill());
      assert.ok(collector.entries.length >= 1 && collector.entries.length <= 2);
    }
  });

  it('fails to open, or opens with everything, when one operation of opening fails', async (t) => {
    const prepared = new StrictDisk();
    const { journal } = await openOn(prepared, { segmentBytes: 4096 });
    for (let i = 0; i < 12; i++) {
      journal.beginFrame(800);
      append(journal, filled(1, 700, i));
      if (i === 8) await journal.sync();
    }
    const torn = () => {
      const disk = prepared.afterKill();
      const [name, bytes] = [...disk.files()].at(-1)!;
      disk.put(name, bytes.slice(0, bytes.length - 100));
      return disk;
    };
    const { collector: whole } = await openOn(torn());
    let cases = 0;
    for (const code of ['EIO', 'ENOSPC', 'EACCES']) {
      let failed = true;
      for (let number = 1; failed; number++) {
        failed = false;
        const disk = torn();
        disk.fault = (_operation, _file, operation) => {
          if (operation !== number) return undefined;
          failed = true;
          throw diskError(code);
        };
        cases += 1;
        try {
          const { collector } = await openOn(disk, { reserveBytes: 1000 });
          assert.deepEqual(collector.transactions, whole.transactions);
        } catch (error) {
          assert.match(
            String((error as { code?: string }).code),
            /^(JOURNAL_|STORAGE_FULL|DIRECTORY_UNUSABLE)/,
            String(error),
          );
        }
        disk.fault = undefined;
        const { collector } = await openOn(disk);
        assert.deepEqual(collector.transactions, whole.transactions, `${code} at operation ${number}`);
      }
    }
    t.diagnostic(`operations of opening that failed: ${cases} cases`);
  });
});

describe('a journal of a process with too many open files', () => {
  for (const code of ['EMFILE', 'ENFILE']) {
    it(`[9.1] stays in its segment until another can be created (${code})`, async () => {
      const disk = new StrictDisk();
      const { journal } = await openOn(disk, { segmentBytes: 4096 });
      append(journal, filled(1, 3000, 1));
      disk.fault = (operation) => {
        if (operation === 'open' || operation === 'syncDirectory') throw diskError(code, 'open');
        return undefined;
      };
      assert.equal(journal.beginFrame(3000), 1);
      append(journal, filled(1, 3000, 2));
      assert.equal(await journal.sync(), 2);
      disk.fault = undefined;
      assert.equal(journal.beginFrame(3000), 2);
      append(journal, filled(1, 3000, 3));
      await journal.close();
      assert.equal((await openOn(disk)).collector.transactions.length, 3);
    });

    it(`[9.1] acknowledges no frame in a new segment before its name is synced (${code})`, async () => {
      const disk = new StrictDisk();
      const { journal } = await openOn(disk, { segmentBytes: 4096 });
      append(journal, filled(1, 3000, 1));
      assert.equal(journal.beginFrame(3000), 2);
      append(journal, filled(1, 3000, 2));
      let refusals = 0;
      disk.fault = (operation) => {
        if (operation !== 'syncDirectory' || ++refusals > 2) return undefined;
        assert.equal(journal.syncedLsn, 1);
        throw diskError(code, 'open');
      };
      assert.equal(await journal.sync(), 2);
      assert.equal(refusals, 3);
      await journal.close();
    });

    it(`[9.1] reads an entry back once there is a descriptor again (${code})`, async () => {
      const disk = new StrictDisk();
      const { journal } = await openOn(disk);
      const { positions } = appendAll(journal, [filled(1, 100, 1)]);
      let refusals = 0;
      disk.fault = (operation) => {
        if (operation !== 'open' || ++refusals > 2) return undefined;
        throw diskError(code, 'open');
      };
      assert.deepEqual(journal.read(positions[0]!), filled(1, 100, 1).bytes);
      await journal.close();
    });
  }
});

describe('reading an entry back', () => {
  for (const [times, outcome] of [
    [1, 'tries again after one I/O error'],
    [2, 'reports damage after two I/O errors'],
  ] as const) {
    it(`[9.1] ${outcome}`, async () => {
      const disk = new StrictDisk();
      const { journal } = await openOn(disk);
      const { positions } = appendAll(journal, [filled(1, 100, 1)]);
      let failures = 0;
      disk.fault = (operation) => {
        if (operation !== 'read' || ++failures > times) return undefined;
        throw diskError('EIO', 'read');
      };
      const read = () => journal.read(positions[0]!);
      if (times === 1) assert.deepEqual(read(), filled(1, 100, 1).bytes);
      else assert.throws(read, { code: 'JOURNAL_CORRUPT', file: segment, offset: positions[0]!.offset });
      await journal.close();
    });
  }
});
