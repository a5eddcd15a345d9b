/**
 * Plants each bug in a copy of the sources, and checks that a test of its line of the contract
 * fails that passes without it.
 *
 *   node dist/test/mutants/run.js [SECTION or LINE…]
 */
import { argv, stdout } from 'node:process';
import { taggedTests } from '../contract-tags.js';
import { allMutants, linesWithoutMutant } from './all.js';
import type { Mutant } from './mutant.js';
import { Sandbox } from './sandbox.js';

const atOnce = 2;

const wanted = argv.slice(2);
const isWanted = (tag: string) =>
  wanted.length === 0 || wanted.some((word) => tag === word || tag.startsWith(`${word}.`));
const mutants = allMutants.filter(({ tags }) => tags.some(isWanted));
const tests = taggedTests();
/** The tests that pass without any bug, by tags and files. */
const baselines = new Map<string, Promise<readonly string[]>>();
const missed: string[] = [];
let done = 0;

await Promise.all(Array.from({ length: Math.min(atOnce, mutants.length) }, work));

stdout.write(`\n${mutants.length - missed.length} caught of ${mutants.length} planted\n`);
for (const line of missed) stdout.write(`  missed: ${line}\n`);
const bare = linesWithoutMutant.filter(isWanted);
if (bare.length > 0) stdout.write(`no bug is planted for ${bare.join(', ')}\n`);
if (missed.length > 0) process.exitCode = 1;

/** Plants one bug after another until all are done. */
async function work(): Promise<void> {
  const sandbox = new Sandbox();
  try {
    while (done < mutants.length) {
      const mutant = mutants[done++]!;
      const verdict = await judge(sandbox, mutant).catch((error: Error) => `missed: ${error.message}`);
      stdout.write(`[${mutant.tags.join('] [')}] ${mutant.bug}: ${verdict}\n`);
      if (verdict.startsWith('missed')) missed.push(`[${mutant.tags}] ${mutant.bug}`);
    }
  } finally {
    sandbox.remove();
  }
}

async function judge(sandbox: Sandbox, mutant: Mutant): Promise<string> {
  const { tags } = mutant;
  const files = filesOf(mutant);
  if (files.length === 0) return 'missed: no test has its tag';
  const key = [...tags, ...files].join();
  let baseline = baselines.get(key);
  if (baseline === undefined) {
    baseline = sandbox.run(tags, files);
    baselines.set(key, baseline);
  }
  const before = await baseline;
  if (before.length === 0) return 'missed: no test of its tag passes without the bug';
  const after = await sandbox.plant(mutant, () => sandbox.run(tags, files));
  // Several suites may have a test of one name, such as one for each store.
  const caught = before.filter((name, at) => countOf(name, before.slice(0, at + 1)) > countOf(name, after));
  return caught.length === 0 ? 'missed' : `caught by ${caught.length} of ${before.length}: ${caught[0]}`;
}

function countOf(name: string, names: readonly string[]): number {
  return names.filter((other) => other === name).length;
}

/** Returns the compiled test files of a bug; by default those with one of its tags. */
function filesOf({ tags, tests: where }: Mutant): readonly string[] {
  const tagged = tags.flatMap((tag) => tests.get(tag) ?? []).map(({ file }) => file);
  const files = where ?? new Set(tagged.filter((file) => /^(core|contract(?!\/real))\//.test(file)));
  return Array.from(files, (file) => file.replace(/\.ts$/, '.js'));
}
