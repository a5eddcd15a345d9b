/**
 * Counts of the jobs by queue, callable, role, status and outcome. They are derived from the
 * records, never stored, so that no count walks over jobs. The chunks of maps and the templates of
 * schedules are not counted.
 */
import { codeOf, isTemplate, type JobRecord, type JobRole, type JobStatus, jobRoles, jobStatuses } from '../records.js';

/** The jobs of one queue, callable and role. */
export interface Tally {
  readonly queue: string;
  readonly callable: string;
  readonly role: JobRole;
  /** The number of jobs in each cell of `tallyCells`. */
  readonly counts: readonly number[];
}

/** A status, and whether the job's call has failed. A failure shows from `callbacks` on. */
export interface TallyCell {
  readonly status: JobStatus;
  readonly failed: boolean;
}

/** The first cell is that of jobs which are not counted. */
export const tallyCells: readonly (TallyCell | undefined)[] = [
  undefined,
  ...jobStatuses.map((status) => ({ status, failed: false })),
  { status: 'callbacks', failed: true },
  { status: 'completed', failed: true },
];

const callbacks = jobStatuses.indexOf('callbacks');

/** Returns the index of a job's cell. */
export function tallyCellOf(job: JobRecord): number {
  const { form, status, outcome } = job;
  if (form === 'chunk' || isTemplate(job)) return 0;
  const code = codeOf(jobStatuses, status);
  return code >= callbacks && outcome === 'failure' ? code + 3 : code + 1;
}

type Kind = Pick<JobRecord, 'queue' | 'callable' | 'role'>;

/** A tally as it is counted, with the jobs that were put since `takePuts`. */
interface Counted extends Tally {
  readonly counts: number[];
  puts: number;
}

/** The number of jobs put of one kind. */
export interface Puts {
  readonly queue: string;
  readonly callable: string;
  readonly count: number;
}

export class Tallies {
  /** By queue and callable; the index is that of the role. */
  readonly #queues = new Map<string, Map<string, (Counted | undefined)[]>>();
  /** The tally that changed last: most jobs are like the one before. */
  #last: Counted | undefined;

  /** Yields the tallies that have jobs. */
  *all(): IterableIterator<Tally> {
    for (const tally of this.#all()) if (tally.counts.some((count) => count > 0)) yield tally;
  }

  /** Moves a job of this kind from one cell to another. */
  move(kind: Kind, from: number, to: number): void {
    const { counts } = this.#of(kind);
    if (from !== 0) counts[from]!--;
    if (to !== 0) counts[to]!++;
  }

  /** Notes a put, or with -1 that it was undone. */
  put(kind: Kind, by: 1 | -1): void {
    this.#of(kind).puts += by;
  }

  /** Returns the puts since the last call, and frees tallies without jobs. */
  takePuts(): Puts[] {
    const taken: Puts[] = [];
    for (const [queue, callables] of this.#queues) {
      for (const [callable, tallies] of callables) {
        let count = 0;
        for (const tally of tallies) {
          if (tally === undefined) continue;
          count += tally.puts;
          tally.puts = 0;
        }
        if (count !== 0) taken.push({ queue, callable, count });
        if (tallies.every((tally) => tally?.counts.every((jobs) => jobs === 0) ?? true)) callables.delete(callable);
      }
      if (callables.size === 0) this.#queues.delete(queue);
    }
    this.#last = undefined;
    return taken;
  }

  *#all(): IterableIterator<Counted> {
    for (const callables of this.#queues.values())
      for (const tallies of callables.values()) for (const tally of tallies) if (tally !== undefined) yield tally;
  }

  #of({ queue, callable, role }: Kind): Counted {
    const last = this.#last;
    if (last?.callable === callable && last.queue === queue && last.role === role) return last;
    const callables = entryOf(this.#queues, queue, () => new Map());
    const tallies = entryOf(callables, callable, (): (Counted | undefined)[] => []);
    const code = codeOf(jobRoles, role);
    tallies[code] ??= { queue, callable, role, counts: tallyCells.map(() => 0), puts: 0 };
    this.#last = tallies[code];
    return tallies[code];
  }
}

/** Returns the value of a key, made if it is missing. */
function entryOf<T>(map: Map<string, T>, key: string, make: () => T): T {
  const there = map.get(key);
  if (there !== undefined) return there;
  const made = make();
  map.set(key, made);
  return made;
}
