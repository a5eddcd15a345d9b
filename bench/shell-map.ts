/**
 * `callsheet map` beside other ways to run a function for each of many small files from a shell.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bench, Contestant, Context, Measured } from './harness/bench.js';
import { type CommandFigures, type CommandOptions, runCommand } from './harness/command.js';
import digest from './jobs/digest.js';

const program = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const callsheet = program('../src/cli/main.js');
const digests = program('./programs/digests.js');
const job = program('./jobs/digest.js');

type Run = (files: readonly string[], threads: number, options: CommandOptions) => Promise<CommandFigures>;

const shell = 'sha256sum "$1"; gzip -6 -c "$1" | wc -c';

const contestants: Readonly<Record<string, Run>> = {
  'piscina, 64 in flight': (files, threads, options) =>
    runCommand(process.execPath, [digests], { ...options, input: lines(files), env: { THREADS: String(threads) } }),
  'callsheet map': (files, threads, options) =>
    runCommand(process.execPath, [callsheet, 'map', job, '--threads', String(threads)], {
      ...options,
      input: lines(files),
    }),
  'xargs -n 100 node': (files, threads, options) =>
    runCommand('xargs', ['-P', String(threads), '-n', '100', process.execPath, digests], {
      ...options,
      input: lines(files),
    }),
  'xargs -n 1 sh': (files, threads, options) =>
    runCommand('xargs', ['-P', String(threads), '-n', '1', 'sh', '-c', shell, 'sh'], {
      ...options,
      input: lines(files),
    }),
  'GNU parallel -n 1 sh --joblog': (files, threads, options) =>
    runCommand('parallel', ['-j', String(threads), '--joblog', 'joblog', `sh -c '${shell}' sh {}`], {
      ...options,
      input: lines(files),
    }),
};

const lines = (texts: readonly string[]) => texts.map((text) => `${text}\n`).join('');

export const shellMap: Bench = {
  name: 'shell-map',
  title: 'SHA-256 and gzip of small files, from a shell, each process counted from its start',
  onDemand: true,
  rounds: 1,
  limitMs: 1_800_000,
  figures: [
    { name: 'time', unit: 's', compared: true },
    { name: 'CPU per file', unit: 'µs', compared: true },
    { name: 'memory at most', unit: 'MB' },
    { name: 'first result', unit: 'ms' },
  ],
  cases: (size) => {
    const all = Object.keys(contestants);
    // A process for each of 10,000 files takes a quarter of an hour.
    const quick = all.filter((name) => !name.includes('-n 1 '));
    const cases =
      size === 'full'
        ? [
            { count: 10_000, names: quick },
            { count: 1000, names: all },
          ]
        : [{ count: 50, names: all }];
    return cases.map(({ count, names }) => ({
      name: `${count} files`,
      contestants: names.map((name) => contestant(name, count)),
    }));
  },
};

function contestant(name: string, count: number): Contestant {
  return {
    name,
    absent: async () => {
      if (process.platform !== 'linux') return 'the figures are from /proc';
      return name.startsWith('GNU') ? missingParallel() : undefined;
    },
    async open({ scratch, threads }: Context) {
      const directory = scratch.newPath();
      mkdirSync(directory);
      const files = makeFiles(directory, count);
      const expected = files.map((file) => digest(file).slice(0, 64)).sort();
      return {
        async measure(): Promise<Measured> {
          const cwd = scratch.newPath();
          mkdirSync(cwd);
          const { wallMs, cpuMs, mostBytes, firstMs, stdout } = await contestants[name]!(files, threads, { cwd });
          const found = (stdout.match(/\b[0-9a-f]{64}\b/g) ?? []).sort();
          if (found.join() !== expected.join()) throw new Error(`${found.length} digests of ${count} are right`);
          return {
            figures: {
              time: wallMs / 1000,
              'CPU per file': (cpuMs * 1000) / count,
              'memory at most': mostBytes / 1e6,
              'first result': firstMs,
            },
          };
        },
      };
    },
  };
}

/** Returns why GNU parallel cannot take part. */
export function missingParallel(): string | undefined {
  try {
    execFileSync('parallel', ['--version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'GNU parallel is not installed';
  }
}

const medianBytes = 1024;
const words = ['import', 'export', 'const', 'return', 'function', 'await', '{', '}', '=>', ';\n', 'value', 'result'];

/** Makes files like sources: half of them below 1 KiB, a tenth above 8 KiB, the largest 256 KiB. */
function makeFiles(directory: string, count: number): string[] {
  return Array.from({ length: count }, (_, number) => {
    const path = join(directory, `${number}.js`);
    const size = medianBytes * 2 ** (((number * 7919) % 101) / 6 - 8.4);
    let text = `// ${number}\n`;
    for (let at = number; text.length < size; at += 1 + (at % 5)) text += `${words[at % words.length]} `;
    writeFileSync(path, text);
    return path;
  });
}
