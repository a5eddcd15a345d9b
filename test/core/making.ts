/** Makes states, ids and commands for tests of the core, and comparable views of a whole state. */
import type { Command, Effect, JobOptions, JobSpec, Outside, Retention, Settled } from '../../src/core/commands.js';
import { decide } from '../../src/core/decide.js';
import { agentKey, type Id, type JobRecord, type Payload } from '../../src/core/records.js';
import { CompactJob } from '../../src/core/state/compact-job.js';
import { neededPlaces } from '../../src/core/state/indices.js';
import { State } from '../../src/core/state/state.js';

/** Makes an id that sorts like the name, of 15 characters at most. `\x80` makes it a UUID. */
export const idOf = (name: string): Id => `${name.slice(0, 8).padEnd(8, '.')}\x80${name.slice(8).padEnd(7, '.')}`;
/** Returns the name that `idOf` was given. */
export const nameOf = (id: Id): string => id.replace('\x80', '').replace(/\.+$/, '');

export const payload = (byteLength = 1): Payload => ({ byteLength });

/** An error of callsheet's own, kept as it is so that tests can read it. */
export interface ErrorPayload extends Payload {
  readonly error: Error;
}

/** The dispatcher that decides in tests. */
export const us = idOf('us');
export const main = agentKey(us, '', 'main');

export const activateUs = {
  type: 'activate',
  dispatcher: us,
  incarnation: idOf('process'),
  host: 'here',
  pid: 1,
  pingMs: 1,
  deathMs: 1e9,
} as const;

export const outsideAt = (now: number): Outside => ({
  now,
  dispatcher: us,
  listening: false,
  holding: true,
  random: () => 0.5,
  failure: (error): ErrorPayload => ({ byteLength: 99, error }),
});

export function call(name: string, options: JobOptions = {}, extra: Partial<JobSpec> = {}): JobSpec {
  return { id: idOf(name), form: 'call', callable: 'm#run', args: null, options, parts: [], callbacks: [], ...extra };
}

/** Makes a whole without a postprocess. */
export function whole(form: 'serial' | 'parallel', name: string, parts: readonly JobSpec[]): JobSpec {
  return call(name, {}, { form, callable: '', parts });
}

export const value: Settled = { kind: 'value', payload: payload() };
export const thrown: Settled = { kind: 'thrown', payload: payload(), names: ['Error'] };

/** The name of the job, or the type of the event, that an effect is about. */
export function subjectOf(effect: Effect): string {
  if (effect.type === 'event') return effect.event.type;
  return nameOf(typeof effect.job === 'string' ? effect.job : effect.job.id);
}

/** Effects in words: `run a (written)`. */
export const told = (effects: readonly Effect[]): string[] =>
  effects.map((effect) => `${effect.type} ${subjectOf(effect)} (${effect.gate})`);

/** A state whose clock ticks with every command. Each command is a group of its own. */
export class Machine {
  readonly state: State;
  now = 1000;

  constructor(state = new State()) {
    this.state = state;
    this.do(activateUs);
  }

  /** Decides a command, and keeps its changes. */
  do(command: Command): readonly Effect[] {
    const { effects } = decide(this.state, command, outsideAt(++this.now));
    this.state.keepChanges();
    return effects;
  }

  put(...jobs: JobSpec[]): readonly Effect[] {
    return this.do({ type: 'put', queue: '', owner: idOf('owner'), level: 'full', jobs });
  }

  claim(name: string): readonly Effect[] {
    return this.do({ type: 'claim', job: idOf(name), agent: main });
  }

