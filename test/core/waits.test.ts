/** Jobs that wait for others: levels, places, and waits that could never end. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Level } from '../../src/core/records.js';
import { call, idOf, keeping, Machine, main, payload, whole } from './making.js';

const returns = (name: string) => ({ kind: 'job', job: idOf(name) }) as const;

function putAt(machine: Machine, level: Level, ...jobs: ReturnType<typeof call>[]): void {
  machine.do({ type: 'put', queue: '', owner: idOf('owner'), level, jobs });
}

/** Claims and settles the job, and returns its outcome. */
function run(machine: Machine, name: string, outcome?: Parameters<Machine['settle']>[1]): string {
  machine.claim(name);
  machine.settle(name, outcome);
  return machine.job(name).outcome;
}

describe('a job that returns another', () => {
  it('[9.3] of a weaker level raises that level, and those of its whole and of every job that this waits for', () => {
    const machine = new Machine();
    putAt(
      machine,
      'memory',
      whole('parallel', 'w', [call('a'), call('b', {}, { callbacks: [call('then')] })]),
      call('i'),
    );
    machine.claim('w');
    run(machine, 'b', returns('i'));
    machine.put(call('outer'));
    assert.equal(run(machine, 'outer', returns('a')), 'none');
    for (const name of ['a', 'b', 'then', 'w', 'i']) assert.equal(machine.job(name).level, 'full', name);
  });

  it('[2.6] that is a completed whole points to that whole’s list', () => {
    const machine = new Machine();
    machine.put({ ...whole('parallel', 'w', [call('a')]), callable: '' }, call('outer'));
    machine.claim('w');
    run(machine, 'a');
    assert.equal(run(machine, 'outer', returns('w')), 'list');
    assert.equal(machine.job('outer').inner, idOf('w'));
  });

  it('[2.6] rejects returning a job that can only start after this one: its callback, or one of a job that waits for it', () => {
    const machine = new Machine();
    machine.put(call('a', {}, { callbacks: [call('of a'), call('later')] }), call('b'));
    assert.equal(run(machine, 'b', returns('of a')), 'none');
    assert.equal(run(machine, 'a', returns('b')), 'failure', 'a waits for b, b for its callback');
    machine.put(call('c', {}, { callbacks: [call('of c')] }));
    assert.equal(run(machine, 'c', returns('of c')), 'failure');
    machine.settle('of a', returns('later'));
    assert.equal(machine.job('of a').outcome, 'failure', 'callbacks run one after another');
  });

  it('[2.6] rejects returning a later part of its serial, and accepts one of another whole', () => {
    const machine = new Machine();
    machine.put(whole('serial', 'w', [call('a'), call('b')]), whole('serial', 'v', [call('x'), call('y')]));
    machine.claim('w');
    machine.claim('v');
    assert.equal(run(machine, 'a', returns('b')), 'failure');
    assert.equal(run(machine, 'x', returns('b')), 'none');
    run(machine, 'b');
    assert.equal(machine.job('x').outcome, 'value');
  });

  it('[4.6] shares its places with the returned job and its parts, across every level of waiting', () => {
    const machine = new Machine();
    machine.do({ type: 'setQuota', queue: '', name: 'q', size: 1, rate: 0, ratePeriodMs: 0 });
    const options = { quotas: ['q'] };
    machine.put({ ...whole('serial', 'w', [call('a'), call('b', options)]), options }, call('i', options));
    machine.claim('w');
    machine.claim('a');
    machine.settle('a', returns('i'));
    assert.deepEqual(machine.claimAll(), ['i'], 'its whole has the place');
    machine.settle('i');
    assert.deepEqual(machine.claimAll(), ['b'], 'and a part needs none of its own');
  });

  it('[4.6] shares the places of a job that returns it later', () => {
    const machine = new Machine();
    for (const name of ['q', 'r']) machine.do({ type: 'setQuota', queue: '', name, size: 1, rate: 0, ratePeriodMs: 0 });
    machine.put(call('i', { quotas: ['q', 'r'] }), call('first', { quotas: ['q'] }), call('x'));
    for (const name of ['first', 'x']) run(machine, name, returns('i'));
    machine.do({ type: 'cancel', job: idOf('first') });
    machine.put(call('later', { quotas: ['r'] }));
    assert.equal(run(machine, 'later', returns('i')), 'none');
    machine.claim('i');
    assert.ok(machine.job('i').claimed);
  });

  it('[4.6] by a callback shares the place of the composition that waits for the callback', () => {
    const machine = new Machine();
    machine.do({ type: 'setQuota', queue: '', name: 'q', size: 1, rate: 0, ratePeriodMs: 0 });
    const options = { quotas: ['q'] };
    const parts = [call('a', {}, { callbacks: [call('awaited')] }), call('b')];
    machine.put({ ...whole('parallel', 'w', parts), options }, ...['i', 'j'].map((name) => call(name, options)));
    machine.claim('w');
    machine.claim('a');
    machine.do({ type: 'addCallbacks', job: idOf('a'), callbacks: [call('late')] });
    machine.settle('a');
    machine.settle('awaited', returns('i'));
    machine.claim('i');
    machine.settle('i');
    machine.settle('late', returns('j'));
    machine.claim('j');
    assert.deepEqual(machine.statuses('i', 'j', 'w'), ['completed', 'pending', 'active']);
  });

  it('[4.6] shares no place in a quota of the same name in another queue', () => {
    const machine = new Machine();
    machine.do({ type: 'createQueue', name: 'other' });
    for (const queue of ['', 'other'])
      machine.do({ type: 'setQuota', queue, name: 'q', size: 1, rate: 0, ratePeriodMs: 0 });
    const options = { quotas: ['q'] };
    const jobs = ['i', 'j'].map((name) => call(name, options));
    machine.do({ type: 'put', queue: 'other', owner: idOf('owner'), level: 'full', jobs });
    machine.put(call('outer', options));
    run(machine, 'outer', returns('j'));
    machine.claim('i');
    machine.claim('j');
    assert.deepEqual(machine.statuses('i', 'j'), ['assigned', 'pending']);
  });
});

