/** Several clients of one coordinator: each has requests, handles, readers and waits of its own. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { newId } from '../../src/codec/id.js';
import type { Id } from '../../src/core/records.js';
import type { JobInfo } from '../../src/protocol/job-info.js';
import type { ClientMessage, CoordinatorMessage } from '../../src/protocol/messages.js';
import { idOf } from '../core/making.js';
import { dispatcher, Hub, jobOf, put } from './hub.js';

const cancel = (request: number, job: Id): ClientMessage => ['do', request, 'full', { type: 'cancel', job }];
const types = (messages: readonly CoordinatorMessage[]) => messages.map(([type]) => type);

describe('clients of one coordinator', () => {
  it('get answers and outcomes of their own requests, whatever their numbers', async () => {
    const hub = await new Hub().open();
    const [one, two] = [hub.join(), hub.join()];
    const [first, second] = [newId(), newId()];
    one.send(put(1, first));
    two.send(put(1, second));
    assert.deepEqual([one.take(), two.take()], [[['done', 1, 1]], [['done', 1, 1]]]);
    one.send(cancel(2, second));
    assert.deepEqual(one.take(), [['done', 2, 1]]);
    assert.deepEqual(
      two.take().map(([type, request]) => [type, request]),
      [['deliver', [1]]],
    );
    assert.deepEqual(
      hub.own.filter(([type]) => type !== 'log'),
      [],
    );
  });

  it('[2.1] own the jobs that they put', async () => {
    const hub = await new Hub().open();
    const one = hub.join();
    const job = newId();
    one.send(put(1, job), ['ask', 2, { type: 'job', job }]);
    const answer = one.heard.find(([type]) => type === 'answer');
    assert.equal((answer![2] as JobInfo).owner, one.caller.owner);
  });

  it('keep handles of jobs whose ids lie among those of another client', async () => {
    const hub = await new Hub(0).open();
    const [one, two] = [hub.join(), hub.join()];
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(idOf) as [Id, Id, Id, Id];
    one.send(['do', 1, 'full', { type: 'put', queue: '', jobs: [a, d].map(jobOf) }]);
    two.send(['do', 1, 'full', { type: 'put', queue: '', jobs: [b, c].map(jobOf) }]);
    for (const client of [one, two]) client.take();
    two.send(cancel(3, d));
    assert.deepEqual(
      one.take().map((message) => message.slice(0, 3)),
      [['kept', a, d]],
    );
    one.send(cancel(4, c));
    assert.deepEqual(
      two.take().map((message) => message.slice(0, 3)),
      [
        ['done', 3, 1],
        ['kept', b, c],
      ],
    );
  });

  it('read events apart, by readers with the same number', async () => {
    const hub = await new Hub().open();
    const [one, two] = [hub.join(), hub.join()];
    for (const client of [one, two]) client.send(['subscribe', 1, 7, 100]);
    one.send(['unsubscribe', 2, 7], ['events', 3, 7]);
    two.send(['events', 2, 7]);
    hub.join().send(put(1, newId()));
    assert.deepEqual(types(one.take()), ['done', 'done', 'error']);
    assert.deepEqual(types(two.take()), ['done', 'answer']);
  });

  it('leave without an end of their jobs or of the runtime, and hear nothing more', async () => {
    const hub = await new Hub().open();
    const [one, two] = [hub.join(), hub.join()];
    const job = newId();
    one.send(put(1, job), ['outcome', 2, job], ['annotation', 3, job, 'note', 1000], ['drained', 4, '']);
    one.send(['close', 5, 0]);
    assert.deepEqual(one.take(), [
      ['done', 1, 1],
      ['answer', 5, { hanging: [], interrupted: 0 }],
    ]);
    one.leave();
    two.send(['do', 1, 'full', { type: 'annotate', job, name: 'note', value: new Uint8Array([1]) }], cancel(2, job));
    assert.deepEqual(two.take(), [
      ['done', 1, 1],
      ['done', 2, 1],
    ]);
    assert.deepEqual(one.take(), []);
  });

  it('take back puts that wait for room when they leave', async () => {
    const hub = await new Hub().open();
    const [one, two] = [hub.join(), hub.join()];
    const job = newId();
    two.send(['do', 1, 'full', { type: 'boundQueue', name: '', bound: 1 }], put(2, job), put(3, newId()));
    one.send(put(1, newId()));
    const length = (request: number) => {
      two.send(['ask', request, { type: 'queue', queue: '' }]);
      const answer = two.take().find(([type, of]) => type === 'answer' && of === request);
      const { length, putsWaiting } = answer![2] as { length: number; putsWaiting: number };
      return [length, putsWaiting];
    };
    assert.deepEqual(length(4), [1, 2]);
    one.leave();
    assert.deepEqual(length(5), [1, 1]);
    two.send(cancel(6, job));
    assert.deepEqual(length(7), [1, 0]);
  });

  it('[7.4] lose their maps when they have been away for a minute', async () => {
    for (const comesBack of [false, true]) {
      const hub = await new Hub().open();
      const owner = newId();
      const client = hub.join(owner);
      const map = newId();
      client.send(['do', 1, 'full', { type: 'put', queue: '', jobs: [[map, 'map', '', null, null, [], []]] }]);
      client.send(['fed', 2, map, 1]);
      client.leave();
      if (comesBack) hub.join(owner);
      for (const { delayMs, fire } of hub.timers) if (delayMs === 60_000) fire();
      hub.turn();
      const other = hub.join();
      other.send(['ask', 1, { type: 'job', job: map }]);
      const [answer] = other.take();
      assert.equal((answer![2] as JobInfo).status, comesBack ? 'pending' : 'completed');
    }
  });

  it('replace a connection of the same client, and never the dispatcher', async () => {
    const hub = await new Hub().open();
    const owner = newId();
    const [before, now] = [hub.join(owner), hub.join(owner)];
    assert.ok(before.caller.isGone);
    before.leave();
    now.send(put(1, newId()));
    assert.deepEqual(types(now.take()), ['done']);
    assert.throws(() => hub.join(dispatcher), { code: 'DISPATCHER_ACTIVE' });
  });

  it('take no outcome of a job that another put, by a put with its id', async () => {
    const hub = await new Hub().open();
    const [one, two] = [hub.join(), hub.join()];
    const job = newId();
    one.send(put(1, job));
    two.send(put(1, job));
    assert.deepEqual(types(two.take()), ['error']);
    two.send(cancel(2, job));
    assert.deepEqual(types(two.take()), ['done']);
    assert.deepEqual(types(one.take()), ['done', 'deliver']);
  });
});
