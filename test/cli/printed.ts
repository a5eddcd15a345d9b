/** Collects what a command prints, instead of standard output. */
import { Output, type OutputOptions } from '../../src/cli/output.js';
import type { LineSink } from '../../src/cli/standard-output.js';

export class Printed implements LineSink {
  readonly lines: string[] = [];
  readonly notes: string[] = [];

  add(line: string): void {
    this.lines.push(line);
  }

  flush(): void {}

  async ready(): Promise<void> {}

  async end(): Promise<void> {}

  /** Returns an output that writes here. */
  output(options: OutputOptions = {}, width = Number.POSITIVE_INFINITY): Output {
    return new Output({ color: 'never', ...options }, this, { width, note: (line) => this.notes.push(line) });
  }

  get text(): string {
    return this.lines.join('\n');
  }

  /** The lines as JSON. */
  get rows(): readonly Readonly<Record<string, unknown>>[] {
    return this.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  }
}
