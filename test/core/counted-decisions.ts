/**
 * Decides commands as a store does that loads the records of each decision, and counts the jobs
 * that it reads and writes. Other records are few, and such a store can keep all of them.
 */
import type { Command, JobSpec, Settled } from '../../src/core/commands.js';
import { decide } from '../../src/core/decide.js';
import type { Id, JobRecord } from '../../src/core/records.js';
import { State } from '../../src/core/state/state.js';
import { decideOn, prefetch } from '../../src/store/shared/deciding.js';
import { lanesOf, noLaneWrites } from '../../src/store/shared/lanes.js';
import { PartialState } from '../../src/store/shared/partial-state.js';
import { MemoryDatabase, writtenBy } from '../shared-store/database.js';
import { activateUs, idOf, main, outsideAt } from './making.js';

/** Numbers of jobs. */
export interface Rows {
  readonly read: number;
  readonly written: number;
}

const bytes = new Uint8Array(1);
export const aValue: Settled = { kind: 'value', payload: bytes };

/** A database, and its records in memory, where decisions that are not counted take less time. */
export class CountedDecisions {
  readonly #database = new MemoryDatabase();
  readonly #state = new State();
  now = 1000;

  constructor() {
    this.pass([activateUs]);
  }

  /** Decides commands without counting. A function makes its command when its turn comes. */
  pass(commands: Iterable<Command | (() => Command)>): void {
    for (const command of commands)
      decide(this.#state, typeof command === 'function' ? command() : command, this.#outside());
    const changes = this.#state.changes();
    const lanes = { ...noLaneWrites, joined: [...lanesOf(changes.jobs).values()] };
    this.#database.write(writtenBy({ ...changes, buckets: [], lanes, events: [] }));
    this.#state.keepChanges();
  }

  /** Decides all that is left to put or to cancel of a whole, without counting. */
  goOn(name: string): void {
    while (this.job(name).cursor !== 0) this.pass([goOn(name)]);
  }

  /** Decides a command, which may be refused, and returns the jobs that it reads and writes. */
  async count(command: Command): Promise<Rows> {
    const outside = this.#outside();
    const transaction = this.#database.begin('change');
    const view = new PartialState();
    await prefetch(view, transaction, [command]);
    const decided = await decideOn(view, transaction, command, outside);
    const writes = { ...view.writes(), events: [] };
    await transaction.commit('', { group: 0, attempt: 0 }, writes);
    try {
      decide(this.#state, command, outside);
    } catch (error) {
      if (!(decided instanceof Error) || decided.message !== (error as Error).message) throw error;
    }
    this.#state.keepChanges();
    return { read: view.jobsRead, written: writes.jobs.length + writes.forgotten.length };
  }

  job(name: string): JobRecord {
    return this.#state.job(idOf(name))!;
  }

  settle(name: string, outcome = aValue): Command {
    return { type: 'settle', ...this.claimOf(name), outcome, startedAt: this.now, inner: [] };
  }

  claimOf(name: string): { readonly job: Id; readonly fence: number } {
    return { job: idOf(name), fence: this.job(name).fence };
  }

  /** Claims these jobs and settles them, without counting. */
  run(names: readonly string[], outcome = aValue): void {
    this.pass(names.flatMap((name) => [claim(name), () => this.settle(name, outcome)]));
  }

  #outside() {
    return { ...outsideAt(++this.now), failure: () => bytes };
  }
}

export function put(...jobs: readonly JobSpec[]): Extract<Command, { type: 'put' }> {
  return { type: 'put', queue: '', owner: idOf('owner'), level: 'full', jobs };
}

export const claim = (name: string): Command => ({ type: 'claim', job: idOf(name), agent: main });
export const goOn = (name: string): Command => ({ type: 'goOn', job: idOf(name) });
export const cancel = (name: string): Command => ({ type: 'cancel', job: idOf(name) });
