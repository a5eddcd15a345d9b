/**
 * Runs every bench with inputs small enough for a second, so that benches cannot rot. Peers that
 * are not installed, or have no server, are left out; callsheet and piscina always take part.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { benches, usualBenches } from '../bench/benches.js';
import { type Apart, openApart } from '../bench/harness/apart.js';
import type { Contestant, Figure } from '../bench/harness/bench.js';
import type { Report, Row } from '../bench/harness/report.js';
import { measureInTurns } from '../bench/harness/rounds.js';
import { Scratch } from '../bench/harness/scratch.js';
import { describeProfile, profileCoordinator } from '../bench/profile.js';
import { shellKills } from '../bench/shell-kills.js';
import { shellMap } from '../bench/shell-map.js';
import { temporaryDirectory } from './harness/temporary.js';

const program = fileURLToPath(new URL('../bench/main.js', import.meta.url));
const bench = (...args: string[]) => promisify(execFile)(process.execPath, [program, ...args]);

describe('the benches, with small inputs', () => {
  const directory = temporaryDirectory();

  // The other benches on demand run the same code with other numbers.
  for (const one of [...usualBenches, shellMap, shellKills]) {
    it(`${one.name} measures every figure that it declares, for every contestant present`, async () => {
      const scratch = new Scratch(directory);
      const context = { threads: 1, scratch, stepsPerMs: 1 };
      const open = (contestant: Contestant) => contestant.open(context);
      for (const { name, contestants } of one.cases('small')) {
        const rows = await measureInTurns(differing(contestants), {
          figures: one.figures,
          rounds: 1,
          open,
          unsynced: undefined,
        });
        checkRows(name, rows, one.figures);
      }
      scratch.remove();
    });
  }

  it('profile the functions that the coordinator spent its time in', async () => {
    const scratch = new Scratch(directory);
    const profile = await profileCoordinator({ scratch, threads: 1 }, 'small');
    scratch.remove();
    const shares = profile.functions.map(({ self }) => self);
    assert.equal(shares.length, 10);
    assert.deepEqual(
      shares,
      shares.toSorted((one, other) => other - one),
    );
    assert.ok(shares.every((share) => share > 0 && share < 100) && profile.busy > 0 && profile.busy <= 100);
    assert.match(describeProfile(profile), /^\d+ trivial jobs a second(.*\n){11}$/);
  });
});

describe('a contestant in a process of its own', () => {
  const directory = temporaryDirectory();
  const apart: Apart = {
    bench: 'latency',
    size: 'small',
    case: 'idle',
    contestant: 'callsheet, full',
    threads: 1,
    stepsPerMs: 1,
    directory,
  };
  const open = (how: Partial<Apart> = {}, limitMs = 60_000) => openApart({ ...apart, ...how }, limitMs);

  it('fails with its own error if it cannot be opened', async () => {
    await assert.rejects(open({ threads: -1 }), { stack: /^RangeError: `threads` must be .*, got -1/ });
  });

  it('fails if it does not answer in time, or has ended', async () => {
    await assert.rejects(open({}, 1), /it was not done after 0.001 s/);
    const entrant = await open();
    assert.ok((await entrant.measure()).figures.p50! > 0);
    await entrant.close!();
    await assert.rejects(entrant.measure(), /its process ended with exit code 0/);
  });
});

describe('the command line of the benches', () => {
  const directory = temporaryDirectory();

  it('prints one report as JSON and nothing else, and writes it as a page', async () => {
    const page = join(directory, 'page.md');
    const args = ['monte-carlo', '--small', '--rounds', '2', '--json', '-', '--markdown', page];
    const { stdout } = await bench(...args, '--directory', directory).catch(soundButForTheDisk);
    const report = JSON.parse(stdout) as Report;
    assert.equal(report.machine.node, process.version);
    assert.deepEqual(Object.keys(report), ['machine', 'at', 'size', 'threads', 'fileSystem', 'benches']);
    assert.deepEqual(
      report.benches.map(({ name, rounds }) => [name, rounds]),
      [['monte-carlo', 2]],
    );
    const [row] = report.benches[0]!.cases[0]!.rows;
    assert.equal(row!.figures.time!.values.length, 2);
    assert.match(readFileSync(page, 'utf8'), /^## monte-carlo$.*^\| bare worker threads \|/ms);
  });

  it('names the benches', async () => {
    const { stdout } = await bench('--list');
    const named = stdout.trimEnd().split('\n');
    assert.deepEqual(
      named.map((line) => line.split(' ', 1)[0]),
      benches.map(({ name }) => name),
    );
  });

  it('refuses an unknown bench', async () => {
    await assert.rejects(bench('speed'), { code: 2, stderr: /there is no bench "speed"/ });
  });

  it('refuses a path that it cannot write to before any bench runs', async () => {
    for (const option of ['--json', '--markdown'])
      await assert.rejects(bench(option, join(directory, 'nowhere', 'file')), {
        code: 2,
        stderr: /no such file or directory/,
      });
    await assert.rejects(bench('--directory', join(directory, 'nowhere')), {
      code: 2,
      stderr: /no such file or directory/,
    });
  });
});

/** Leaves out contestants that differ from another one only in a number or the level. */
function differing(contestants: readonly Contestant[]): readonly Contestant[] {
  const kindOf = ({ name }: Contestant) => name.replaceAll(/, (full|process|memory)\b|\d+|\bthreads?\b/g, '');
  return contestants.filter((one, index) => contestants.findIndex((other) => kindOf(other) === kindOf(one)) === index);
}

function checkRows(name: string, rows: readonly Row[], declared: readonly Figure[]): void {
  const names = new Set(declared.map((figure) => figure.name));
  for (const row of rows) {
    assert.ok(row.status !== 'failed' && row.status !== 'void', `${name}, ${row.contestant}: ${row.reason}`);
    if (row.status === 'absent') continue;
    const figures = Object.entries(row.figures).filter(([figure]) => names.has(figure));
    assert.ok(figures.length > 0, `${name}, ${row.contestant}: no figures`);
    for (const [figure, { median }] of figures)
      assert.ok(Number.isFinite(median) && median >= 0, `${name}, ${row.contestant}: ${figure} is ${median}`);
  }
  const measured = rows.filter(({ status }) => status !== 'absent');
  assert.ok(measured.some(({ contestant }) => !/^(piscina|bare)/.test(contestant)));
}

/** Accepts exit code 1, which only reports void figures, if a report was printed. */
function soundButForTheDisk(error: { readonly code?: unknown; readonly stdout: string }): { readonly stdout: string } {
  if (error.code !== 1 || error.stdout === '') throw error;
  return error;
}
