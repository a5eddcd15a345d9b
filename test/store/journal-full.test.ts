/** A full disk with no reserve left. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Command, JobSpec } from '../../src/core/commands.js';
import { activateUs, idOf, main, us } from '../core/making.js';
import { StrictDisk } from '../journal/strict-disk.js';
import { Churn, countedPace } from './journal-churn.js';

const id = idOf('job');
const job: JobSpec = { id, form: 'call', callable: 'm#run', args: null, options: {}, parts: [], callbacks: [] };

/** Opens a store on a small disk. `ring` makes all calls that the store has delayed. */
async function openOn(disk: StrictDisk, seed: number, reserveBytes: number) {
  const rings: (() => void)[] = [];
  const after = (_ms: number, then: () => void) => {
    rings.push(then);
    return () => void rings.splice(rings.indexOf(then), 1);
  };
  const churn = await new Churn(disk, seed, { reserveBytes, aheadBytes: 0, pace: { ...countedPace(1), after } }).open();
  const { store } = churn;
  const told = (command: Command) =>
    new Promise<string | undefined>((resolve) => {
      const reply = (error?: Error) => resolve((error as { code?: string } | undefined)?.code);
      store.transact({ command, gate: 'synced', reply });
      store.commit();
    });
  const ring = () => {
    for (const then of rings.splice(0)) then();
  };
  return { churn, store, told, ring };
}

const put = (job: JobSpec): Command => ({ type: 'put', queue: '', owner: us, level: 'full', jobs: [job] });

it('[8.2] [9.1] the store holds a command that not even the reserve takes, and goes on with the others', async () => {
  const disk = new StrictDisk();
  const { churn, store, told, ring } = await openOn(disk, 1, 0);
  assert.equal(await told(put(job)), undefined);
  disk.capacityBytes = disk.usedBytes;
  let cancelled = false;
  const cancel = told({ type: 'cancel', job: id }).then((code) => {
    cancelled = true;
    return code;
  });
  assert.equal(await told(put({ ...job, id: idOf('other') })), 'STORAGE_FULL');
  ring();
  assert.deepEqual([cancelled, store.takesWork, store.state.job(id)?.outcome], [false, false, 'none']);
  disk.capacityBytes = Number.POSITIVE_INFINITY;
  ring();
  assert.equal(await cancel, undefined);
  assert.deepEqual([store.takesWork, store.state.job(id)?.outcome, churn.fatal], [true, 'failure', undefined]);
  await store.close();
  const next = await new Churn(disk.afterKill(), 2).open();
  assert.equal(next.store.state.job(id)?.outcome, 'failure');
  await next.store.close();
});

it('[9.1] the store keeps all outcomes that fit in the reserve, and holds a larger one', async () => {
  const disk = new StrictDisk();
  const { churn, store, told, ring } = await openOn(disk, 1, 16_384);
  const ids = ['large', 'small'].map(idOf);
  assert.equal(await told(activateUs), undefined);
  for (const one of ids) assert.equal(await told(put({ ...job, id: one })), undefined);
  for (const one of ids) store.transact({ command: { type: 'claim', job: one, agent: main }, gate: 'decided' });
  store.commit();
  disk.capacityBytes = disk.usedBytes;
  for (const [index, bytes] of [100_000, 100].entries()) {
    const outcome = { kind: 'value', payload: store.payload(new Uint8Array(bytes)) } as const;
    const command: Command = { type: 'settle', job: ids[index]!, fence: 1, startedAt: 1000, outcome, inner: [] };
    store.transact({ command, gate: 'decided' });
  }
  store.commit();
  const outcomes = () => ids.map((one) => store.state.job(one)?.outcome);
  assert.deepEqual([outcomes(), store.takesWork], [['none', 'value'], false]);
  disk.capacityBytes = Number.POSITIVE_INFINITY;
  ring();
  assert.deepEqual([outcomes(), store.takesWork, churn.fatal], [['value', 'value'], true, undefined]);
  await store.close();
});

it('[9.1] the store refuses the held commands when it is closed on a full disk', async () => {
  const disk = new StrictDisk();
  const { store, told } = await openOn(disk, 1, 0);
  assert.equal(await told(put(job)), undefined);
  disk.capacityBytes = disk.usedBytes;
  const cancel = told({ type: 'cancel', job: id });
  await store.close();
  assert.equal(await cancel, 'STORAGE_FULL');
  const next = await new Churn(disk.afterKill(), 2).open();
  assert.equal(next.store.state.job(id)?.outcome, 'none');
  await next.store.close();
});
