import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { QuotaRecord } from '../../../src/core/records.js';
import { Rates } from '../../../src/core/state/rates.js';

const quota: QuotaRecord = { kind: 'quota', queue: '', name: 'q', size: 9, rate: 2, ratePeriodMs: 200 };

describe('a rate', () => {
  it('[4.8] counts no time twice when clocks that differ a little take turns', () => {
    const rates = new Rates();
    const takes = (now: number) => {
      const opensAt = rates.nextAt('q', quota, now);
      if (opensAt === 0) rates.spend('q', quota, now);
      return opensAt;
    };
    assert.deepEqual([takes(1000), takes(1000), takes(1000)], [0, 0, 1100]);
    assert.equal(takes(1100), 0);
    assert.equal(takes(1040), 1200, 'the clock that is behind');
    assert.deepEqual([takes(1300), takes(1240), takes(1300)], [0, 0, 1400]);
  });
});
