/**
 * The runtime beside the model: performs commands through the public interface, and reads what
 * users can see.
 */
import assert from 'node:assert/strict';
import {
  type Composition,
  type Job,
  type JobOptions,
  type Part,
  parallel,
  type Queue,
  type RetryPolicy,
  retryDefault,
  retryErrors,
  retryForever,
  retryNever,
  serial,
} from 'callsheet';
import { type Kit, openVirtual } from 'callsheet/testing';
import { plays } from './jobs/all.js';
import { forget, outcomeText, type Start, starts } from './jobs/play.js';
import { type Asked, quotaName, type Retry, retryLaterMs, retryLimit, type ScheduleAsked, tickName } from './model.js';

const policies: Readonly<Record<Retry, RetryPolicy>> = {
  default: retryDefault,
  never: retryNever,
  forever: retryForever,
  'at once': retryErrors({ limit: retryLimit, backoff: { initialMs: 0 } }),
  later: retryErrors({ limit: retryLimit, backoff: { initialMs: retryLaterMs, factor: 1, jitter: 0 } }),
};

/** The state of a job that users can see. */
export interface SeenJob {
  readonly status: string;
  readonly outcome: string | undefined;
  readonly priority: number;
  readonly due: number | undefined;
  readonly deadline: number | undefined;
  readonly attempts: number;
  readonly errors: number;
  readonly interruptions: number;
  readonly parts: number;
  readonly partsDone: number;
  readonly callbacks: number;
  readonly callbacksDone: number;
}

/** The state of a schedule that users can see. */
export interface SeenSchedule {
  readonly paused: boolean;
  readonly nextAt: number | undefined;
  readonly lastAt: number | undefined;
  readonly successAt: number | undefined;
  readonly fired: number;
  readonly missed: number;
  readonly skipped: number;
  /** The names of the jobs that it has put last, newest first. */
  readonly jobs: readonly string[];
}

/** The names of a job, its parts and its callbacks. */
interface Named {
  readonly name: string;
  readonly parts: readonly Named[];
  readonly callbacks: readonly Named[];
}

export class Real {
  /** The ids of all jobs seen so far, by name. */
  readonly ids = new Map<string, string>();
  readonly #names = new Map<string, string>();
  readonly #kit: Kit;

  private constructor(kit: Kit) {
    this.#kit = kit;
  }

  static async open(start: number, agentSize: number, queues: readonly string[]): Promise<Real> {
    forget();
    const agent = { size: agentSize };
    // More threads than the agents use, so that callbacks, which need no agent, never wait.
    const kit = await openVirtual({ jobs: [plays], threads: 80, agent, seed: 1, start: new Date(start) });
    for (const name of queues) if (name !== '') await kit.runtime.createQueue(name);
    return new Real(kit);
  }

  get kit(): Kit {
    return this.#kit;
  }

  queue(name: string): Queue {
    return this.#kit.runtime.queue(name);
  }

  job(name: string): Job {
    return this.#kit.runtime.job(this.ids.get(name)!);
  }

  meet(name: string, id: string): void {
    this.ids.set(name, id);
    this.#names.set(id, name);
  }

  nameOf(id: string): string {
    return this.#names.get(id) ?? id;
  }

  /** Returns the call or composition to put, with the names of the model's job if there is one. */
  part(asked: Asked, job: Named | undefined): Part {
    const name = job?.name ?? 'refused';
    let part: Composition | ReturnType<typeof plays.play> = plays.play(name);
    if (asked.form !== 'call') {
      const parts = asked.parts.map((one, index) => this.part(one, job?.parts[index]));
      const compose = (asked.form === 'serial' ? serial : parallel) as (parts: Part[], options: object) => Composition;
      part = compose(parts, asked.postprocess ? { postprocess: plays.play.with(name) } : {});
    }
    for (let n = 0; n < asked.callbacks; n++)
      part = (part as Composition).onBoth(plays.play.with(job?.callbacks[n]?.name ?? 'refused') as never);
    return (part as Composition).with(optionsOf(asked)) as Part;
  }

