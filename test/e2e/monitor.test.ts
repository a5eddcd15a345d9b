/** The questions of the monitor, with real threads and a journal. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { open } from 'callsheet';
import { eventually } from '../harness/eventually.js';
import { temporaryDirectory } from '../harness/temporary.js';
import { allJobs, bad, marks, numbers } from './jobs/all.js';

describe('the monitor of a runtime with threads and a journal', () => {
  it('[11.7] answers about running, waiting and failed jobs, also after a restart', async (t) => {
    const files = temporaryDirectory();
    const [marked, gate] = [join(files, 'marks'), join(files, 'gate')];
    const options = { directory: temporaryDirectory(), jobs: allJobs, threads: 1 };
    let callsheet = await open(options);
    t.after(() => callsheet.close());
    const queue = callsheet.queue();
    const failing = await queue.put(bad.throws);
    await failing.failure();
    const running = await queue.put(marks.markAwaiting(marked, 'running', gate));
    const { monitor } = callsheet;
    const row = await eventually('it runs', async () => (await monitor.active()).find(({ started }) => started));
    assert.deepEqual([row!.id, row!.callable, row!.attempt], [running.id, 'marks#markAwaiting', 1]);
    const waiting = await queue.put(numbers.add(1, 2));
    await waiting.annotations.set('note', { by: 'hand' });
    const explained = await eventually('its reason is the busy thread', async () => {
      const explanation = await monitor.explain(waiting.id);
      return explanation.reasons[0]?.code === 'threads-busy' ? explanation : undefined;
    });
    assert.deepEqual([explained!.state, explained!.reasons.length], ['waits', 1]);
    assert.deepEqual((await monitor.job(waiting.id)).annotations.note, { by: 'hand' });
    const noted = await monitor.jobs({ annotation: { name: 'note', value: { by: 'hand' } } });
    assert.deepEqual(
      noted.items.map(({ id }) => id),
      [waiting.id],
    );
    const { store, threads, turns } = await monitor.status();
    assert.deepEqual([store.snapshots, store.lastSnapshotMs], [0, 0]);
    assert.ok(store.diskBytes > 0 && store.syncs > 0 && store.longestSyncMs >= store.lastSyncMs);
    assert.ok(store.lastSyncMs > 0 && turns.count > 0 && turns.longestMs > 0);
    assert.deepEqual([threads.size, threads.running], [1, 1]);
    assert.ok(store.freeBytes! > 1024 * 1024);
    const [load, ...others] = (await monitor.threads()).usage;
    assert.deepEqual([load!.thread, others], [row!.thread, []]);
    assert.ok(load!.activeMs > 0, 'its event loop has worked');
    assert.ok(load!.heapBytes! > 1024 * 1024 && load!.externalBytes! > 0, 'it has told its memory after the first job');
    assert.equal(load!.cpuMs === undefined, !('threadCpuUsage' in process), 'Node before 23.9 does not say it');
    writeFileSync(gate, '');
    assert.equal(await waiting.result(), 3);
    await callsheet.close();
    callsheet = await open(options);
    const { groups } = await callsheet.monitor.failures();
    const failure = (await callsheet.job(failing.id).failure())!;
    assert.deepEqual(
      groups.map(({ error, message, example }) => [error, message, example]),
      [[failure.name, failure.message, failing.id]],
    );
    const named = await callsheet.monitor.jobs({ error: 'Error' });
    assert.deepEqual(
      named.items.map(({ id }) => id),
      [failing.id],
    );
  });
});
