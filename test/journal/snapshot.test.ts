/** Snapshots: opening from them, damage to them, and the deletions they allow. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { JournalCorruptError } from '../../src/errors.js';
import { Keyed, keyedDirectory } from './keyed.js';
import { diskError, StrictDisk } from './strict-disk.js';

type Files = Map<string, Uint8Array>;

const nameOf = (number: number, kind: string) =>
  `${keyedDirectory}/journal-${String(number).padStart(10, '0')}.${kind}`;
const snapshotsOf = (files: Files) => [...files.keys()].filter((name) => name.endsWith('.snapshot')).sort();

function diskWith(files: Files): StrictDisk {
  const disk = new StrictDisk();
  for (const [name, bytes] of files) disk.put(name, bytes);
  return disk;
}

async function contentsOf(files: Files): Promise<Map<string, string>> {
  return (await Keyed.open(diskWith(files))).contents();
}

/** Writes rounds of a few keys, each with a snapshot, so that segments roll and keys change. */
async function journalWithSnapshots(snapshots: number, options: { compact?: boolean } = {}) {
  const disk = new StrictDisk();
  const keyed = await Keyed.open(disk);
  for (let round = 0; round < snapshots; round++) {
    for (let i = 0; i < 12; i++) keyed.set(`key${(round * 5 + i) % 17}`, `round ${round} ${'x'.repeat(i * 60)}`);
    keyed.remove(`key${round % 17}`);
    assert.ok(await keyed.snapshot());
    if (options.compact) await keyed.compact();
  }
  keyed.set('last', 'after the last snapshot');
  await keyed.journal.sync();
  return { disk, keyed, files: disk.files(), contents: keyed.contents() };
}

async function refuses(files: Files): Promise<JournalCorruptError> {
  const disk = diskWith(files);
  let refusal: unknown;
  await Keyed.open(disk).catch((error) => {
    refusal = error;
  });
  assert.ok(refusal instanceof JournalCorruptError, String(refusal));
  assert.deepEqual(disk.files(), files, 'nothing was modified');
  return refusal;
}

