/** The end of jobs of level `memory`, after the process that put them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Level } from '../../src/core/records.js';
import { hasOldMemory } from '../../src/core/retention.js';
import { call, idOf, Machine, nameOf, whole } from './making.js';

const owner = idOf('owner');
const until = Number.MAX_VALUE;

class Lives extends Machine {
  putAt(level: Level, ...specs: Parameters<Machine['put']>): void {
    this.do({ type: 'put', queue: '', owner, level, jobs: specs });
  }

  /** Lets a claimed job return another. */
  returns(name: string, inner: string): void {
    this.settle(name, { kind: 'job', job: idOf(inner) });
  }

  /** Forgets as a process does that follows. Returns the names of the jobs that are left. */
  ended(to = until): string[] {
    while (hasOldMemory(this.state, owner, to)) this.do({ type: 'forgetMemory', owner, until: to });
    return Array.from(this.state.jobs(), ({ id }) => nameOf(id)).sort();
  }
}

describe('jobs of level memory, when their process has ended', () => {
  it('[2.12] are forgotten with their members, at every stage', () => {
    const lives = new Lives();
    lives.do({ type: 'setQuota', queue: '', name: 'q', size: 1, rate: 0, ratePeriodMs: 0 });
    lives.putAt('memory', call('pending'), call('dated', { beginAfter: 5000 }), call('held', { held: true }));
    lives.putAt('memory', call('claimed', { quotas: ['q'] }), call('done'), whole('serial', 'w', [call('p')]));
    lives.putAt('full', call('durable', { quotas: ['q'] }));
    for (const name of ['claimed', 'done', 'w']) lives.claim(name);
    lives.settle('done');
    assert.deepEqual(lives.ended(), ['durable']);
    assert.deepEqual([lives.line(), lives.claimAll()], [['durable'], ['durable']], 'its place is free again');
    assert.equal(lives.state.nextTimer, undefined);
  });

  it('[2.12] release the job that they returned', () => {
    const lives = new Lives();
    lives.putAt('full', whole('parallel', 'w', [call('p')]), call('inner'));
    lives.putAt('memory', call('a'), call('b'));
    lives.claimAll();
    lives.settle('p');
    lives.returns('a', 'w');
    lives.returns('b', 'inner');
    assert.deepEqual([lives.job('w').awaiters, lives.job('inner').awaiters], [1, 1]);
    assert.deepEqual(lives.ended(), ['inner', 'p', 'w']);
    assert.deepEqual([lives.job('w').awaiters, lives.job('inner').awaiters], [0, 0]);
  });

  it('[2.12] are forgotten after others of the same process that await them', () => {
    const lives = new Lives();
    lives.putAt('memory', call('last'), call('middle'), call('first'));
    lives.claimAll();
    lives.returns('middle', 'last');
    lives.returns('first', 'middle');
    assert.deepEqual(lives.ended(), []);
  });

  it('[2.12] stay while a job of another process awaits them', () => {
    const lives = new Lives();
    lives.putAt('memory', call('awaited'));
    lives.do({ type: 'put', queue: '', owner: idOf('other'), level: 'memory', jobs: [call('outer')] });
    lives.claimAll();
    lives.returns('outer', 'awaited');
    assert.deepEqual(lives.ended(), ['awaited', 'outer']);
  });

  it('[9.3] stay if another put has raised them', () => {
    const lives = new Lives();
    lives.putAt('memory', call('raised', { unique: 'u' }));
    lives.putAt('full', call('again', { unique: 'u' }));
    assert.deepEqual(lives.ended(), ['raised']);
  });

  it('stay if the process that follows has put them', () => {
    const lives = new Lives();
    lives.putAt('memory', call('old'));
    const opened = lives.now;
    lives.putAt('memory', call('new'));
    assert.deepEqual(lives.ended(opened), ['new']);
  });
});
