/** Small puts at a steady rate, whose acknowledgements are measured. */
import type { Runtime } from 'callsheet';
import { slow } from '../../cli/jobs/defined.js';

const everyMs = 20;
const laterMs = 24 * 3_600_000;

export class Putting {
  readonly #timer: NodeJS.Timeout;
  #took: number[] = [];

  constructor(runtime: Runtime) {
    const put = async () => {
      const at = performance.now();
      await runtime.queue().put(slow.add(1, 2), { beginAfter: laterMs });
      this.#took.push(performance.now() - at);
    };
    this.#timer = setInterval(() => void put(), everyMs);
  }

  /** Returns the milliseconds of each put that was acknowledged since the last call. */
  taken(): number[] {
    return this.#took.splice(0);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
