/**
 * Graphile Worker, as the benches use a queue. With `batches`, it fetches and completes many jobs
 * at once, as its documentation recommends for speed. With `puts: 'together'`, its user also
 * gathers puts: while some are on their way, others wait and go together.
 */
import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import { stamp } from '../../dist/bench/jobs/stamp.js';
import { describePostgres, dropSchema, newSchema } from './postgres.mjs';
import { gathering, Waiting } from './waiting.mjs';

const putAtOnce = 1000;

export async function open({ server, batches = false, puts = 'each' }) {
  const waiting = new Waiting();
  const schema = newSchema();
  const results = new Map();
  const connection = { connectionString: server, schema };
  const concurrency = batches ? 24 : 16;
  const inBatches = { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 };
  const worker = { ...connection, concurrentJobs: concurrency, maxPoolSize: concurrency + 2 };
  const start = async () => {
    const runner = await run({
      preset: { worker: { ...worker, ...(batches && inBatches) } },
      noHandleSignals: true,
      logger: new Logger(() => (level, message) => level === 'error' && console.error(message)),
      taskList: { stamp: ({ number }) => void results.set(number, stamp(number)) },
    });
    // Emitted in the process that ran the job, once the server has its result.
    runner.events.on('job:complete', ({ job: { payload }, error }) => {
      if (error) return waiting.failed(payload.number, error);
      waiting.completed(payload.number, results.get(payload.number));
      results.delete(payload.number);
    });
    return runner;
  };
  let runner = await start();
  const utils = await makeWorkerUtils(connection);
  const putAll = (numbers) => utils.addJobs(numbers.map((number) => ({ identifier: 'stamp', payload: { number } })));
  const put = puts === 'together' ? gathering(putAll) : (number) => runner.addJob('stamp', { number });
  return {
    forbiddenThreads: [],
    detail: await describePostgres(server),
    run: (number) => waiting.run(number, () => put(number)),
    async prepare(numbers) {
      await runner.stop();
      const ends = [];
      for (let from = 0; from < numbers.length; from += putAtOnce) {
        const some = numbers.slice(from, from + putAtOnce);
        const isPut = putAll(some);
        ends.push(...some.map((number) => waiting.run(number, () => isPut)));
        await isPut;
      }
      return async () => {
        runner = await start();
        return Promise.all(ends);
      };
    },
    async close() {
      await runner.stop();
      await utils.release();
      await dropSchema(server, schema);
    },
  };
}
