import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ClockJumps, SteadyClock } from '../../src/coordinator/steady-clock.js';

describe('the steady clock', () => {
  const machine = () => {
    const time = { wall: 1_000_000, monotonic: 7.5 };
    const clock = new SteadyClock({ wall: () => time.wall, monotonic: () => time.monotonic });
    const pass = (ms: number) => {
      time.wall += ms;
      time.monotonic += ms;
    };
    return { time, clock, pass };
  };

  it('passes steadily until the wall clock is read', () => {
    const { time, clock, pass } = machine();
    pass(40);
    time.wall += 3_600_000;
    assert.equal(clock.now(), 1_000_040);
    assert.equal(clock.look(), 3_600_000);
    assert.equal(clock.now(), 4_600_040);
  });

  it('returns each jump once, back and forward', () => {
    const { time, clock, pass } = machine();
    time.wall -= 3_600_000;
    assert.equal(clock.look(), -3_600_000);
    pass(1000);
    assert.equal(clock.look(), 0);
    time.wall += 1000;
    assert.equal(clock.look(), 1000);
  });

  it('follows a difference of less than a second silently', () => {
    const { time, clock } = machine();
    for (const byMs of [999, -999, 1, -500]) {
      time.wall += byMs;
      assert.equal(clock.look(), 0);
      assert.equal(clock.now(), time.wall);
    }
  });

  it('returns whole milliseconds', () => {
    const { clock, pass } = machine();
    pass(0.7);
    assert.equal(clock.now(), 1_000_000);
  });

  it('knows its reading before several jumps', () => {
    const jumps = new ClockJumps();
    assert.equal(jumps.shownMs(500, 10_000), 500);
    // The clock was set at 10,000 to 50,000, and 1,000 later back to 11,000.
    jumps.note(50_000, 40_000);
    assert.equal(jumps.shownMs(500, 50_100), 40_500);
    assert.equal(jumps.shownMs(50, 50_100), 50);
    jumps.note(11_000, -40_000);
    assert.equal(jumps.shownMs(500, 11_100), -39_500);
    assert.equal(jumps.shownMs(2000, 11_100), 2000);
  });
});
