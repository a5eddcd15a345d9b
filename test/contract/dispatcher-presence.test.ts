/**
 * Section 5 of the contract: processes that ping in one shared store. Their wall clocks differ,
 * they stop and go on, and the store stands still for all or cannot be reached by one.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { idFromText } from '../../src/codec/id.js';
import type { Context } from '../../src/coordinator/context.js';
import { Presence } from '../../src/coordinator/presence.js';
import type { Command } from '../../src/core/commands.js';
import { decide } from '../../src/core/decide.js';
import { dispatcherOf, pingsOf } from '../../src/core/dispatchers.js';
import { State } from '../../src/core/state/state.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import { outsideAt } from '../core/making.js';
import { randomFrom, seedOf } from '../harness/randomness.js';

/** A UUID for each name. */
const idOf = (name: string) => idFromText(`0000000${names.indexOf(name)}-0000-7000-9000-000000000000`)!;
const names = ['a', 'b', 'c', 'first', 'second'];

const pingMs = 4000;
const deathMs = 12_000;
/** A host that cannot ping begins nothing from then on. */
const beginMs = 10_000;
/** The longest time from the last ping of a dead host to the decision that it is dead. */
const worstMs = pingMs + deathMs;
const tenMinutesMs = 600_000;

interface MemberOptions {
  readonly incarnation?: string;
  readonly isExclusive?: boolean;
  readonly aheadMs?: number;
  readonly deathMs?: number;
}

/** One process. While it is frozen, its timers are held back until it is thawed. */
class Member {
  readonly presence: Presence;
  /** Its calls to its ports, in order. */
  readonly said: string[] = [];
  readonly name: string;
  readonly incarnation: string;
  busy = false;
  /** `true` while it cannot reach the store. */
  isCut = false;
  beginsUntil = 0;
  /** The last moment at which something hindered it. */
  hinderedAt = Number.NEGATIVE_INFINITY;
  #frozen: (() => void)[] | undefined;
  readonly #world: World;

  constructor(world: World, name: string, options: MemberOptions) {
    const { incarnation = name, isExclusive = false, aheadMs = 0 } = options;
    this.#world = world;
    this.name = name;
    this.incarnation = idOf(incarnation);
    const { state, clock } = world;
    const now = () => clock.now() + aheadMs;
    this.presence = new Presence(
      {
        dispatcher: idOf(name),
        store: { isExclusive, local: state },
        now,
        monotonic: () => clock.monotonic() + aheadMs / 7,
        after: (ms: number, callback: () => void) =>
          clock.after(ms, () => {
            if (this.#frozen === undefined) callback();
            else this.#frozen.push(callback);
          }),
        decide: (command: Command, then?: { reply?: (error: Error | undefined) => void }) => {
          if (command.type === 'deactivate') this.said.push('given up');
          world.reach(this, () => {
            let error: Error | undefined;
            try {
              decide(state, command, { ...outsideAt(now()), dispatcher: idOf(name) });
            } catch (refusal) {
              error = refusal as Error;
            }
            state.keepChanges();
            if (command.type === 'rescue') world.check(command.dispatcher);
            then?.reply?.(error);
          });
        },
        turn: () => {},
        post: ([, level]: [string, string]) => this.said.push(level),
      } as unknown as Context,
      {
        refused: () => this.said.push('refused'),
        activated: () => this.said.push('activated'),
        noteRuns: () => this.said.push('noted'),
        lost: () => this.said.push('lost'),
        beginUntil: (moment) => {
          this.beginsUntil = moment - aheadMs / 7;
        },
        isBusy: () => this.busy,
        holdsFrom: () => undefined,
      },
      { incarnation: this.incarnation, host: name, pid: 1, pingMs, deathMs: options.deathMs ?? deathMs },
    );
  }

  get isHindered(): boolean {
    return this.isCut || this.#frozen !== undefined;
  }

  freeze(): void {
    this.#frozen ??= [];
  }

  thaw(): void {
    this.hinderedAt = this.#world.clock.now();
    const late = this.#frozen ?? [];
    this.#frozen = undefined;
    for (const callback of late) callback();
  }

  cut(): void {
    this.isCut = true;
  }

  mend(): void {
    this.hinderedAt = this.#world.clock.now();
    this.isCut = false;
    this.#world.letThrough();
  }
}

class World {
  readonly state = new State();
  readonly clock = new VirtualClock(0);
  readonly members: Member[] = [];
  /** `true` while the store answers none of them. */
  isStalled = false;
  /** The dispatchers that another declared dead. */
  readonly rescued: string[] = [];
  #waiting: { readonly member: Member; readonly act: () => void }[] = [];

  member(name: string, options: MemberOptions = {}): Member {
    const member = new Member(this, name, options);
    this.members.push(member);
    member.presence.begin();
    return member;
  }

  /** Acts at once, or when the store can be reached again. */
  reach(member: Member, act: () => void): void {
    this.#waiting.push({ member, act });
    this.letThrough();
  }

