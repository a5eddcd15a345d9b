/**
 * Another process, talked with in lines: it prints what happened there, and reads what it is to do
 * next.
 */
import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

/** What runs before the program, and in which environment beside this one. */
export interface Preloaded {
  readonly program: URL;
  readonly preload: URL;
  readonly env: NodeJS.ProcessEnv;
}

export class Program {
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #lines: AsyncIterator<string>;
  readonly #ended: Promise<unknown>;
  /** What it wrote to standard error so far. */
  errors = '';

  /**
   * The URL of a compiled file. The process is killed when the test ends, if it has not ended by
   * then.
   */
  constructor(t: TestContext, started: URL | Preloaded, ...args: string[]) {
    const { program, flags, env } =
      started instanceof URL
        ? { program: started, flags: [], env: {} }
        : { ...started, flags: ['--import', started.preload.href] };
    this.#process = spawn(process.execPath, [...flags, fileURLToPath(program), ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    this.#process.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.errors += text;
    });
    // A process that is killed closes its end.
    this.#process.stdin.on('error', () => {});
    this.#ended = once(this.#process, 'close');
    this.#lines = createInterface(this.#process.stdout)[Symbol.asyncIterator]();
    t.after(() => this.kill());
  }

  /** Its next line; undefined when it has ended. */
  async line(): Promise<string | undefined> {
    const { done, value } = await this.#lines.next();
    return done ? undefined : value;
  }

  /** Its next line is this one. */
  async says(expected: string): Promise<void> {
    const said = await this.line();
    assert.equal(said, expected, this.errors);
  }

  tell(line: string): void {
    this.#process.stdin.write(`${line}\n`);
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#ended;
  }

  /** Stops it, continues it, or whatever it does then. */
  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** How it ended: its exit code, or the signal that ended it. */
  async end(): Promise<number | NodeJS.Signals> {
    await this.#ended;
    return this.#process.exitCode ?? this.#process.signalCode!;
  }
}
