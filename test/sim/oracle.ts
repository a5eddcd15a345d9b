/**
 * The view of an outside observer on all jobs, through all lives, with the invariants of the
 * contract. The observer sees puts, acknowledgements, starts, ends of runs and outcomes, but not
 * how they come about.
 */
import assert from 'node:assert/strict';
import { idToText } from '../../src/codec/id.js';
import { type Id, isTemplate, type JobRecord, type Level } from '../../src/core/records.js';
import { scheduleOf, tickOf } from '../../src/core/schedules.js';
import type { State } from '../../src/core/state/state.js';
import type { JournalStore } from '../../src/store/journal/journal-store.js';

/** The number of a job in its history; its id if the runtime made it: for a tick, or as a copy. */
export const nameOf = (id: Id) => {
  const text = idToText(id);
  return text.startsWith('00000000') ? `job ${Number(text.slice(-12))}` : `made ${text}`;
};

/** The kinds of failure that a fact survives, in order. */
export const survives = { nothing: 0, kill: 1, powerLoss: 2 } as const;
export type Survives = (typeof survives)[keyof typeof survives];
const promiseOf: Readonly<Record<Level, Survives>> = {
  memory: survives.nothing,
  process: survives.kill,
  full: survives.powerLoss,
};

/** The only schedule of a history. Its ticks are always the same, so no tick has a second job. */
export const scheduleName = 's';

export interface KnownJob {
  readonly id: Id;
  /** The job that it was put with: both exist, or neither. */
  readonly root: Id;
  level: Level;
  readonly policy: string;
  /** The failure that the job must survive, by the acknowledgements sent. */
  kept: Survives;
  starts: number;
  /** The outcome that was delivered, and the failure that it must survive. */
  told: string | undefined;
  toldKept: Survives;
}

/** The end of a run. Its number stands in the outcome, so that the counted end is recognized. */
interface End {
  readonly job: Id;
  /** Jobs that the run put: they exist only if this end is the one that counted. */
  readonly inner: readonly Id[];
  /** The run returned another job, whose outcome carries another number. */
  readonly returned: boolean;
}

/** `true` if the job is completed, or belongs to one that ended before it was put in line. */
export function isOver(state: State, job: JobRecord): boolean {
  if (job.status === 'completed') return true;
  const above = job.status === 'new' ? state.job(job.parent) : undefined;
  return above !== undefined && isOver(state, above);
}

export class Oracle {
  readonly jobs = new Map<Id, KnownJob>();
  /** The failure that the schedule must survive, by the acknowledgements of its settings. */
  scheduleKept: Survives = survives.nothing;
  /** The number of jobs that ever were. */
  known = 0;
  /** Roots that a running job put at once and waits for, which may run in its places. */
  readonly #guests = new Set<Id>();
  readonly #ends = new Map<number, End>();
  readonly #endsOf = new Map<Id, End[]>();

  put(id: Id, root: Id, level: Level, policy: string): void {
    this.known += 1;
    const nothing = { kept: survives.nothing, starts: 0, told: undefined, toldKept: survives.nothing };
    this.jobs.set(id, { id, root, level, policy, ...nothing });
  }

  lends(root: Id): void {
    this.#guests.add(root);
  }

  acknowledgeSchedule(level: Level): void {
    this.scheduleKept = Math.max(this.scheduleKept, promiseOf[level]) as Survives;
  }

  /**
   * Gets to know the jobs that the runtime makes by itself, each with its root: those of ticks, and
   * the copies of failed jobs.
   */
  meetMade(state: State): readonly { readonly id: Id; readonly root: JobRecord }[] {
    const met: { id: Id; root: JobRecord }[] = [];
    for (const root of state.jobs()) {
      if (root.role !== 'root' || (tickOf(root) === undefined && root.retryOf === '')) continue;
      if (this.jobs.has(root.id)) continue;
      for (const { id, level, policy } of treeOf(state, root)) {
        this.put(id, root.id, level, policy || 'default');
        met.push({ id, root });
      }
    }
    return met;
  }

  acknowledge(root: Id): void {
    for (const job of this.jobs.values()) if (job.root === root) keep(job);
  }

  /** The put was refused, or its run did not count: from now on these jobs must not exist. */
  forget(root: Id): void {
    for (const job of this.jobs.values()) if (job.root === root) this.jobs.delete(job.id);
  }

  begins(id: Id): void {
    const job = this.jobs.get(id);
    assert.ok(job, 'a job began that was never put');
    job.starts += 1;
    if (job.told !== undefined) assert.fail(`${nameOf(id)} began after its outcome was delivered`);
    if (job.policy === 'never' && job.starts > 1) assert.fail(`${nameOf(id)} must not be retried, and began again`);
  }

