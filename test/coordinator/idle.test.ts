/**
 * Idle queues, agents and quotas cost a job nothing. The cost is counted in calls of the state, not
 * in time.
 */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type Kit, openVirtual } from 'callsheet/testing';
import { State } from '../../src/core/state/state.js';
import { View } from '../../src/core/state/view.js';
import { allJobs, asked, work } from '../contract/jobs/all.js';
import { forget } from '../contract/jobs/work.js';

const many = 500;

/** Returns how often one job, from its put to its end, calls the state. */
async function asksOfOneJob(t: TestContext, prepare: (kit: Kit) => Promise<unknown>): Promise<number> {
  forget();
  const kit = await openVirtual({ jobs: allJobs, seed: 1 });
  t.after(() => kit.close());
  await prepare(kit);
  await kit.run(work.add(1, 2));
  let asks = 0;
  const counted = [View, State].flatMap(({ prototype }) =>
    Object.entries(Object.getOwnPropertyDescriptors(prototype)).flatMap(([name, { value }]) => {
      if (typeof value !== 'function' || name === 'constructor') return [];
      return t.mock.method(prototype as unknown as Methods, name, function (this: View, ...args: unknown[]) {
        asks++;
        const given: unknown = Reflect.apply(value, this, args);
        return isIterator(given) ? counting(given) : given;
      });
    }),
  );
  // Each step of an iterator counts as a call, too.
  function* counting(items: Iterator<unknown>): IterableIterator<unknown> {
    for (let next = items.next(); !next.done; next = items.next()) {
      asks++;
      yield next.value;
    }
  }
  await kit.run(work.add(3, 4));
  for (const one of counted) one.mock.restore();
  return asks;
}

type Methods = Record<string, (...args: unknown[]) => unknown>;

const isIterator = (value: unknown): value is Iterator<unknown> =>
  typeof value === 'object' && value !== null && 'next' in value && typeof value.next === 'function';

const each = async (act: (name: string) => Promise<unknown>) => {
  for (let n = 0; n < many; n++) await act(`n${n}`);
};

describe('idle things', () => {
  for (const [what, prepare] of Object.entries<(kit: Kit) => Promise<unknown>>({
    'empty queues': (kit) => each((name) => kit.runtime.createQueue(name)),
    'paused queues with jobs': (kit) =>
      each(async (name) => {
        const queue = await kit.runtime.createQueue(name);
        await queue.pause();
        await queue.put(work.mark(name));
      }),
    'queues whose jobs wait for a date': (kit) =>
      each(async (name) => (await kit.runtime.createQueue(name)).put(work.mark(name), { beginAfter: 1e9 })),
    'queues whose quota is full': (kit) =>
      each(async (name) => {
        const queue = await kit.runtime.createQueue(name);
        await queue.setQuota('slow', { rate: { count: 1, periodMs: 1e9 } });
        await queue.putAll([work.mark(name).with({ quotas: ['slow'] }), work.mark(name).with({ quotas: ['slow'] })]);
        await kit.untilIdle();
      }),
    'agents with functions in empty queues': (kit) =>
      each(async (name) => {
        const queue = await kit.runtime.createQueue(name);
        await queue.setAgent('asks', { size: 1, filter: asked.always });
      }),
    'quotas and their keys': (kit) =>
      each(async (name) => {
        const queue = kit.runtime.queue();
        await queue.setQuota(name, { size: 1 });
        await queue.put(work.mark(name), { quotas: [{ name, key: name }], beginAfter: 1e9 });
      }),
    'completed jobs': (kit) => each((name) => kit.run(work.mark(name))),
  })) {
    it(`[15.3] add no cost to a job: ${what}`, async (t) => {
      const alone = await asksOfOneJob(t, async () => {});
      assert.equal(await asksOfOneJob(t, prepare), alone);
    });
  }

  it('[15.3] add no cost to the creation of a queue', async (t) => {
    forget();
    const kit = await openVirtual({ jobs: allJobs });
    t.after(() => kit.close());
    let walked = 0;
    const settings = Object.getOwnPropertyDescriptor(View.prototype, 'settings')!.value as View['settings'];
    t.mock.method(View.prototype, 'settings', function (this: View) {
      walked++;
      return settings.call(this);
    });
    await each((name) => kit.runtime.createQueue(name));
    await each((name) => kit.runtime.queue(name).setAgent('other', { size: 1 }));
    await each((name) => kit.runtime.queue(name).removeAgent('other'));
    await each((name) => kit.runtime.removeQueue(name));
    assert.equal(walked, 0);
    await kit.runtime.createQueue('n0');
    const { agents } = (await kit.runtime.dispatchers())[0]!;
    assert.deepEqual(
      agents.map(({ queue, name }) => `${queue} ${name}`),
      [' main', 'n0 main'],
    );
  });
});
