/** When the journal's store syncs, and when it can wait. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Command } from '../../src/core/commands.js';
import { JournalStore } from '../../src/store/journal/journal-store.js';
import type { Pace } from '../../src/store/journal/pace.js';
import { call, idOf, main, us } from '../core/making.js';
import { StrictDisk } from '../journal/strict-disk.js';
import { Clock, Subject } from './harness.js';
import { countedPace } from './journal-churn.js';

/** A store with a job that runs, and what is left of it when the power goes now. */
async function openWithRunning(awaits: boolean) {
  const disk = new StrictDisk();
  const timers: { readonly ms: number; readonly then: () => void }[] = [];
  const after: Pace['after'] = (ms, then) => {
    const timer = { ms, then };
    timers.push(timer);
    return () => void timers.splice(timers.indexOf(timer), 1);
  };
  const clock = new Clock();
  const pace = { ...countedPace(1), after };
  const subject = await new Subject(new JournalStore('/journal', clock, { disk, pace }), clock, disk).open();
  subject.awaits = awaits;
  await subject.do({ type: 'put', queue: '', owner: us, level: 'full', jobs: [call('a')] });
  await subject.do({ type: 'claim', job: idOf('a'), agent: main });
  return { subject, timers, disk, syncs: () => subject.store.figures.syncs };
}

function end({ store }: Subject, resultBytes = 3): void {
  const command: Command = {
    type: 'settle',
    job: idOf('a'),
    fence: 1,
    startedAt: 1000,
    outcome: { kind: 'value', payload: store.payload(new Uint8Array(resultBytes)) },
    inner: [],
  };
  store.transact([{ command, gate: 'decided' }]);
  store.commit();
}

const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

it('[9.1] syncs at once what somebody waits for', async () => {
  const { subject, syncs } = await openWithRunning(true);
  const before = syncs();
  end(subject);
  await turns(3);
  assert.equal(syncs() - before, 1);
  assert.ok(subject.told.includes('deliver a'));
  await subject.store.close();
});

it('[9.1] syncs what nobody waits for within 100 ms, and tells nobody before', async () => {
  const { subject, timers, syncs } = await openWithRunning(false);
  const before = syncs();
  end(subject);
  await turns(3);
  assert.deepEqual([syncs() - before, timers.map(({ ms }) => ms)], [0, [100]]);
  assert.ok(!subject.told.includes('deliver a'));
  timers[0]!.then();
  await turns(3);
  assert.equal(syncs() - before, 1);
  assert.ok(subject.told.includes('deliver a'));
  await subject.store.close();
});

it('[9.1] syncs what nobody waited for with the next that somebody waits for, which is told of afterwards', async () => {
  const { subject, syncs } = await openWithRunning(false);
  const before = syncs();
  end(subject);
  await subject.do({ type: 'cancel', job: idOf('none') });
  assert.equal(syncs() - before, 1);
  assert.deepEqual(subject.told.slice(-2), ['deliver a', 'refused cancel: JOB_FORGOTTEN']);
  await subject.store.close();
});

it('syncs what nobody waits for at once where it is much, so that it is neither kept in memory nor in the way of others', async () => {
  const { subject, syncs } = await openWithRunning(false);
  const before = syncs();
  end(subject, 2 ** 20);
  await turns(3);
  assert.equal(syncs() - before, 1);
  await subject.store.close();
});

it('[9.1] syncs what nobody waits for also where its time comes while another sync is in flight', async () => {
  const { subject, timers, syncs } = await openWithRunning(false);
  const before = syncs();
  subject.ask({ type: 'put', queue: '', owner: us, level: 'full', jobs: [call('b')] });
  subject.store.commit();
  end(subject);
  for (const { then } of timers.splice(0)) then();
  await turns(6);
  assert.equal(syncs() - before, 2);
  assert.ok(subject.told.includes('deliver a'));
  await subject.store.close();
});