  letThrough(): void {
    for (;;) {
      const at = this.isStalled ? -1 : this.#waiting.findIndex(({ member }) => !member.isCut);
      if (at < 0) return;
      const [first] = this.#waiting.splice(at, 1);
      first!.act();
    }
  }

  stall(isStalled: boolean): void {
    this.isStalled = isStalled;
    this.letThrough();
  }

  pass(ms: number): void {
    const end = this.clock.now() + ms;
    while (this.clock.fireNext(end));
    this.clock.moveTo(end);
  }

  /** Checks a rescue of this dispatcher, which may have been too late to declare it dead. */
  check(dispatcher: string): void {
    if (this.state.isActive(dispatcher)) return;
    const { incarnation } = dispatcherOf(this.state, dispatcher)!;
    for (const member of this.members) {
      if (member.incarnation !== incarnation) continue;
      this.rescued.push(member.name);
      assert.ok(!member.presence.mayBegin, `${member.name} was declared dead and may begin jobs`);
      assert.ok(member.beginsUntil <= this.clock.monotonic(), `threads of ${member.name} may begin jobs`);
      const since = member.isHindered ? 0 : this.clock.now() - member.hinderedAt;
      assert.ok(since <= worstMs, `${member.name} was declared dead ${since} ms after it was hindered`);
    }
  }

  record(name: string) {
    return dispatcherOf(this.state, idOf(name))!;
  }