describe('a journal with snapshots', () => {
  it('opens from the newest snapshot and replays only the log since', async () => {
    const { disk, keyed, contents } = await journalWithSnapshots(3);
    await keyed.journal.close();
    const again = await Keyed.open(disk);
    assert.deepEqual(again.contents(), contents);
    const newest = again.journal.report.snapshot!;
    assert.deepEqual(again.segments.slice(0, 2), [0, newest]);
    assert.ok(newest > 3);
    assert.equal(again.journal.lsn, keyed.journal.lsn);
  });

  it('goes on at the end of the log, also if it ends where the snapshot begins', async () => {
    const disk = new StrictDisk();
    const keyed = await Keyed.open(disk);
    keyed.set('one', '1');
    assert.ok(await keyed.snapshot());
    await keyed.journal.close();
    for (let life = 0; life < 3; life++) {
      const again = await Keyed.open(disk);
      again.set(`life${life}`, 'lived');
      assert.ok(await again.snapshot());
      assert.equal(again.contents().size, life + 2);
      await again.journal.close();
    }
  });

  it('[9.1] has the texts written during a snapshot, and not the removed ones', async () => {
    const disk = new StrictDisk();
    const keyed = await Keyed.open(disk);
    for (let i = 0; i < 30; i++) keyed.set(`key${i}`, `first ${i}`);
    let step = 0;
    await keyed.snapshot(() => {
      step += 1;
      if (step > 30) return;
      keyed.set(`key${(step * 7) % 30}`, `second ${step}`);
      keyed.remove(`key${(step * 11) % 30}`);
      keyed.set(`new${step}`, 'x'.repeat(300));
    });
    const contents = keyed.contents();
    await keyed.journal.close();
    assert.deepEqual(await contentsOf(disk.files()), contents);
  });

  it('begins no snapshot without log since the last one', async () => {
    const disk = new StrictDisk();
    const keyed = await Keyed.open(disk);
    assert.equal(await keyed.snapshot(), false, 'an empty journal');
    keyed.set('one', '1');
    assert.equal(await keyed.snapshot(), true);
    assert.equal(await keyed.snapshot(), false);
  });

  it('[9.1] keeps two snapshots, and deletes the older one only when the next is whole', async () => {
    const { files } = await journalWithSnapshots(5);
    assert.equal(snapshotsOf(files).length, 2);
    const { disk, keyed } = await journalWithSnapshots(3);
    const before = snapshotsOf(disk.files());
    disk.fault = (operation) => {
      if (operation === 'rename') throw diskError('EIO', 'rename');
      return undefined;
    };
    await assert.rejects(keyed.snapshot(), /EIO/);
    disk.fault = undefined;
    assert.deepEqual(snapshotsOf(disk.files()), before);
    keyed.set('more', 'work goes on');
    assert.equal(await keyed.snapshot(), true);
    assert.notDeepEqual(snapshotsOf(disk.files()), before);
  });

  it('[9.1] gives up a snapshot that cannot be read back, and goes on', async () => {
    const { disk, keyed, contents } = await journalWithSnapshots(2);
    const before = snapshotsOf(disk.files());
    disk.fault = (operation, file) => {
      if (operation === 'read' && file.endsWith('.snapshot')) throw diskError('EIO', 'read');
      return undefined;
    };
    await assert.rejects(keyed.snapshot(), /cannot be read back/);
    disk.fault = undefined;
    assert.deepEqual(snapshotsOf(disk.files()), before);
    assert.deepEqual(await contentsOf(disk.files()), contents);
  });

  it('moves live texts out of old segments, and deletes the segments', async () => {
    const { disk, files, contents, keyed } = await journalWithSnapshots(6, { compact: true });
    assert.ok(!files.has(nameOf(1, 'segment')));
    assert.deepEqual(await contentsOf(files), contents);
    await keyed.journal.close();
    const again = await Keyed.open(disk);
    assert.equal(
      again.journal.diskBytes,
      [...disk.files()].reduce((sum, [name, { length }]) => sum + (name.endsWith('journal-created') ? 0 : length), 0),
    );
    await again.journal.close();
  });

  it('[9.1] does not bring back a removed text by a move', async () => {
    const disk = new StrictDisk();
    const keyed = await Keyed.open(disk);
    for (let i = 0; i < 6; i++) keyed.set(`key${i}`, 'x'.repeat(500));
    await keyed.snapshot();
    keyed.set('other', 'x');
    await keyed.snapshot();
    let removed = false;
    keyed.set('more', 'x');
    // The snapshot holds the key. The log holds its move, and then its removal.
    await keyed.snapshot(() => {
      if (removed) return;
      removed = true;
      void keyed.compact();
      keyed.remove('key0');
    });
    assert.ok(!(await contentsOf(disk.files())).has('key0'));
  });

  it('removes an unfinished snapshot', async () => {
    const { files, contents } = await journalWithSnapshots(2);
    const disk = diskWith(new Map([...files, [nameOf(9, 'unfinished'), new Uint8Array(100)]]));
    const keyed = await Keyed.open(disk);
    assert.deepEqual(keyed.contents(), contents);
    assert.ok(!disk.files().has(nameOf(9, 'unfinished')));
  });
});

