/** Section 5 of the contract: processes that ping in one shared store, on one clock. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { idFromText } from '../../src/codec/id.js';
import type { Context } from '../../src/coordinator/context.js';
import { Presence } from '../../src/coordinator/presence.js';
import type { Command } from '../../src/core/commands.js';
import { decide } from '../../src/core/decide.js';
import { dispatcherOf } from '../../src/core/dispatchers.js';
import { State } from '../../src/core/state/state.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import { outsideAt } from '../core/making.js';

/** A UUID for each name. */
const idOf = (name: string) => idFromText(`0000000${names.indexOf(name)}-0000-7000-9000-000000000000`)!;
const names = ['a', 'b', 'first', 'second'];

const pingMs = 30_000;
const deathMs = 60_000;

/** One process. While it is frozen, its timers are held back until it is thawed. */
class Member {
  readonly presence: Presence;
  /** Its calls to its ports, in order. */
  readonly said: string[] = [];
  busy = false;
  #frozen: (() => void)[] | undefined;

  constructor(state: State, clock: VirtualClock, name: string, incarnation: string, isExclusive = false) {
    this.presence = new Presence(
      {
        dispatcher: idOf(name),
        store: { isExclusive, state },
        now: clock.now,
        after: (ms: number, callback: () => void) =>
          clock.after(ms, () => {
            if (this.#frozen === undefined) callback();
            else this.#frozen.push(callback);
          }),
        decide: (command: Command, then?: { reply?: (error: Error | undefined) => void }) => {
          let error: Error | undefined;
          try {
            decide(state, command, { ...outsideAt(clock.now()), dispatcher: idOf(name) });
          } catch (refusal) {
            error = refusal as Error;
          }
          state.keepChanges();
          then?.reply?.(error);
        },
        turn: () => {},
        post: ([, level]: [string, string]) => this.said.push(level),
      } as unknown as Context,
      {
        refused: () => this.said.push('refused'),
        activated: () => this.said.push('activated'),
        lost: () => this.said.push('lost'),
        isBusy: () => this.busy,
      },
      { incarnation: idOf(incarnation), host: name, pid: 1, pingMs, deathMs },
    );
  }

  freeze(): void {
    this.#frozen = [];
  }

  thaw(): void {
    const late = this.#frozen ?? [];
    this.#frozen = undefined;
    for (const callback of late) callback();
  }
}

class World {
  readonly state = new State();
  readonly clock = new VirtualClock(0);

  member(name: string, incarnation = name, isExclusive = false): Member {
    const member = new Member(this.state, this.clock, name, incarnation, isExclusive);
    member.presence.begin();
    return member;
  }

  pass(ms: number): void {
    const end = this.clock.now() + ms;
    while (this.clock.fireNext(end));
    this.clock.moveTo(end);
  }

  record(name: string) {
    return dispatcherOf(this.state, idOf(name))!;
  }
}

describe('5 dispatchers that share a store', () => {
  it('[5.6] ping at their interval and stay active', () => {
    const world = new World();
    world.member('a');
    world.member('b');
    world.pass(10 * deathMs);
    for (const name of ['a', 'b']) {
      assert.ok(world.record(name).active);
      assert.equal(world.record(name).lastPingAt, 10 * deathMs);
    }
  });

  it('[5.6] take another for dead at their next ping after it was silent for its death interval', () => {
    const world = new World();
    const a = world.member('a');
    const b = world.member('b');
    world.pass(pingMs);
    a.freeze();
    world.pass(deathMs);
    assert.ok(world.record('a').active, 'it has been silent for just that long');
    world.pass(pingMs);
    assert.ok(!world.record('a').active);
    assert.deepEqual([a.said, b.said], [['activated'], ['activated']]);
  });

  it('[5.6] notice that they were taken for dead, log at fatal, stop their jobs and work again', () => {
    const world = new World();
    const a = world.member('a');
    world.member('b');
    a.busy = true;
    a.freeze();
    world.pass(4 * deathMs);
    assert.ok(a.presence.isActive, 'as far as it knows');
    a.thaw();
    assert.deepEqual(a.said, ['activated', 'fatal', 'lost']);
    a.presence.reactivate();
    assert.ok(!a.presence.isActive && !world.record('a').active, 'its taken jobs still run');
    a.busy = false;
    a.presence.reactivate();
    assert.ok(a.presence.isActive && world.record('a').active);
    assert.deepEqual(a.said, ['activated', 'fatal', 'lost', 'activated']);
    world.pass(10 * deathMs);
    assert.ok(world.record('a').active, 'it pings again');
  });

  it('[5.6] check at once whether they were taken for dead when a result is refused', () => {
    const world = new World();
    const a = world.member('a');
    const b = world.member('b');
    a.freeze();
    world.pass(4 * deathMs);
    a.presence.ping();
    assert.deepEqual(a.said, ['activated', 'fatal', 'lost', 'activated']);
    b.presence.ping();
    assert.deepEqual(b.said, ['activated']);
  });

  it('[5.7] log once that their id is in use, keep trying, and take over when the other closes', () => {
    const world = new World();
    const first = world.member('a', 'first');
    const second = world.member('a', 'second');
    world.pass(10 * deathMs);
    assert.deepEqual([first.said, second.said], [['activated'], ['refused', 'warn']]);
    assert.ok(!second.presence.isActive);
    first.presence.end();
    world.pass(pingMs);
    assert.deepEqual(second.said, ['refused', 'warn', 'activated']);
    assert.equal(world.record('a').incarnation, idOf('second'));
  });

  it('[5.7] take over an id when the other dies, which does not take it back', () => {
    const world = new World();
    const first = world.member('a', 'first');
    const second = world.member('a', 'second');
    first.freeze();
    world.pass(deathMs + pingMs);
    assert.ok(second.presence.isActive);
    first.thaw();
    assert.deepEqual(first.said, ['activated', 'fatal', 'lost', 'refused', 'warn']);
    world.pass(10 * deathMs);
    assert.equal(world.record('a').incarnation, idOf('second'));
    assert.deepEqual(second.said, ['refused', 'warn', 'activated']);
  });

  it('[5.6] send no pings while they have their store alone', () => {
    const world = new World();
    world.member('a', 'a', true);
    assert.equal(world.clock.nextAt, undefined);
    assert.ok(world.record('a').active);
  });
});
