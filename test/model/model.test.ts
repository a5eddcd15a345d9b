/**
 * Random histories of what users do, on the model and on the real thing: after each step both show
 * the same.
 *
 * `CALLSHEET_SEED=n` lives through the same again; `CALLSHEET_COMMANDS=n` through about as many
 * commands.
 */
import { test } from 'node:test';
import fc from 'fast-check';
import { seedOf } from '../harness/randomness.js';
import { live } from './live.js';
import { history } from './steps.js';

const commands = Number(process.env.CALLSHEET_COMMANDS ?? 20_000);
const most = 160;
/** A history takes a tenth of a second; one that takes so long hangs, and is shown. */
const historyMs = 60_000;
/** Looking for a shorter history that shows the same ends in time to be told. */
const limitMs = 200_000;
/** Some steps find nothing to be done to; so many of a history are done. */
const doneOfEach = 66;

test('any history of commands shows what the model shows', { timeout: 280_000 }, async (t) => {
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
