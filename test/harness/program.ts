/** Another process that a test talks to in lines: it prints events, and reads commands. */
import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freeze } from './freeze.js';

/** A program with a module that is loaded first, and additions to this process's environment. */
export interface Preloaded {
  readonly program: URL;
  readonly preload: URL;
  readonly env: NodeJS.ProcessEnv;
}

export class Program {
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #lines: AsyncIterator<string>;
  readonly #ended: Promise<unknown>;
  /** Its standard error so far. */
  errors = '';

  /** `started` is the URL of a compiled file. The process is killed when the test ends. */
  constructor(t: Pick<TestContext, 'after'>, started: URL | Preloaded, ...args: string[]) {
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
    // Writing to a process that was killed emits EPIPE.
    this.#process.stdin.on('error', () => {});
    this.#ended = once(this.#process, 'close');
    this.#lines = createInterface(this.#process.stdout)[Symbol.asyncIterator]();
    t.after(() => this.kill());
  }

  /** Returns the next line of its output, or undefined when it has ended. */
  async line(): Promise<string | undefined> {
    const { done, value } = await this.#lines.next();
    return done ? undefined : value;
  }

  /** Asserts that the next line of its output is `expected`. */
  async says(expected: string): Promise<void> {
    const said = await this.line();
    assert.equal(said, expected, this.errors);
  }

  tell(line: string): void {
    this.#process.stdin.write(`${line}\n`);
  }

  /** Sends SIGKILL, and resolves when the process is gone. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#ended;
  }

  /** Stops all its threads, until it gets SIGCONT. */
  freeze(): Promise<void> {
    return freeze(this.#process.pid!);
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** Returns the exit code, or the signal that ended the process. */
  async end(): Promise<number | NodeJS.Signals> {
    await this.#ended;
    return this.#process.exitCode ?? this.#process.signalCode!;
  }
}
