/**
 * Plants each bug of durability in a copy of the sources. The suites of crashes and the simulation
 * must notice every one.
 *
 *   node dist/test/sim/planted-bugs.js [WORD…]
 */
import { argv, env, stdout } from 'node:process';
import { Sandbox } from '../mutants/sandbox.js';
import { type PlantedBug, planted } from './planted.js';

const tags = ['9.1', '9.2', '9.3', '8.4'];
/** Quick suites first. */
const suites = [
  'journal/snapshot',
  'store/journal-payloads',
  'journal/snapshot-crash',
  'journal/crash',
  'store/journal-snapshots',
  'sim/simulation',
  'store/journal-crash',
  'store/journal-io-errors',
];
/** Its test shows too many lines to name them. */
const untagged = 'model/model';
const atOnce = 2;
env.CALLSHEET_SEEDS ??= '100';
env.CALLSHEET_COMMANDS ??= '1500';

const words = argv.slice(2);
const chosen = planted.filter(({ bug }) => words.every((word) => bug.includes(word)));
/** Tests that pass without a planted bug, by suite. */
const baselines = new Map<string, Promise<readonly string[]>>();
const missed: string[] = [];
let taken = 0;

await Promise.all(Array.from({ length: Math.min(atOnce, chosen.length) }, work));

stdout.write(`\n${chosen.length - missed.length} caught of ${chosen.length} planted\n`);
for (const bug of missed) stdout.write(`  missed: ${bug}\n`);
if (missed.length > 0) process.exitCode = 1;

/** Takes planted bugs one after another until all are taken. */
async function work(): Promise<void> {
  const sandbox = new Sandbox();
  try {
    while (taken < chosen.length) {
      const planted = chosen[taken++]!;
      const caughtBy = await judge(sandbox, planted);
      stdout.write(`${planted.bug}: ${caughtBy ?? 'MISSED'}\n`);
      if (caughtBy === undefined) missed.push(planted.bug);
    }
  } finally {
    sandbox.remove();
  }
}

/** Returns the first suite and test that passes without the bug and fails with it. */
async function judge(sandbox: Sandbox, { by, ...mutant }: PlantedBug): Promise<string | undefined> {
  for (const suite of by === undefined ? suites : [by]) {
    const run = () => sandbox.run(suite === untagged ? undefined : tags, [`${suite}.test.js`]);
    let baseline = baselines.get(suite);
    if (baseline === undefined) {
      baseline = run();
      baselines.set(suite, baseline);
    }
    const before = await baseline;
    if (before.length === 0)
      throw new Error(`no test of ${suite} passes without a planted bug, so that it cannot judge one`);
    const after = await sandbox.plant({ ...mutant, tags }, run);
    const caught = before.find((name) => !after.includes(name));
    if (caught !== undefined) return `${suite}: ${caught}`;
  }
  return undefined;
}
