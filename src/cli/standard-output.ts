/** Standard output, in lines that are collected until a flush. */
import { CommandError, exitCodes } from './exit.js';

/** Where lines go. */
export interface LineSink {
  add(line: string): void;
  /** @throws {CommandError} a line cannot be written. */
  flush(): void;
  /** Resolves when little is left that was not taken. */
  ready(): Promise<void>;
  end(): Promise<void>;
}

const mostUntaken = 1 << 20;

export class StandardOutput implements LineSink {
  #lines: string[] = [];
  #error: Error | undefined;
  #wake: (() => void) | undefined;

  /** `onBroken` is called when nothing can be written any more. */
  constructor(onBroken: () => void = () => {}) {
    process.stdout.on('error', (error) => {
      if (this.#error === undefined) onBroken();
      this.#error ??= error;
      this.#wake?.();
    });
    process.stdout.on('drain', () => this.#wake?.());
  }

  add(line: string): void {
    this.#lines.push(line, '\n');
  }

  flush(): void {
    this.#check();
    if (this.#lines.length === 0) return;
    process.stdout.write(this.#lines.join(''));
    this.#lines = [];
  }

  async ready(): Promise<void> {
    while (this.#error === undefined && process.stdout.writableLength > mostUntaken)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    this.#check();
  }

  async end(): Promise<void> {
    await new Promise<void>((resolve) => process.stdout.write('', () => resolve()));
    // The error of a write is emitted after its callback.
    await new Promise((resolve) => setImmediate(resolve));
    this.#check();
  }

  #check(): void {
    if (this.#error !== undefined) throw unwritable('standard output', this.#error);
  }
}

/** The error for anything that cannot be written. */
export function unwritable(name: string, error: Error): CommandError {
  return new CommandError(exitCodes.output, `${name} cannot be written: ${error.message}`);
}
