/**
 * Trivial jobs per second from put to result at a constant number in flight: callsheet, which
 * stores them, and pools, which do not.
 */
import type { Level } from 'callsheet';
import { openCallsheetPool } from './contestants/callsheet.js';
import { openPeer, openPiscina, peerAbsent, pools } from './contestants/peers.js';
import { enterUnderLoad, type Load, loadFigures, warmUpMsOf } from './contestants/under-load.js';
import type { Bench, Contestant, Context, Size } from './harness/bench.js';

export const throughput: Bench = {
  name: 'throughput',
  title: 'trivial jobs from put to result, by number in flight: callsheet and thread pools',
  figures: loadFigures,
  cases: (size) =>
    inFlight(size).map((count) => {
      const load = { inFlight: count, warmUpMs: warmUpMsOf(size), ms: size === 'full' ? 2000 : 20 };
      return { name: `${count} in flight`, contestants: contestants(load) };
    }),
};

function inFlight(size: Size): readonly number[] {
  return size === 'full' ? [1, 64, 256, 1024] : [64];
}

function contestants(load: Load): Contestant[] {
  return [
    { name: 'piscina', open: async ({ threads }) => enterUnderLoad(openPiscina(threads), load) },
    atLevel('full', load),
    atLevel('process', load),
    atLevel('memory', load),
    ...pools.map((peer) => ({
      name: peer.name,
      absent: () => peerAbsent(peer),
      open: async (context: Context) => enterUnderLoad(await openPeer(peer, context), load),
    })),
  ];
}

export function atLevel(level: Level, load: Load): Contestant {
  const open = async (context: Context) =>
    enterUnderLoad(await openCallsheetPool(level, context), load, level === 'full');
  return { name: `callsheet, ${level}`, synced: level === 'full', open };
}
