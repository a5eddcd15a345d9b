/**
 * The terminal as a screen of lines: the alternate screen, on which only lines are written that
 * have changed.
 */
import { cut } from '../table.js';

export interface ScreenTerminal {
  readonly stdout: NodeJS.WritableStream & { readonly columns?: number; readonly rows?: number };
}

const enter = '\x1b[?1049h\x1b[?25l\x1b[2J';
const leave = '\x1b[?25h\x1b[?1049l';

export class Screen {
  readonly #terminal: ScreenTerminal;
  #shown: readonly string[] = [];
  #size = '';

  constructor(terminal: ScreenTerminal = process) {
    this.#terminal = terminal;
    terminal.stdout.write(enter);
  }

  get columns(): number {
    return this.#terminal.stdout.columns || 80;
  }

  get rows(): number {
    return this.#terminal.stdout.rows || 24;
  }

  /** Shows these lines from the top, cut to the size of the terminal. */
  show(lines: readonly string[]): void {
    const { columns, rows } = this;
    const size = `${columns}x${rows}`;
    // A terminal that changed its size may have moved lines.
    const before = size === this.#size ? this.#shown : [];
    const now = Array.from({ length: rows }, (_, at) => cut(lines[at] ?? '', columns));
    const changed = now.flatMap((line, at) => (line === before[at] ? [] : [`\x1b[${at + 1};1H${line}\x1b[K`]));
    this.#shown = now;
    this.#size = size;
    if (changed.length > 0) this.#terminal.stdout.write(changed.join(''));
  }

  /** Gives the terminal back as it was. */
  end(): void {
    this.#terminal.stdout.write(leave);
  }
}
