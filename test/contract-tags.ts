/**
 * Which tests show which line of the contract: for each numbered line of its sections 2 to 10 the tests whose name carries its tag, such
 * as `[4.5]`, and, last, the lines that no test shows.
 *
 *   node dist/test/contract-tags.js [SECTION or LINE…]
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { scenarios } from './contract/real/scenarios.js';

/** How many lines each section of the contract has. */
const lineCounts: Readonly<Record<number, number>> = { 2: 14, 3: 7, 4: 8, 5: 10, 6: 5, 7: 5, 8: 5, 9: 3, 10: 2 };

/** All tags, in the order of the contract. */
export const contractTags: readonly string[] = Object.entries(lineCounts).flatMap(([section, count]) =>
  Array.from({ length: count }, (_, index) => `${section}.${index + 1}`),
);

export interface TaggedTest {
  /** The file, from `test/` on. */
  readonly file: string;
  readonly name: string;
}

/** The tests of each tag, as they stand in the sources. */
export function taggedTests(): ReadonlyMap<string, readonly TaggedTest[]> {
  const root = fileURLToPath(new URL('../../test', import.meta.url));
  const found = new Map<string, TaggedTest[]>(contractTags.map((tag) => [tag, []]));
  const note = (file: string, name: string) => {
    for (const [, tag] of name.matchAll(/\[(\d+\.\d+)\]/g)) found.get(tag!)?.push({ file, name });
  };
  for (const file of readdirSync(root, { recursive: true, encoding: 'utf8' }).sort()) {
    if (!file.endsWith('.test.ts')) continue;
    for (const name of namesIn(readFileSync(join(root, file), 'utf8'))) note(file, name);
  }
  // Named by a table, not in the test's source.
  for (const { tags, what } of Object.values(scenarios)) note('contract/real/kill.test.ts', `${tags} ${what}`);
  return found;
}

/** The names of tests in a source, loops over names left as they are written. */
function namesIn(source: string): string[] {
  return Array.from(source.matchAll(/\b(?:it|test)\(\s*(['"`])(.*?)(?<!\\)\1/gs), ([, , name]) => name!);
}

/** The sections that are to be complete: of every line a test, and of every test of a line a planted bug that it notices. */
const completeSections: readonly string[] = ['2', '3', '4', '5', '6', '7', '8', '10'];

export const linesToShow: readonly string[] = contractTags.filter((tag) =>
  completeSections.includes(tag.split('.')[0]!),
);

function print(wanted: readonly string[]): void {
  const tests = taggedTests();
  const isWanted = (tag: string) =>
    wanted.length === 0 || wanted.some((word) => tag === word || tag.startsWith(`${word}.`));
  const chosen = contractTags.filter(isWanted);
  for (const tag of chosen) {
    const lines = tests.get(tag)!.map(({ file, name }) => `    ${file}: ${name}`);
    process.stdout.write([`${tag}  ${lines.length} tests`, ...lines, ''].join('\n'));
  }
  process.stdout.write('\n');
  for (const section of Object.keys(lineCounts)) {
    const tags = chosen.filter((tag) => tag.startsWith(`${section}.`));
    if (tags.length === 0) continue;
    const count = new Set(tags.flatMap((tag) => tests.get(tag)!.map(({ file, name }) => `${file} ${name}`))).size;
    process.stdout.write(`section ${section}: ${tags.length} lines, ${count} tests\n`);
  }
  const none = chosen.filter((tag) => tests.get(tag)!.length === 0);
  const shown = chosen.length - none.length;
  process.stdout.write(`${shown} of ${chosen.length} lines have tests; without: ${none.join(', ') || 'none'}\n`);
}

if (argv[1] === fileURLToPath(import.meta.url)) print(argv.slice(2));
