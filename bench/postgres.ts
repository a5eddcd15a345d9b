/**
 * callsheet and other queues on PostgreSQL, each with a server of its own that has the settings of
 * a new one: what a job costs the client, and what it costs the server.
 */
import type { Job } from 'callsheet';
import { Connection } from '../src/store/postgres/connection.js';
import { migrate } from '../src/store/postgres/schema.js';
import { asPool, openCallsheet, stamps } from './contestants/callsheet.js';
import { holdThreads } from './contestants/held.js';
import { openPeer, type Peer, peerAbsent } from './contestants/peers.js';
import { forbiddenThreadsOf, type Pool } from './contestants/pool.js';
import { CostedServer } from './contestants/postgres-cost.js';
import { keepBusy, warmUpMsOf } from './contestants/under-load.js';
import type { Bench, Case, Contestant, Context, Entrant, Figure, Measured, Size } from './harness/bench.js';
import { checkStamp } from './jobs/stamp.js';
import { enterOneByOne, latencyFigures } from './latency.js';

const putAtOnce = 1000;

/** Costs are of the jobs measured. Each is divided by their number. */
const figures: readonly Figure[] = [
  { name: 'jobs', unit: '/s', compared: true },
  { name: 'CPU', unit: 'µs' },
  { name: 'server CPU', unit: 'µs' },
  { name: 'WAL', unit: 'B' },
  { name: 'statements', unit: '', brief: true },
  { name: 'commits', unit: '', brief: true },
  ...latencyFigures,
];

/** Runs jobs, and returns their number and the time that they took. */
type Work = (pool: Pool) => Promise<{ readonly jobs: number; readonly ms: number }>;
type Enter = (pool: Pool, server: CostedServer) => Promise<Entrant>;

export const postgres: Bench = {
  name: 'postgres',
  title: 'trivial jobs on PostgreSQL, put to completed: callsheet and other queues',
  figures,
  rounds: 3,
  cases: (size) => [
    ...(size === 'full' ? [64, 1024] : [64]).map((inFlight) => underLoad(size, inFlight)),
    waiting(size),
    {
      name: 'one at a time, idle',
      contestants: contestants(64, (pool) => enterOneByOne(pool, size === 'full' ? 100 : 3)),
    },
  ],
};

function underLoad(size: Size, inFlight: number): Case {
  const ms = size === 'full' ? 3000 : 20;
  const work: Work = async (pool) => {
    const { jobs, perSecond } = await keepBusy(pool, inFlight, ms);
    return { jobs, ms: (jobs / perSecond) * 1000 };
  };
  const enter: Enter = async (pool, server) => {
    await keepBusy(pool, inFlight, warmUpMsOf(size));
    return entrant(pool, server, work);
  };
  return { name: `${inFlight} in flight`, contestants: contestants(inFlight, enter) };
}

function waiting(size: Size): Case {
  const [jobs, warmUpJobs] = size === 'full' ? [20_000, 2000] : [100, 10];
  const drain =
    (count: number): Work =>
    async (pool) => {
      const release = await pool.prepare!(Array.from({ length: count }, (_, number) => number));
      const start = performance.now();
      const stamped = await release();
      const ms = performance.now() - start;
      for (const [number, one] of stamped.entries()) checkStamp(one, number, forbiddenThreadsOf(pool));
      return { jobs: count, ms };
    };
  const enter: Enter = async (pool, server) => {
    await drain(warmUpJobs)(pool);
    return entrant(pool, server, drain(jobs));
  };
  return { name: `${jobs} waiting; costs with their puts`, contestants: contestants(1024, enter) };
}

function entrant(pool: Pool, server: CostedServer, work: Work): Entrant {
  const measure = async (): Promise<Measured> => {
    const cpuBefore = process.cpuUsage();
    const { done, cost } = await server.costOf(
      () => work(pool),
      ({ jobs }) => jobs,
    );
    const { user, system } = process.cpuUsage(cpuBefore);
    return { figures: { jobs: (done.jobs / done.ms) * 1000, CPU: (user + system) / done.jobs, ...cost } };
  };
  return { detail: pool.detail, measure, close: () => pool.close() };
}

function contestants(inFlight: number, enter: Enter): Contestant[] {
  const graphile = 'graphile-worker';
  // pg-boss fetches all that may be there at once.
  const peers: readonly Peer[] = [
    { name: `${graphile}, in batches`, adapter: graphile, options: { batches: 'true' } },
    { name: `${graphile}, puts too`, adapter: graphile, options: { batches: 'true', puts: 'together' } },
    { name: 'pg-boss', adapter: 'pg-boss', options: { batchSize: `${inFlight}` } },
  ];
  const onServer = (name: string, open: (server: CostedServer, context: Context) => Promise<Pool>): Contestant => ({
    name,
    synced: true,
    async open(context) {
      const server = await CostedServer.start();
      const close = async (pool?: Pool) => {
        await pool?.close();
        await server.stop();
      };
      try {
        const pool = await open(server, context);
        return await enter({ ...pool, close: () => close(pool) }, server);
      } catch (error) {
        await close();
        throw error;
      }
    },
  });
  return [
    onServer('callsheet', openOn),
    ...peers.map((peer) => ({
      ...onServer(peer.name, ({ url }, context) =>
        openPeer({ ...peer, options: { ...peer.options, server: url } }, context),
      ),
      absent: () => peerAbsent(peer),
    })),
  ];
}

async function openOn({ url }: CostedServer, context: Context): Promise<Pool> {
  const connection = await Connection.open(url);
  await migrate(connection, 'callsheet');
  await connection.close();
  const opened = await openCallsheet('full', context, { postgres: url });
  const prepare = async (numbers: readonly number[]) => {
    const held = await holdThreads(opened, context);
    const jobs: Job<number>[] = [];
    for (let from = 0; from < numbers.length; from += putAtOnce) {
      const some = numbers.slice(from, from + putAtOnce);
      jobs.push(...(await opened.callsheet.queue().putAll(some.map((number) => stamps.stamp(number)))));
    }
    const results = Promise.all(jobs.map((job) => job.result()));
    return async () => {
      await held.release();
      return results;
    };
  };
  return { ...asPool(opened), prepare };
}