describe('a job that another waits for in its thread', () => {
  it('[4.6] begins in the place that is lent to it, and counts for a rate', () => {
    const machine = new Machine();
    machine.do({ type: 'setQuota', queue: '', name: 'q', size: 1, rate: 2, ratePeriodMs: 1000 });
    machine.put(...['outer', 'a', 'b'].map((name) => call(name, { quotas: ['q'] })));
    machine.claim('outer');
    for (const name of ['a', 'b']) machine.do({ type: 'claim', job: idOf(name), agent: main, lent: ['q'] });
    assert.deepEqual(machine.statuses('outer', 'a', 'b'), ['assigned', 'assigned', 'pending']);
    assert.deepEqual(machine.job('a').places, []);
    machine.do({ type: 'ownPlaces', job: idOf('a'), fence: machine.job('a').fence });
    assert.deepEqual(machine.job('a').places, ['q']);
  });
});

describe('a whole whose list is the result of another job', () => {
  const forgotten = (machine: Machine) => {
    machine.do({ type: 'forget', keep: keeping(0) });
    return [...machine.state.jobs()].length === 0;
  };

  it('[2.12] is forgotten if that job is a part of the same whole', () => {
    const machine = new Machine();
    machine.put(whole('parallel', 'w', [whole('parallel', 'p', [call('x')]), call('q')]));
    machine.claimAll();
    machine.settle('x');
    machine.settle('q', returns('p'));
    assert.deepEqual([machine.job('w').status, machine.job('q').outcome], ['completed', 'list']);
    const next = machine.reopened();
    assert.deepEqual([machine.job('p').awaiters, next.job('p').awaiters], [1, 1]);
    assert.deepEqual([forgotten(machine), forgotten(next)], [true, true]);
  });

  it('[2.12] is forgotten if that job is its postprocess, with the list of a part', () => {
    const machine = new Machine();
    machine.put({ ...whole('parallel', 'w', [whole('parallel', 'p', [call('x')])]), callable: 'm#post' });
    machine.claimAll();
    machine.settle('x');
    assert.equal(run(machine, 'w', returns('p')), 'list');
    assert.ok(forgotten(machine));
  });

  it('[7.4] is forgotten if that job was an item of a map, whose outcomes are packed', () => {
    const machine = new Machine();
    machine.put(whole('parallel', 'w', [call('x')]), call('m', {}, { form: 'map', callable: '' }));
    machine.claimAll();
    machine.settle('x');
    machine.do({ type: 'feed', job: idOf('m'), from: 0, chunk: idOf('c'), parts: [call('i')] });
    run(machine, 'i', returns('w'));
    machine.do({ type: 'endInput', job: idOf('m'), failure: null });
    machine.do({ type: 'fold', job: idOf('c'), list: payload() });
    assert.deepEqual([machine.job('m').status, machine.job('w').awaiters], ['completed', 0]);
    assert.ok(forgotten(machine));
  });
});
