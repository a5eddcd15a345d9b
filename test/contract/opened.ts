/**
 * Opens a kit with the jobs of the contract for one test, resets what earlier tests recorded, and
 * closes the kit when the test ends. With `CALLSHEET_TEST_STORE=shared` its records are in a
 * database that other processes could share, with `postgres` in PostgreSQL; with `socket` its
 * runtime is a client of the dispatcher, as in another process.
 */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { Job, Queue } from 'callsheet';
import { type Kit, openVirtual, type VirtualOptions } from 'callsheet/testing';
import { openOnPostgres } from '../postgres/kits.js';
import { openAlone } from '../shared-store/kits.js';
import { openThroughSocket } from '../sharing/kits.js';
import { allJobs, work } from './jobs/all.js';
import { forget } from './jobs/work.js';

const openers: Readonly<Record<string, typeof openVirtual>> = {
  shared: openAlone,
  postgres: openOnPostgres,
  socket: openThroughSocket,
};

/** `true` if the records are in a database that other processes could share. */
export const isShared = ['shared', 'postgres'].includes(process.env.CALLSHEET_TEST_STORE ?? '');

export async function opened(t: TestContext, options: Partial<VirtualOptions> = {}): Promise<Kit> {
  forget();
  const open = openers[process.env.CALLSHEET_TEST_STORE ?? ''] ?? openVirtual;
  const kit = await open({ jobs: allJobs, ...options });
  t.after(() => kit.close());
  t.diagnostic(`seed ${kit.seed}`);
  return kit;
}

/** Opens a kit whose only thread is held until the gate `before` opens, so that jobs wait. */
export async function busy(t: TestContext): Promise<{ kit: Kit; queue: Queue }> {
  const kit = await opened(t, { threads: 1 });
  const queue = kit.runtime.queue();
  await kit.waitForStart(await queue.put(work.hold('before')));
  return { kit, queue };
}

/** Waits for the job to fail with an error of this name, among those of its classes. */
export async function failedWith(job: Job, name: string): Promise<void> {
  const failure = await job.failure();
  assert.ok(failure, 'it did not fail');
  assert.ok(failure.check(name), `${failure.names.join(', ')}: ${failure.message}`);
}

export const hourMs = 3_600_000;
