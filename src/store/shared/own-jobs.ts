/**
 * The jobs of this dispatcher: it has claimed them, or runs their callbacks. Each is kept as the
 * last commit or look here has left it. So the store notices others' decisions about them, and
 * decides their ends without reading them.
 */
import type { Effect } from '../../core/commands.js';
import { type Id, isAgentOf, type JobRecord } from '../../core/records.js';
import { CompactJob } from '../../core/state/compact-job.js';
import type { State } from '../../core/state/state.js';
import type { Asked } from '../store.js';
import type { KnownJob } from './database.js';
import type { Verdicts } from './verdicts.js';
import { holderOf } from './wants.js';

export class OwnJobs {
  readonly #mirror: State;
  /** Empty for a client, which has no jobs. */
  readonly #dispatcher: Id;
  readonly #verdicts: Verdicts;
  readonly #versions = new Map<Id, string>();

  /** `mirror` gets the records of the jobs. */
  constructor(mirror: State, dispatcher: Id, verdicts: Verdicts) {
    this.#mirror = mirror;
    this.#dispatcher = dispatcher;
    this.#verdicts = verdicts;
  }

  /**
   * Takes in what a commit here has written, and the effects of its decisions. Returns the stops of
   * the jobs that another process has cancelled, if this commit is the first to see it.
   */
  written(
    jobs: readonly JobRecord[],
    forgotten: readonly Id[],
    effects: readonly Effect[],
    version: string | undefined,
  ): Effect[] {
    const isStopped = ({ id }: JobRecord) => effects.some((effect) => effect.type === 'stop' && effect.job === id);
    const stops = jobs.filter((job) => this.#isJustCancelled(job) && !isStopped(job)).map(stopOf);
    for (const job of jobs) this.#follow(job, version);
    for (const id of forgotten) this.#expel(id);
    return stops;
  }

  /** The versions of the jobs, as far as commits here have written them. */
  get versions(): ReadonlyMap<Id, string> {
    return this.#versions;
  }

  /**
   * Takes in the ids of all jobs that the dispatcher has now, and those that commits of others have
   * changed. Returns the effects of others' decisions.
   */
  seen(ids: readonly Id[], jobs: readonly JobRecord[]): Effect[] {
    const effects: Effect[] = [];
    const there = new Set(ids);
    for (const { id } of [...this.#mirror.jobs()]) if (!there.has(id)) this.#expel(id);
    for (const job of jobs) {
      const isNew = job.claimed && !this.#hasSame(job);
      if (isNew) effects.push({ type: 'run', gate: 'decided', job: job.id, fence: job.fence });
      if (this.#isJustCancelled(job) || (isNew && job.cancelled)) effects.push(stopOf(job));
      // A version that is no longer the right one shows at the commit.
      this.#follow(job, this.#versions.get(job.id));
    }
    return effects;
  }

  /** Returns the jobs whose plain runs these commands end, as the last commits have left them. */
  recall(asked: readonly Asked[]): KnownJob[] {
    return asked.flatMap(({ command }) => {
      const job = command.type === 'settle' ? this.#mirror.job(command.job) : undefined;
      const version = this.#versions.get(job?.id ?? '');
      if (job === undefined || version === undefined || !endsAlone(job)) return [];
      return [{ job: new CompactJob(job), version }];
    });
  }

  #follow(job: JobRecord, version: string | undefined): void {
    if (!job.queued) this.#verdicts.drop(job.id);
    if (this.#dispatcher === '' || !isAgentOf(holderOf(job), this.#dispatcher)) return this.#expel(job.id);
    this.#mirror.admit(job);
    if (version === undefined) this.#versions.delete(job.id);
    else this.#versions.set(job.id, version);
  }

  #expel(id: Id): void {
    this.#mirror.expel(id);
    this.#versions.delete(id);
  }

  /** `true` if the job was seen under the same claim. */
  #hasSame({ id, fence }: JobRecord): boolean {
    const before = this.#mirror.job(id);
    return before?.claimed === true && before.fence === fence;
  }

  /** `true` if the job was cancelled since it was last seen under the same claim. */
  #isJustCancelled(job: JobRecord): boolean {
    return job.claimed && job.cancelled && this.#hasSame(job) && !this.#mirror.job(job.id)!.cancelled;
  }
}

const stopOf = ({ id, fence }: JobRecord): Effect => ({ type: 'stop', gate: 'decided', job: id, fence });

/** `true` for a claimed job whose end, as a rule, changes no other record. */
const endsAlone = ({ role, form, callbacks, awaiters, unique, quotas, inner }: JobRecord): boolean =>
  role === 'root' && form === 'call' && callbacks + awaiters + quotas.length === 0 && unique === '' && inner === '';
