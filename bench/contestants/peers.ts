/**
 * The peers of callsheet. Piscina is a dependency; all others are installed for the benches only:
 *
 *   npm --prefix bench/peers ci
 *
 * The environment names the servers of queues that need one.
 */
import { Piscina } from 'piscina';
import type { Context } from '../harness/bench.js';
import type { Pool } from './pool.js';

export interface Peer {
  /** The name in the tables. */
  readonly name: string;
  /** The file of its adapter in `bench/peers/`, with options for it. */
  readonly adapter: string;
  readonly options?: Readonly<Record<string, string>>;
  /** The environment variable with the address of its server. */
  readonly server?: 'REDIS_URL' | 'DATABASE_URL';
}

interface Adapter {
  open(options: Readonly<Record<string, unknown>>): Promise<Pool>;
}

/** Pools keep no job beyond their process. */
export const pools: readonly Peer[] = ['tinypool', 'poolifier', 'workerpool'].map((name) => ({ name, adapter: name }));

/** Queues that put many jobs as one transaction. */
export const sqliteQueues: readonly Peer[] = [
  { name: 'plainjob, SQLite synced', adapter: 'plainjob', options: { synchronous: 'FULL' } },
  { name: 'plainjob, SQLite not synced', adapter: 'plainjob', options: { synchronous: 'NORMAL' } },
];

/** Queues as durable as their stores. All of them run their handlers on the main thread. */
export const queues: readonly Peer[] = [
  ...sqliteQueues,
  { name: 'bullmq', adapter: 'bullmq', server: 'REDIS_URL' },
  { name: 'bee-queue', adapter: 'bee-queue', server: 'REDIS_URL' },
  { name: 'pg-boss', adapter: 'pg-boss', server: 'DATABASE_URL' },
  { name: 'graphile-worker', adapter: 'graphile-worker', server: 'DATABASE_URL' },
];

/** The directory of the adapters and of their packages. */
const directory = new URL('../../../bench/peers/', import.meta.url);

export function openPiscina(threads: number): Pool {
  return openPiscinaOf('stamp', threads, (number) => number);
}

/** Opens Piscina for the job of a file in `bench/jobs/`, which exports it under the file's name. */
export function openPiscinaOf(name: string, threads: number, argumentOf: (number: number) => unknown): Pool {
  const filename = new URL(`../jobs/${name}.js`, import.meta.url).href;
  const pool = new Piscina({ filename, name, minThreads: threads, maxThreads: threads });
  return { run: (number) => pool.run(argumentOf(number)), close: () => pool.destroy() };
}

/** Opens a peer. With `held`, no job runs; only queues support it. */
export async function openPeer(peer: Peer, { threads, scratch }: Context, held = false): Promise<Pool> {
  const { open } = await importAdapter(peer);
  const server = peer.server && process.env[peer.server];
  return open({ threads, path: scratch.newPath(), server, held, ...peer.options });
}

/** Returns why a peer cannot take part; `undefined` if it is installed and has its server. */
export async function peerAbsent(peer: Peer): Promise<string | undefined> {
  if (peer.server !== undefined && !process.env[peer.server]) return `no server: ${peer.server} is not set`;
  try {
    await importAdapter(peer);
    return undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    return 'not installed; npm --prefix bench/peers ci';
  }
}

function importAdapter({ adapter }: Peer): Promise<Adapter> {
  return import(new URL(`${adapter}.mjs`, directory).href) as Promise<Adapter>;
}
