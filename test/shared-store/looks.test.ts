/** The looks of a process at the decisions of others. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SharedStore } from '../../src/store/shared/shared-store.js';
import { idOf } from '../core/making.js';
import { Clock } from '../store/harness.js';
import { MemoryDatabase } from './database.js';

describe('a process that waits for thousands of jobs', () => {
  it('asks for a part of them at once, and for all in the end', async () => {
    const database = new MemoryDatabase();
    const begin = database.begin.bind(database);
    const asked: number[] = [];
    database.begin = (purpose) => {
      const transaction = begin(purpose);
      const load = transaction.load.bind(transaction);
      transaction.load = (wants) => {
        for (const want of wants) if (want.kind === 'ended') asked.push(want.jobs.length);
        return load(wants);
      };
      return transaction;
    };
    let look = () => {};
    const after = (_: number, then: () => void) => {
      look = then;
      return { clear: () => {} };
    };
    const store = new SharedStore(database, new Clock(), { poll: { everyMs: 1000, after } });
    let outcomes: readonly string[] = [];
    const gone: string[] = [];
    await store.open({
      release: () => {},
      awaits: () => false,
      awaited: () => ({ outcomes, annotations: [], events: false }),
      heard: () => {},
      changed: () => {},
      repaired: () => {},
      gone: (ids) => gone.push(...ids),
      fatal: (error) => assert.fail(error),
    });
    outcomes = Array.from({ length: 2500 }, (_, index) => idOf(`${index}`));
    look();
    await store.idle();
    assert.deepEqual(gone, outcomes);
    assert.ok(Math.max(...asked) <= 1000, `${asked}`);
    await store.close();
  });
});
