/**
 * The memory shared by the coordinator and a worker: which side has a job, and outcomes that are
 * never lost or mixed.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { Board, type RunReport, reportKinds, slotCount } from '../../src/protocol/board.js';
import { randomFrom, seedOf } from '../harness/randomness.js';

const largest = 32 * 1024;

function outcome(slot: number, bytes: number, extra: Partial<RunReport> = {}): RunReport {
  const payload = new Uint8Array(bytes).fill(slot % 251);
  return {
    slot,
    kind: 'value',
    startedAt: 1.5e12 + slot,
    ranMs: slot / 8,
    payload,
    note: '',
    inner: new Uint8Array(),
    ...extra,
  };
}

/** Copies of the reports since the last call. */
function drained(board: Board): RunReport[] {
  const reports: RunReport[] = [];
  board.drain((report) => reports.push({ ...report }));
  return reports;
}

describe('a slot of the board', () => {
  it('takes a moment that is weeks away for no limit', () => {
    let now = 0;
    const board = new Board(undefined, () => now);
    board.beginUntil(1e12);
    for (const ms of [0, 2 ** 30, 2 ** 31, 3e9, 2 ** 32]) {
      now = ms;
      assert.ok(board.begin(0, board.assign(0)), `${ms}`);
    }
  });

  it('begins nothing from the set moment on, until a later moment is set', () => {
    // The words of the board hold the moment modulo 2^32.
    for (const start of [0, 2 ** 31 - 5, 2 ** 32 - 5, 1e12]) {
      let now = start;
      const board = new Board(undefined, () => now);
      const words = [0, 1, 2].map((slot) => board.assign(slot));
      board.beginUntil(start + 10.5);
      now = start + 9.9;
      assert.ok(board.begin(0, words[0]!));
      now = start + 10;
      assert.ok(!board.begin(1, words[1]!));
      assert.ok(board.takeBack(1), 'it is still the coordinator’s');
      now = start + 1e9;
      assert.ok(!board.begin(2, words[2]!));
      board.beginUntil(now + 1);
      assert.ok(board.begin(2, words[2]!));
    }
  });

  it('cannot be taken back once the worker began it', () => {
    const board = new Board();
    const word = board.assign(7);
    assert.equal(board.isBegun(7), false);
    assert.equal(board.begin(7, word), true);
    assert.equal(board.isBegun(7), true);
    assert.equal(board.takeBack(7), false);
    assert.equal(board.begin(7, word), false, 'nor begun twice');
  });

  it('cannot be begun once the coordinator took it back', () => {
    const board = new Board();
    const word = board.assign(7);
    assert.equal(board.takeBack(7), true);
    assert.equal(board.takeBack(7), false);
    assert.equal(board.begin(7, word), false);
  });

  it('is not begun with the word of an earlier use', () => {
    const board = new Board();
    const words = new Set<number>();
    for (let use = 0; use < 1000; use++) {
      const word = board.assign(3);
      assert.ok(!words.has(word));
      for (const old of words) assert.equal(board.begin(3, old), false);
      if (words.size < 20) words.add(word);
      if (use % 2 === 0) assert.ok(board.takeBack(3));
      else {
        assert.ok(board.begin(3, word));
        board.publishedElsewhere(3, word);
      }
      board.release(3);
    }
  });

  it('[8.4] is not changed by a late report that an earlier use is done', () => {
    const board = new Board();
    const word = board.assign(4);
    board.begin(4, word);
    board.release(4);
    const next = board.assign(4);
    board.publishedElsewhere(4, word);
    assert.ok(board.begin(4, next), 'or it would count as begun, and never be');
  });

  it('does not affect the other slots', () => {
    const board = new Board();
    const words = Array.from({ length: slotCount }, (_, slot) => board.assign(slot));
    for (let slot = 0; slot < slotCount; slot += 2) board.takeBack(slot);
    for (const [slot, word] of words.entries()) assert.equal(board.begin(slot, word), slot % 2 === 1);
  });

  it('[2.10] is stopped in this use and not in the next', () => {
    const board = new Board();
    const word = board.assign(5);
    board.begin(5, word);
    assert.equal(board.isStopped(5, word), false);
    board.stop(5);
    assert.equal(board.isStopped(5, word), true);
    board.release(5);
    const next = board.assign(5);
    board.begin(5, next);
    assert.equal(board.isStopped(5, next), false);
  });
});

