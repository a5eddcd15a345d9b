/**
 * The jobs of a simulated history: the puts of clients and of running jobs, and the ends of runs.
 * The oracle is notified of everything before it can happen.
 */

import { idFromText } from '../../src/codec/id.js';
import { encodePayload } from '../../src/codec/payload.js';
import type { Run } from '../../src/coordinator/pool/pool-port.js';
import type { JobOptions } from '../../src/core/commands.js';
import {
  type Id,
  type JobRecord,
  type Level,
  missedPolicies,
  overlapPolicies,
  quotaKey,
} from '../../src/core/records.js';
import type { State } from '../../src/core/state/state.js';
import type { WireInnerPut } from '../../src/protocol/dispatch.js';
import type {
  ScheduleCommand,
  StoredTemplate,
  WireCommand,
  WireInnerCommand,
  WireJob,
} from '../../src/protocol/messages.js';
import { packBatch } from '../../src/protocol/packing.js';
import type { Random } from '../harness/randomness.js';
import { type KnownJob, type Oracle, scheduleName } from './oracle.js';

const retryErrors = '{"limit":2,"initialMs":200,"factor":3,"maxMs":3000,"jitter":0.5,"only":[]}';
const levels: readonly Level[] = ['full', 'full', 'full', 'full', 'process', 'process', 'memory'];
const nothing = new Uint8Array();
const none: readonly never[] = [];

/** A quota for all jobs, one with a place for each key, and one with a rate. */
export const quotas = [
  { name: 'q', size: 2, rate: 0, ratePeriodMs: 0 },
  { name: 'k', size: 1, rate: 0, ratePeriodMs: 0 },
  { name: 'r', size: 3, rate: 2, ratePeriodMs: 700 },
];

/** A client's command, and the jobs that exist if it succeeds. */
export interface Asked {
  readonly command: WireCommand;
  readonly level: Level;
  readonly puts: readonly Id[];
}

export class Workload {
  readonly #random: Random;
  readonly #oracle: Oracle;
  readonly #now: () => number;
  /**
   * The quotas of the tree that a job belongs to. A job waits only for jobs with the same quotas or
   * none: by the contract, two jobs that each hold a place that the other's awaited job needs wait
   * for each other for ever.
   */
  readonly #scopes = new Map<Id, readonly string[]>();
  #ids = 0;
  #runs = 0;

  constructor(random: Random, oracle: Oracle, now: () => number) {
    this.#random = random;
    this.#oracle = oracle;
    this.#now = now;
  }

