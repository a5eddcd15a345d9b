/**
 * The thread pools that callsheet is compared with. All but piscina, which callsheet has anyway, are installed for the bench alone:
 *
 *   npm --prefix bench/peers ci
 */
import { Piscina } from 'piscina';
import type { Pool } from './pool.js';

export type PeerName = 'tinypool' | 'poolifier' | 'workerpool';

interface Peer {
  open(threads: number): Pool;
}

/** Where their packages can be found, beside which their adapters are. */
const peers = new URL('../../../bench/peers/', import.meta.url);

export function openPiscina(threads: number): Pool {
  const filename = new URL('../jobs/stamp.js', import.meta.url).href;
  const pool = new Piscina({ filename, name: 'stamp', minThreads: threads, maxThreads: threads });
  return { run: (number) => pool.run(number), close: () => pool.destroy() };
}

export async function openPeer(name: PeerName, threads: number): Promise<Pool> {
  return (await importPeer(name)).open(threads);
}

/** Undefined if it is installed. */
export async function peerAbsent(name: PeerName): Promise<string | undefined> {
  try {
    await importPeer(name);
    return undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    return 'not installed; npm --prefix bench/peers ci';
  }
}

function importPeer(name: PeerName): Promise<Peer> {
  return import(new URL(`${name}.mjs`, peers).href) as Promise<Peer>;
}
