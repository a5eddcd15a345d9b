/**
 * Lists the tests of each line of the contract (test/contract/README.md): the tests with its tag in
 * their name, such as `[4.5]`. Ends with the lines that have no test.
 *
 *   node dist/test/contract-tags.js [SECTION or LINE…]
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { scenarios } from './contract/real/scenarios.js';

/** Every numbered line of the contract as a tag, such as `4.5`, in the contract's order. */
export const contractTags: readonly string[] = readTags(
  readFileSync(new URL('../../test/contract/README.md', import.meta.url), 'utf8'),
);

/** `## 4. Quotas` begins a section; `5. …` at the start of a line is then line 4.5. */
export function readTags(contract: string): string[] {
  const tags: string[] = [];
  let section = '';
  for (const [, heading, line] of contract.matchAll(/^(?:## (\d+)\. |(\d+)\. )/gm)) {
    if (heading !== undefined) section = heading;
    else tags.push(`${section}.${line}`);
  }
  return tags;
}

export interface TaggedTest {
  /** Relative to `test/`. */
  readonly file: string;
  readonly name: string;
}

/** The tests of each tag found in the sources, known to the contract or not. */
export function taggedTests(): ReadonlyMap<string, readonly TaggedTest[]> {
  const root = fileURLToPath(new URL('../../test', import.meta.url));
  const found = new Map<string, TaggedTest[]>(contractTags.map((tag) => [tag, []]));
  const note = (file: string, name: string) => {
    for (const [, tag] of name.matchAll(/\[(\d+\.\d+)\]/g)) {
      if (!found.has(tag!)) found.set(tag!, []);
      found.get(tag!)!.push({ file, name });
    }
  };
  for (const file of readdirSync(root, { recursive: true, encoding: 'utf8' }).sort()) {
    if (!file.endsWith('.test.ts')) continue;
    for (const name of namesIn(readFileSync(join(root, file), 'utf8'))) note(file, name);
  }
  // These names come from a table, not from the test's source.
  for (const { tags, what } of Object.values(scenarios)) note('contract/real/kill.test.ts', `${tags} ${what}`);
  return found;
}

/** Returns the names of the tests in a source, with loops over names left unexpanded. */
function namesIn(source: string): string[] {
  return Array.from(source.matchAll(/\b(?:it|test)\(\s*(['"`])(.*?)(?<!\\)\1/gs), ([, , name]) => name!);
}

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
  for (const section of new Set(contractTags.map((tag) => tag.split('.')[0]!))) {
    const tags = chosen.filter((tag) => tag.startsWith(`${section}.`));
    if (tags.length === 0) continue;
    const count = new Set(tags.flatMap((tag) => tests.get(tag)!.map(({ file, name }) => `${file} ${name}`))).size;
    process.stdout.write(`section ${section}: ${tags.length} lines, ${count} tests\n`);
  }
  const none = chosen.filter((tag) => tests.get(tag)!.length === 0);
  const shown = chosen.length - none.length;
  process.stdout.write(`${shown} of ${chosen.length} lines have a test; lines without: ${none.join(', ') || '-'}\n`);
}

if (argv[1] === fileURLToPath(import.meta.url)) print(argv.slice(2));
