/**
 * A service that answers requests while jobs compute: one HTTP server on the main thread, with
 * requests at a constant rate from another process. Its jobs run in callsheet, in piscina, or on
 * the main thread.
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { Piscina } from 'piscina';
import { openCallsheet, spins } from './contestants/callsheet.js';
import { journalled } from './contestants/journalled.js';
import type { SyncFigures } from './contestants/pool.js';
import type { Bench, Contestant, Context, Measured, Size } from './harness/bench.js';
import { runProgram } from './harness/program.js';
import { type Spun, spin } from './jobs/spin.js';
import type { HttpFigures, HttpLoad } from './programs/http-load.js';

const jobMs = 10;
const inFlightPerThread = 4;

/** A contestant that runs the jobs. */
interface Runner {
  run(steps: number): Promise<Spun>;
  close(): Promise<unknown>;
  readonly mainThread?: boolean;
  figures?(): Promise<SyncFigures>;
}

export const http: Bench = {
  name: 'http',
  title: `an HTTP server under load, while jobs of ${jobMs} ms keep all threads busy`,
  figures: [
    { name: 'p50', unit: 'ms' },
    { name: 'p99', unit: 'ms', compared: true },
    { name: 'max', unit: 'ms' },
    { name: 'answers', unit: '/s', brief: true },
    { name: 'jobs', unit: '/s' },
  ],
  rounds: 3,
  cases: (size) => {
    const perSecond = size === 'full' ? 500 : 100;
    return [{ name: `${perSecond} requests a second`, contestants: contestants(perSecond, size) }];
  },
};

function contestants(perSecond: number, size: Size): Contestant[] {
  const contestant = (
    name: string,
    openRunner: (context: Context) => Promise<Runner | undefined>,
    synced = false,
  ): Contestant => ({
    name,
    synced,
    async open(context) {
      const runner = await openRunner(context);
      const server = createServer((_request, response) => response.end('{"status":"well"}')).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const load = { port: (server.address() as AddressInfo).port, perSecond, ms: size === 'full' ? 5000 : 200 };
      return {
        measure: () => measure(load, runner, context),
        close: () => Promise.all([closeServer(server), runner?.close()]),
      };
    },
  });
  return [
    contestant('no jobs', async () => undefined),
    contestant('callsheet, full', openCallsheetRunner, true),
    contestant('piscina', openPiscinaRunner),
    contestant('jobs on the main thread', openMainThreadRunner),
  ];
}

async function openCallsheetRunner(context: Context): Promise<Runner> {
  const { callsheet, close } = await openCallsheet('full', context);
  const queue = callsheet.queue();
  return {
    run: async (steps) => (await queue.put(spins.spin(steps))).result(),
    close,
    figures: () => callsheet.stats(),
  };
}

async function openPiscinaRunner({ threads }: Context): Promise<Runner> {
  const filename = new URL('./jobs/spin.js', import.meta.url).href;
  const pool = new Piscina({ filename, name: 'spin', minThreads: threads, maxThreads: threads });
  return { run: (steps) => pool.run(steps), close: () => pool.destroy() };
}

/** Runs jobs on the main thread, and lets requests run between two jobs. */
async function openMainThreadRunner(): Promise<Runner> {
  const run = async (steps: number) => {
    await turn();
    return spin(steps);
  };
  return { run, close: async () => {}, mainThread: true };
}

async function measure(load: HttpLoad, runner: Runner | undefined, context: Context): Promise<Measured> {
  const { threads, stepsPerMs } = context;
  const steps = jobMs * stepsPerMs;
  const before = await runner?.figures?.();
  const start = performance.now();
  let isOver = false;
  let jobs = 0;
  const { end } = spin(steps);
  const keepBusy = async (runner: Runner) => {
    while (!isOver) {
      const spun = await runner.run(steps);
      if (spun.end !== end) throw new Error('a job has not computed what it should');
      if ((spun.thread === 0) !== (runner.mainThread ?? false)) throw new Error('a job was run on the wrong thread');
      jobs++;
    }
  };
  const loops = runner?.mainThread ? 1 : threads * inFlightPerThread;
  const busy = runner && Promise.all(Array.from({ length: loops }, () => keepBusy(runner)));
  try {
    const { answers, p50Ms, p99Ms, maxMs } = await runProgram<HttpFigures>('http-load', load);
    isOver = true;
    await busy;
    const seconds = (performance.now() - start) / 1000;
    const after = await runner?.figures?.();
    const figures = { p50: p50Ms, p99: p99Ms, max: maxMs, answers: (answers / load.ms) * 1000, jobs: jobs / seconds };
    return { figures, ...(before && after && journalled(before, after, 2)) };
  } finally {
    isOver = true;
  }
}

async function closeServer(server: Server): Promise<void> {
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
}
