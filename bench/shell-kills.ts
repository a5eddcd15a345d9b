/**
 * `kill -9` in the middle of `callsheet map`, again and again: lines that are lost or doubled, and
 * items that run twice, beside GNU parallel with `--resume`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Bench, Contestant, Context, Measured } from './harness/bench.js';
import { missingParallel } from './shell-map.js';

const program = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const callsheet = program('../src/cli/main.js');
const job = program('./jobs/noted.js');

/** Starts the command, for the first time or again. */
type Start = (directory: string, items: number, threads: number) => ChildProcess;

const contestants: Readonly<Record<string, Start>> = {
  'callsheet map': (cwd, items, threads) => {
    const args = ['map', job, '--range', `1..${items}`, '--output', 'output', '--threads', String(threads)];
    return spawn(process.execPath, [callsheet, ...args], { cwd, stdio: 'ignore', env: environment(cwd) });
  },
  'GNU parallel --resume': (cwd, items, threads) => {
    const command = `seq ${items} | parallel -j ${threads} --joblog joblog --resume 'echo {} >> notes; echo {}' >> output`;
    return spawn('bash', ['-c', command], { cwd, stdio: 'ignore', detached: true });
  },
};

const environment = (cwd: string) => ({ ...process.env, NOTES: join(cwd, 'notes') });

export const shellKills: Bench = {
  name: 'shell-kills',
  title: 'kill -9 of a command in the middle, which is started again until it ends',
  onDemand: true,
  rounds: 1,
  limitMs: 3_600_000,
  figures: [
    { name: 'kills', unit: '' },
    { name: 'lines lost', unit: '' },
    { name: 'lines doubled', unit: '' },
    { name: 'items run twice', unit: '' },
  ],
  cases: (size) => {
    const kills = size === 'full' ? 200 : 1;
    return [{ name: `${kills} kills`, contestants: Object.keys(contestants).map((name) => contestant(name, kills)) }];
  },
};

/** Items between two kills, at most. */
const itemsPerKill = 50;

function contestant(name: string, kills: number): Contestant {
  return {
    name,
    absent: async () => (name.startsWith('GNU') ? missingParallel() : undefined),
    open: async ({ scratch, threads }: Context) => ({
      async measure(): Promise<Measured> {
        const directory = scratch.newPath();
        mkdirSync(directory);
        return { figures: await killAgain(contestants[name]!, directory, kills, threads) };
      },
    }),
  };
}

const lookMs = 2;

async function killAgain(start: Start, directory: string, kills: number, threads: number) {
  const items = kills * (itemsPerKill + 20);
  const notes = () => linesOf(join(directory, 'notes')).length;
  let killed = 0;
  for (; killed < kills; killed++) {
    const child = start(directory, items, threads);
    const ended = once(child, 'exit');
    const until = notes() + 1 + Math.floor(Math.random() * itemsPerKill);
    while (notes() < until && child.exitCode === null) await sleep(lookMs);
    kill(child);
    await ended;
    if (child.exitCode !== null) break;
  }
  const [code] = await once(start(directory, items, threads), 'exit');
  if (code !== 0) throw new Error(`it ended with exit code ${code}`);
  const output = linesOf(join(directory, 'output')).map(numberOf);
  const ran = linesOf(join(directory, 'notes'));
  return {
    kills: killed,
    'lines lost': items - new Set(output).size,
    'lines doubled': output.length - new Set(output).size,
    'items run twice': ran.length - new Set(ran).size,
  };
}

/** Ends a process, or its whole group if it has one. */
function kill(child: ChildProcess): void {
  try {
    process.kill(-child.pid!, 'SIGKILL');
  } catch {
    child.kill('SIGKILL');
  }
}

const linesOf = (file: string) => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : []);

/** The number of the item of a line, which is a record or the number. */
function numberOf(line: string): number {
  return line.startsWith('{') ? (JSON.parse(line) as { n: number }).n : Number(line);
}
