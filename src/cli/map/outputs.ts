/**
 * The files of a run beside its log: output, errors and job log. They follow from the records
 * of the log, so they are written anew from there when a run goes on.
 */
import { closeSync, fsyncSync, openSync } from 'node:fs';
import { type LineSink, StandardOutput, unwritable } from '../standard-output.js';
import { InOrder } from './in-order.js';
import { writeAll } from './log.js';
import type { ItemError, ItemRecord } from './log-format.js';

/** An item with its outcome, as it is written. */
export interface WrittenItem extends Pick<ItemRecord, 'n' | 'at' | 'ms'> {
  /** Its record in the log. */
  readonly record: string;
  /** The input as JSON. */
  readonly input: string;
  /** The result as JSON; `''` for `undefined` and for failures. */
  readonly value: string;
  readonly error: ItemError | undefined;
}

/** Returns an item of the log as it is written. */
export function writtenItem({ n, at, ms, input, value, error }: ItemRecord, record: string): WrittenItem {
  return { n, at, ms, record, input: JSON.stringify(input), value: JSON.stringify(value) ?? '', error };
}

/** Returns JSON as a line: a text as it is. */
export const lineOf = (json: string): string => (json.startsWith('"') ? (JSON.parse(json) as string) : json);

export interface OutputOptions {
  /** A file for all records; standard output gets values if it is missing. */
  readonly output?: string;
  /** A file for the records of failed items. */
  readonly errors?: string;
  /** A file with the columns of GNU parallel. */
  readonly joblog?: string;
  readonly order: 'input' | 'done';
  /** Shown in the job log. */
  readonly command: string;
  /** Standard output is for the result of a postprocess. */
  readonly isQuiet: boolean;
}

export class Outputs {
  readonly #targets: LineSink[] = [];
  readonly #add: (item: WrittenItem) => void;

  constructor({ output, errors, joblog, order, command, isQuiet }: OutputOptions) {
    const sinks: ((item: WrittenItem) => void)[] = [];
    if (output !== undefined && output !== '-') {
      const file = this.#target(new FileTarget(output));
      sinks.push(({ record }) => file.add(record));
    } else if (!isQuiet) {
      const standard = this.#target(new StandardOutput());
      sinks.push(({ value }) => {
        if (value !== '') standard.add(lineOf(value));
      });
    }
    if (errors !== undefined) {
      const file = this.#target(new FileTarget(errors));
      sinks.push(({ error, record }) => {
        if (error !== undefined) file.add(record);
      });
    }
    const give = (item: WrittenItem) => {
      for (const sink of sinks) sink(item);
    };
    const inOrder = new InOrder<WrittenItem>(give);
    const add = order === 'input' ? (item: WrittenItem) => inOrder.add(item.n, item) : give;
    if (joblog === undefined) this.#add = add;
    else {
      const file = this.#target(new FileTarget(joblog));
      file.add('Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand');
      this.#add = (item) => {
        file.add(jobLogLine(item, command));
        add(item);
      };
    }
  }

  add(item: WrittenItem): void {
    this.#add(item);
  }

  /** Writes a line to standard output, such as the result of a postprocess. */
  say(line: string): void {
    const standard = this.#targets.find((one) => one instanceof StandardOutput) ?? this.#target(new StandardOutput());
    standard.add(line);
  }

  /** @throws {CommandError} something cannot be written. */
  flush(): void {
    for (const target of this.#targets) target.flush();
  }

  /** Resolves when little is left that standard output has not taken. */
  async ready(): Promise<void> {
    for (const target of this.#targets) await target.ready();
  }

  /** Makes everything durable, and closes the files. */
  async end(): Promise<void> {
    this.flush();
    for (const target of this.#targets) await target.end();
  }

  #target<T extends LineSink>(target: T): T {
    this.#targets.push(target);
    return target;
  }
}

class FileTarget implements LineSink {
  readonly #path: string;
  readonly #fd: number;
  #lines: string[] = [];

  constructor(path: string) {
    this.#path = path;
    this.#fd = this.#or(() => openSync(path, 'w'));
  }

  add(line: string): void {
    this.#lines.push(line, '\n');
  }

  flush(): void {
    if (this.#lines.length === 0) return;
    this.#or(() => writeAll(this.#fd, this.#lines.join('')));
    this.#lines = [];
  }

  async ready(): Promise<void> {}

  async end(): Promise<void> {
    this.#or(() => {
      try {
        fsyncSync(this.#fd);
      } catch (error) {
        // A pipe or a device has nothing to sync.
        if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error;
      }
      closeSync(this.#fd);
    });
  }

  #or<T>(write: () => T): T {
    try {
      return write();
    } catch (error) {
      throw unwritable(this.#path, error as Error);
    }
  }
}

function jobLogLine({ n, at, ms, input, value, error }: WrittenItem, command: string): string {
  const text = lineOf(input);
  const seconds = (ms / 1000).toFixed(3).padStart(10);
  const sizes = [Buffer.byteLength(text), Buffer.byteLength(value)];
  const status = error === undefined ? 0 : 1;
  const line = `${command} ${text.replaceAll(/[\t\r\n]/g, ' ')}`;
  return [n, ':', (at / 1000).toFixed(3), seconds, ...sizes, status, 0, line].join('\t');
}
