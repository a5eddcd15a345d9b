/** Salvage recovers as much as possible from a damaged journal, and invents nothing. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { idToText } from '../../src/codec/id.js';
import { JournalStore } from '../../src/store/journal/journal-store.js';
import { salvage } from '../../src/store/journal/salvage.js';
import { idOf, us } from '../core/making.js';
import { randomFrom } from '../harness/randomness.js';
import { StrictDisk } from '../journal/strict-disk.js';
import { Churn, churnDirectory, printedState, turn } from './journal-churn.js';

type Files = ReadonlyMap<string, Uint8Array>;

async function damagedFrom(
  seed: number,
  steps = 900,
): Promise<{ files: Files; state: string[]; everything: Set<string> }> {
  const disk = new StrictDisk();
  const churn = await new Churn(disk, seed).open();
  churn.keep = 30;
  const everything = new Set<string>();
  for (let step = 0; step < steps; step++) {
    churn.step();
    for (const line of printedState(churn.store).split('\n')) everything.add(line);
    if (step % 3 === 0) await turn();
  }
  await churn.store.close();
  return { files: disk.files(), state: printedState(churn.store).split('\n'), everything };
}

async function salvaged(files: Files) {
  const disk = new StrictDisk();
  for (const [name, bytes] of files) disk.put(name, bytes);
  const report = await salvage(churnDirectory, '/salvaged', { disk });
  for (const [name, bytes] of files)
    assert.equal(Buffer.compare(disk.files().get(name)!, bytes), 0, 'nothing is modified');
  const outside = {
    now: () => 0,
    dispatcher: us,
    listening: false,
    holding: true,
    random: () => 0,
    failure: () => assert.fail(),
  };
  const store = new JournalStore('/salvaged', outside, { disk, reserveBytes: 0 });
  await store.open({
    release() {},
    awaits: () => false,
    changed() {},
    awaited: () => ({ outcomes: [], annotations: [], events: false }),
    heard: () => {},
    repaired() {},
    gone() {},
    fatal: (error) => assert.fail(error),
  });
  const state = printedState(store).split('\n');
  await store.close();
  return { report, state };
}

const replaced = (files: Files, name: string, bytes: Uint8Array): Files => new Map([...files, [name, bytes]]);
const without = (files: Files, ...gone: string[]): Files =>
  new Map([...files].filter(([name]) => !gone.includes(name)));
const named = (files: Files, kind: string) => [...files.keys()].filter((name) => name.endsWith(kind)).sort();

describe('salvage', () => {
  it('copies an undamaged journal unchanged', async () => {
    const { files, state } = await damagedFrom(1);
    const { report, state: found } = await salvaged(files);
    assert.deepEqual(found, state);
    assert.deepEqual(report.losses, []);
    assert.deepEqual(report.leftOut, []);
    assert.equal(report.jobs + report.settings + report.annotations, state.length);
  });

  it('recovers nearly all of a journal with a wrong byte anywhere, and invents nothing', async (t) => {
    const { files, state, everything } = await damagedFrom(2);
    const random = randomFrom(5);
    let cases = 0;
    let worst = state.length;
    for (const name of [...named(files, 'segment'), ...named(files, 'snapshot')]) {
      for (let i = 0; i < 12; i++) {
        const bytes = files.get(name)!.slice();
        bytes[random(bytes.length)]! ^= 1 << random(8);
        const { report, state: found } = await salvaged(replaced(files, name, bytes));
        for (const line of found) assert.ok(everything.has(line), `${line.slice(0, 80)} never was`);
        const same = found.filter((line) => state.includes(line)).length;
        worst = Math.min(worst, same);
        assert.ok(same === state.length || report.losses.length + report.leftOut.length > 0, 'a loss is told');
        cases += 1;
      }
    }
    t.diagnostic(`${cases} cases; of ${state.length} records at least ${worst} as they were`);
  });

  it('reports the job of lost arguments, and the file and offset of the damage', async () => {
    const disk = new StrictDisk();
    const { store } = await new Churn(disk, 1).open();
    const [lost, whole] = ['lost', 'whole'].map((name) => ({
      ...({ id: idOf(name), form: 'call', callable: 'm#run', options: {}, parts: [], callbacks: [] } as const),
      args: store.payload(Buffer.from(`arguments of ${name}`)),
    }));
    const put = { type: 'put', queue: '', owner: us, level: 'full', jobs: [lost!, whole!] } as const;
    store.transact({ command: put, gate: 'decided' });
    store.commit();
    await store.close();
    const [segment] = named(disk.files(), 'segment');
    const bytes = Buffer.from(disk.files().get(segment!)!);
    bytes[bytes.indexOf('arguments of lost')]! ^= 1;
    const { report, state } = await salvaged(replaced(disk.files(), segment!, bytes));
    const reason = `the arguments of job ${idToText(idOf('lost'))} cannot be read: the entry is lost`;
    assert.deepEqual(report.leftOut, [{ job: idOf('lost'), reason }]);
    assert.deepEqual(
      report.losses.map(({ file, reason }) => [file, reason]),
      [[segment, 'an entry does not match its checksum']],
    );
    assert.ok(state.some((line) => line.startsWith(idOf('whole'))));
  });

  it('recovers the rest of a journal without snapshots, without segments, or of fragments', async () => {
    const { files, everything } = await damagedFrom(3);
    const segments = named(files, 'segment');
    const snapshots = named(files, 'snapshot');
    const remains: Files[] = [
      without(files, ...snapshots),
      without(files, segments[0]!),
      without(files, ...segments),
      without(files, segments.at(-1)!),
      replaced(
        replaced(files, snapshots[0]!, new Uint8Array(64)),
        snapshots[1]!,
        files.get(snapshots[1]!)!.slice(0, 3000),
      ),
    ];
    for (const left of remains) {
      const { state } = await salvaged(left);
      for (const line of state) assert.ok(line === '' || everything.has(line), `${line.slice(0, 80)} never was`);
    }
  });

  it('refuses a target directory that has a journal', async () => {
    const { files } = await damagedFrom(4, 50);
    const disk = new StrictDisk();
    for (const [name, bytes] of files) disk.put(name, bytes);
    await assert.rejects(salvage(churnDirectory, churnDirectory, { disk }), /without a journal/);
  });
});
