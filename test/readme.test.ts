/**
 * Checks the README. Its programs run as they stand, each in a directory of this package, where
 * `callsheet` resolves to this build. Its tables list every option of `open`, every option of a put
 * and every error code.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { errorClasses } from '../src/errors.js';
import { programs, readme, readmeProject } from './harness/readme.js';

const run = promisify(execFile);
const root = new URL('../../', import.meta.url);

/** Files that programs import, and that are not run by themselves. */
const modules: ReadonlySet<string> = new Set([
  'pi.mjs',
  'work.mjs',
  'start.mjs',
  'tenants.mjs',
  'thumbs.mjs',
  'texts.mjs',
]);

/** The standard output of each program that prints. */
const outputs: Readonly<Record<string, RegExp>> = {
  'app.mjs': /^job [0-9a-f-]{36} is on the disk\nπ is about 3\.1\d+\n$/,
  'app.cjs': /^42\n$/,
  'steer.sh': /^"result":42\n'' is paused\nis paused\ncancel: 1 done, 0 refused\n\s*1\n$/,
  'map.sh': /^\d{4,}\nhello, \[object Object\]\n$/,
};

/** The shell blocks of the README that name a file in their first line, by this name. */
const scripts = new Map(
  Array.from(readme.matchAll(/```sh\n# ([\w.-]+\.sh)\n([\s\S]*?)```/g), ([, name, code]) => [name!, code!]),
);

test('the programs of the README run', { timeout: 280_000 }, async (t) => {
  const directory = await readmeProject(t, programs.keys());
  for (const name of programs.keys()) {
    // `e2e/service.test.ts` runs the service.
    if (modules.has(name) || name === 'service.mjs') continue;
    await t.test(name, async () => {
      await rm(join(directory, 'jobs'), { recursive: true, force: true });
      const { stdout } = await run(process.execPath, [name], { cwd: directory, timeout: 60_000 });
      assert.match(stdout, outputs[name] ?? /^$/);
    });
  }
});

test('the shell scripts of the README run', { timeout: 280_000 }, async (t) => {
  const directory = await readmeProject(t, modules);
  const program = fileURLToPath(new URL('dist/src/cli/main.js', root));
  await writeFile(join(directory, 'npx'), `#!/bin/sh\nshift\nexec "${process.execPath}" "${program}" "$@"\n`, {
    mode: 0o755,
  });
  const env = { ...process.env, PATH: `${directory}:${process.env.PATH}` };
  assert.deepEqual([...scripts.keys()], ['map.sh', 'steer.sh']);
  for (const [name, code] of scripts) {
    const { stdout } = await run('sh', ['-ec', code], { cwd: directory, env, timeout: 240_000 });
    assert.match(stdout, outputs[name]!);
  }
  const sizes = readFileSync(join(directory, 'sizes.ndjson'), 'utf8').split('\n').slice(0, -1);
  assert.deepEqual(
    sizes.map((line) => JSON.parse(line).value.file),
    [...modules].sort(),
  );
});

/** Returns the names in the first column of the table whose header begins with `heading`. */
function namesInTable(heading: string): string[] {
  const rows = readme.split('\n').slice(readme.split('\n').findIndex((line) => line.startsWith(heading)) + 2);
  return rows.slice(0, rows.indexOf('')).map((row) => /^\| `(\w+)`/.exec(row)?.[1] ?? row);
}

/** Returns the properties of the object that a source file declares as `name`. */
function keysOf(file: string, name: string): string[] {
  const source = readFileSync(new URL(file, root), 'utf8');
  const body = new RegExp(`\\b${name}: OptionNames<\\w+> = \\{([^}]*)\\}`).exec(source)?.[1];
  assert.ok(body, `${file} must declare ${name}`);
  return Array.from(body.matchAll(/(\w+): true/g), ([, key]) => key!);
}

test('the README’s table of options of `open` lists all of them, and no other', () => {
  const options = keysOf('src/runtime/open.ts', 'openOptions');
  assert.deepEqual(namesInTable('| option | default').sort(), options.sort());
});

test('the README’s table of options of a put lists all of them, and no other', () => {
  const options = [
    ...keysOf('src/definition/options.ts', 'jobOptions'),
    ...keysOf('src/runtime/queue.ts', 'putOptions'),
  ];
  assert.deepEqual(namesInTable('| option | meaning').sort(), options.sort());
});

test('the README’s table of options of `map` lists all of them, and no other', () => {
  const source = readFileSync(new URL('src/cli/main.ts', root), 'utf8');
  const command = /\.command\('map'\)([\s\S]*?)\.action\(/.exec(source)?.[1] ?? '';
  const options = Array.from(command.matchAll(/ption\(\s*'(?:-\w, )?(--[\w-]+)/g), ([, name]) => name!);
  assert.ok(options.length > 10, 'no options were found');
  const rows = readme.slice(readme.indexOf('| of `map` | default')).split('\n');
  const names = rows.slice(2, rows.indexOf('')).flatMap((row) => row.split(' | ')[0]!.match(/--[\w-]+/g) ?? []);
  assert.deepEqual(names.sort(), options.sort());
});

test('the README’s table of errors lists every code, and no other', () => {
  const source = readFileSync(new URL('src/errors.ts', root), 'utf8');
  const union = /export type ErrorCode =([^;]*);/.exec(source)?.[1] ?? '';
  const codes = Array.from(union.matchAll(/'(\w+)'/g), ([, code]) => code!);
  assert.ok(codes.length > 30, 'no codes were found');
  assert.deepEqual(namesInTable('| code | class').sort(), codes.sort());
});

test('the README’s table of errors names the class of each code', () => {
  for (const [code, { name }] of Object.entries(errorClasses))
    assert.ok(readme.includes(`\n| \`${code}\` | \`${name}\` |`), `${code} is a ${name}`);
});