  /** Returns a job for a client to put. */
  put(): { readonly level: Level; readonly job: WireJob } {
    const level = this.#oneOf(levels)!;
    return { level, job: this.#note(this.#tree(this.#random(2) === 0 ? this.#quotas() : none), level) };
  }

  /** Returns the schedule with another job and other handling of ticks. */
  schedule(): { readonly level: Level; readonly command: ScheduleCommand } {
    const job = this.#call(this.#random(2) === 0 ? this.#quotas() : none);
    const template: StoredTemplate = { encodedAt: this.#now(), job };
    const args = encodePayload(template, { root: 'job', code: 'ARGUMENT_NOT_STORABLE', limitBytes: 1e6 });
    const id = this.#newId();
    const settings = {
      ...{ name: scheduleName, queue: '', spec: { everyMs: 5000, anchor: 0 }, windowMs: 20_000 },
      ...{ missed: this.#oneOf(missedPolicies)!, overlap: this.#oneOf(overlapPolicies)! },
      ...{ jitterMs: this.#random(2) * 1000, pauseOnFailure: false, declared: false, digest: id },
    };
    const level = this.#oneOf(['full', 'process'] as const)!;
    return { level, command: { type: 'setSchedule', settings, template: { id, args }, job } };
  }

  /** Gets to know a job that the runtime made. */
  meet(made: Id, quotas: readonly string[]): void {
    this.#scopes.set(made, quotas);
  }

  /** Returns a command that runs a failed job again; undefined if none has failed. */
  retry(state: State): WireCommand | undefined {
    const isFailed = (job: JobRecord | undefined) => job?.role === 'root' && job.outcome === 'failure';
    const failed = this.#known(({ id }) => isFailed(state.job(id)));
    if (failed === undefined) return undefined;
    const parts = this.#oneOf(['failed', 'all'] as const)!;
    const callbacks = this.#oneOf(['again', 'none'] as const)!;
    return { type: 'retry', job: failed.id, options: {}, parts, callbacks };
  }

  /** Returns another command of a client about an existing job. */
  ask(state: State): Asked | undefined {
    const known = this.#known((job) => state.job(job.id) !== undefined);
    if (known === undefined) return undefined;
    const { id: job, level } = known;
    switch (this.#random(6)) {
      case 0: {
        const callback = this.#noteMember(job, level);
        return { command: { type: 'addCallbacks', job, callbacks: [callback] }, level, puts: [callback[0]] };
      }
      case 1: {
        const part = this.#noteMember(job, level);
        return { command: { type: 'addParts', job, parts: [part] }, level, puts: [part[0]] };
      }
      case 2:
        return { command: { type: 'remove', job }, level, puts: [] };
      case 3:
        return { command: { type: 'putAgain', job, queue: '' }, level, puts: [] };
      case 4:
        return { command: { type: 'fail', job, failure: Buffer.from('ended') }, level, puts: [] };
      default: {
        const options = { priority: this.#random(3), beginByMs: this.#random(20_000) };
        return { command: { type: 'change', job, args: this.#payload(''), options }, level, puts: [] };
      }
    }
  }

  /** Returns a job for a running job to put at once and wait for, in its quotas or in none. */
  putsNow(run: Run): { readonly id: Id; readonly put: WireInnerPut } {
    const { level } = this.#oracle.jobs.get(run.job)!;
    const scope = this.#random(2) === 0 ? this.#scopes.get(run.job)! : none;
    const job = this.#note(this.#tree(scope), level);
    this.#oracle.lends(job[0]);
    return { id: job[0], put: putOf(job) };
  }

  /** Decides how a run ends, and the puts that it made. */
  outcomeOf(run: Run) {
    const number = ++this.#runs;
    const level = this.#oracle.jobs.get(run.job)!.level;
    // The puts of a failed run must not happen, so the oracle is not notified of them.
    if (this.#random(6) === 0) {
      const commands = this.#random(3) === 0 ? [putOf(this.#tree(none))] : [];
      this.#oracle.ends(number, run.job, [], false);
      return {
        kind: 'thrown',
        payload: Buffer.from(`${number}:failed`),
        note: 'Error',
        inner: packed(commands),
      } as const;
    }
    const commands = this.#random(4) === 0 ? this.#inner(run, level) : [];
    const puts = commands.flatMap(({ ids }) => ids);
    const inner = packed(commands.map(({ command }) => command));
    // A waiting callback keeps its job's agent place: returning a job from as many callbacks as
    // there are places would block for ever.
    const returned = !run.free && this.#random(8) === 0 ? this.#toReturn(commands) : undefined;
    this.#oracle.ends(number, run.job, puts, returned !== undefined);
    if (returned !== undefined) return { kind: 'job', payload: nothing, note: returned, inner } as const;
    return { kind: 'value', payload: this.#payload(`${number}:`), note: '', inner } as const;
  }

  /** The commands of a running job. */
  #inner(run: Run, level: Level): { command: WireInnerCommand; ids: Id[] }[] {
    return Array.from({ length: 1 + this.#random(2) }, () => {
      switch (this.#random(run.parent === '' ? 4 : 6)) {
        case 0: {
          const other = this.#known((job) => job.level === level && job.kept > 0);
          if (other === undefined) break;
          const callback = this.#noteMember(other.id, level);
          return { command: { type: 'addCallbacks', job: other.id, callbacks: [callback] }, ids: [callback[0]] };
        }
        case 4:
        case 5: {
          const part = this.#noteMember(run.parent, level);
          return { command: { type: 'addParts', job: run.parent, parts: [part] }, ids: [part[0]] };
        }
      }
      const scope = this.#random(2) === 0 ? this.#scopes.get(run.job)! : none;
      const job = this.#note(this.#tree(scope), level);
      return { command: putOf(job), ids: [job[0]] };
    });
  }

  /** Picks one of the jobs that the run puts, or any job without quotas. */
  #toReturn(commands: readonly { command: WireInnerCommand; ids: readonly Id[] }[]): Id | undefined {
    const put = commands.find(({ command }) => command.type === 'put');
    return put !== undefined && this.#random(3) > 0
      ? put.ids[0]
      : this.#known(({ id }) => this.#scopes.get(id)!.length === 0)?.id;
  }

  /** A call, or a composition with parts; with or without a callback. */
  #tree(scope: readonly string[]): WireJob {
    const composes = this.#random(5) === 0;
    const parts = composes ? Array.from({ length: 1 + this.#random(4) }, () => this.#call(scope)) : [];
    const callbacks = this.#random(5) === 0 ? [this.#call(none)] : [];
    const options = { ...this.#options(), quotas: scope };
    const id = this.#newId();
    return composes
      ? [id, this.#random(2) === 0 ? 'parallel' : 'serial', 'm#join', null, options, parts, callbacks]
      : [id, 'call', 'm#run', this.#payload(''), options, [], callbacks];
  }

  #note(job: WireJob, level: Level): WireJob {
    const [root, , , , options, parts, callbacks] = job;
    const scope = options?.quotas ?? none;
    this.#oracle.put(root, root, level, options?.policy ?? 'default');
    this.#scopes.set(root, scope);
    for (const [id] of [...parts, ...callbacks]) {
      this.#oracle.put(id, root, level, 'default');
      this.#scopes.set(id, scope);
    }
    return job;
  }

  /** A job that is added to another. */
  #noteMember(above: Id, level: Level): WireJob {
    const member = this.#note(this.#call(none), level);
    this.#scopes.set(member[0], this.#scopes.get(above)!);
    return member;
  }

  #call(scope: readonly string[]): WireJob {
    const options = this.#random(2) === 0 ? { quotas: scope } : {};
    return [this.#newId(), 'call', 'm#run', this.#payload(''), options, [], []];
  }

  #options(): JobOptions {
    const random = this.#random;
    const policy = [undefined, undefined, 'never', retryErrors, 'forever', 'm#policy'][random(6)];
    return {
      ...(policy && { policy }),
      ...(random(4) === 0 && { priority: random(3) }),
      ...(random(8) === 0 && { beginAfter: this.#now() + random(10_000) }),
      ...(random(8) === 0 && { beginByMs: random(20_000) }),
      ...(random(6) === 0 && { timeoutMs: 1 + random(3000) }),
    };
  }

  #quotas(): readonly string[] {
    return this.#oneOf([['q'], ['r'], [quotaKey('k', 'a')], ['q', quotaKey('k', 'b')]])!;
  }

  #known(fits: (job: KnownJob) => boolean): KnownJob | undefined {
    return this.#oneOf([...this.#oracle.jobs.values()].filter(fits));
  }

  #oneOf<T>(all: readonly T[]): T | undefined {
    return all[this.#random(Math.max(all.length, 1))];
  }

  #payload(start: string): Uint8Array {
    const filler = String.fromCharCode(97 + this.#random(26));
    return Buffer.from(start.padEnd(this.#random(this.#random(10) === 0 ? 3000 : 60), filler));
  }

  #newId(): Id {
    return idFromText(`00000000-0000-7000-8000-${String(this.#ids++).padStart(12, '0')}`)!;
  }
}

const putOf = (job: WireJob): WireInnerPut => ({ type: 'put', queue: '', jobs: [job] });

const packed = (commands: readonly WireInnerCommand[]) => (commands.length === 0 ? nothing : packBatch(commands));