describe('the ring of outcomes', () => {
  it('returns outcomes of every kind, whole and in order', () => {
    const board = new Board();
    const all = reportKinds.map((kind, slot) =>
      outcome(slot, slot * 13, { kind, note: 'RangeError\nError', inner: new Uint8Array([slot, 1, 2]) }),
    );
    for (const one of all) assert.ok(board.publish(one, 0));
    assert.deepEqual(drained(board), all);
    assert.deepEqual(drained(board), []);
  });

  it('refuses an outcome without room, changes nothing, and takes it once it has room', () => {
    const board = new Board();
    let published = 0;
    while (board.publish(outcome(published, 1000), 0)) published++;
    assert.ok(published > 200 && published < 263, `${published} of 1 KB in 256 KiB`);
    assert.equal(board.publish(outcome(published, 1000), 0), false);
    assert.deepEqual(
      drained(board),
      Array.from({ length: published }, (_, slot) => outcome(slot, 1000)),
    );
    assert.ok(board.publish(outcome(published, 1000), 0));
    assert.equal(drained(board).length, 1);
  });

  it('refuses an outcome that is too large', () => {
    const board = new Board();
    assert.equal(board.publish(outcome(1, largest + 1), 0), false);
    assert.equal(board.publish(outcome(1, largest - 2, { note: 'abc' }), 0), false);
    assert.ok(board.publish(outcome(1, largest), 0));
  });

  it('keeps a job begun if it has no room for its outcome', () => {
    const board = new Board();
    const word = board.assign(9);
    board.begin(9, word);
    board.publish(outcome(9, largest + 1), 0);
    assert.equal(board.isBegun(9), true);
    board.publishedElsewhere(9, word);
    assert.equal(board.isBegun(9), false);
  });

  it('wraps around many times with outcomes of any size', (t) => {
    const random = randomFrom(seedOf(t));
    const board = new Board();
    const waiting: RunReport[] = [];
    let bytes = 0;
    for (let n = 0; bytes < 20 * 256 * 1024; n++) {
      const next = outcome(n % slotCount, random(10) === 0 ? random(largest) : random(200));
      if (board.publish(next, 0)) {
        waiting.push(next);
        bytes += next.payload.byteLength;
      } else assert.ok(waiting.length > 0, 'an empty ring has room');
      if (random(20) > 0 && waiting.length < 300) continue;
      assert.deepEqual(drained(board), waiting.splice(0));
    }
    assert.deepEqual(drained(board), waiting);
  });

  it('returns payloads that later outcomes do not change', () => {
    const board = new Board();
    board.publish(outcome(1, 5000), 0);
    const [first] = drained(board);
    for (let n = 0; n < 200; n++) {
      board.publish(outcome(2, 5000), 0);
      for (const _ of drained(board));
    }
    assert.deepEqual(first, outcome(1, 5000));
  });

  it('stops reading once its words are impossible', (t) => {
    const random = randomFrom(seedOf(t));
    for (let round = 0; round < 300; round++) {
      const board = new Board();
      for (let n = random(60); n >= 0; n--) board.publish(outcome(n, random(300)), 0);
      const words = new Int32Array(board.buffer);
      // Damages an entry, the count of written bytes, or the count of read bytes.
      const place = [0, 1, 4 + 2 * slotCount + 2 * random(50)][random(3)]!;
      const before = words[place]!;
      words[place] = [0, 1, 8, before + 8, before - 8, -1, random(2 ** 31)][random(7)]!;
      const there = drained(board);
      for (const { payload, inner } of there) assert.ok(payload.byteLength + inner.byteLength < 256 * 1024);
      if (!board.isBroken) continue;
      board.publish(outcome(1, 10), 0);
      assert.deepEqual(drained(board), []);
    }
  });

  it('holds little more memory than the outcomes that are kept', () => {
    const board = new Board();
    for (let n = 0; n < 300; n++) board.publish(outcome(n, n % 10 === 9 ? 8000 : 50), 0);
    for (const { payload } of drained(board))
      assert.ok(
        payload.buffer.byteLength < payload.byteLength + 4096 + 64,
        `${payload.buffer.byteLength} bytes are kept`,
      );
  });
});

describe('the board between two threads', () => {
  it('decides each job once and loses no outcome while one takes back and the other begins', async (t) => {
    const seed = seedOf(t);
    const board = new Board();
    const worker = new Worker(new URL('./board-worker.js', import.meta.url), { workerData: { buffer: board.buffer } });
    const random = randomFrom(seed);
    const rounds = 400;
    const batch = 128;
    const finished: number[] = [];
    let taken = 0;
    let number = 0;
    for (let round = 0; round < rounds; round++) {
      const slots = Array.from({ length: batch }, (_, n) => (round * 31 + n) % slotCount);
      const expected = new Map(slots.map((slot) => [slot, number++]));
      const words = slots.map((slot) => board.assign(slot));
      const done = once(worker, 'message');
      worker.postMessage({ slots, words, numbers: slots.map((slot) => expected.get(slot)!), round });
      // The coordinator takes some jobs back while the worker is busy with them.
      for (let n = random(200); n > 0; n--) {
        const slot = slots[slots.length - 1 - random(batch)]!;
        if (expected.has(slot) && board.takeBack(slot)) {
          taken++;
          expected.delete(slot);
        }
        for (const { slot, ranMs } of drained(board)) {
          assert.equal(ranMs, expected.get(slot), 'an outcome of this job, which was not taken back');
          expected.delete(slot);
          finished.push(ranMs);
        }
      }
      const [{ posted }] = (await done) as [{ posted: { slot: number; ranMs: number }[] }];
      for (const { slot, ranMs } of [...drained(board), ...posted]) {
        assert.equal(ranMs, expected.get(slot));
        expected.delete(slot);
        finished.push(ranMs);
      }
      assert.deepEqual([...expected], [], `round ${round}: neither finished nor taken back`);
      for (const slot of slots) board.release(slot);
    }
    await worker.terminate();
    assert.equal(new Set(finished).size, finished.length);
    assert.equal(finished.length + taken, rounds * batch);
    t.diagnostic(`${finished.length} finished, ${taken} taken back`);
  });
});
