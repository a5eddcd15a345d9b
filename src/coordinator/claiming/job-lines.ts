/**
 * The last lines that jobs logged, for people who look at a job. They are kept in memory only, as
 * text of pino.
 */
import type { Id } from '../../core/records.js';

const most = { lines: 100, length: 4096, characters: 4 * 1024 * 1024 };

/** The begin of a line. One that is too long keeps only this. */
const head = /^\{"level":\d+,"time":\d+/;

export class JobLines {
  /** By job, the one that logged last at the end. */
  readonly #lines = new Map<Id, string[]>();
  #characters = 0;

  note(job: Id, line: string): void {
    const lines = this.#lines.get(job) ?? [];
    const kept = line.length > most.length ? shortened(line) : line;
    lines.push(kept);
    this.#characters += kept.length;
    if (lines.length > most.lines) this.#characters -= lines.shift()!.length;
    this.#lines.delete(job);
    this.#lines.set(job, lines);
    while (this.#characters > most.characters) this.#dropOldest();
  }

  /** The lines of a job, oldest first. */
  of(job: Id): readonly string[] {
    return this.#lines.get(job) ?? [];
  }

  #dropOldest(): void {
    const [job, lines] = this.#lines.entries().next().value!;
    this.#lines.delete(job);
    for (const { length } of lines) this.#characters -= length;
  }
}

function shortened(line: string): string {
  const begin = head.exec(line)?.[0] ?? '{"level":30';
  const message = `a line of ${line.length} characters is too long to be kept here: the log of the runtime has it`;
  return `${begin},"msg":${JSON.stringify(message)}}`;
}
