/**
 * A copy of the compiled files. One source after another is planted with a bug, compiled alone and
 * restored.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Mutant } from './mutant.js';
import { fileOf, plantIn } from './place.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');

/** The options of `tsconfig.json` for one file by itself. */
const compilerOptions = [
  '--ignoreConfig',
  '--noCheck',
  '--noResolve',
  ...['--target', 'es2023', '--module', 'nodenext', '--types', ''],
  '--verbatimModuleSyntax',
  '--isolatedModules',
];

/** A run of tests that takes longer hangs, which counts as noticing the bug. */
const runLimitMs = 60_000;
const testLimitMs = 20_000;

export class Sandbox {
  readonly #directory = mkdtempSync(join(tmpdir(), 'callsheet-mutants-'));

  constructor() {
    for (const part of ['src', 'test', 'bench']) {
      cpSync(join(root, 'dist', part), join(this.#directory, 'dist', part), {
        recursive: true,
        filter: (source) => !/\.(map|d\.ts)$/.test(source),
      });
    }
    copyFileSync(join(root, 'package.json'), join(this.#directory, 'package.json'));
    symlinkSync(join(root, 'node_modules'), join(this.#directory, 'node_modules'));
  }

  /** Plants the bug while `then` runs. */
  async plant<T>(mutant: Mutant, then: () => Promise<T>): Promise<T> {
    const file = fileOf(mutant);
    const copy = join(this.#directory, 'planted', file);
    mkdirSync(dirname(copy), { recursive: true });
    writeFileSync(copy, plantIn(readFileSync(join(root, 'src', file), 'utf8'), mutant));
    const compiled = file.replace(/\.ts$/, '.js');
    const out = join(this.#directory, 'dist', 'src', dirname(file));
    const compile = spawn(process.execPath, [compiler, copy, '--outDir', out, ...compilerOptions], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [code] = await ended(compile);
    if (code !== 0) throw new Error(`"${mutant.bug}" does not compile: ${compile.stdout?.read() ?? ''}`);
    try {
      return await then();
    } finally {
      copyFileSync(join(root, 'dist', 'src', compiled), join(this.#directory, 'dist', 'src', compiled));
    }
  }

  /**
   * Runs the tests with these tags in `files`, named from `dist/test/` on; `undefined` for all
   * tests. Returns the names of the tests that pass.
   */
  async run(tags: readonly string[] | undefined, files: readonly string[]): Promise<readonly string[]> {
    const pattern = tags?.map((tag) => `\\[${tag.replace('.', '\\.')}\\]`).join('|');
    const test = spawn(
      process.execPath,
      [
        '--test',
        '--test-reporter=tap',
        `--test-timeout=${testLimitMs}`,
        ...(pattern === undefined ? [] : [`--test-name-pattern=${pattern}`]),
        ...files.map((file) => join(this.#directory, 'dist', 'test', file)),
      ],
      { cwd: this.#directory, stdio: ['ignore', 'pipe', 'ignore'] },
    );
    let output = '';
    test.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    const limit = setTimeout(() => test.kill('SIGKILL'), runLimitMs);
    await ended(test);
    clearTimeout(limit);
    // Reporters differ in whether they escape the brackets of a name.
    return Array.from(output.matchAll(/^ *ok \d+ - (.*)$/gm), ([, name]) => name!.replaceAll('\\', '')).filter(
      (name) => (tags?.some((tag) => name.includes(`[${tag}]`)) ?? true) && !name.includes('# SKIP'),
    );
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

async function ended(child: ChildProcess): Promise<[code: number | null, signal: NodeJS.Signals | null]> {
  return (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
}
