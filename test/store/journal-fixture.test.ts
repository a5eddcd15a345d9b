/** Opens directories that this version and older ones have written. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { formatVersion } from '../../src/journal/format.js';
import type { JournalStore } from '../../src/store/journal/journal-store.js';
import { salvage } from '../../src/store/journal/salvage.js';
import { StrictDisk } from '../journal/strict-disk.js';
import { Churn, churnDirectory, printedState, turn } from './journal-churn.js';
import { fixtureOf, fixtures, unknownSetting, writeUnknown } from './journal-fixture.js';

/** Versions that were never released. Nothing needs to read them. */
const unread = 1;

const settingsIn = ({ state }: JournalStore) => [...state.settings()].filter(({ kind }) => kind === 'opaque');
const unknown = [{ kind: 'opaque', ...unknownSetting }];

describe('the journal of each format version', () => {
  const versions = readdirSync(fixtures);

  it('has a fixture', () => {
    assert.deepEqual(
      versions,
      Array.from({ length: formatVersion }, (_, index) => `v${index + 1}`),
    );
  });

  for (const version of versions.slice(0, unread)) {
    it(`${version} is refused, with nothing modified`, async () => {
      const { disk } = fixtureOf(version);
      const files = disk.files();
      await assert.rejects(new Churn(disk, 1).open(), {
        code: 'JOURNAL_VERSION',
        message: /has format version 1, .*an older callsheet wrote it.*Nothing was modified/,
      });
      assert.deepEqual(disk.files(), files);
    });
  }

  for (const version of versions.slice(unread)) {
    it(`${version} opens with all its content, and goes on`, async () => {
      const { disk, printed } = fixtureOf(version);
      const churn = await new Churn(disk, 1).open();
      assert.equal(printedState(churn.store), printed);
      for (let step = 0; step < 50; step++) churn.step();
      const gone = printedState(churn.store);
      await churn.store.close();
      const again = await new Churn(disk, 2).open();
      assert.equal(printedState(again.store), gone);
      await again.store.close();
    });
  }

  it('keeps a setting of an unknown kind in its log and its snapshots', async () => {
    const { disk } = fixtureOf(`v${formatVersion}`);
    const { store } = await new Churn(disk, 1).open();
    assert.deepEqual(settingsIn(store), unknown);
    await store.close();
  });
});

describe('a setting of an unknown kind', () => {
  it('survives loading, snapshots and compaction as it was', async () => {
    const disk = new StrictDisk();
    await writeUnknown(disk);
    const churn = await new Churn(disk, 7).open();
    // The segment that it was written in is deleted, so only snapshots still have it.
    const first = `${churnDirectory}/journal-0000000001.segment`;
    for (let step = 0; step < 5000 && disk.files().has(first); step++) {
      churn.step();
      if (step % 3 === 0) await turn();
    }
    assert.ok(!disk.files().has(first));
    await churn.store.close();
    const { store } = await new Churn(disk, 8).open();
    assert.deepEqual(settingsIn(store), unknown);
    await store.close();
  });

  it('survives a salvage as it was', async () => {
    const disk = new StrictDisk();
    await writeUnknown(disk);
    disk.makeDirectory('/salvaged');
    await salvage(churnDirectory, '/salvaged', { disk });
    const found = [...disk.files()].map(([name, bytes]) => [name, Buffer.from(bytes).toString('latin1')] as const);
    const salvaged = found.find(([name]) => name === '/salvaged/journal-0000000001.segment');
    assert.ok(salvaged?.[1].includes(unknownSetting.json));
  });
});
