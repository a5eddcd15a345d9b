/** Commands that need no commit of their own, since a turn commits others anyway. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { newId } from '../../src/codec/id.js';
import { NoPool } from '../../src/coordinator/pool/no-pool.js';
import type { PoolOwner, Run, ThreadLoad } from '../../src/coordinator/pool/pool-port.js';
import { Hub, put } from './hub.js';

const noBytes = new Uint8Array(0);

/** Threads that do what the test says. Thread 2 comes later. */
class Threads extends NoPool {
  override readonly size = 2;
  override readonly mostThreads = 2;
  override out = 0;
  readonly owner: PoolOwner;
  /** The runs of each thread. */
  readonly runs: Run[][] = [[]];
  /** The ends of runs that wait for others. */
  readonly waiting: Run[] = [];

  constructor(owner: PoolOwner) {
    super();
    this.owner = owner;
  }

  override loads(): readonly ThreadLoad[] {
    return this.runs.map((runs, index) => ({
      thread: index + 1,
      batches: runs.length === 0 ? 0 : 2,
      agents: runs.length === 0 ? [] : [runs[0]!.agent],
    }));
  }

  override start(thread: number, runs: readonly Run[]): boolean {
    this.runs[thread - 1]!.push(...runs);
    this.out += runs.length;
    return true;
  }

  end(run: Run): void {
    for (const runs of this.runs) if (runs.includes(run)) runs.splice(runs.indexOf(run), 1);
    this.out--;
    const report = { slot: 0, kind: 'value', startedAt: 1, ranMs: 0.1, payload: noBytes, note: '' } as const;
    this.owner.settled(run, { ...report, inner: noBytes });
  }

  settleWaiting(): void {
    for (const run of this.waiting.splice(0)) this.end(run);
  }

  override share(): boolean {
    const run = this.runs[0]!.length > 1 ? this.runs[0]!.pop() : undefined;
    if (run === undefined) return false;
    this.out--;
    this.owner.notBegun(run);
    return true;
  }
}

async function openHub() {
  let threads!: Threads;
  const makePool = (owner: PoolOwner) => {
    threads = new Threads(owner);
    return threads;
  };
  const hub = await new Hub(undefined, makePool).open();
  const client = hub.join();
  const commitsOf = (act: () => void) => {
    const before = hub.store.figures.frames;
    act();
    hub.turn();
    return hub.store.figures.frames - before;
  };
  return { client, threads, commitsOf };
}

it('settles outcomes that wait for others with the next put, but never by themselves', async () => {
  const { client, threads, commitsOf } = await openHub();
  client.send(put(1, newId()));
  const [run] = threads.runs[0]!;
  threads.waiting.push(run!);
  assert.equal(
    commitsOf(() => threads.owner.turn()),
    0,
    'a turn with nothing to commit',
  );
  client.take();
  assert.equal(
    commitsOf(() => client.send(put(2, newId()))),
    1,
  );
  assert.deepEqual(
    client.take().map(([type, request]) => [type, request]),
    [
      ['done', 2],
      ['deliver', [1]],
    ],
  );
});

it('gives a job back and claims it for an idle thread in one commit', async () => {
  const { client, threads, commitsOf } = await openHub();
  client.send(put(1, newId()));
  threads.end(threads.runs[0]![0]!);
  // Two short jobs, which fit into one batch.
  const [one, two] = [newId(), newId()];
  client.send(put(2, one, two));
  const jobs = () => threads.runs.map((runs) => runs.map(({ job }) => job));
  assert.deepEqual(jobs(), [[one, two]]);
  threads.runs.push([]);
  assert.equal(
    commitsOf(() => threads.owner.turn()),
    1,
  );
  assert.deepEqual(jobs(), [[one], [two]]);
});
