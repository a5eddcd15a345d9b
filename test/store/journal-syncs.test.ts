/** When the journal store syncs, and when it waits. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Command } from '../../src/core/commands.js';
import { JournalStore } from '../../src/store/journal/journal-store.js';
import type { Pace } from '../../src/store/journal/pace.js';
import { call, idOf, main, us } from '../core/making.js';
import { diskError, StrictDisk } from '../journal/strict-disk.js';
import { Clock, Subject } from './harness.js';
import { countedPace } from './journal-churn.js';

/** Opens a store with a running job. `awaits` is the owner's answer for every effect. */
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
  store.transact({ command, gate: 'decided' });
  store.commit();
}

const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

it('[9.1] the store syncs an awaited frame at once', async () => {
  const { subject, syncs } = await openWithRunning(true);
  const before = syncs();
  end(subject);
  await turns(3);
  assert.equal(syncs() - before, 1);
  assert.ok(subject.told.includes('deliver a'));
  await subject.store.close();
});

it('[9.1] the store syncs an unawaited frame within 100 ms, and delivers nothing before', async () => {
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

it('[9.1] the store syncs an unawaited frame with the next awaited one, and delivers both in order', async () => {
  const { subject, syncs } = await openWithRunning(false);
  const before = syncs();
  end(subject);
  await subject.do({ type: 'cancel', job: idOf('none') });
  assert.equal(syncs() - before, 1);
  assert.deepEqual(subject.told.slice(-2), ['deliver a', 'refused cancel: JOB_FORGOTTEN']);
  await subject.store.close();
});

it('the store syncs a large unawaited frame at once, so that it takes no memory and delays no other', async () => {
  const { subject, syncs } = await openWithRunning(false);
  const before = syncs();
  end(subject, 2 ** 20);
  await turns(3);
  assert.equal(syncs() - before, 1);
  await subject.store.close();
});

it('[9.1] the store syncs an unawaited frame when its time comes during another sync', async () => {
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

/** Puts `b` while the sync of its frame is held. Returns functions that end that sync. */
function holdSync({ subject, disk }: Awaited<ReturnType<typeof openWithRunning>>) {
  let ends = { release: () => {}, fail: (_: Error) => {} };
  disk.syncGate = new Promise<void>((resolve, reject) => {
    ends = { release: resolve, fail: reject };
  });
  subject.told.length = 0;
  subject.ask({ type: 'put', queue: '', owner: us, level: 'full', jobs: [call('b')] });
  subject.store.commit();
  disk.syncGate = undefined;
  const before = disk.counts.get('sync')!;
  return { ...ends, more: () => disk.counts.get('sync')! - before };
}

/** Ends the run during a sync, and checks that its own sync begins after that. */
async function checkOneAfterAnother(opened: Awaited<ReturnType<typeof openWithRunning>>): Promise<void> {
  const { subject } = opened;
  const { release, more } = holdSync(opened);
  end(subject);
  await turns(3);
  assert.equal(more(), 0);
  release();
  await turns(3);
  assert.deepEqual([more(), subject.told], [1, ['ok put', 'deliver a']]);
  await subject.store.close();
}

it('[9.1] the store syncs the end of the last run beside the sync in flight, and delivers it after both', async () => {
  const opened = await openWithRunning(true);
  const { subject } = opened;
  const { release, more } = holdSync(opened);
  end(subject);
  await turns(3);
  assert.deepEqual([more(), subject.told], [1, []]);
  release();
  await turns(3);
  assert.deepEqual([more(), subject.told], [1, ['ok put', 'deliver a']]);
  await subject.store.close();
});

it('[9.1] the store delivers nothing of a second sync if the first one fails', async () => {
  const opened = await openWithRunning(true);
  const { subject } = opened;
  const { fail, more } = holdSync(opened);
  end(subject);
  await turns(3);
  assert.equal(more(), 1);
  fail(diskError('EIO'));
  await turns(3);
  assert.equal((subject.fatal as { code?: string } | undefined)?.code, 'JOURNAL_WRITE');
  assert.ok(!subject.told.includes('deliver a') && !subject.told.includes('ok put'));
});

it('the store waits for the sync in flight while an agent has a job, whose end may share the next', async () => {
  const opened = await openWithRunning(true);
  const { subject } = opened;
  await subject.do({ type: 'put', queue: '', owner: us, level: 'full', jobs: [call('c')] });
  await subject.do({ type: 'claim', job: idOf('c'), agent: main });
  await checkOneAfterAnother(opened);
});

it('[9.1] the store waits for the sync in flight where the disk takes no second one', async () => {
  const opened = await openWithRunning(true);
  opened.disk.cannotSyncBeside = true;
  await checkOneAfterAnother(opened);
});