  /** Notes the end of a run. Its puts were noted by `put`. */
  ends(number: number, job: Id, inner: readonly Id[], returned: boolean): void {
    const end = { job, inner, returned };
    this.#ends.set(number, end);
    const all = this.#endsOf.get(job);
    if (all === undefined) this.#endsOf.set(job, [end]);
    else all.push(end);
  }

  tell(id: Id, outcome: string): void {
    const job = this.jobs.get(id);
    assert.ok(job, 'a job has an outcome, and was never put');
    if (job.told === undefined) this.#judgeEnds(id, outcome);
    job.told ??= outcome;
    job.toldKept = promiseOf[job.level];
    if (outcome !== job.told) assert.fail(`${nameOf(id)} has two outcomes: ${job.told}, and ${outcome}`);
  }

  /** Decides which end of the job's runs counted, if any, and so which of their puts exist. */
  #judgeEnds(id: Id, outcome: string): void {
    const counted = this.#ends.get(Number(/^\w+ (\d+):/.exec(outcome)?.[1]));
    const own = counted?.job === id;
    for (const end of this.#endsOf.get(id) ?? []) {
      if (end === counted) for (const inner of end.inner) this.acknowledge(inner);
      else if (own || !end.returned) for (const inner of end.inner) this.forget(inner);
    }
  }

  /** Checks the next process's records after a failure. They are durable from then on. */
  checkFound(store: JournalStore, survived: Survives): void {
    const { state } = store;
    const isThere = scheduleOf(state, scheduleName) !== undefined;
    if (survived <= this.scheduleKept && !isThere) assert.fail('the schedule was acknowledged and is lost');
    this.scheduleKept = isThere ? survives.powerLoss : survives.nothing;
    for (const job of this.jobs.values()) {
      const found = state.job(job.id);
      if (found === undefined) {
        if (survived <= job.kept) assert.fail(`${nameOf(job.id)} was acknowledged and is lost`);
        if (state.job(job.root) !== undefined) assert.fail(`${nameOf(job.id)} is lost, and its root is not`);
        // A job that was lost, and was allowed to be, must not come back.
        this.jobs.delete(job.id);
        continue;
      }
      if (found.level === 'memory') assert.fail(`${nameOf(job.id)} is of level memory, and survived`);
      // The level may have been raised, if a durable job waits for it.
      job.level = found.level;
      const payload = found.result;
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

  /** Checks the invariants of every moment. */
  checkState(state: State): void {
    const ticks = new Set<string>();
    const retried = new Set<Id>();
    for (const job of state.jobs()) {
      if (isTemplate(job)) continue;
      if (!this.jobs.has(job.id)) assert.fail(`${nameOf(job.id)} exists, and was never put`);
      if (job.role === 'root' && job.retryOf !== '') {
        if (retried.has(job.retryOf)) assert.fail(`two jobs run ${nameOf(job.retryOf)} again`);
        retried.add(job.retryOf);
        continue;
      }
      if (tickOf(job) === undefined) continue;
      if (ticks.has(job.unique)) assert.fail(`two jobs run the tick ${job.unique}`);
      ticks.add(job.unique);
    }
    const fired = scheduleOf(state, scheduleName)?.fired ?? 0;
    if (fired !== ticks.size) assert.fail(`the schedule has put ${fired} jobs, and ${ticks.size} are there`);
    for (const setting of state.settings()) {
      if (setting.kind !== 'quota') continue;
      // A guest takes a place of its own, whether there is room or not, when its host is over.
      const isHost = ({ id }: JobRecord) => !this.#guests.has(this.jobs.get(id)!.root);
      const holders = [...state.holders(setting.queue, setting.name)].filter(isHost).length;
      if (holders > setting.size) assert.fail(`${holders} jobs hold ${setting.size} places`);
    }
  }

  /** Checks that all jobs have ended, long enough after the last fault. */
  checkFinished(state: State): void {
    for (const job of state.jobs())
      if (!isTemplate(job) && !isOver(state, job))
        assert.fail(`${nameOf(job.id)} is ${job.status}/${job.stage} for ever`);
    for (const { id, kept } of this.jobs.values())
      if (kept > survives.nothing && state.job(id) === undefined)
        assert.fail(`${nameOf(id)} was acknowledged and is lost`);
  }
}

function* treeOf(state: State, job: JobRecord): Iterable<JobRecord> {
  yield job;
  for (const member of [...state.parts(job), ...state.callbacks(job)]) yield* treeOf(state, member);
}

function keep(job: KnownJob): void {
  if (promiseOf[job.level] > job.kept) job.kept = promiseOf[job.level];
}
