/** Schedules in the core: each tick is handled once, whatever is sent. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Level, ScheduleRecord, ScheduleSettings } from '../../src/core/records.js';
import { scheduleOf } from '../../src/core/schedules.js';
import { call, idOf, Machine, payload, us } from './making.js';

const settings: ScheduleSettings = {
  ...{ name: 's', queue: '', spec: { everyMs: 1000, anchor: 0 }, missed: 'one', windowMs: 1e9, overlap: 'allow' },
  ...{ jitterMs: 0, pauseOnFailure: false, declared: false, digest: 'first' },
};

const zones = '2026a';

class Scheduled extends Machine {
  set(changes: Partial<ScheduleSettings> = {}, nextAt = 2000, level: Level = 'full'): void {
    const digest = JSON.stringify(changes);
    const template = { id: idOf(`t${this.now}`), args: payload(50) };
    const given = { settings: { ...settings, digest, ...changes }, template, sample: call('sample'), nextAt, zones };
    this.do({ type: 'setSchedule', ...given, owner: us, level });
  }

  fire(at: number, next = at + 1000, name = `at${at}`): void {
    this.do({
      type: 'fire',
      name: 's',
      at,
      last: at,
      next,
      zones,
      missed: 0,
      tick: { at, job: call(name) },
      owner: us,
    });
  }

  get schedule(): ScheduleRecord {
    return scheduleOf(this.state, 's')!;
  }

  get names(): string[] {
    return this.line();
  }
}

describe('a schedule', () => {
  it('[14.1] handles each tick once, in order', () => {
    const machine = new Scheduled();
    machine.set();
    machine.fire(3000);
    assert.deepEqual(machine.names, [], 'another tick comes first');
    machine.fire(2000);
    machine.fire(2000, 3000, 'again');
    machine.fire(3000);
    assert.deepEqual(machine.names, ['at2000', 'at3000']);
    assert.deepEqual([machine.schedule.nextAt, machine.schedule.fired], [4000, 2]);
  });

  it('[14.1] stays as it is when it is set again', () => {
    const machine = new Scheduled();
    machine.set();
    const before = machine.schedule;
    machine.set({}, 9000);
    assert.equal(machine.schedule, before);
    assert.equal(machine.state.size, 1);
  });

  it('[14.1] keeps its next tick with another job, and forgets the old template', () => {
    const machine = new Scheduled();
    machine.set();
    machine.fire(2000);
    machine.set({ digest: 'other job' }, 9000);
    assert.equal(machine.schedule.nextAt, 3000);
    machine.set({ spec: { everyMs: 500, anchor: 0 } }, 2500);
    assert.deepEqual([machine.schedule.nextAt, machine.schedule.fired], [2500, 1]);
    assert.equal(machine.state.size, 2, 'one job and one template');
  });

  it('[14.1] refuses each command of a user about its template', () => {
    const machine = new Scheduled();
    machine.set();
    const job = machine.schedule.template;
    for (const command of [
      { type: 'cancel', job },
      { type: 'putAgain', job, queue: '' },
      { type: 'fail', job, failure: payload() },
      { type: 'change', job, options: { priority: 1 } },
    ] as const)
      assert.throws(() => machine.do(command), { code: 'JOB_STATUS' });
  });

  it('[14.2] lets one tick wait, and the next ones pass', () => {
    const machine = new Scheduled();
    machine.set({ overlap: 'queue' });
    for (const at of [2000, 3000, 4000]) machine.fire(at);
    assert.deepEqual(machine.names, ['at2000']);
    const { fired, skipped, waiting } = machine.schedule;
    assert.deepEqual([fired, skipped, waiting], [2, 1, idOf('at3000')]);
    machine.claim('at2000');
    machine.settle('at2000');
    assert.deepEqual(machine.names, ['at3000']);
    assert.deepEqual([machine.schedule.live, machine.schedule.waiting], [[idOf('at3000')], '']);
  });

  it('[14.2] lets no tick wait for a job that was lost', () => {
    const machine = new Scheduled();
    machine.set({ overlap: 'queue' }, 2000, 'memory');
    machine.fire(2000);
    machine.do({ type: 'forgetMemory', owner: us, until: machine.now });
    machine.set({ overlap: 'queue', digest: 'full' });
    for (const at of [3000, 4000]) machine.fire(at);
    assert.deepEqual(machine.names, ['at3000']);
    machine.claim('at3000');
    machine.settle('at3000');
    assert.deepEqual(machine.names, ['at4000']);
  });

  it('[14.2] forgets a job that waited and was cancelled', () => {
    const machine = new Scheduled();
    machine.set({ overlap: 'queue' });
    for (const at of [2000, 3000]) machine.fire(at);
    machine.do({ type: 'cancel', job: idOf('at3000') });
    assert.equal(machine.schedule.waiting, '');
    machine.fire(4000);
    assert.equal(machine.schedule.waiting, idOf('at4000'));
  });

  it('[14.2] keeps its record small, however many jobs it has', () => {
    const machine = new Scheduled();
    machine.set();
    for (let at = 2000; at < 302_000; at += 1000) machine.fire(at);
    const { live, recent } = machine.schedule;
    assert.deepEqual([live.length, recent.length, recent.at(-1)!.at], [100, 20, 301_000]);
  });
});
