/**
 * The journal store through snapshots, moves and deletions of segments: the state that it finds
 * again, and the disk that it takes.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { JournalCorruptError } from '../../src/errors.js';
import type { JournalStore } from '../../src/store/journal/journal-store.js';
import type { StoredPayload } from '../../src/store/journal/stored-payload.js';
import { StrictDisk } from '../journal/strict-disk.js';
import { Churn, printedState, turn } from './journal-churn.js';

const segmentBytes = 4096;

function filesOf(disk: StrictDisk, kind: string): string[] {
  return [...disk.files().keys()].filter((name) => name.endsWith(kind)).sort();
}

async function reopened(disk: StrictDisk, options = {}): Promise<JournalStore> {
  return (await new Churn(disk, 77, options).open()).store;
}

/** Live bytes: payloads with their entries' overhead, and a snapshot of the rest. */
function liveBytes(store: JournalStore): number {
  let bytes = 0;
  for (const { args, result } of store.state.jobs()) {
    bytes += 100;
    for (const payload of [args, result]) bytes += payload === null ? 0 : payload.byteLength + 25;
  }
  for (const { value } of store.state.annotations()) bytes += value.byteLength + 40;
  return bytes;
}

describe('the journal store under churn', () => {
  it('[9.1] reopens with the same state at any time, after any number of snapshots', async (t) => {
    let snapshots = 0;
    let opened = 0;
    for (let seed = 1; seed <= 6; seed++) {
      const disk = new StrictDisk();
      const churn = await new Churn(disk, seed).open();
      for (let step = 0; step < 1500; step++) {
        churn.step();
        if (step % 3 === 0) await turn();
        if (step % 50 !== 0) continue;
        await churn.durable();
        const found = await reopened(disk.afterKill());
        assert.equal(printedState(found), printedState(churn.store), `seed ${seed}, step ${step}`);
        opened += 1;
      }
      assert.equal(churn.fatal, undefined);
      const { figures } = churn.store;
      snapshots += figures.snapshots;
      assert.ok(figures.lastSnapshotMs > 0 && figures.longestSnapshotMs >= figures.lastSnapshotMs);
      await churn.store.close();
      assert.equal(printedState(await reopened(disk)), printedState(churn.store));
    }
    t.diagnostic(`${snapshots} snapshots, opened ${opened} times`);
    assert.ok(snapshots > 50);
  });

  it('[2.12] never takes more disk than five times the recent live bytes and two segments', async (t) => {
    const disk = new StrictDisk();
    const churn = await new Churn(disk, 5).open();
    churn.payloadBytes = 900;
    let worst = 0;
    /**
     * The most live bytes since each of the last three snapshots. Payloads that died lately are
     * deleted with the next snapshots.
     */
    const lately = [0, 0, 0];
    let seen = 0;
    for (let step = 0; step < 12_000; step++) {
      churn.step();
      if (step % 4 === 0) await turn();
      churn.keep = step % 3000 < 1500 ? 60 : 3;
      if (step % 20 !== 0) continue;
      const used = [...disk.files().values()].reduce((sum, { length }) => sum + length, 0);
      const live = liveBytes(churn.store);
      for (; seen < churn.store.figures.snapshots; seen++) lately.unshift(0);
      lately.length = 3;
      for (const [index, most] of lately.entries()) lately[index] = Math.max(most, live);
      worst = Math.max(worst, (used - 2 * segmentBytes) / lately.at(-1)!);
    }
    const { snapshots, bytesWritten } = churn.store.figures;
    t.diagnostic(
      `${snapshots} snapshots, ${bytesWritten} bytes written, disk less two segments per live byte: ${worst.toFixed(2)} at most`,
    );
    assert.ok(worst < 5);
    await churn.store.close();
  });

  it('[9.1] counts the same live bytes as a walk over all jobs', async () => {
    const disk = new StrictDisk();
    const churn = await new Churn(disk, 9).open();
    for (let step = 0; step < 2000; step++) {
      churn.step();
      if (step % 4 === 0) await turn();
    }
    const counted = new Map<number, number>();
    for (const { args, result } of churn.store.state.jobs()) {
      for (const payload of [args, result] as (StoredPayload | null)[]) {
        if (payload !== null)
          counted.set(payload.segment, (counted.get(payload.segment) ?? 0) + payload.byteLength + 25);
      }
    }
    for (const [segment, bytes] of counted)
      assert.equal(churn.store.liveBytes.of(segment), bytes, `segment ${segment}`);
    assert.deepEqual(new Set(counted.keys()), churn.store.liveBytes.segments());
    await churn.store.close();
  });

  it('[9.1] forgets removed arguments', async () => {
    const disk = new StrictDisk();
    const churn = await new Churn(disk, 3).open();
    while (![...churn.store.state.jobs()].some(({ queued, args }) => queued && args !== null)) churn.step();
    const job = [...churn.store.state.jobs()].find(({ queued, args }) => queued && args !== null)!;
    churn.store.transact({ command: { type: 'change', job: job.id, args: null, options: {} }, gate: 'decided' });
    await churn.durable();
    assert.equal((await reopened(disk.afterKill())).state.job(job.id)!.args, null);
    await churn.store.close();
  });

  it('closes during a snapshot, and leaves no unfinished file', async () => {
    for (let seed = 1; seed < 12; seed++) {
      const disk = new StrictDisk();
      const churn = await new Churn(disk, seed, { segmentBytes: 16_384 }).open();
      churn.payloadBytes = 60;
      while (filesOf(disk, 'unfinished').length === 0) {
        churn.step();
        if (churn.store.state.size % 5 === 0) await turn();
      }
      await churn.store.close();
      assert.deepEqual(filesOf(disk, 'unfinished'), []);
      assert.equal(printedState(await reopened(disk)), printedState(churn.store));
    }
  });

  it('opens with a damaged payload, which fails only its reader, and keeps its segment', async () => {
    const disk = new StrictDisk();
    const churn = await new Churn(disk, 21).open();
    churn.keep = 40;
    const old = () => {
      const [first] = [...churn.store.liveBytes.segments()].sort((a, b) => a - b);
      return first !== undefined && first < Number(/\d{10}/.exec(filesOf(disk, 'snapshot')[0] ?? '0000000000')?.[0])
        ? first
        : undefined;
    };
    for (let step = 0; step < 3000 || old() === undefined; step++) {
      churn.step();
      if (step % 3 === 0) await turn();
    }
    await churn.store.close();
    const segment = old()!;
    const [job, slot] = [...churn.store.state.jobs()].flatMap((one) =>
      (['args', 'result'] as const)
        .filter((key) => (one[key] as StoredPayload | null)?.segment === segment)
        .map((key) => [one, key] as const),
    )[0]!;
    const { offset, length } = (job[slot] as StoredPayload).position;
    const name = filesOf(disk, 'segment').find((file) => file.includes(String(segment).padStart(10, '0')))!;
    const bytes = disk.files().get(name)!.slice();
    bytes[offset + length - 1]! ^= 1;
    disk.put(name, bytes);
    const again = await new Churn(disk, 22).open();
    const found = again.store.state.job(job.id)![slot] as StoredPayload;
    assert.throws(() => again.store.bytes(found), JournalCorruptError);
    let damaged = 0;
    for (const { args, result } of again.store.state.jobs()) {
      for (const payload of [args, result] as (StoredPayload | null)[]) {
        try {
          if (payload !== null) again.store.bytes(payload);
        } catch {
          damaged += 1;
        }
      }
    }
    assert.equal(damaged, 1);
    await again.store.close();
  });

  it('refuses to open without a segment that holds payloads, and modifies nothing', async () => {
    const disk = new StrictDisk();
    const churn = await new Churn(disk, 21).open();
    churn.keep = 40;
    for (let step = 0; step < 3000; step++) {
      churn.step();
      if (step % 3 === 0) await turn();
    }
    await churn.store.close();
    const segment = Math.min(...churn.store.liveBytes.segments());
    disk.unlink(filesOf(disk, 'segment').find((file) => file.includes(String(segment).padStart(10, '0')))!);
    const files = disk.files();
    await assert.rejects(reopened(disk), JournalCorruptError);
    assert.deepEqual(disk.files(), files);
  });

  it('goes on while the disk is full, and takes snapshots again when there is room', async () => {
    const disk = new StrictDisk();
    const churn = await new Churn(disk, 8, { reserveBytes: 20_000 }).open();
    for (let round = 0; round < 12; round++) {
      disk.capacityBytes = round % 2 === 1 ? disk.usedBytes + round * 700 : Number.POSITIVE_INFINITY;
      for (let step = 0; step < 150; step++) {
        churn.step();
        if (step % 3 === 0) await turn();
      }
      await churn.durable();
      assert.equal(printedState(await reopened(disk.afterKill(), { reserveBytes: 0 })), printedState(churn.store));
    }
    assert.equal(churn.fatal, undefined);
    await churn.store.close();
  });
});
