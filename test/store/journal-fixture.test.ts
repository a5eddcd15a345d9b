/** Opens directories that this version and older ones have written. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { formatVersion } from '../../src/journal/format.js';
import { Churn, printedState } from './journal-churn.js';
import { fixtureOf, fixtures } from './journal-fixture.js';

describe('the journal of each format version', () => {
  const versions = readdirSync(fixtures);

  it('has a fixture', () => {
    assert.deepEqual(
      versions,
      Array.from({ length: formatVersion }, (_, index) => `v${index + 1}`),
    );
  });

  for (const version of versions) {
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
});