  pings(name: string): number {
    return pingsOf(this.state, idOf(name))!.count;
  }
}

describe('5 dispatchers that share a store', () => {
  it('[5.6] ping at their interval and stay active', () => {
    const world = new World();
    world.member('a');
    world.member('b');
    world.pass(10 * pingMs);
    for (const name of ['a', 'b']) {
      assert.ok(world.record(name).active);
      assert.equal(world.pings(name), 11, 'the activation counts as one');
      assert.equal(pingsOf(world.state, idOf(name))!.at, 10 * pingMs);
    }
  });

  it('[5.6] keep their record, which every claim reads, as it is', () => {
    const world = new World();
    world.member('a');
    const before = world.record('a');
    world.pass(10 * pingMs);
    assert.equal(world.record('a'), before);
  });

  it('[5.6] take another for dead at most one ping after its death interval', () => {
    for (let phase = 0; phase < 40; phase++) {
      const world = new World();
      // No multiple of the interval of pings.
      const deathMs = 13_000;
      const a = world.member('a', { deathMs });
      world.pass((phase * pingMs) / 20);
      const b = world.member('b', { deathMs });
      world.pass(pingMs + (phase % 7) * 900);
      const last = pingsOf(world.state, idOf('a'))!.at;
      a.freeze();
      world.pass(last + deathMs - 1 - world.clock.now());
      assert.ok(world.record('a').active, 'it may be alive');
      world.pass(last + pingMs + deathMs - world.clock.now());
      assert.ok(!world.record('a').active, `phase ${phase}`);
      assert.deepEqual([a.said, b.said], [['activated'], ['activated']]);
    }
  });

  it('[5.6] wait for the longer of two death intervals', () => {
    for (const [own, others] of [
      [deathMs, 5 * deathMs],
      [5 * deathMs, deathMs],
    ] as const) {
      const world = new World();
      const a = world.member('a', { deathMs: others });
      world.member('b', { deathMs: own });
      a.freeze();
      world.pass(5 * deathMs - 1);
      assert.ok(world.record('a').active);
      world.pass(pingMs);
      assert.ok(!world.record('a').active);
    }
  });

  it('[5.6] compare no clocks: ten minutes apart, none is taken for dead', () => {
    const world = new World();
    for (const [at, name] of ['a', 'b', 'c'].entries()) world.member(name, { aheadMs: (at - 1) * tenMinutesMs });
    world.pass(10 * deathMs);
    assert.deepEqual(
      world.members.map(({ said }) => said),
      [['activated'], ['activated'], ['activated']],
    );
  });

  it('[5.6] take none for dead because the store stood still', () => {
    for (const stallMs of [2 * pingMs, deathMs, 30_000, 10 * deathMs]) {
      const world = new World();
      for (const name of ['a', 'b', 'c']) {
        world.member(name);
        world.pass(1100);
      }
      // Just after a ping of the first, which thus sees no later one of the others.
      world.pass(2 * pingMs + 100 - world.clock.now());
      for (const member of world.members) member.cut();
      world.pass(stallMs);
      // Each finds its way back to the store at a time of its own.
      for (const member of world.members) {
        member.mend();
        world.pass(5000);
      }
      world.pass(5 * deathMs);
      assert.deepEqual(world.rescued, [], `${stallMs} ms`);
      for (const name of ['a', 'b', 'c']) assert.ok(world.record(name).active, `${stallMs} ms`);
    }
  });

  it('[5.6] begin nothing after five sixths of the death interval without an answer', () => {
    const world = new World();
    const a = world.member('a');
    world.pass(pingMs);
    a.cut();
    world.pass(beginMs - 1);
    assert.ok(a.presence.mayBegin);
    world.pass(1);
    assert.ok(!a.presence.mayBegin && a.presence.isActive);
    assert.equal(a.beginsUntil, world.clock.now(), 'its threads know it, too');
    a.mend();
    assert.ok(a.presence.mayBegin);
    assert.deepEqual(a.said, ['activated']);
  });

  it('[5.6] act as lost after the death interval, and work again when the store answers', () => {
    const world = new World();
    const a = world.member('a');
    a.busy = true;
    a.cut();
    world.pass(deathMs - 1);
    assert.deepEqual(a.said, ['activated']);
    world.pass(1);
    const givenUp = ['activated', 'noted', 'given up', 'fatal', 'lost'];
    assert.deepEqual(a.said, givenUp, 'first it notes what has begun');
    world.pass(10 * deathMs);
    a.busy = false;
    a.presence.reactivate();
    assert.ok(!a.presence.isActive);
    a.mend();
    assert.deepEqual(a.said, [...givenUp, 'activated']);
    assert.ok(a.presence.mayBegin && world.record('a').active);
  });

  it('[5.6] count from the moment at which the answered ping was sent', () => {
    const world = new World();
    const a = world.member('a');
    a.cut();
    world.pass(pingMs + 9000);
    assert.equal(a.said.at(-1), 'lost');
    const late = new World();
    const b = late.member('b');
    late.pass(100);
    b.cut();
    late.pass(pingMs + 7000 - 100);
    b.mend();
    assert.ok(b.presence.mayBegin);
    late.pass(1);
    b.cut();
    late.pass(beginMs - 7000 - 1);
    assert.ok(!b.presence.mayBegin, 'the ping that was answered is ten seconds old');
  });

  it('[5.6] begin nothing after the clock was set, before the next answer: the machine may have slept', () => {
    const world = new World();
    const a = world.member('a');
    a.cut();
    a.presence.doubt();
    assert.ok(!a.presence.mayBegin);
    a.mend();
    assert.ok(a.presence.mayBegin);
  });

  it('[5.6] notice that they were taken for dead, log at fatal, stop their jobs and work again', () => {
    const world = new World();
    const a = world.member('a');
    world.member('b');
    a.busy = true;
    a.freeze();
    world.pass(4 * deathMs);
    assert.ok(a.presence.isActive, 'as far as it knows');
    assert.ok(!a.presence.mayBegin);
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

  it('[5.6] keep all this in random histories of stalls, cuts and stops', (t) => {
    const seed = seedOf(t);
    for (let history = 0; history < 100; history++) play(seed + history);
  });

  it('[5.7] log once that their id is in use, keep trying, and take over when the other closes', () => {
    const world = new World();
    const first = world.member('a', { incarnation: 'first' });
    const second = world.member('a', { incarnation: 'second' });
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
    const first = world.member('a', { incarnation: 'first' });
    const second = world.member('a', { incarnation: 'second' });
    first.freeze();
    world.pass(worstMs);
    assert.ok(second.presence.isActive);
    first.thaw();
    assert.deepEqual(first.said, ['activated', 'fatal', 'lost', 'refused', 'warn']);
    world.pass(10 * deathMs);
    assert.equal(world.record('a').incarnation, idOf('second'));
    assert.deepEqual(second.said, ['refused', 'warn', 'activated']);
  });

  it('[5.6] send no pings while they have their store alone', () => {
    const world = new World();
    const a = world.member('a', { isExclusive: true });
    assert.equal(world.clock.nextAt, undefined);
    world.pass(10 * deathMs);
    assert.ok(world.record('a').active && a.presence.mayBegin);
  });
});

/**
 * Plays one history. The world checks each death; in the end the living live and the dead are dead.
 */
function play(seed: number): void {
  const random = randomFrom(seed);
  const world = new World();
  for (const name of ['a', 'b', 'c']) {
    world.member(name, { aheadMs: (random(3) - 1) * tenMinutesMs });
    world.pass(random(pingMs));
  }
  const acts: readonly ((member: Member) => void)[] = [
    (member) => member.freeze(),
    (member) => member.thaw(),
    (member) => member.cut(),
    (member) => member.mend(),
    () => world.stall(true),
    () => world.stall(false),
  ];
  try {
    for (let step = 0; step < 60; step++) {
      acts[random(acts.length)]!(world.members[random(3)]!);
      world.pass(random(random(4) === 0 ? 5 * deathMs : pingMs));
      for (const { presence } of world.members) presence.reactivate();
    }
    world.stall(false);
    const [dead, ...living] = world.members as [Member, Member, Member];
    dead.freeze();
    for (const member of living) {
      member.thaw();
      member.mend();
    }
    world.pass(worstMs + pingMs);
    assert.ok(!world.record('a').active, 'a dead host is declared dead');
    for (const { name, presence } of living) assert.ok(world.record(name).active && presence.mayBegin, name);
  } catch (error) {
    throw new Error(`seed ${seed}; to replay it: CALLSHEET_SEED=${seed}`, { cause: error });
  }
}
