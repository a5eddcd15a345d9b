/**
 * The README's examples, run as they stand there: each in a directory of this package, where `callsheet` is this build.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = new URL('../../', import.meta.url);

/** What the guide's examples have without saying so. */
const opening = `
import assert from 'node:assert/strict';
import { defineJobs, map, open, parallel, retryErrors, serial, transfer } from 'callsheet';
const work = defineJobs('work', new URL('./work.js', import.meta.url));
const callsheet = await open({ directory: './' + import.meta.url.split('/').at(-1) + '-jobs', jobs: [work], threads: 2 });
const queue = callsheet.queue();
`;
const closing = '\nawait callsheet.close();\nvoid [map, parallel, retryErrors, serial, transfer];\n';

/** Examples that are modules of jobs. */
const modules: ReadonlySet<string> = new Set(['pi.js', 'work.js', 'tenants.js']);

/** The blocks of the README that name the file they are, in order. */
async function examples(): Promise<Map<string, string>> {
  const text = await readFile(new URL('README.md', root), 'utf8');
  const found = new Map<string, string>();
  for (const [, code] of text.matchAll(/```js\n([\s\S]*?)```/g)) {
    const name = /^\/\/ ([\w.-]+\.js)/.exec(code!)?.[1];
    assert.ok(name, `an example names its file in its first line: ${code}`);
    found.set(name, code!);
  }
  return found;
}

test('every example of the README runs', { timeout: 60_000 }, async (t) => {
  const blocks = await examples();
  const parent = new URL('dist/', root).pathname;
  await mkdir(parent, { recursive: true });
  const directory = await mkdtemp(join(parent, 'readme-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  for (const [name, code] of blocks) {
    const whole = /^import /m.test(code) || /^export /m.test(code);
    await writeFile(join(directory, name), whole ? code : opening + code + closing);
  }
  for (const name of blocks.keys()) {
    if (modules.has(name)) continue;
    await t.test(name, async () => {
      const { stdout } = await run(process.execPath, [name], { cwd: directory, timeout: 30_000 });
      if (name === 'app.js') assert.match(stdout, /^[0-9a-f-]{36} 3\.1\d+/);
    });
  }
});
