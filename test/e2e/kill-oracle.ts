/**
 * The oracle outlives the processes that are killed and remembers the lines that they wrote. From
 * these lines and from the marks that jobs left, it finds jobs that were lost or ran again.
 */
import assert from 'node:assert/strict';
import { JobFailedError, type Runtime } from 'callsheet';
import { countMarks } from './jobs/all.js';

const partCount = 4;

export interface KillFigures {
  rounds: number;
  killedOpening: number;
  killedClosing: number;
  acknowledged: number;
  starts: number;
  /** Jobs that never begin twice; `neverBegun` of them have begun. */
  never: number;
  neverBegun: number;
  /** Starts known to be over. They must not be repeated. */
  over: number;
  /** Rounds in which a snapshot was published. */
  withSnapshot: number;
}

interface Acknowledged {
  readonly kind: string;
  readonly id: string;
  readonly round: number;
}

export class KillOracle {
  readonly #file: string;
  readonly #acknowledged = new Map<string, Acknowledged>();
  /** Marks that must not be made again, with the round in which they were reported. */
  readonly #over = new Map<string, number>();
  /** The counts of all marks at the end of each round. */
  readonly #counts: Map<string, number>[] = [];

  constructor(file: string) {
    this.#file = file;
  }

  get #round(): number {
    return this.#counts.length;
  }

  hear(line: string): void {
    const [word, ...rest] = line.split(' ');
    if (word === 'put') {
      const [kind, name, id] = rest as [string, string, string];
      this.#acknowledged.set(name, { kind, id, round: this.#round });
    } else if (word === 'failed') {
      // Only a job that never begins twice may fail. No thread ends by itself here.
      assert.equal(this.#acknowledged.get(rest[0]!)!.kind, 'never', line);
      assert.doesNotMatch(line, /its thread died/);
    } else if (word === 'parts') {
      const [name, count] = rest as [string, string];
      for (let part = 0; part < Number(count); part++) this.#isOver(`${name}/${part}`);
    } else if (word === 'done') {
      for (const mark of this.#marksOf(rest[0]!)) this.#isOver(mark);
    }
  }

  /** Ends a round: the process is gone. */
  roundIsOver(): void {
    this.#counts.push(countMarks(this.#file));
  }

  /** Waits until every acknowledged job has its outcome, and compares. */
  async check(callsheet: Runtime, figures: KillFigures): Promise<void> {
    for (const [name, { kind, id }] of this.#acknowledged) {
      const outcome = await callsheet
        .job(id)
        .result()
        .catch((error: Error) => error);
      if (kind === 'never' && outcome instanceof JobFailedError)
        assert.equal(outcome.failure.name, 'JobInterruptedError');
      else if (kind === 'never') assert.equal(outcome, name);
      else if (kind === 'call')
        assert.ok(outcome instanceof Uint8Array && isMadeOf(outcome, name), `${name}: ${outcome}`);
      else assert.deepEqual(outcome, this.#marksOf(name).slice(0, -1), name);
    }
    const final = countMarks(this.#file);
    const rounds = this.#counts.length;
    for (const [name, { kind, round }] of this.#acknowledged) {
      for (const mark of this.#marksOf(name)) {
        const starts = final.get(mark) ?? 0;
        const least = kind === 'never' ? 0 : 1;
        assert.ok(starts >= least, `${mark} was never started`);
        assert.ok(starts <= 1 + rounds - round, `${mark} was started ${starts} times`);
        if (kind === 'never') {
          assert.ok(starts <= 1, `${mark} is never to be retried, and began ${starts} times`);
          figures.never += 1;
          figures.neverBegun += starts;
        }
      }
    }
    for (const [mark, round] of this.#over)
      assert.equal(
        final.get(mark),
        this.#counts[round]!.get(mark),
        `${mark} was over in round ${round}, and ran again`,
      );
    for (const [run, starts] of countMarks(`${this.#file}.attempts`))
      assert.equal(starts, 1, `attempt repeats: ${run}`);
    figures.acknowledged += this.#acknowledged.size;
    figures.over += this.#over.size;
    for (const count of final.values()) figures.starts += count;
  }

  /** The marks that a job leaves when all of it has run. */
  #marksOf(name: string): string[] {
    const { kind } = this.#acknowledged.get(name)!;
    if (kind === 'call' || kind === 'never') return [name];
    return [...Array.from({ length: partCount }, (_, part) => `${name}/${part}`), `${name}/end`];
  }

  #isOver(mark: string): void {
    if (!this.#over.has(mark)) this.#over.set(mark, this.#round);
  }
}

const isMadeOf = (bytes: Uint8Array, line: string) => Buffer.alloc(bytes.length, line).equals(bytes);
