/** Small puts beside large arguments and results. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { memoryUsage } from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import type { Runtime } from 'callsheet';
import { slow } from '../../cli/jobs/defined.js';
import { Putting } from './putting.js';
import { type Figure, rounded } from './values.js';

const hourMs = 3_600_000;

export const largeFigures: Readonly<Record<string, Figure>> = {
  async large(place) {
    const client = await place.client();
    const own = new Putting(client);
    const other = await Other.begin(place.url);
    const bytes = new Uint8Array(64 * 1024 * 1024 - 1024);
    const measured: string[] = [];
    const during = async (what: string, work: () => Promise<unknown>) => {
      await other.taken();
      own.taken();
      const at = performance.now();
      let mostRss = 0;
      const watch = setInterval(() => {
        mostRss = Math.max(mostRss, memoryUsage().rss);
      }, 20);
      await work();
      clearInterval(watch);
      const seconds = rounded((performance.now() - at) / 1000);
      const mine = spread(own.taken());
      const others = spread(await other.taken());
      measured.push(
        `${what} in ${seconds} s: puts here ${mine}, in another process ${others}; memory ${Math.round(mostRss / 2 ** 20)} MiB`,
      );
    };
    await delay(1000);
    await during('nothing', () => delay(3000));
    await during('4 puts of 64 MiB', async () => {
      for (let n = 0; n < 4; n++) await client.queue().put(slow.back(bytes), { beginAfter: hourMs });
    });
    const turns = async (runtime: Runtime) => Math.round((await runtime.monitor.status()).turns.longestMs);
    measured.push(`longest turn ${await turns(client)} ms`);
    const host = await place.open();
    await delay(2000);
    await during('4 puts, runs and results of 64 MiB', async () => {
      for (let n = 0; n < 4; n++) await (await client.queue().put(slow.back(bytes))).result();
    });
    measured.push(`longest turns ${await turns(client)} and, of the host, ${await turns(host)} ms`);
    own.stop();
    other.end();
    return measured.join('\n  ');
  },
};

/** Another process that puts. */
class Other {
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess) {
    this.#process = process;
  }

  static async begin(url: string): Promise<Other> {
    const process = fork(new URL('./putter.js', import.meta.url), [url]);
    await once(process, 'message');
    return new Other(process);
  }

  async taken(): Promise<number[]> {
    const answer = once(this.#process, 'message');
    this.#process.send('taken');
    return (await answer)[0];
  }

  end(): void {
    this.#process.kill();
  }
}

/** Returns the median, the 99th percentile and the most of some milliseconds, in words. */
function spread(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0);
  return `p50 ${at(0.5)} p99 ${at(0.99)} most ${at(1)} ms of ${sorted.length}`;
}
