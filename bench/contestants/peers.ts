/**
 * What callsheet is compared with. All but piscina, which callsheet has anyway, are installed for the bench alone:
 *
 *   npm --prefix bench/peers ci
 *
 * Queues that need a server are given one by the environment.
 */
import { Piscina } from 'piscina';
import type { Context } from '../harness/bench.js';
import type { Pool } from './pool.js';

export interface Peer {
  /** In the tables. */
  readonly name: string;
  /** Of its adapter in `bench/peers/`, and what that is told beside. */
  readonly adapter: string;
  readonly options?: Readonly<Record<string, string>>;
  /** The variable of the environment that says where its server is. */
  readonly server?: 'REDIS_URL' | 'DATABASE_URL';
}

interface Adapter {
  open(options: Readonly<Record<string, unknown>>): Promise<Pool>;
}

/** Nothing of theirs outlives the process. */
export const pools: readonly Peer[] = ['tinypool', 'poolifier', 'workerpool'].map((name) => ({ name, adapter: name }));

/** They put many jobs as one transaction. */
export const sqliteQueues: readonly Peer[] = [
  { name: 'plainjob, SQLite synced', adapter: 'plainjob', options: { synchronous: 'FULL' } },
  { name: 'plainjob, SQLite not synced', adapter: 'plainjob', options: { synchronous: 'NORMAL' } },
];

/** Durable, as their stores are; all of them run their handlers on the main thread. */
export const queues: readonly Peer[] = [
  ...sqliteQueues,
  { name: 'bullmq', adapter: 'bullmq', server: 'REDIS_URL' },
  { name: 'bee-queue', adapter: 'bee-queue', server: 'REDIS_URL' },
  { name: 'pg-boss', adapter: 'pg-boss', server: 'DATABASE_URL' },
  { name: 'graphile-worker', adapter: 'graphile-worker', server: 'DATABASE_URL' },
];

/** Where their packages can be found, beside which their adapters are. */
const directory = new URL('../../../bench/peers/', import.meta.url);

export function openPiscina(threads: number): Pool {
  const filename = new URL('../jobs/stamp.js', import.meta.url).href;
  const pool = new Piscina({ filename, name: 'stamp', minThreads: threads, maxThreads: threads });
  return { run: (number) => pool.run(number), close: () => pool.destroy() };
}

/** `held`: nothing of what is put is run; only queues can. */
export async function openPeer(peer: Peer, { threads, scratch }: Context, held = false): Promise<Pool> {
  const { open } = await importAdapter(peer);
  const server = peer.server && process.env[peer.server];
  return open({ threads, path: scratch.newPath(), server, held, ...peer.options });
}

/** Undefined if it is installed and has its server. */
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
