/** Graphile Worker, as the benches use a queue. */
import { Logger, run } from 'graphile-worker';
import { stamp } from '../../dist/bench/jobs/stamp.js';
import { describePostgres, dropSchema, newSchema } from './postgres.mjs';
import { Waiting } from './waiting.mjs';

const concurrency = 16;

export async function open({ server }) {
  const waiting = new Waiting();
  const schema = newSchema();
  const results = new Map();
  const runner = await run({
    connectionString: server,
    schema,
    concurrency,
    maxPoolSize: concurrency + 2,
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
  return {
    forbiddenThreads: [],
    detail: await describePostgres(server),
    run: (number) => waiting.run(number, () => runner.addJob('stamp', { number })),
    async close() {
      await runner.stop();
      await dropSchema(server, schema);
    },
  };
}
