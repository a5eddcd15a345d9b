/** Section 3 of the contract: queues with a bound. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Job, parallel, serial } from 'callsheet';
import { work } from './jobs/all.js';
import { openGate, seen } from './jobs/work.js';
import { busy, failedWith } from './opened.js';

describe('3 queues: a bound', () => {
  it('[3.6] makes a put wait for room, in its turn, and shows how many wait', async (t) => {
    const { kit, queue } = await busy(t);
    await queue.setBound(1);
    await queue.put(work.mark('a'));
    const put: string[] = [];
    const waiting = ['b', 'c'].map(async (name): Promise<Job> => {
      const job = await queue.put(work.mark(name));
      put.push(name);
      return job;
    });
    await kit.untilIdle();
    assert.deepEqual(put, []);
    const { length, bound, putsWaiting } = await queue.details();
    assert.deepEqual({ length, bound, putsWaiting }, { length: 1, bound: 1, putsWaiting: 2 });
    openGate('before');
    await kit.untilIdle();
    assert.deepEqual(put, ['b', 'c']);
    await Promise.all(waiting);
    assert.deepEqual(seen, ['before', 'a', 'b', 'c']);
    assert.equal((await queue.details()).putsWaiting, 0);
  });

  it('[3.6] gives room to waiting puts before later ones', async (t) => {
    const { kit, queue } = await busy(t);
    await queue.setBound(1);
    const first = await queue.put(work.mark('first'));
    const waiting = queue.put(work.mark('waiting'));
    await kit.untilIdle();
    const cancelled = first.cancel();
    const late = queue.put(work.mark('late'));
    await kit.untilIdle();
    openGate('before');
    await kit.untilIdle();
    await Promise.all([cancelled, waiting, late]);
    assert.deepEqual(seen, ['before', 'waiting', 'late']);
  });

  it('[3.6] has room again when a job is cancelled', async (t) => {
    const { kit, queue } = await busy(t);
    await queue.setBound(1);
    const first = await queue.put(work.mark('first'));
    const second = queue.put(work.mark('second'));
    await kit.untilIdle();
    await first.cancel();
    assert.equal(await (await second).status(), 'pending');
    await failedWith(first, 'JobCancelledError');
  });

  it('[3.6] [2.9] lets a live key, a replacing put and a held job pass a full queue', async (t) => {
    const { queue } = await busy(t);
    await queue.setBound(1);
    const first = await queue.put(work.mark('first'), { unique: 'key' });
    assert.equal((await queue.put(work.mark('second'), { unique: 'key' })).id, first.id);
    const third = await queue.put(work.mark('third'), { unique: 'key', replace: true });
    await failedWith(first, 'JobCancelledError');
    const held = await queue.put(work.mark('held'), { held: true });
    assert.deepEqual([await held.status(), await third.status(), await queue.length()], ['new', 'pending', 1]);
  });

  it('[3.6] [2.9] admits a waiting put together with the one before it that has its key', async (t) => {
    const { kit, queue } = await busy(t);
    await queue.setBound(1);
    const filling = await queue.put(work.mark('filling'));
    const waiting = ['a', 'b'].map((name) => queue.put(work.mark(name), { unique: 'key' }));
    await kit.untilIdle();
    assert.equal((await queue.details()).putsWaiting, 2);
    await filling.cancel();
    const [a, b] = await Promise.all(waiting);
    assert.equal(b!.id, a!.id);
    assert.equal(await queue.length(), 1);
  });

  it('[3.6] [3.4] rejects a put that can never succeed at once, without a wait for room', async (t) => {
    const { kit, queue } = await busy(t);
    await queue.setBound(1);
    await queue.put(work.mark('filling'));
    const bad = work.mark('bad').with({ quotas: ['missing'] });
    await assert.rejects(queue.put(bad), { code: 'UNKNOWN_QUOTA' });
    await assert.rejects(queue.put(parallel([serial([bad])])), { code: 'UNKNOWN_QUOTA' });
    const together = kit.runtime.putTogether([
      { queue: queue.name, job: work.mark('good') },
      { queue: 'nowhere', job: work.mark('bad') },
    ]);
    await assert.rejects(together, { code: 'UNKNOWN_QUEUE' });
    assert.equal((await queue.details()).putsWaiting, 0);
  });

  it('[3.6] [3.5] makes puts together wait for room in all their queues, in turn in each', async (t) => {
    const { kit, queue } = await busy(t);
    const other = await kit.runtime.createQueue('other');
    await other.pause();
    for (const bounded of [queue, other]) await bounded.setBound(1);
    const filling = [await queue.put(work.mark('filling')), await other.put(work.mark('filling'))];
    const put: string[] = [];
    const noted = (name: string, putting: Promise<unknown>) => putting.then(() => put.push(name));
    const all = [
      noted('first', other.put(work.mark('first'))),
      noted('before', queue.put(work.mark('before'))),
      noted('both', kit.runtime.putTogether([queue, other].map(({ name }) => ({ queue: name, job: work.mark(name) })))),
      noted('behind', other.put(work.mark('behind'))),
    ];
    await kit.untilIdle();
    const waiting = async () => [(await queue.details()).putsWaiting, (await other.details()).putsWaiting];
    assert.deepEqual([put, await waiting()], [[], [2, 3]]);
    await filling[1]!.cancel();
    await kit.untilIdle();
    assert.deepEqual([put, await waiting()], [['first'], [2, 2]]);
    await other.setBound(2);
    await kit.untilIdle();
    assert.deepEqual([put, await waiting()], [['first'], [2, 2]], 'there is room in one of the two');
    await filling[0]!.cancel();
    await kit.untilIdle();
    assert.deepEqual(
      [put, await waiting()],
      [
        ['first', 'before'],
        [1, 2],
      ],
      'another comes before it in one of both',
    );
    await queue.setBound(0);
    await kit.untilIdle();
    assert.deepEqual(
      [put, await waiting()],
      [
        ['first', 'before', 'both'],
        [0, 1],
      ],
    );
    await other.setBound(0);
    await Promise.all(all);
    assert.deepEqual(put, ['first', 'before', 'both', 'behind']);
  });
});
