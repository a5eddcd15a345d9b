/**
 * What an observer outside knows of all jobs, through all lives, and what he may expect: the invariants of the contract. He sees
 * puts, acknowledgements, begins and outcomes, and nothing of how they come about.
 */
import assert from 'node:assert/strict';
import type { Id, JobRecord, Level } from '../../src/core/records.js';
import type { State } from '../../src/core/state.js';
import { idToText } from '../../src/protocol/id.js';
import type { JournalStore } from '../../src/store/journal-store.js';
import type { StoredPayload } from '../../src/store/stored-payload.js';

/** A job's number, as a simulated history counts them. */
export const nameOf = (id: Id) => `job ${Number(idToText(id).slice(-12))}`;

export interface KnownJob {
  readonly id: Id;
  readonly root: Id;
  readonly level: Level;
  readonly policy: string;
  /** The put was acknowledged. */
  acknowledged: boolean;
  starts: number;
  /** The outcome that was told. */
  told: string | undefined;
}

/** Completed; or a part that was never put, since its whole ended before it began. */
export function isOver(state: State, job: JobRecord): boolean {
  return job.status === 'completed' || (job.status === 'new' && state.job(job.parent)?.status === 'completed');
}

export class Oracle {
  readonly jobs = new Map<Id, KnownJob>();

  put(id: Id, root: Id, level: Level, policy: string): void {
    this.jobs.set(id, { id, root, level, policy, acknowledged: false, starts: 0, told: undefined });
  }

  acknowledge(root: Id): void {
    for (const job of this.jobs.values()) if (job.root === root) job.acknowledged = true;
  }

  begins(id: Id): void {
    const job = this.jobs.get(id);
    assert.ok(job, 'a job began that nobody put');
    job.starts += 1;
    assert.equal(job.told, undefined, `${nameOf(id)} began after its outcome had been told`);
    assert.ok(job.policy !== 'never' || job.starts === 1, `${nameOf(id)} is never to be retried, and began again`);
  }

  tell(id: Id, outcome: string): void {
    const job = this.jobs.get(id)!;
    job.told ??= outcome;
    assert.equal(outcome, job.told, `${nameOf(id)} has two outcomes`);
  }

  /** What the next process finds. After a power loss, only what was acknowledged at `full` has to be there. */
  checkFound(store: JournalStore, afterPowerLoss: boolean): void {
    const { state } = store;
    for (const job of this.jobs.values()) {
      const isSafe = job.level === 'full' || !afterPowerLoss;
      const found = state.job(job.id);
      if (job.acknowledged && isSafe) assert.ok(found, `${nameOf(job.id)} was acknowledged and is lost`);
      if (job.told !== undefined && isSafe) {
        const payload = found?.result as StoredPayload | null | undefined;
        const bytes = payload ? Buffer.from(store.bytes(payload)).toString('latin1') : '';
        assert.equal(found && `${found.outcome} ${bytes}`, job.told, `the outcome of ${nameOf(job.id)} is another`);
      }
      // What an unacknowledged batch left is whole or nothing.
      assert.equal(found === undefined, state.job(job.root) === undefined, `${nameOf(job.id)} and its root`);
      // What was lost, and might be, must not come back.
      if (found === undefined) this.jobs.delete(job.id);
      else if (!isSafe) job.told = undefined;
    }
    this.checkState(state);
  }

  /** Holds at any time. */
  checkState(state: State): void {
    for (const { id } of state.jobs()) assert.ok(this.jobs.has(id), 'a job that nobody put');
    for (const setting of state.settings()) {
      if (setting.kind !== 'quota') continue;
      const holders = state.holders(setting.queue, setting.name).size;
      assert.ok(holders <= setting.size, `${holders} jobs have one of ${setting.size} places`);
    }
  }

  /** Everything is well again and time enough has passed. */
  checkFinished(state: State): void {
    for (const job of state.jobs())
      assert.ok(isOver(state, job), `${nameOf(job.id)} is ${job.status}/${job.stage} for ever`);
    for (const job of this.jobs.values()) {
      if (job.acknowledged && job.level === 'full')
        assert.ok(state.job(job.id), `${nameOf(job.id)} was acknowledged and is lost`);
    }
  }
}
