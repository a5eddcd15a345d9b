/**
 * Jobs that exceed their time or must stop: which are asked to stop, and when their thread is
 * ended.
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

/** Returns a thread with a job that has begun. */
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

describe('stop timers', () => {
  it('[2.9] stop a job at its timeout, and end its thread after the grace', (t) => {
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

  it('[2.9] accept an outcome that arrived before the timeout, even if it was not read yet', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { board, word, said, thread } = running();
    const stopTimers = new StopTimers(graceMs);
    stopTimers.limit(thread, slot, run);
    t.mock.timers.tick(500);
    board.publish(outcome, word);
    t.mock.timers.tick(1000);
    assert.deepEqual([said, stopTimers.take(run.job)], [[], false]);
  });

  it('[2.10] keep the thread of a job that stopped within the grace, even if its outcome was not read yet', (t) => {
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
