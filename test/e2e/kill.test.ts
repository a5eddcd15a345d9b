/** kill -9, again and again: what was acknowledged is done in the end, and what is known to be done is not done again. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { open } from 'callsheet';
import { Program } from '../harness/program.js';
import { randomFrom, seedOf } from '../harness/randomness.js';
import { temporaryDirectory } from '../harness/temporary.js';
import { allJobs, countMarks } from './jobs/all.js';

const putter = new URL('programs/putter.js', import.meta.url);
const roundsPerLevel = 7;
const partCount = 4;

/** What the processes said before they were killed, as one who outlived them remembers it. */
class Oracle {
  readonly acknowledged = new Map<string, { kind: string; id: string; round: number }>();
  /** Marks that must not be made again, with the round after which. */
  readonly over = new Map<string, number>();

  hear(line: string, round: number): void {
    const [word, ...rest] = line.split(' ');
    if (word === 'put') {
      const [kind, name, id] = rest as [string, string, string];
      this.acknowledged.set(name, { kind, id, round });
    } else if (word === 'parts') {
      const [name, count] = rest as [string, string];
      for (let part = 0; part < Number(count); part++) this.#isOver(`${name}/${part}`, round);
    } else if (word === 'done') {
      for (const mark of this.marksOf(rest[0]!)) this.#isOver(mark, round);
    }
  }

  /** What a job leaves when all of it has run. */
  marksOf(name: string): string[] {
    if (this.acknowledged.get(name)!.kind === 'call') return [name];
    return [...Array.from({ length: partCount }, (_, part) => `${name}/${part}`), `${name}/end`];
  }

  #isOver(mark: string, round: number): void {
    if (!this.over.has(mark)) this.over.set(mark, round);
  }
}

for (const durability of ['full', 'process'] as const) {
  it(`[9.1] [7.3] kill -9 at any moment loses nothing acknowledged at level ${durability}`, async (t) => {
    const seed = seedOf(t);
    const random = randomFrom(seed);
    const directory = temporaryDirectory();
    const journal = join(directory, 'journal');
    const file = join(directory, 'marks');
    const oracle = new Oracle();
    /** The marks that there were when each round was over. */
    const counts: Map<string, number>[] = [];
    for (let round = 0; round < roundsPerLevel; round++) {
      const child = new Program(t, putter, journal, file, durability, String(round), String(random(2 ** 31)));
      // Sometimes in the middle of opening, mostly after some lines, and then a moment later.
      const lines = random(5) === 0 ? 0 : 1 + random(60);
      if (lines > 0) {
        for (let heard = 0; heard < lines; heard++) {
          const line = await child.line();
          assert.ok(line !== undefined, `it ended by itself: ${child.errors}`);
          oracle.hear(line, round);
        }
      }
      const killed = killAfter(child, random(lines === 0 ? 400 : 15));
      for (let line = await child.line(); line !== undefined; line = await child.line()) oracle.hear(line, round);
      await killed;
      counts.push(countMarks(file));
    }

    await using callsheet = await open({ directory: journal, threads: 2, jobs: allJobs });
    const { jobs, unfinished } = callsheet.found;
    for (const [name, { kind, id }] of oracle.acknowledged) {
      const expected = kind === 'call' ? name : oracle.marksOf(name).slice(0, -1);
      assert.deepEqual(await callsheet.job(id).result(), expected, name);
    }
    const final = countMarks(file);
    for (const [name, { round }] of oracle.acknowledged) {
      for (const mark of oracle.marksOf(name)) {
        const starts = final.get(mark) ?? 0;
        assert.ok(starts >= 1, `${mark} was never started`);
        assert.ok(starts <= 1 + roundsPerLevel - round, `${mark} was started ${starts} times`);
      }
    }
    for (const [mark, round] of oracle.over) {
      assert.equal(final.get(mark), counts[round]!.get(mark), `${mark} was over in round ${round}, and ran again`);
    }
    t.diagnostic(
      `${roundsPerLevel} kills, ${oracle.acknowledged.size} puts acknowledged, 0 lost; ${oracle.over.size} starts known to be over, 0 again; found ${jobs} jobs, ${unfinished} unfinished`,
    );
  });
}

async function killAfter(child: Program, ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
  await child.kill();
}
