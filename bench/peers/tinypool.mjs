/** tinypool, as the benches use a pool. */
import { Tinypool } from 'tinypool';

export function open({ threads }) {
  const filename = new URL('../../dist/bench/jobs/stamp.js', import.meta.url).href;
  const pool = new Tinypool({ filename, minThreads: threads, maxThreads: threads });
  return { run: (number) => pool.run(number, { name: 'stamp' }), close: () => pool.destroy() };
}
