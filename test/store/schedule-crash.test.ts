/**
 * Cuts the power at every operation of the disk while a schedule fires, and goes on with the
 * remains. In the end each tick has one job.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodePayload } from '../../src/codec/payload.js';
import { Caller } from '../../src/coordinator/clients/caller.js';
import type { Context } from '../../src/coordinator/context.js';
import { Schedules } from '../../src/coordinator/schedules.js';
import type { Command } from '../../src/core/commands.js';
import type { ScheduleSettings } from '../../src/core/records.js';
import { scheduleOf, tickOf } from '../../src/core/schedules.js';
import type { ScheduleCommand, WireJob } from '../../src/protocol/messages.js';
import { JournalStore } from '../../src/store/journal/journal-store.js';
import { idOf, us } from '../core/making.js';
import { randomFrom } from '../harness/randomness.js';
import { type Pick, StrictDisk } from '../journal/strict-disk.js';
import { churnDirectory, countedPace, turn } from './journal-churn.js';

const hourMs = 3_600_000;
const ticks = 4;
const every = Number(process.env.CALLSHEET_EVERY ?? 1);

class Life {
  readonly store: JournalStore;
  readonly #schedules: Schedules;
  readonly #clock: { now: number };
  isOver = false;

  constructor(disk: StrictDisk, clock: { now: number }) {
    this.#clock = clock;
    const random = randomFrom(1);
    const outside = {
      now: () => clock.now,
      dispatcher: us,
      listening: false,
      holding: true,
      random: () => 0.5,
      failure: () => new Uint8Array(1),
    };
    const small = { segmentBytes: 4096, reserveBytes: 0, aheadBytes: 8192, pace: countedPace(1) };
    this.store = new JournalStore(churnDirectory, outside, { disk, salt: () => random(2 ** 32), ...small });
    const context = {
      store: this.store,
      dispatcher: us,
      now: outside.now,
      decide: (command: Command, then: object = {}) => this.store.transact({ command, gate: 'decided', ...then }),
      turn: () => {},
      post: () => {},
      isClosing: () => false,
    } as unknown as Context;
    this.#schedules = new Schedules(
      context,
      () => true,
      () => 0,
    );
  }

  async open(): Promise<this> {
    const nothing = () => {};
    const fatal = () => {
      this.isOver = true;
    };
    const awaited = () => ({ outcomes: [], annotations: [], events: false });
    await this.store.open({
      release: nothing,
      awaits: () => true,
      changed: nothing,
      awaited,
      heard: nothing,
      repaired: nothing,
      gone: nothing,
      fatal,
    });
    return this;
  }

  async set(): Promise<void> {
    const job: WireJob = [idOf('wire'), 'call', 'm#run', new Uint8Array(300), null, [], []];
    const root = { root: 'job', code: 'ARGUMENT_NOT_STORABLE' } as const;
    const args = encodePayload({ encodedAt: 0, job }, root);
    const settings: ScheduleSettings = {
      ...{ name: 's', queue: '', spec: { everyMs: hourMs, anchor: 0 }, missed: 'all', windowMs: 1e9 },
      ...{ overlap: 'allow', jitterMs: 0, pauseOnFailure: false, declared: false, digest: 'd' },
    };
    const command: ScheduleCommand = { type: 'setSchedule', settings, template: { id: idOf('template'), args }, job };
    this.#schedules.do(new Caller(us, () => {}), 1, 'full', command);
    while (scheduleOf(this.store.state, 's') === undefined) await turn();
    await this.#commit();
  }

  /** Lets each hour come up to the last one, and handles its tick. */
  async work(): Promise<void> {
    for (;;) {
      for (let left = 3; left > 0 && !this.isOver; left--) {
        // The first call only loads the library.
        this.#schedules.fire();
        await this.#commit();
      }
      if (this.isOver || this.#clock.now >= ticks * hourMs) return;
      this.#clock.now += hourMs;
    }
  }

  async #commit(): Promise<void> {
    this.store.commit();
    for (let left = 4; left > 0; left--) await turn();
  }
}

const picks: readonly Pick[] = [(count) => count - 1, () => 0, randomFrom(7)];

async function begun(): Promise<{ disk: StrictDisk; clock: { now: number }; life: Life }> {
  const disk = new StrictDisk();
  const clock = { now: 1 };
  const life = await new Life(disk, clock).open();
  await life.set();
  return { disk, clock, life };
}

describe('a schedule whose process dies', () => {
  it('[14.1] puts one job at each tick, whatever operation of the disk was the last', async (t) => {
    const whole = await begun();
    const first = whole.disk.operations;
    await whole.life.work();
    const last = whole.disk.operations;
    let crashes = 0;
    for (let operation = first + 1; operation <= last; operation += every) {
      for (const pick of picks) {
        const { disk, clock, life } = await begun();
        disk.fault = (_kind, _file, number) => {
          if (number >= operation) throw new Error('the power went');
          return undefined;
        };
        await life.work().catch(() => {});
        const next = await new Life(disk.afterCrash(pick), clock).open();
        await next.work();
        const jobs = [...next.store.state.jobs()].map(tickOf).filter((tick) => tick !== undefined);
        const expected = Array.from({ length: ticks }, (_, n) => (n + 1) * hourMs);
        assert.deepEqual(
          jobs.map(({ at }) => at).sort((a, b) => a - b),
          expected,
          `operation ${operation}`,
        );
        const { fired, nextAt } = scheduleOf(next.store.state, 's')!;
        assert.deepEqual([fired, nextAt], [ticks, (ticks + 1) * hourMs], `operation ${operation}`);
        await next.store.close();
        crashes++;
      }
    }
    t.diagnostic(`${crashes} crashes at ${last - first} operations`);
    assert.ok(last - first >= 2 * ticks);
  });
});
