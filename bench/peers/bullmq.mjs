/** BullMQ, as the benches use a queue. */
import { randomUUID } from 'node:crypto';
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { stamp } from '../../dist/bench/jobs/stamp.js';
import { describeRedis } from './redis.mjs';
import { Waiting } from './waiting.mjs';

const concurrency = 64;

export async function open({ server }) {
  const waiting = new Waiting();
  const name = `callsheet-bench-${randomUUID()}`;
  // A worker blocks its connection.
  const connections = [0, 1].map(() => new Redis(server, { maxRetriesPerRequest: null }));
  const queue = new Queue(name, { connection: connections[0], defaultJobOptions: { removeOnComplete: 1000 } });
  const worker = new Worker(name, async ({ data }) => stamp(data.number), { connection: connections[1], concurrency });
  // Emitted in the process that ran the job, once the server has its result.
  worker.on('completed', ({ data }, result) => waiting.completed(data.number, result));
  worker.on('failed', (job, error) => waiting.failed(job?.data.number, error));
  await worker.waitUntilReady();
  return {
    forbiddenThreads: [],
    detail: await describeRedis(server),
    run: (number) => waiting.run(number, () => queue.add('stamp', { number })),
    async close() {
      await worker.close();
      await queue.obliterate({ force: true });
      await queue.close();
      for (const connection of connections) connection.disconnect();
    },
  };
}
