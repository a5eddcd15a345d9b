import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DatabaseClock } from '../../src/store/shared/database-clock.js';

describe('the clock of the database, as a process knows it', () => {
  it('is its own until the first answer', () => {
    assert.equal(new DatabaseClock().aheadMs, 0);
  });

  it('showed the time of the first answer in the middle of the wait for it', () => {
    const clock = new DatabaseClock();
    clock.note(600_000, 1000, 1020);
    assert.equal(clock.aheadMs, 598_990);
  });

  it('moves only as far as an answer proves it wrong', () => {
    const clock = new DatabaseClock();
    clock.note(5000, 0, 0);
    clock.note(6000, 900, 4000);
    assert.equal(clock.aheadMs, 5000, 'a slow answer proves little');
    clock.note(7000, 1990, 1995);
    assert.equal(clock.aheadMs, 5005);
    clock.note(8000, 3001, 3010);
    assert.equal(clock.aheadMs, 4999);
  });

  it('stays when the clock of the process is set', () => {
    const clock = new DatabaseClock();
    clock.note(5000, 2000, 2000);
    clock.wasSet(-7000);
    assert.equal(clock.aheadMs, 10_000);
  });
});
