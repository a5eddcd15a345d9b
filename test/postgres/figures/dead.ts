/** The cost of an old snapshot, which keeps vacuum from all rows that die after it. */
import { env } from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import type { Runtime } from 'callsheet';
import { slow } from '../../cli/jobs/defined.js';
import type { Place } from './place.js';
import { type Figure, rounded } from './values.js';

interface Cost {
  readonly perSecond: number;
  /** Pages that the server touched, for each job. */
  readonly pages: number;
}

const inFlight = 64;

/** Keeps jobs in flight, and measures how they get on. */
class Load {
  readonly #all: Promise<unknown>;
  #ended = 0;
  #isOver = false;

  constructor(runtime: Runtime) {
    this.#all = Promise.all(Array.from({ length: inFlight }, () => this.#work(runtime)));
  }

  async #work(runtime: Runtime): Promise<void> {
    while (!this.#isOver) {
      await (await runtime.queue().put(slow.add(1, 2))).result();
      this.#ended++;
    }
  }

  async costOn(place: Place, ms: number): Promise<Cost> {
    const [before, touched, at] = [this.#ended, await place.touched(), performance.now()];
    await delay(ms);
    const [jobs, seconds] = [this.#ended - before, (performance.now() - at) / 1000];
    return { perSecond: jobs / seconds, pages: ((await place.touched()) - touched) / jobs };
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#all;
  }
}

export const deadFigures: Readonly<Record<string, Figure>> = {
  /** CALLSHEET_MINUTES sets the minutes. */
  async dead(place) {
    await place.admin.query('alter system set autovacuum = on');
    await place.admin.query('select pg_reload_conf()');
    // So that jobs are forgotten from the beginning.
    const load = new Load(await place.open({ threads: 2, retention: { count: 10_000 } }));
    await delay(20_000);
    const before = await load.costOn(place, 20_000);
    const unpin = await place.pin();
    const minutes: string[] = [];
    for (let minute = 0; minute < Number(env.CALLSHEET_MINUTES ?? 10); minute++) {
      await delay(40_000);
      const { perSecond, pages } = await load.costOn(place, 20_000);
      minutes.push(`${rounded(perSecond / before.perSecond)} (${Math.round(pages)})`);
    }
    await unpin();
    await load.end();
    const was = `${Math.round(before.perSecond)} a second (${Math.round(before.pages)} buffers a job)`;
    return `${was}; over that, in each minute of an old snapshot: ${minutes.join(', ')}`;
  },
};
