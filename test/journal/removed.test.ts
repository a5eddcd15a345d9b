/** The directory of an open journal is removed, moved away or replaced: files that are open take writes and syncs for ever. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { describe, it } from 'node:test';
import { JournalRemovedError } from '../../src/errors.js';
import { type Journal, openJournal } from '../../src/journal/journal.js';
import { temporaryDirectory } from '../harness/temporary.js';
import { append, Collector, filled } from './reading.js';

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

/** What is in the directory, if there is one. */
function contents(directory: string): [name: string, bytes: string][] {
  if (!fs.existsSync(directory)) return [];
  return fs.readdirSync(directory).map((name) => [name, fs.readFileSync(`${directory}/${name}`, 'latin1')]);
}

describe('an open journal whose directory is', () => {
  for (const [what, spoil] of ways) {
    it(`[9.1] ${what} acknowledges nothing more, and leaves what is there now alone`, async () => {
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

    it(`[9.1] ${what} begins no segment and no snapshot in what is there now`, async () => {
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

  it('removed says so also to who reads an entry back, instead of calling it damaged', async () => {
    const { journal, directory } = await opened();
    const { positions } = journal.append([filled(1, 100, 2)]);
    fs.rmSync(directory, { recursive: true });
    assert.throws(() => journal.read(positions[0]!), JournalRemovedError);
    await assert.rejects(journal.close(), JournalRemovedError);
  });
});
