/** Reading a journal as it was at a time. An entry of these tests is a time as text. */
import assert from 'node:assert/strict';
import { unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type Entry, type Journal, openJournal } from '../../src/journal/journal.js';
import { type PastTimes, readPast, type TimedReplay } from '../../src/journal/past.js';
import { temporaryDirectory } from '../harness/temporary.js';
import { appendAll, packed } from './reading.js';

/** Collects entries, and tells the time of the last one. */
class Entries implements TimedReplay {
  time = 0;
  readonly found: string[] = [];

  segment(): void {}

  entry({ bytes }: Entry): void {
    const text = Buffer.from(bytes).toString();
    this.found.push(text);
    this.time = Number(/^\d+/.exec(text)?.[0] ?? 0);
  }
}

const entries = (...texts: readonly string[]): Entry[] => texts.map((text) => ({ type: 1, bytes: Buffer.from(text) }));

async function journalIn(directory: string): Promise<Journal> {
  return openJournal(directory, { segment: () => {}, entry: () => {} }, { aheadBytes: 0, reserveBytes: 0 });
}

/** Takes a snapshot of these entries, and writes others before it ends. */
async function snapshot(journal: Journal, state: readonly string[], meanwhile: readonly string[] = []): Promise<void> {
  const writer = (await journal.beginSnapshot())!;
  for (const text of meanwhile) appendAll(journal, entries(text));
  writer.add(packed(entries(...state)));
  await journal.publishSnapshot(writer, async () => {});
}

function read(directory: string, at: number): { readonly found: readonly string[]; readonly times: PastTimes } {
  const into = new Entries();
  const times = readPast(directory, at, into, () => new Entries());
  return { found: into.found, times };
}

describe('a journal as it was at a time', () => {
  it('[11.8] ends before the first transaction with a later time, and has no part of it', async () => {
    const directory = temporaryDirectory();
    const journal = await journalIn(directory);
    appendAll(journal, entries('10 a'));
    appendAll(journal, entries('no time'));
    appendAll(journal, entries('20 b', '15 c'));
    appendAll(journal, entries('no time', '30 d'));
    appendAll(journal, entries('25 e'));
    await journal.close();
    const all = ['10 a', 'no time', '20 b', '15 c', 'no time', '30 d', '25 e'];
    assert.deepEqual(read(directory, 30), { found: all, times: { from: 10, to: 30 } });
    assert.deepEqual(read(directory, 29).found, all.slice(0, 4), 'also without what came after the later one');
    assert.deepEqual(read(directory, 20).found, all.slice(0, 4));
    assert.deepEqual(read(directory, 19).found, all.slice(0, 2));
    assert.deepEqual(read(directory, 9).found, []);
  });

  it('[11.8] is read from a snapshot that was finished by then, as far back as there is one', async () => {
    const directory = temporaryDirectory();
    const journal = await journalIn(directory);
    appendAll(journal, entries('10 a'));
    // The snapshot holds the entry of 20, which was written while it was made.
    await snapshot(journal, ['snapshot', '10 a', '20 b'], ['20 b']);
    appendAll(journal, entries('30 c'));
    await snapshot(journal, ['second', '10 a', '20 b', '30 c'], ['40 d']);
    appendAll(journal, entries('50 e'));
    await journal.close();
    const newest = ['second', '10 a', '20 b', '30 c', '40 d'];
    assert.deepEqual(read(directory, 50).found, [...newest, '50 e']);
    assert.deepEqual(read(directory, 45).found, newest);
    assert.deepEqual(read(directory, 35).found, ['snapshot', '10 a', '20 b', '20 b', '30 c']);
    assert.deepEqual(read(directory, 15).found, ['10 a'], 'the first segment is still there');
    assert.equal(read(directory, 15).times.from, 10);
    unlinkSync(join(directory, 'journal-0000000001.segment'));
    const { found, times } = read(directory, 15);
    assert.deepEqual([found, times], [[], { from: 20, to: 50 }]);
    assert.deepEqual(read(directory, 20).found, ['snapshot', '10 a', '20 b', '20 b']);
  });

  it('is refused without a journal', async () => {
    const directory = temporaryDirectory();
    assert.throws(() => read(directory, 1), { code: 'DIRECTORY_UNUSABLE' });
  });

  it('can be read while the journal is open', async () => {
    const directory = temporaryDirectory();
    const journal = await openJournal(directory, { segment: () => {}, entry: () => {} });
    appendAll(journal, entries('10 a'));
    assert.deepEqual(read(directory, 10).found, ['10 a']);
    appendAll(journal, entries('20 b'));
    await journal.sync();
    assert.deepEqual(read(directory, 20).found, ['10 a', '20 b']);
    await journal.close();
  });
});
