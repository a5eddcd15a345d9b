/**
 * Runs a history for each of some hundred seeds; the long form is `run.ts`.
 *
 * `CALLSHEET_SEED=n` replays one history, and `CALLSHEET_STORY=1` prints it. `CALLSHEET_SEEDS` and
 * `CALLSHEET_FIRST` set the number of seeds and the first.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { liveAll, printed } from './histories.js';

const only = process.env.CALLSHEET_SEED;
const first = Number(only ?? process.env.CALLSHEET_FIRST ?? 1);
const count = only === undefined ? Number(process.env.CALLSHEET_SEEDS ?? 150) : 1;

describe('the simulation', () => {
  it('[9.1] [9.2] keeps its promises in every history, and finishes every job after the last fault', {
    timeout: 3_600_000,
  }, async (t) => {
    const sum = await liveAll(first, count);
    t.diagnostic(`seeds from ${first}: ${printed(sum)}`);
    for (const [fault, times] of Object.entries(sum.hits)) assert.ok(times > 0 || count < 100, `no ${fault}`);
  });

  it('repeats the histories of the same seeds, also in another process', async () => {
    const { trace } = await liveAll(1, 4);
    assert.equal((await liveAll(1, 4)).trace, trace);
    const histories = new URL('histories.js', import.meta.url).href;
    const code = `import('${histories}').then(({ liveAll }) => liveAll(1, 4)).then(({ trace }) => console.log(trace))`;
    const { stdout } = spawnSync(process.execPath, ['-e', code], {
      encoding: 'utf8',
      cwd: fileURLToPath(new URL('.', import.meta.url)),
    });
    assert.equal(stdout.trim(), trace);
  });
});
