/**
 * The verdicts of filter functions on jobs in line. A record does not have them, so each process
 * keeps those of its own functions, for as long as the job looks to them as it did.
 */
import type { Id, JobRecord, Payload } from '../../core/records.js';
import { isSamePayload } from './far-payload.js';

/** The fields of a job in line that a filter sees, and that may change. */
type InLine = Pick<JobRecord, 'args' | 'eligible' | 'priority' | 'quotas'>;

interface Noted {
  readonly about: InLine;
  readonly verdicts: string;
}

/** Older verdicts are dropped: their functions are asked again. */
const mostVerdicts = 10_000;

export class Verdicts {
  readonly #noted = new Map<Id, Noted>();

  note(job: JobRecord, verdicts: string): void {
    const { args, eligible, priority, quotas } = job;
    this.#noted.delete(job.id);
    this.#noted.set(job.id, { about: { args, eligible, priority, quotas }, verdicts });
    for (const id of this.#noted.keys()) {
      if (this.#noted.size <= mostVerdicts) break;
      this.#noted.delete(id);
    }
  }

  /** Returns the verdicts on a job; an empty text for none. */
  on(job: JobRecord): string {
    const noted = this.#noted.get(job.id);
    return noted !== undefined && isAsIn(job, noted.about) ? noted.verdicts : '';
  }

  drop(job: Id): void {
    this.#noted.delete(job);
  }
}

function isAsIn(job: JobRecord, { args, eligible, priority, quotas }: InLine): boolean {
  const isSamePlace = job.eligible === eligible && job.priority === priority && `${job.quotas}` === `${quotas}`;
  return isSamePlace && isSame(job.args, args);
}

function isSame(now: Payload | null, before: Payload | null): boolean {
  if (now instanceof Uint8Array && before instanceof Uint8Array) return Buffer.compare(now, before) === 0;
  return isSamePayload(now, before);
}
