/** Questions that look at many jobs: in slices, by turns, with the answer when all is durable. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Inquiries, type Inquiry } from '../../src/coordinator/inquiries.js';
import type { Store } from '../../src/store/store.js';

/** Asks questions whose steps take time on a stopwatch of its own. */
class Asking {
  ms = 0;
  turns = 0;
  readonly answers: string[] = [];
  readonly store = {
    isExclusive: true,
    isSyncing: false,
    read: (look: () => unknown, tell: (error: Error | undefined, seen?: unknown) => void) => tell(undefined, look()),
  };
  readonly inquiries = new Inquiries(
    { store: this.store as unknown as Store, turn: () => this.turns++ },
    () => this.ms,
  );

  ask(name: string, steps: number, stepMs = 0): void {
    this.inquiries.walk(this.#question(name, steps, stepMs), (error, answer) =>
      this.answers.push(error?.message ?? answer!),
    );
  }

  *#question(name: string, steps: number, stepMs: number): Inquiry<string> {
    for (let left = steps; left > 0; left--) {
      this.ms += stepMs;
      yield;
    }
    if (name === 'bad') throw new Error('no such queue');
    return name;
  }

  /** Takes a slice. Returns the time that it took. */
  slice(): number {
    const before = this.ms;
    this.inquiries.slice();
    return this.ms - before;
  }
}

describe('inquiries', () => {
  it('answer a short question in the next turn', () => {
    const asking = new Asking();
    asking.ask('short', 10);
    assert.deepEqual([asking.answers, asking.turns], [[], 1]);
    asking.slice();
    assert.deepEqual([asking.answers, asking.turns], [['short'], 1]);
  });

  it('walk no longer than about a millisecond a turn, and less while a commit is under way', () => {
    const asking = new Asking();
    asking.ask('long', 100_000, 0.001);
    assert.ok(asking.slice() <= 1.3);
    asking.store.isSyncing = true;
    assert.ok(asking.slice() <= 0.3);
    let turns = 2;
    for (; asking.answers.length === 0; turns++) asking.slice();
    assert.deepEqual(asking.answers, ['long']);
    assert.ok(turns > 300, `${turns} turns`);
  });

  it('let a short question pass a long one', () => {
    const asking = new Asking();
    asking.ask('long', 100_000, 0.001);
    asking.ask('short', 10);
    for (let left = 3; left > 0; left--) asking.slice();
    assert.deepEqual(asking.answers, ['short']);
  });

  it('walk two questions by turns, and a third one after them', () => {
    const asking = new Asking();
    for (const name of ['a', 'b', 'c']) asking.ask(name, 10_000, 0.001);
    while (asking.answers.length < 3) asking.slice();
    assert.deepEqual(asking.answers, ['a', 'b', 'c']);
  });

  it('answer a question that fails with its error, and go on', () => {
    const asking = new Asking();
    asking.ask('bad', 3);
    asking.ask('good', 3);
    asking.slice();
    assert.deepEqual(asking.answers, ['no such queue', 'good']);
  });

  it('bound the steps of a turn where no time passes', () => {
    const asking = new Asking();
    asking.ask('long', 10_000);
    asking.slice();
    assert.deepEqual([asking.answers, asking.turns], [[], 2]);
    for (let left = 2; left > 0; left--) asking.slice();
    assert.deepEqual(asking.answers, ['long']);
  });
});
