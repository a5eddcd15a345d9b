/** A disk that is full, and whose reserve is used up too. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Command, JobSpec } from '../../src/core/commands.js';
import { StrictDisk } from '../journal/strict-disk.js';
import { Churn } from './journal-churn.js';

const id = 'job'.padEnd(16, '.');
const job: JobSpec = { id, form: 'call', callable: 'm#run', args: null, options: {}, parts: [], callbacks: [] };

it('[9.1] says of a put that waits for its sync not that nothing is stored, when the reserve is used up', async () => {
  const disk = new StrictDisk();
  const { store } = await new Churn(disk, 1, { reserveBytes: 0 }).open();
  const told = (command: Command) =>
    new Promise<string | undefined>((resolve) => {
      const reply = (error?: Error) => resolve((error as { code?: string } | undefined)?.code);
      store.transact([{ command, gate: 'synced', reply }]);
      store.commit();
    });
  let openGate = () => {};
  disk.syncGate = new Promise((resolve) => {
    openGate = resolve;
  });
  const put = told({ type: 'put', queue: '', owner: id, level: 'full', jobs: [job] });
  disk.capacityBytes = disk.usedBytes;
  const cancel = told({ type: 'cancel', job: id });
  assert.deepEqual([await put, await cancel], ['JOURNAL_WRITE', 'STORAGE_FULL']);
  openGate();
  const next = await new Churn(disk.afterKill(), 2, { reserveBytes: 0 }).open();
  assert.ok(next.store.state.job(id), 'it is there');
  await next.store.close();
});
