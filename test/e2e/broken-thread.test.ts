/**
 * A handler that breaks a built-in that callsheet's own code in its thread depends on. Each time
 * costs a thread and interrupts the job. The job is never retried without end at full speed, and no
 * other job is blamed.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { open } from 'callsheet';
import { pino } from 'pino';
import { temporaryDirectory } from '../harness/temporary.js';
import { allJobs, bad, marks, numbers } from './jobs/all.js';
import type { Breakable } from './jobs/misbehaving.js';

const logger = pino({ level: 'silent' });

const broken = [
  'Uint8Array.prototype.set',
  'Uint8Array.prototype.subarray',
  'Buffer.prototype.latin1Slice',
  'Array.prototype[Symbol.iterator]',
  'Map.prototype.get',
  'Atomics.compareExchange',
  'Date.now',
] as const satisfies readonly Breakable[];

/** Built-ins that, when broken, make the thread fail without an error. */
const silent = ['DataView.prototype.setUint32', 'Promise.prototype.then'] as const satisfies readonly Breakable[];

describe('a job that breaks', () => {
  for (const what of [...broken, ...silent]) {
    const silently = (silent as readonly Breakable[]).includes(what);
    it(`[8.4] ${what}${silently ? ' silently' : ''} ends within its policy; the jobs beside and after it succeed`, async () => {
      await using callsheet = await open({ directory: temporaryDirectory(), jobs: allJobs, threads: 1, logger });
      const queue = callsheet.queue();
      // Makes the callables known to be short, so that the jobs below start in one batch, in order.
      for (let round = 0; round < 50; round++) {
        const known = [await queue.put(numbers.add(round, 1)), await queue.put(bad.breaks('nothing'))];
        for (const one of known) await one.result();
      }
      await queue.pause();
      const before = await queue.putAll([numbers.add(1, 1), numbers.add(1, 2)]);
      const job = await queue.put(bad.breaks(what, silently).with({ retry: marks.atOnce }));
      const after = await queue.putAll(Array.from({ length: 20 }, (_, index) => numbers.add(index, 1)));
      await queue.resume();
      assert.deepEqual(await Promise.all(before.map((one) => one.result())), [2, 3]);
      assert.deepEqual(
        await Promise.all(after.map((one) => one.result())),
        Array.from({ length: 20 }, (_, index) => index + 1),
      );
      const failure = await job.failure();
      const { attempts, interruptions } = await job.details();
      if (failure === undefined) assert.equal(await job.result(), 'broken');
      else assert.equal(failure.code, 'JOB_INTERRUPTED');
      assert.ok(attempts <= 10 && interruptions <= 10, `${attempts} attempts, ${interruptions} interruptions`);
      for (const one of after) assert.ok((await one.details()).attempts <= 10);
    });
  }
});
