/**
 * Jobs whose time is over, or that are to stop: which of them are told, and when a thread is ended
 * for them.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Run } from '../../src/coordinator/pool/pool-port.js';
import { StopTimers } from '../../src/coordinator/pool/stop-timers.js';
import type { Thread } from '../../src/coordinator/pool/thread.js';
import { Board } from '../../src/protocol/board.js';

const slot = 3;
const graceMs = 100;
const run = { job: 'job', timeoutMs: 1000 } as Run;
const nothing = new Uint8Array();
const outcome = { slot, kind: 'value', startedAt: 0, ranMs: 0, payload: nothing, note: '', inner: nothing } as const;

/** A thread with a job that has begun. */
function running() {
  const board = new Board();
  const word = board.assign(slot);
  board.begin(slot, word);
  const said: string[] = [];
  const thread = {
    board,
    say: ([what]: [string]) => said.push(what),
    end: () => said.push('end'),
  } as unknown as Thread;
  return { board, word, said, thread };
}

describe('the end of a job', () => {
  it('[2.9] is told when its time is over, and costs its thread if it goes on beyond the grace', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { said, thread } = running();
    const stopTimers = new StopTimers(graceMs);
    stopTimers.limit(thread, slot, run);
    t.mock.timers.tick(999);
    assert.deepEqual(said, []);
    t.mock.timers.tick(1);
    assert.deepEqual(said, ['stop']);
    t.mock.timers.tick(graceMs);
    assert.deepEqual(said, ['stop', 'end']);
    assert.equal(stopTimers.take(run.job), true);
  });

  it('[2.9] is its own where its outcome is there in time, though nobody has looked at it yet', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { board, word, said, thread } = running();
    const stopTimers = new StopTimers(graceMs);
    stopTimers.limit(thread, slot, run);
    t.mock.timers.tick(500);
    board.publish(outcome, word);
    t.mock.timers.tick(1000);
    assert.deepEqual([said, stopTimers.take(run.job)], [[], false]);
  });

  it('[2.10] does not cost its thread where it stopped within the grace, though nobody has looked at it yet', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { board, word, said, thread } = running();
    const stopTimers = new StopTimers(graceMs);
    stopTimers.stop(thread, slot, run, 'stop');
    t.mock.timers.tick(graceMs / 2);
    board.publish(outcome, word);
    t.mock.timers.tick(graceMs);
    assert.deepEqual(said, ['stop']);
  });
});
