/** The README's programs, and projects made of them as a user would. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = new URL('../../../', import.meta.url);
export const readme = readFileSync(new URL('README.md', root), 'utf8');

/** The JavaScript blocks of the README in order, by the file name in their first line. */
export const programs: ReadonlyMap<string, string> = new Map(
  Array.from(readme.matchAll(/```js\n([\s\S]*?)```/g), ([, code]): [string, string] => {
    const name = /^\/\/ ([\w.-]+\.[mc]js)\n/.exec(code!)?.[1];
    assert.ok(name, `the first line of a block must name its file: ${code}`);
    return [name, code!];
  }),
);

/**
 * Writes programs into an empty directory of this package, where `callsheet` resolves to this
 * build, and its command line is at the place where npm installs it.
 */
export async function readmeProject(t: TestContext, names: Iterable<string>): Promise<string> {
  const parent = fileURLToPath(new URL('dist/', root));
  mkdirSync(parent, { recursive: true });
  const directory = await mkdtemp(join(parent, 'readme-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  for (const name of names) {
    const code = programs.get(name);
    assert.ok(code, `the README has no ${name}`);
    await writeFile(join(directory, name), code);
  }
  mkdirSync(join(directory, 'node_modules', '.bin'), { recursive: true });
  await symlink(join(parent, 'src/cli/main.js'), join(directory, 'node_modules/.bin/callsheet'));
  return directory;
}
