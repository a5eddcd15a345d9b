/**
 * The directory of an open journal is removed, moved away or replaced. Open files take writes and
 * syncs for ever.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { describe, it } from 'node:test';
import { JournalRemovedError } from '../../src/errors.js';
import { type Journal, openJournal } from '../../src/journal/journal.js';
import { acquireLock } from '../../src/journal/lock.js';
import { temporaryDirectory } from '../harness/temporary.js';
import { append, appendAll, Collector, filled, printed } from './reading.js';

const options = { segmentBytes: 4096, reserveBytes: 0 };

const ways: readonly [what: string, spoil: (directory: string) => void][] = [
  ['removed', (directory) => fs.rmSync(directory, { recursive: true })],
  ['moved away', (directory) => fs.renameSync(directory, `${directory}-moved`)],
  [
    'replaced by an empty one',
    (directory) => {
      fs.renameSync(directory, `${directory}-moved`);
      fs.mkdirSync(directory);
    },
  ],
  [
    'replaced by a copy',
    (directory) => {
      fs.renameSync(directory, `${directory}-moved`);
      fs.cpSync(`${directory}-moved`, directory, { recursive: true });
    },
  ],
  ['rid of its segment', (directory) => fs.unlinkSync(`${directory}/journal-0000000001.segment`)],
];

async function opened(): Promise<{ journal: Journal; directory: string }> {
  const directory = `${temporaryDirectory()}/journal`;
  const journal = await openJournal(directory, new Collector(), options);
  append(journal, filled(1, 3000, 1));
  await journal.sync();
  return { journal, directory };
}

/** Returns the content of the directory, if it exists. */
function contents(directory: string): [name: string, bytes: string][] {
  if (!fs.existsSync(directory)) return [];
  return fs.readdirSync(directory).map((name) => [name, fs.readFileSync(`${directory}/${name}`, 'latin1')]);
}

describe('an open journal with a lost directory', () => {
  for (const [what, spoil] of ways) {
    it(`[9.1] acknowledges nothing more, and does not touch the new content (${what})`, async () => {
      const { journal, directory } = await opened();
      spoil(directory);
      const left = contents(directory);
      append(journal, filled(1, 100, 2));
      await assert.rejects(journal.sync(), (error) => {
        assert.ok(error instanceof JournalRemovedError && error.code === 'JOURNAL_REMOVED', String(error));
        assert.ok(error.message.includes(directory), error.message);
        return true;
      });
      assert.equal(journal.syncedLsn, 1);
      assert.throws(() => append(journal, filled(1, 1, 3)), JournalRemovedError);
      await assert.rejects(journal.beginSnapshot(), JournalRemovedError);
      await assert.rejects(journal.close(), JournalRemovedError);
      assert.deepEqual(contents(directory), left);
    });

    it(`[9.1] begins no segment and no snapshot (${what})`, async () => {
      for (const go of [
        (journal: Journal) => journal.beginFrame(3000),
        (journal: Journal) => journal.beginSnapshot(),
      ]) {
        const { journal, directory } = await opened();
        spoil(directory);
        const left = contents(directory);
        append(journal, filled(1, 100, 2));
        await assert.rejects(async () => go(journal), JournalRemovedError);
        await assert.rejects(journal.close(), JournalRemovedError);
        assert.deepEqual(contents(directory), left);
      }
    });
  }

  it('throws JournalRemovedError instead of reporting an entry as damaged', async () => {
    const { journal, directory } = await opened();
    const { positions } = appendAll(journal, [filled(1, 100, 2)]);
    fs.rmSync(directory, { recursive: true });
    assert.throws(() => journal.read(positions[0]!), JournalRemovedError);
    await assert.rejects(journal.close(), JournalRemovedError);
  });
});

describe('an open journal with a lost lock', () => {
  async function locked() {
    const directory = `${temporaryDirectory()}/journal`;
    const lock = await acquireLock(directory);
    const journal = await openJournal(directory, new Collector(), { ...options, lock });
    append(journal, filled(1, 100, 1));
    await journal.sync();
    return { directory, lock, journal };
  }

  it('[9.1] writes nothing more', async () => {
    const { directory, lock, journal } = await locked();
    fs.unlinkSync(lock.file);
    const left = contents(directory);
    assert.throws(() => append(journal, filled(1, 100, 2)), { code: 'JOURNAL_REMOVED', message: /\.lock was removed/ });
    await assert.rejects(journal.close(), JournalRemovedError);
    assert.deepEqual(contents(directory), left);
    await lock.release();
  });

  it('[9.1] acknowledges nothing more if the lock is removed after a write', async () => {
    const { lock, journal } = await locked();
    append(journal, filled(1, 100, 2));
    fs.unlinkSync(lock.file);
    await assert.rejects(journal.sync(), JournalRemovedError);
    assert.equal(journal.syncedLsn, 1);
    await assert.rejects(journal.close(), JournalRemovedError);
    await lock.release();
  });

  it('[9.1] does not touch the journal of the next owner', async () => {
    const { directory, lock, journal } = await locked();
    append(journal, filled(1, 100, 2));
    fs.unlinkSync(lock.file);
    const next = await acquireLock(directory);
    assert.equal(next.epoch, lock.epoch, 'under the same name');
    const found = new Collector();
    const other = await openJournal(directory, found, { ...options, lock: next });
    assert.throws(() => append(journal, filled(1, 100, 3)), JournalRemovedError);
    await assert.rejects(journal.close(), JournalRemovedError);
    append(other, filled(1, 100, 4));
    await other.close();
    await next.release();
    await lock.release();
    const after = new Collector();
    await (await openJournal(directory, after, options)).close();
    assert.deepEqual(after.transactions, [...found.transactions, printed([filled(1, 100, 4)])]);
  });
});
