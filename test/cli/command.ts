/** Runs the command line in a process of its own. */
import { type ChildProcess, type SpawnSyncOptions, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

export const program = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end. */
export function run(...args: string[]): Ended {
  return runWith({}, ...args);
}

/** Runs a command with this input, directory or environment to its end. */
export function runWith(options: Pick<SpawnSyncOptions, 'input' | 'cwd' | 'env' | 'stdio'>, ...args: string[]): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { encoding: 'utf8', ...options });
  return { status, stdout, stderr };
}

/** A command that runs. */
export class Running {
  readonly process: ChildProcess;
  readonly #exit: Promise<unknown[]>;
  stdout = '';
  stderr = '';

  /** `file` is the command line where it is installed; this build's by default. */
  constructor(
    t: TestContext,
    args: readonly string[],
    { file = program, ...options }: { file?: string; cwd?: string; env?: NodeJS.ProcessEnv } = {},
  ) {
    this.process = spawn(process.execPath, [file, ...args], options);
    this.#exit = once(this.process, 'close');
    this.process.stdout!.setEncoding('utf8').on('data', (text) => {
      this.stdout += text;
    });
    this.process.stderr!.setEncoding('utf8').on('data', (text) => {
      this.stderr += text;
    });
    t.after(() => this.process.kill('SIGKILL'));
  }

  /** The lines of its log. */
  get log(): readonly Readonly<Record<string, unknown>>[] {
    const lines = this.stderr.split('\n').filter((line) => line.startsWith('{'));
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  has(message: string): boolean {
    return this.log.some(({ msg }) => msg === message);
  }

  /** Resolves with its exit code, or the signal that ended it. */
  async ended(): Promise<number | string> {
    const [code, signal] = (await this.#exit) as [number | null, string | null];
    return code ?? signal!;
  }
}
