/**
 * The file of the statistics, beside the journal: lines that are appended, and never synced. An
 * error is reported once, and the statistics go on in memory.
 */
import { appendFile, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StatisticsStore } from './statistics.js';

const fileName = 'statistics.jsonl';

export class StatisticsFile implements StatisticsStore {
  readonly #directory: string;
  readonly #path: string;
  readonly #failed: (error: Error) => void;
  /** The writes take place one after another. */
  #last: Promise<void> = Promise.resolve();
  #hasFailed = false;
  /** The directory that was read. Another one that has taken its name stays as it is. */
  #identity: string | undefined;

  constructor(directory: string, failed: (error: Error) => void) {
    this.#directory = directory;
    this.#path = join(directory, fileName);
    this.#failed = failed;
  }

  async read(): Promise<string> {
    this.#identity = await identityOf(this.#directory);
    try {
      return await readFile(this.#path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
      throw error;
    }
  }

  append(line: string): void {
    this.#write(() => appendFile(this.#path, `${line}\n`));
  }

  replace(lines: readonly string[]): void {
    this.#write(async () => {
      const candidate = `${this.#path}.new`;
      await writeFile(candidate, lines.map((line) => `${line}\n`).join(''));
      await rename(candidate, this.#path);
    });
  }

  written(): Promise<void> {
    return this.#last;
  }

  #write(act: () => Promise<void>): void {
    const actInPlace = async () => {
      if ((await identityOf(this.#directory)) === this.#identity) await act();
    };
    this.#last = this.#last.then(actInPlace).catch((error: Error) => {
      if (!this.#hasFailed) this.#failed(error);
      this.#hasFailed = true;
    });
  }
}

async function identityOf(directory: string): Promise<string> {
  const { dev, ino } = await stat(directory, { bigint: true });
  return `${dev}:${ino}`;
}