  async setSchedule(name: string, set: ScheduleAsked): Promise<void> {
    const { queue, asked, everyMs: every, anchorMs, ...handling } = set;
    const callbacks = Array.from({ length: asked.callbacks }, (_, at) => named(`${name}@ ${at + 1}`));
    const job = this.part(asked, { ...named(`${name}@`), callbacks });
    await this.queue(queue).schedule(name, job, { every, anchor: new Date(anchorMs), ...handling });
  }

  /** Returns the state of a schedule, and gets to know the jobs that it has put. */
  async schedule(name: string): Promise<SeenSchedule> {
    const there = this.#kit.runtime.schedule(name);
    const [details, history] = await Promise.all([there.details(), there.history()]);
    const { paused, nextAt, lastAt, lastSuccessAt, fired, missedCount: missed, skipped } = details;
    const jobs = history.map(({ at, job }) => {
      const tick = tickName({ name, at: at.getTime() });
      this.meet(tick, job.id);
      return tick;
    });
    const times = { nextAt: nextAt?.getTime(), lastAt: lastAt?.getTime(), successAt: lastSuccessAt?.getTime() };
    return { paused, ...times, fired, missed, skipped, jobs };
  }

  /** Returns the jobs that began since the last call, in order. */
  takeStarts(): readonly Start[] {
    const taken = starts.splice(0);
    for (const { name, id } of taken) this.meet(name, id);
    return taken;
  }

  async line(queue: string): Promise<string[]> {
    const names: string[] = [];
    for await (const job of this.queue(queue)) names.push(await this.#met(job));
    return names;
  }

  async quotas(queue: string): Promise<Record<string, unknown>> {
    const seen: Record<string, unknown> = {};
    for (const { name, size, holders } of await this.queue(queue).quotas()) {
      const names = await Promise.all(holders.map((id) => this.#met(this.#kit.runtime.job(id))));
      seen[name] = { size, holders: names.sort() };
    }
    return seen;
  }

  /** Returns the job's name. A waiting part seen for the first time has it in its arguments. */
  async #met(job: Job): Promise<string> {
    if (!this.#names.has(job.id)) this.meet((await job.arguments())[0] as string, job.id);
    return this.nameOf(job.id);
  }

  /** The codes of the reasons why a job waits that the model knows; there must be a reason. */
  async reasons(name: string): Promise<readonly string[]> {
    const { reasons } = await this.#kit.runtime.monitor.explain(this.ids.get(name)!);
    assert.ok(reasons.length > 0, `${name} waits without a reason`);
    const known = ['not-due', 'paused', 'quota-full'];
    return [...new Set(reasons.map(({ code }) => code as string))].filter((code) => known.includes(code)).sort();
  }

  async look(name: string): Promise<SeenJob> {
    const job = this.job(name);
    const { dueAt, deadline, endAt, ...details } = await job.details();
    const { status, priority, attempts, errors, interruptions, parts, partsDone, callbacks, callbacksDone } = details;
    const outcome = endAt === undefined ? undefined : outcomeText((await job.failure()) ?? (await job.result()));
    const counts = { attempts, errors, interruptions, parts, partsDone, callbacks, callbacksDone };
    return { status, outcome, priority, due: dueAt?.getTime(), deadline: deadline?.getTime(), ...counts };
  }
}

const named = (name: string): Named => ({ name, parts: [], callbacks: [] });

function optionsOf(asked: Asked): JobOptions {
  const { priority, quotas, beginAfterMs, beginByMs, timeoutMs, unique, replace } = asked;
  return {
    priority,
    quotas: quotas.map(quotaAsked),
    retry: policies[asked.retry],
    ...(beginAfterMs === undefined ? {} : { beginAfter: beginAfterMs }),
    ...(beginByMs === undefined ? {} : { beginByMs }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(unique === undefined ? {} : { unique, replace }),
  };
}

export function quotaAsked(quota: string): string | { name: string; key: string } {
  const [, key] = quota.split('/');
  return key === undefined ? quota : { name: quotaName(quota), key };
}
