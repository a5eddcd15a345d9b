/**
 * callsheet and other durable queues: as many jobs as possible, and one at a time. The others run
 * handlers on the main thread, the only way they offer, which is the fastest for jobs without work.
 * Queues that poll do so every millisecond.
 */
import { openCallsheetPool } from './contestants/callsheet.js';
import { openPeer, peerAbsent, queues } from './contestants/peers.js';
import type { Pool } from './contestants/pool.js';
import { enterUnderLoad, loadFigures, warmUpMsOf } from './contestants/under-load.js';
import type { Bench, Contestant, Context, Entrant } from './harness/bench.js';
import { enterOneByOne, latencyFigures } from './latency.js';

type Enter = (pool: Pool, synced: boolean) => Promise<Entrant>;

export const durableQueues: Bench = {
  name: 'queues',
  title: 'trivial jobs, put to completed: callsheet and durable queues',
  figures: [...loadFigures, ...latencyFigures],
  rounds: 3,
  cases: (size) => {
    const isFull = size === 'full';
    const times = { warmUpMs: warmUpMsOf(size), ms: isFull ? 2000 : 20 };
    return [
      ...(isFull ? [64, 1024] : [64]).map((inFlight) => ({
        name: `${inFlight} in flight`,
        contestants: contestants((pool, synced) => enterUnderLoad(pool, { inFlight, ...times }, synced)),
      })),
      {
        name: 'one at a time, idle',
        contestants: contestants((pool, synced) => enterOneByOne(pool, isFull ? 100 : 3, synced)),
      },
    ];
  },
};

function contestants(enter: Enter): Contestant[] {
  return [
    ...(['full', 'process'] as const).map((level) => ({
      name: `callsheet, ${level}`,
      synced: level === 'full',
      open: async (context: Context) => enter(await openCallsheetPool(level, context), level === 'full'),
    })),
    ...queues.map((peer) => ({
      name: peer.name,
      absent: () => peerAbsent(peer),
      // A peer's syncs are not counted.
      open: async (context: Context) => enter(await openPeer(peer, context), false),
    })),
  ];
}