describe('opening with a damaged snapshot', () => {
  it('[9.1] never accepts a flipped bit or a cut, and starts from the older snapshot', async (t) => {
    const { files, contents } = await journalWithSnapshots(4, { compact: true });
    const [, newest] = snapshotsOf(files) as [string, string];
    const bytes = files.get(newest)!;
    let cases = 0;
    const check = async (damaged: Uint8Array, story: string) => {
      cases += 1;
      const disk = diskWith(new Map([...files, [newest, damaged]]));
      const keyed = await Keyed.open(disk);
      assert.equal(keyed.journal.report.damagedSnapshots?.[0]?.path, newest, story);
      assert.deepEqual(keyed.contents(), contents, story);
    };
    for (let at = 0; at < bytes.length; at++) {
      const flipped = bytes.slice();
      flipped[at] = bytes[at]! ^ (1 << (at % 8));
      // One flipped bit cannot give a newer version with a right checksum.
      await check(flipped, `bit ${at % 8} of byte ${at}`);
      if (at % 7 === 0) await check(bytes.slice(0, at), `cut to ${at}`);
    }
    await check(Buffer.concat([bytes, new Uint8Array(8)]), 'longer than it should be');
    t.diagnostic(`damaged snapshots: ${cases} cases, 0 accepted`);
  });

  it('reads the whole log if no snapshot is whole and all segments are there', async () => {
    const { files, contents } = await journalWithSnapshots(3);
    const damaged = new Map(files);
    for (const name of snapshotsOf(files)) damaged.set(name, files.get(name)!.slice(0, -1));
    assert.deepEqual(await contentsOf(damaged), contents);
    for (const name of snapshotsOf(files)) damaged.delete(name);
    assert.deepEqual(await contentsOf(damaged), contents);
  });

  it('refuses, with the path of the snapshot, if segments were deleted because of it', async () => {
    const { files } = await journalWithSnapshots(4, { compact: true });
    const damaged = new Map(files);
    for (const name of snapshotsOf(files)) damaged.set(name, files.get(name)!.slice(0, -1));
    assert.match((await refuses(damaged)).file, /snapshot$/);
  });

  it('takes snapshots again, and then deletes the damaged one', async () => {
    const { files, contents } = await journalWithSnapshots(4, { compact: true });
    const [older, newest] = snapshotsOf(files) as [string, string];
    const disk = diskWith(new Map([...files, [newest, new Uint8Array(10)]]));
    const keyed = await Keyed.open(disk);
    assert.equal(await keyed.snapshot(), true);
    assert.ok(!disk.files().has(newest));
    assert.ok(disk.files().has(older));
    assert.deepEqual(await contentsOf(disk.files()), contents);
  });

  it('refuses a log without its beginning or with a gap', async () => {
    const { disk, keyed } = await journalWithSnapshots(4, { compact: true });
    for (let i = 0; i < 20; i++) keyed.set(`later${i}`, 'x'.repeat(500));
    const files = disk.files();
    const newest = Number(/\d{10}/.exec(snapshotsOf(files)[1]!)![0]);
    const log = [...files.keys()].filter((name) => name.endsWith('segment') && name >= nameOf(newest, 'segment'));
    assert.ok(log.length > 2);
    for (const name of log.sort().slice(0, -1)) {
      const without = new Map(files);
      without.delete(name);
      await refuses(without);
    }
  });

  it('[9.1] refuses a log that ends before the end LSN of the snapshot, however torn it looks', async () => {
    const disk = new StrictDisk();
    const keyed = await Keyed.open(disk);
    for (let i = 0; i < 5; i++) keyed.set(`key${i}`, 'first');
    let wrote = false;
    await keyed.snapshot(() => {
      if (!wrote) keyed.set('meanwhile', 'x'.repeat(100));
      wrote = true;
    });
    const files = disk.files();
    const log = nameOf(2, 'segment');
    const bytes = files.get(log)!;
    for (let length = 0; length < bytes.length; length++)
      await refuses(new Map([...files, [log, bytes.slice(0, length)]]));
  });

  it('refuses a snapshot of another journal', async () => {
    const { files } = await journalWithSnapshots(2);
    const other = new StrictDisk();
    const keyed = await Keyed.open(other, { salt: () => 77 });
    for (let i = 0; i < 12; i++) keyed.set(`foreign${i}`, 'x'.repeat(700));
    await keyed.snapshot();
    const foreign = snapshotsOf(other.files())[0]!;
    const last = Number(/\d{10}/.exec(foreign)![0]);
    assert.ok(files.has(nameOf(last, 'segment')));
    const mixed = new Map(files);
    for (const name of snapshotsOf(files)) mixed.delete(name);
    await refuses(new Map([...mixed, [foreign, other.files().get(foreign)!]]));
  });
});
