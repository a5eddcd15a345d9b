/** plainjob, as the benches use a queue. */
import Database from 'better-sqlite3';
import { better, defineQueue, defineWorker } from 'plainjob';
import { stamp } from '../../dist/bench/jobs/stamp.js';
import { Waiting } from './waiting.mjs';

const quiet = { error: console.error, warn: console.warn, info() {}, debug() {} };

/** Opens the queue. With `held`, no worker takes jobs. */
export function open({ path, synchronous, held }) {
  const waiting = new Waiting();
  const connection = better(new Database(path));
  const queue = defineQueue({ connection, logger: quiet });
  connection.pragma(`synchronous = ${synchronous}`);
  const results = new Map();
  const process = ({ data }) => {
    const { number } = JSON.parse(data);
    results.set(number, stamp(number));
  };
  // Called when the job is marked as done.
  const onCompleted = ({ data }) => {
    const { number } = JSON.parse(data);
    waiting.completed(number, results.get(number));
    results.delete(number);
  };
  const worker = defineWorker('stamp', process, { queue, logger: quiet, pollIntervall: 1, onCompleted });
  const ended = held ? undefined : worker.start();
  return {
    forbiddenThreads: [],
    run: (number) => waiting.run(number, () => queue.add('stamp', { number })),
    putAll: async (numbers) =>
      queue.addMany(
        'stamp',
        numbers.map((number) => ({ number })),
      ),
    async close() {
      if (!held) await worker.stop();
      await ended;
      queue.close();
    },
  };
}
