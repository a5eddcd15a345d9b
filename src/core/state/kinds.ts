/**
 * All that packed jobs share with others. Jobs that were put alike and ran alike have one kind: a
 * row whose id, position, times and payloads mean nothing.
 */
import type { CommonFields } from './common-fields.js';
import { JobRow } from './job-row.js';

/** More kinds than that would take more memory than packing saves. */
const mostKinds = 1024;

interface Kind {
  readonly number: number;
  readonly common: Readonly<CommonFields>;
  readonly row: JobRow;
  jobs: number;
}

export class Kinds {
  /** By number, which is never 0. */
  readonly #kinds: (Kind | undefined)[] = [undefined];
  readonly #free: number[] = [];
  readonly #byCommon = new Map<Readonly<CommonFields>, Kind[]>();
  /** The kind that was found last: most jobs are like the one before. */
  #last: Kind | undefined;

  /** Returns the number of the job's kind, made if it is new; 0 if there are too many. */
  find(row: JobRow): number {
    const last = this.#last;
    if (last !== undefined && row.isLike(last.row)) return last.number;
    const alike = this.#byCommon.get(row.shareCommon());
    this.#last = alike?.find((kind) => row.isLike(kind.row)) ?? this.#make(row);
    return this.#last?.number ?? 0;
  }

  rowOf(number: number): JobRow {
    return this.#kinds[number]!.row;
  }

  /** Counts jobs of a kind. A kind without jobs is forgotten. */
  add(number: number, jobs: number): void {
    const kind = this.#kinds[number]!;
    kind.jobs += jobs;
    if (kind.jobs > 0) return;
    this.#kinds[number] = undefined;
    this.#free.push(number);
    if (this.#last === kind) this.#last = undefined;
    const left = this.#byCommon.get(kind.common)!.filter((other) => other !== kind);
    if (left.length === 0) this.#byCommon.delete(kind.common);
    else this.#byCommon.set(kind.common, left);
  }

  #make(job: JobRow): Kind | undefined {
    const number = this.#free.pop() ?? this.#kinds.length;
    if (number > mostKinds) return undefined;
    const row = new JobRow(job);
    row.becomeAnother('', 0, 0);
    row.args = null;
    row.result = null;
    row.tallyCell = job.tallyCell;
    const kind = { number, common: row.shareCommon(), row, jobs: 0 };
    this.#kinds[number] = kind;
    const alike = this.#byCommon.get(kind.common);
    if (alike === undefined) this.#byCommon.set(kind.common, [kind]);
    else alike.push(kind);
    return kind;
  }
}
