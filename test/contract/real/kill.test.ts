/**
 * kill -9 at a random moment, for each section of the contract: real threads, the real journal,
 * another process. `CALLSHEET_KILLS` sets the number of moments for each.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { open } from 'callsheet';
import { marksIn } from '../../e2e/jobs/all.js';
import { Program } from '../../harness/program.js';
import { randomFrom, seedOf } from '../../harness/randomness.js';
import { temporaryDirectory } from '../../harness/temporary.js';
import { realJobs } from './jobs/all.js';
import { scenarios } from './scenarios.js';

const program = new URL('programs/scenario.js', import.meta.url);
const rounds = Number(process.env.CALLSHEET_KILLS ?? 1);

for (const [name, scenario] of Object.entries(scenarios)) {
  it(`${scenario.tags} ${scenario.what}, after kill -9`, async (t) => {
    const random = randomFrom(seedOf(t));
    for (let round = 0; round < rounds; round++) {
      const directory = temporaryDirectory();
      const file = join(directory, 'marks');
      const journal = join(directory, 'journal');
      const child = new Program(t, program, journal, file, name);
      await child.says('open');
      const acknowledged = new Map<string, string>();
      const hear = (line: string) => {
        const [what, id] = line.split('\t') as [string, string];
        acknowledged.set(what, id);
      };
      for (let lines = random(40); lines > 0; lines--) {
        const line = await child.line();
        assert.ok(line !== undefined, `it ended by itself: ${child.errors}`);
        hear(line);
      }
      const killed = delay(random(20)).then(() => child.kill());
      for (let line = await child.line(); line !== undefined; line = await child.line()) hear(line);
      await killed;
      const before = marksIn(file);
      // One thread for queues, so that the order can be checked.
      await using callsheet = await open({ directory: journal, jobs: realJobs, threads: name === 'queues' ? 1 : 2 });
      const { unfinished } = callsheet.found;
      await scenario.check({ callsheet, acknowledged, before, lines: () => marksIn(file) });
      t.diagnostic(`round ${round}: ${acknowledged.size} acknowledged, ${unfinished} unfinished at the end`);
    }
  });
}
