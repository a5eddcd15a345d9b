/**
 * The cost of a trivial job over its whole life: put, run, completed, and soon forgotten.
 */
import { openCallsheetPool } from './contestants/callsheet.js';
import { enterUnderLoad, loadFigures, warmUpMsOf } from './contestants/under-load.js';
import type { Bench, Contestant, Context } from './harness/bench.js';

/** The number of completed jobs that are remembered. */
const remembered = 1000;

export const life: Bench = {
  name: 'life',
  title: `trivial jobs from put to forgotten, ${remembered} completed ones being remembered`,
  figures: loadFigures,
  cases: (size) =>
    (size === 'full' ? [64, 1024] : [64]).map((inFlight) => {
      const times = { warmUpMs: warmUpMsOf(size), ms: size === 'full' ? 2000 : 50 };
      const contestant = (level: 'full' | 'process'): Contestant => ({
        name: `callsheet, ${level}`,
        synced: level === 'full',
        async open(context: Context) {
          const pool = await openCallsheetPool(level, context, { retention: { count: remembered } });
          return enterUnderLoad(pool, { inFlight, ...times }, level === 'full');
        },
      });
      return { name: `${inFlight} in flight`, contestants: [contestant('full'), contestant('process')] };
    }),
};
