/** The output of the commands that look and steer: text for people, or JSON for programs. */
import { inspect, styleText } from 'node:util';
import { isFailure } from '../codec/failure.js';
import { type LineSink, StandardOutput } from './standard-output.js';
import { type Column, tableLines } from './table.js';
import { escaped, plainLines } from './words.js';

export type ColorChoice = 'auto' | 'always' | 'never';

export interface OutputOptions {
  readonly json?: boolean;
  readonly color?: ColorChoice;
  readonly quiet?: boolean;
}

export type Style = Parameters<typeof styleText>[0];

export class Output {
  readonly isJson: boolean;
  readonly #sink: LineSink;
  readonly #hasColor: boolean;
  readonly #width: number;
  readonly #note: (line: string) => void;
  /** Called when nothing can be written any more. */
  onBroken = () => {};

  constructor(
    { json = false, color = 'auto', quiet = false }: OutputOptions,
    sink?: LineSink,
    { width, note }: { readonly width?: number; readonly note?: (line: string) => void } = {},
  ) {
    this.isJson = json;
    this.#sink = sink ?? new StandardOutput(() => this.onBroken());
    const { isTTY, columns } = process.stdout;
    this.#hasColor = color === 'always' || (color === 'auto' && isTTY && mayColor());
    this.#width = width ?? (isTTY ? columns || 80 : Number.POSITIVE_INFINITY);
    this.#note = quiet ? () => {} : (note ?? ((line) => process.stderr.write(`${line}\n`)));
  }

  /** Returns an output that adds its lines to a list. */
  into(lines: string[], width: number): Output {
    const sink = {
      add: (line: string) => lines.push(line),
      flush: () => {},
      ready: async () => {},
      end: async () => {},
    };
    return new Output({ color: this.#hasColor ? 'always' : 'never' }, sink, { width });
  }

  /** Writes a line. */
  line(text = ''): void {
    this.#sink.add(text);
  }

  /** Writes a value as a line of JSON. */
  json(value: unknown): void {
    this.#sink.add(jsonText(value));
  }

  /** Writes rows as lines of JSON or as a table; without rows, the sentence. */
  rows<Row>(rows: readonly Row[], columns: readonly Column<Row>[], none: string): void {
    if (this.isJson) for (const row of rows) this.json(row);
    else if (rows.length === 0) this.note(none);
    else this.table(rows, columns);
  }

  table<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): void {
    const [titles, ...lines] = tableLines(columns, rows, this.#width);
    this.line(this.style('bold', titles!));
    for (const line of lines) this.line(line);
  }

  /** Says something beside the output, unless that is unwanted. */
  note(text: string): void {
    this.#note(plainLines(text).join('\n'));
  }

  style(style: Style, text: string): string {
    return this.#hasColor ? styleText(style, text, { validateStream: false }) : text;
  }

  /** Shows any value of a job to people. */
  shown(value: unknown): string {
    return inspect(value, { depth: 6, maxArrayLength: 100, maxStringLength: 10_000 });
  }

  /** @throws {CommandError} it cannot be written. */
  async flush(): Promise<void> {
    this.#sink.flush();
    await this.#sink.ready();
  }

  async end(): Promise<void> {
    this.#sink.flush();
    await this.#sink.end();
  }
}

/** See https://no-color.org. */
const mayColor = () => !process.env.NO_COLOR && process.env.TERM !== 'dumb';

/**
 * Returns a value as JSON, in which nothing is missing: what JSON lacks has another form. Control
 * characters are in strings only, so they can be escaped in the text.
 */
export function jsonText(value: unknown): string {
  return escaped(JSON.stringify(value, jsonForm) ?? 'null');
}

/**
 * A bigint becomes its digits, a regular expression its text, a map a list of pairs, a set a list,
 * binary data base64.
 */
function jsonForm(this: Record<string, unknown>, key: string, value: unknown): unknown {
  // `toJSON` of a buffer has run before.
  const own = this[key];
  if (ArrayBuffer.isView(own)) return Buffer.from(own.buffer, own.byteOffset, own.byteLength).toString('base64');
  if (own instanceof ArrayBuffer || own instanceof SharedArrayBuffer) return Buffer.from(own).toString('base64');
  if (typeof value === 'bigint' || value instanceof RegExp) return String(value);
  if (value instanceof Map || value instanceof Set) return [...value];
  if (value instanceof Error) return { name: value.name, message: value.message, stack: value.stack };
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (isFailure(value)) return { ...value };
  return value;
}