  begun(name: string): readonly Effect[] {
    return this.do({ type: 'begun', ...this.#claimOf(name), at: this.now });
  }

  settle(name: string, outcome: Settled = value): readonly Effect[] {
    return this.do({ type: 'settle', ...this.#claimOf(name), outcome, startedAt: this.now, inner: [] });
  }

  /** Advances the clock, and handles the timers due by then. */
  pass(ms: number): void {
    this.now += ms;
    this.do({ type: 'tick' });
  }

  giveBack(name: string): readonly Effect[] {
    return this.do({ type: 'giveBack', ...this.#claimOf(name) });
  }

  interrupt(name: string, cause: 'close' | 'thread' | 'process' = 'thread'): readonly Effect[] {
    return this.do({ type: 'interrupt', ...this.#claimOf(name), cause });
  }

  /** Returns the state of the next process after its recovery. */
  reopened(): Machine {
    const next = new Machine();
    for (const job of this.state.jobs()) next.state.load(new CompactJob(job));
    next.state.loaded();
    next.now = this.now;
    next.do({ type: 'recover' });
    next.do(activateUs);
    return next;
  }

  job(name: string): JobRecord {
    const job = this.state.job(idOf(name));
    if (job === undefined) throw new Error(`there is no job ${name}`);
    return job;
  }

  statuses(...names: string[]): string[] {
    return names.map((name) => this.job(name).status);
  }

  /** Names the jobs in the default queue's line, in the order of the contract. */
  line(): string[] {
    return inContractOrder(this.state).map(({ id }) => nameOf(id));
  }

  /** Claims every job that can be claimed, and returns their names in that order. */
  claimAll(): string[] {
    const names: string[] = [];
    const next = () => this.state.firstQueued('', () => true, this.now);
    for (let job = next(); job !== undefined; job = next()) {
      names.push(nameOf(job.id));
      this.do({ type: 'claim', job: job.id, agent: main });
    }
    return names;
  }

  #claimOf(name: string): { job: Id; fence: number } {
    return { job: idOf(name), fence: this.job(name).fence };
  }
}

/** Returns a retention that keeps this number of succeeded jobs, and of failed ones. */
export function keeping(count: number, failed = count): Retention {
  const limits = { ageMs: 1e9, bytes: 1e9 };
  return { ...limits, count, failed: { ...limits, count: failed } };
}

/** The jobs in line: by priority, then those put back, then by the moment of eligibility. */
export function inContractOrder(state: State): JobRecord[] {
  return [...state.jobs()]
    .filter(({ queued }) => queued)
    .sort(
      (a, b) =>
        b.priority - a.priority ||
        Number(b.front) - Number(a.front) ||
        Number(b.alone) - Number(a.alone) ||
        a.eligible - b.eligible,
    );
}

/** `true` if every quota that the job names has room for it, judged by the records alone. */
export function hasRoom(state: State, job: JobRecord): boolean {
  return neededPlaces(job).every((quota) => {
    const record = state.quota(job.queue, quota);
    if (record === undefined) return true;
    return [...state.jobs()].filter(({ places }) => places.includes(quota)).length < record.size;
  });
}

/** Returns everything stored of a job; fields of indices get the values of a new row. */
export const recordOf = (job: JobRecord): JobRecord => CompactJob.toRecord(job);

/** Returns a whole state as data: its records, and everything derived from them. */
export function snapshotOf(state: State) {
  const jobs = [...state.jobs()].sort((a, b) => (a.id < b.id ? -1 : 1));
  const callables = [...new Set(jobs.map(({ callable }) => callable))].sort();
  const ids = (list: Iterable<JobRecord>) => Array.from(list, ({ id }) => id);
  return {
    records: jobs.map(recordOf),
    members: jobs.map((job) => [ids(state.parts(job)), ids(state.callbacks(job)), ids(state.waitingFor(job)).sort()]),
    annotations: jobs.map(({ id }) => [...state.annotationsOf(id)].sort((a, b) => (a.name < b.name ? -1 : 1))),
    settings: [...state.settings()].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
    line: [state.queued(''), state.unfinished(''), state.scheduled(''), state.atWork(''), state.busy('')],
    heads: callables.map((callable) => state.firstQueued('', (lane) => lane.callable === callable, 0)?.id),
    running: ids(state.running(main)).sort(),
    places: state
      .heldQuotas('')
      .map((quota) => [quota, ids(state.holders('', quota)).sort()])
      .sort(),
    unique: ['u0', 'u1', 'u2'].map((key) => state.uniqueJob('', key)?.id),
    nextTimer: state.nextTimer,
    nextSchedule: state.nextSchedule,
    size: state.size,
    completed: (['succeeded', 'failed'] as const).map((kept) => {
      const { count, bytes, oldest } = state.kept(kept);
      return [count, bytes, oldest?.id];
    }),
  };
}

/** Returns the changes that a store would write, as data. */
export function changesOf(state: State) {
  const { jobs, forgotten, settings, annotations } = state.changes();
  return {
    jobs: jobs.map(recordOf),
    forgotten: [...forgotten],
    settings: [...settings],
    annotations: [...annotations],
  };
}
