/**
 * callsheet against other durable queues: as many jobs as they can, and one at a time. Their handlers run on the main thread, which
 * is what they offer, and for jobs that do nothing it is the quickest; they poll each millisecond where they poll.
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
      // How it syncs is its own matter; what it does is not counted.
      open: async (context: Context) => enter(await openPeer(peer, context), false),
    })),
  ];
}
