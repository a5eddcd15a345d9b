/**
 * Runs random histories of user commands on the model and on the runtime: after each step both must
 * show the same.
 *
 * `CALLSHEET_SEED=n` replays a history; `CALLSHEET_COMMANDS=n` sets the approximate number of
 * commands.
 */
import { test } from 'node:test';
import fc from 'fast-check';
import { seedOf } from '../harness/randomness.js';
import { live } from './live.js';
import { history } from './steps.js';

const commands = Number(process.env.CALLSHEET_COMMANDS ?? 7000);
const most = 160;
/** A history takes a tenth of a second. After this many milliseconds it hangs, and is reported. */
const historyMs = 60_000;
/** Ends the search for a shorter failing history early enough to report the one found. */
const limitMs = 200_000;
/** Steps of a history that find a job to act on, on average. */
const doneOfEach = 66;

test('a history of commands leaves the runtime in the state of the model', { timeout: 280_000 }, async (t) => {
  const seed = seedOf(t);
  const runs = Math.ceil(commands / doneOfEach);
  let done = 0;
  let histories = 0;
  await fc.assert(
    fc.asyncProperty(history(most), async (steps) => {
      done += await live(steps);
      histories++;
    }),
    { seed, numRuns: runs, timeout: historyMs, interruptAfterTimeLimit: limitMs },
  );
  t.diagnostic(`${done} commands in ${histories} histories`);
});
