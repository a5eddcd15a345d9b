/**
 * pg-boss, as the benches use a queue. Its own workers poll every half second at most. Here two
 * loops fetch jobs as soon as they are sent, up to `batchSize` at a time.
 */
import PgBoss from 'pg-boss';
import { stamp } from '../../dist/bench/jobs/stamp.js';
import { describePostgres, dropSchema, newSchema } from './postgres.mjs';
import { Waiting } from './waiting.mjs';

const loops = 2;
const putAtOnce = 1000;

export async function open({ server, batchSize = 64 }) {
  const waiting = new Waiting();
  const schema = newSchema();
  const boss = new PgBoss({ connectionString: server, schema, schedule: false });
  boss.on('error', console.error);
  await boss.start();
  await boss.createQueue('stamps');
  let isClosed = false;
  let isHeld = false;
  let wake = () => {};
  const work = async () => {
    while (!isClosed) {
      const sent = new Promise((resolve) => {
        const before = wake;
        wake = () => {
          before();
          resolve();
        };
      });
      const jobs = isHeld ? [] : await boss.fetch('stamps', { batchSize: Number(batchSize) });
      if (jobs.length === 0) {
        await sent;
        continue;
      }
      const results = jobs.map(({ data }) => [data.number, stamp(data.number)]);
      await boss.complete(
        'stamps',
        jobs.map(({ id }) => id),
      );
      for (const [number, result] of results) waiting.completed(number, result);
    }
  };
  const wakeAll = () => {
    const waking = wake;
    wake = () => {};
    waking();
  };
  const send = async (number) => {
    await boss.send('stamps', { number });
    wakeAll();
  };
  const ended = Promise.all(Array.from({ length: loops }, work));
  return {
    forbiddenThreads: [],
    detail: await describePostgres(server),
    run: (number) => waiting.run(number, () => send(number)),
    async prepare(numbers) {
      isHeld = true;
      const ends = [];
      for (let from = 0; from < numbers.length; from += putAtOnce) {
        const some = numbers.slice(from, from + putAtOnce);
        const isPut = boss.insert(some.map((number) => ({ name: 'stamps', data: { number } })));
        ends.push(...some.map((number) => waiting.run(number, () => isPut)));
        await isPut;
      }
      return () => {
        isHeld = false;
        wakeAll();
        return Promise.all(ends);
      };
    },
    async close() {
      isClosed = true;
      wakeAll();
      await ended;
      await boss.stop({ graceful: false });
      await dropSchema(server, schema);
    },
  };
}
