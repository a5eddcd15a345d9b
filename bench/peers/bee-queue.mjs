/** bee-queue, as the benches use a queue. */
import { randomUUID } from 'node:crypto';
import BeeQueue from 'bee-queue';
import { stamp } from '../../dist/bench/jobs/stamp.js';
import { describeRedis } from './redis.mjs';
import { Waiting } from './waiting.mjs';

const concurrency = 64;

export async function open({ server }) {
  const waiting = new Waiting();
  const queue = new BeeQueue(`callsheet-bench-${randomUUID()}`, { redis: server, removeOnSuccess: true });
  queue.process(concurrency, async ({ data }) => stamp(data.number));
  // Emitted in the process that ran the job, once the server has its result.
  queue.on('succeeded', ({ data }, result) => waiting.completed(data.number, result));
  queue.on('failed', ({ data }, error) => waiting.failed(data.number, error));
  await queue.ready();
  return {
    forbiddenThreads: [],
    detail: await describeRedis(server),
    run: (number) => waiting.run(number, () => queue.createJob({ number }).save()),
    async close() {
      await queue.destroy();
      await queue.close();
    },
  };
}
