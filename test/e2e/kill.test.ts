/**
 * kill -9 at random moments, many times. Every acknowledged job is done in the end, work known to
 * be done is not repeated, and a job with `retryNever` begins at most once. This process is the
 * oracle: it reads the lines of the killed process and counts the marks that jobs left.
 *
 * `CALLSHEET_ROUNDS` sets the number of rounds.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { open } from 'callsheet';
import { Program } from '../harness/program.js';
import { type Random, randomFrom, seedOf } from '../harness/randomness.js';
import { temporaryDirectory } from '../harness/temporary.js';
import { allJobs } from './jobs/all.js';
import { type KillFigures, KillOracle } from './kill-oracle.js';

const putter = new URL('programs/putter.js', import.meta.url);
const rounds = Number(process.env.CALLSHEET_ROUNDS ?? 20);
const everything = { ageMs: Number.MAX_SAFE_INTEGER, count: Number.MAX_SAFE_INTEGER, bytes: Number.MAX_SAFE_INTEGER };

/**
 * Taken in turns: levels, threads, and ballast. With large ballast the journal rolls and takes
 * snapshots all the time.
 */
const kinds = [
  { level: 'full', threads: 2, ballastBytes: 50 },
  { level: 'process', threads: 1, ballastBytes: 50 },
  { level: 'full', threads: 1, ballastBytes: 3_000_000 },
  { level: 'process', threads: 2, ballastBytes: 50 },
] as const;
/** The number of processes that open one directory, one after another. Each kind has its turn. */
const roundsEach = Math.min(10, Math.ceil(rounds / kinds.length));

it('[9.1] [7.3] [8.2] [8.3] loses nothing acknowledged and repeats nothing completed after kill -9 at any moment', {
  timeout: 24 * 3_600_000,
}, async (t) => {
  const random = randomFrom(seedOf(t));
  const figures = { rounds: 0, killedOpening: 0, killedClosing: 0, acknowledged: 0, starts: 0 };
  const all: KillFigures = { ...figures, never: 0, neverBegun: 0, over: 0, withSnapshot: 0 };
  for (let session = 0; all.rounds < rounds; session++) {
    await live(t, kinds[session % kinds.length]!, random, all);
    if (session % 10 === 9) process.stderr.write(`${all.rounds} rounds, ${all.acknowledged} acknowledged, 0 lost\n`);
  }
  t.diagnostic(
    `${all.rounds} rounds, ${all.killedOpening} killed while opening, ${all.killedClosing} while closing; snapshots in ${all.withSnapshot}`,
  );
  t.diagnostic(
    `${all.acknowledged} puts acknowledged, 0 lost; ${all.starts} starts, ${all.over} known to be over, 0 again`,
  );
  t.diagnostic(`${all.never} never to be retried, ${all.neverBegun} of them begun, 0 twice`);
});

/** Runs one directory through its processes. */
async function live(t: TestContext, kind: (typeof kinds)[number], random: Random, figures: KillFigures): Promise<void> {
  const directory = temporaryDirectory();
  const journal = join(directory, 'journal');
  const file = join(directory, 'marks');
  const oracle = new KillOracle(file);
  let snapshot: string | undefined;
  for (let round = 0; round < roundsEach && figures.rounds < rounds; round++) {
    const { level, threads, ballastBytes } = kind;
    const words = [level, threads, ballastBytes, round, random(2 ** 31)].map(String);
    const child = new Program(t, putter, journal, file, ...words);
    // Kills mostly some lines and a moment after opening, sometimes in the middle of opening.
    const lines = random(5) === 0 ? 0 : 1 + random(120);
    for (let heard = 0; heard < lines; heard++) {
      const line = await child.line();
      assert.ok(line !== undefined, `it ended by itself: ${child.errors}`);
      oracle.hear(line);
    }
    if (lines === 0) figures.killedOpening += 1;
    else if (random(8) === 0) {
      child.tell('close');
      figures.killedClosing += 1;
    }
    const killed = delay(random(lines === 0 ? 400 : 15)).then(() => child.kill());
    for (let line = await child.line(); line !== undefined; line = await child.line()) oracle.hear(line);
    await killed;
    oracle.roundIsOver();
    figures.rounds += 1;
    const newest = existsSync(journal) ? newestSnapshot(journal) : undefined;
    if (newest !== snapshot) figures.withSnapshot += 1;
    snapshot = newest;
  }
  const callsheet = await open({ directory: journal, threads: 2, jobs: allJobs, retention: everything });
  await oracle.check(callsheet, figures);
  await callsheet.close();
  rmSync(directory, { recursive: true });
}

const newestSnapshot = (journal: string) =>
  readdirSync(journal)
    .filter((name) => name.endsWith('.snapshot'))
    .sort()
    .at(-1);
