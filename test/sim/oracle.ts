/**
 * What an observer outside knows of all jobs, through all lives, and what he may expect: the
 * invariants of the contract. He sees puts, acknowledgements, begins, ends of runs and outcomes,
 * and nothing of how they come about.
 */
import assert from 'node:assert/strict';
import { idToText } from '../../src/codec/id.js';
import type { Id, JobRecord, Level } from '../../src/core/records.js';
import type { State } from '../../src/core/state/state.js';
import type { JournalStore } from '../../src/store/journal/journal-store.js';
import type { StoredPayload } from '../../src/store/journal/stored-payload.js';

/** A job's number, as a simulated history counts them. */
export const nameOf = (id: Id) => `job ${Number(idToText(id).slice(-12))}`;

/** What something survives, in order. */
export const survives = { nothing: 0, kill: 1, powerLoss: 2 } as const;
export type Survives = (typeof survives)[keyof typeof survives];
const promiseOf: Readonly<Record<Level, Survives>> = {
  memory: survives.nothing,
  process: survives.kill,
  full: survives.powerLoss,
};

export interface KnownJob {
  readonly id: Id;
  /** The job with which it was put: both are there, or none. */
  readonly root: Id;
  level: Level;
  readonly policy: string;
  /** What it survives for sure, by what was told. */
  kept: Survives;
  starts: number;
  /** The outcome that was told, and what that survives. */
  told: string | undefined;
  toldKept: Survives;
}

/**
 * A run that came to an end: its outcome carries its number, so that it can be known from others.
 */
interface End {
  readonly job: Id;
  /** What it asked for: there if this end is the one that counted, and only then. */
  readonly inner: readonly Id[];
  /** It took the outcome of another job, which carries another number. */
  readonly returned: boolean;
}

/** Completed; or a member of what ended before it began, which has no turn any more. */
export function isOver(state: State, job: JobRecord): boolean {
  if (job.status === 'completed') return true;
  const above = job.status === 'new' ? state.job(job.parent) : undefined;
  return above !== undefined && isOver(state, above);
}

export class Oracle {
  readonly jobs = new Map<Id, KnownJob>();
  /** How many there ever were. */
  known = 0;
  readonly #ends = new Map<number, End>();
  readonly #endsOf = new Map<Id, End[]>();

  put(id: Id, root: Id, level: Level, policy: string): void {
    this.known += 1;
    const nothing = { kept: survives.nothing, starts: 0, told: undefined, toldKept: survives.nothing };
    this.jobs.set(id, { id, root, level, policy, ...nothing });
  }

  acknowledge(root: Id): void {
    for (const job of this.jobs.values()) if (job.root === root) keep(job);
  }

  /**
   * It was refused, or what asked for it did not count: from now on it is a job that nobody put.
   */
  forget(root: Id): void {
    for (const job of this.jobs.values()) if (job.root === root) this.jobs.delete(job.id);
  }

  begins(id: Id): void {
    const job = this.jobs.get(id);
    assert.ok(job, 'a job began that nobody put');
    job.starts += 1;
    if (job.told !== undefined) assert.fail(`${nameOf(id)} began after its outcome had been told`);
    if (job.policy === 'never' && job.starts > 1) assert.fail(`${nameOf(id)} is never to be retried, and began again`);
  }

  /** A run ends; what it asked for was noted by `put`. */
  ends(number: number, job: Id, inner: readonly Id[], returned: boolean): void {
    const end = { job, inner, returned };
    this.#ends.set(number, end);
    const all = this.#endsOf.get(job);
    if (all === undefined) this.#endsOf.set(job, [end]);
    else all.push(end);
  }

  tell(id: Id, outcome: string): void {
    const job = this.jobs.get(id);
    assert.ok(job, 'a job has an outcome, and nobody put it');
    if (job.told === undefined) this.#judgeEnds(id, outcome);
    job.told ??= outcome;
    job.toldKept = promiseOf[job.level];
    if (outcome !== job.told) assert.fail(`${nameOf(id)} has two outcomes: ${job.told}, and ${outcome}`);
  }

  /** One end of the job's runs counted, or none. */
  #judgeEnds(id: Id, outcome: string): void {
    const counted = this.#ends.get(Number(/^\w+ (\d+):/.exec(outcome)?.[1]));
    const own = counted?.job === id;
    for (const end of this.#endsOf.get(id) ?? []) {
      if (end === counted) for (const inner of end.inner) this.acknowledge(inner);
      else if (own || !end.returned) for (const inner of end.inner) this.forget(inner);
    }
  }

  /**
   * What the next process finds, after the last one ended like this. What it finds is safe from
   * then on.
   */
  checkFound(store: JournalStore, survived: Survives): void {
    const { state } = store;
    for (const job of this.jobs.values()) {
      const found = state.job(job.id);
      if (found === undefined) {
        if (survived <= job.kept) assert.fail(`${nameOf(job.id)} was acknowledged and is lost`);
        if (state.job(job.root) !== undefined) assert.fail(`${nameOf(job.id)} is not there, and its root is`);
        // What was lost, and might be, must not come back.
        this.jobs.delete(job.id);
        continue;
      }
      if (found.level === 'memory') assert.fail(`${nameOf(job.id)} is of level memory, and survived`);
      // Something durable waited for it.
      job.level = found.level;
      const payload = found.result as StoredPayload | null;
      const bytes = payload === null ? '' : Buffer.from(store.bytes(payload)).toString('latin1');
      const outcome = found.outcome === 'none' ? undefined : `${found.outcome} ${bytes}`;
      if (survived <= job.toldKept && outcome !== job.told)
        assert.fail(`the outcome of ${nameOf(job.id)} was ${job.told} and is ${outcome}`);
      job.told = undefined;
      job.toldKept = survives.nothing;
      if (outcome !== undefined) this.tell(job.id, outcome);
      job.kept = survives.powerLoss;
      if (outcome !== undefined) job.toldKept = survives.powerLoss;
    }
    this.checkState(state);
  }

  /** Holds at any time. */
  checkState(state: State): void {
    for (const { id } of state.jobs()) if (!this.jobs.has(id)) assert.fail(`${nameOf(id)} is there, and nobody put it`);
    for (const setting of state.settings()) {
      if (setting.kind !== 'quota') continue;
      const holders = state.holders(setting.queue, setting.name).size;
      if (holders > setting.size) assert.fail(`${holders} jobs have one of ${setting.size} places`);
    }
  }

  /** Everything is well again and time enough has passed. */
  checkFinished(state: State): void {
    for (const job of state.jobs())
      if (!isOver(state, job)) assert.fail(`${nameOf(job.id)} is ${job.status}/${job.stage} for ever`);
    for (const { id, kept } of this.jobs.values())
      if (kept > survives.nothing && state.job(id) === undefined)
        assert.fail(`${nameOf(id)} was acknowledged and is lost`);
  }
}

function keep(job: KnownJob): void {
  if (promiseOf[job.level] > job.kept) job.kept = promiseOf[job.level];
}
