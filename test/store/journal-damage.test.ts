/**
 * Damages a directory of the store, with two snapshots, payloads in old segments and a log, in
 * every way: flips each bit, cuts each file at each byte, zeroes and swaps sectors. Opening must
 * refuse it and modify nothing, or yield the right state except for payloads reported as damaged.
 *
 * Takes a sample of the cases; `CALLSHEET_EVERY=1` takes all.
 */
import assert from 'node:assert/strict';
import { before, describe, it, type TestContext } from 'node:test';
import { JournalCorruptError, JournalVersionError } from '../../src/errors.js';
import type { JournalStore } from '../../src/store/journal/journal-store.js';
import { StrictDisk } from '../journal/strict-disk.js';
import { Churn, printedState, turn } from './journal-churn.js';

const every = Number(process.env.CALLSHEET_EVERY ?? 29);
const sectorBytes = 512;
type Files = ReadonlyMap<string, Uint8Array>;

const damaged = 'DAMAGED';

/** Prints all that a store holds, with a mark for each payload that is reported as damaged. */
function printed({ store }: Churn): string {
  const bytes = (payload: Parameters<JournalStore['bytes']>[0]) => {
    try {
      return store.bytes(payload);
    } catch (error) {
      assert.ok(error instanceof JournalCorruptError, String(error));
      return Buffer.from(damaged);
    }
  };
  return printedState({ state: store.state, bytes } as JournalStore);
}

/** Compares two printed states, and ignores payloads marked as damaged. */
function isRightButForDamage(found: string, right: string): boolean {
  const [words, expected] = [found.split(/[ \n]/), right.split(/[ \n]/)];
  return (
    words.length === expected.length &&
    words.every((word, index) => word === expected[index] || word.endsWith(`:${damaged}`))
  );
}

class Counts {
  cases = 0;
  refused = 0;
  right = 0;
  damagedPayloads = 0;
  tornTails = 0;

  report(t: TestContext, what: string): void {
    const { cases, refused, right, damagedPayloads, tornTails } = this;
    const opened = `right ${right}, right except for a damaged payload ${damagedPayloads}, torn tails ${tornTails}`;
    t.diagnostic(`${what}: ${cases} cases: refused ${refused}, ${opened}; accepted wrong: 0`);
    assert.ok(cases > 0 && refused > 0);
  }
}

describe('a damaged directory of the journal store', () => {
  let files: Files;
  /** Every state in order. The last one is the right one. */
  const states: string[] = [];
  let last: string;

  before(async () => {
    const disk = new StrictDisk();
    const churn = await new Churn(disk, 6, { aheadBytes: 0 }).open();
    churn.keep = 5;
    churn.payloadBytes = 150;
    const count = (kind: string) => [...disk.files().keys()].filter((name) => name.endsWith(kind)).length;
    // Works until there are two generations and a log of some length after them.
    for (let left = 25; left > 0; ) {
      churn.step();
      states.push(printed(churn));
      await turn();
      if (churn.store.figures.snapshots >= 3 && count('.snapshot') === 2) left -= 1;
    }
    await churn.durable();
    await churn.store.snapshotEnded();
    // The files that a killed process leaves.
    files = disk.afterKill().files();
    last = [...files.keys()]
      .filter((name) => name.endsWith('.segment'))
      .sort()
      .at(-1)!;
  });

  /** Opens the directory with one file replaced, and counts the result. */
  async function judge(
    counts: Counts,
    name: string,
    bytes: Uint8Array,
    mayBeTorn: boolean,
    story: string,
  ): Promise<void> {
    counts.cases += 1;
    const disk = new StrictDisk();
    for (const [other, whole] of files) disk.put(other, other === name ? bytes : whole);
    const given = disk.files();
    const churn = new Churn(disk, 99);
    try {
      await churn.open();
    } catch (error) {
      assert.ok(error instanceof JournalCorruptError || error instanceof JournalVersionError, `${story}: ${error}`);
      assert.deepEqual(disk.files(), given, `${story}: modified`);
      counts.refused += 1;
      return;
    }
    const found = printed(churn);
    await churn.store.close();
    if (found === states.at(-1)) counts.right += 1;
    else if (isRightButForDamage(found, states.at(-1)!)) counts.damagedPayloads += 1;
    else if (mayBeTorn && name === last && states.some((state) => isRightButForDamage(found, state)))
      counts.tornTails += 1;
    else assert.fail(`${story}: accepted, and wrong`);
  }

  it('[9.1] is refused or read right after a bit flip', async (t) => {
    const counts = new Counts();
    for (const [name, whole] of files) {
      const bytes = whole.slice();
      for (let bit = 0; bit < bytes.length * 8; bit += every) {
        const at = bit >> 3;
        bytes[at] = whole[at]! ^ (1 << (bit & 7));
        await judge(counts, name, bytes, false, `${name}, byte ${at}, bit ${bit & 7}`);
        bytes[at] = whole[at]!;
      }
    }
    counts.report(t, 'flipped bits');
  });

  it('[9.1] is refused or read right after a file was cut', async (t) => {
    const counts = new Counts();
    for (const [name, whole] of files) {
      for (let length = 0; length < whole.length; length += every)
        await judge(counts, name, whole.slice(0, length), true, `${name}, cut to ${length}`);
    }
    counts.report(t, 'cuts');
  });

  it('[9.1] is refused or read right after sectors were zeroed or swapped', async (t) => {
    const counts = new Counts();
    for (const [name, whole] of files) {
      const sectors = Math.ceil(whole.length / sectorBytes);
      for (let from = 0; from < sectors; from++) {
        for (let to = from + 1; to <= sectors; to++) {
          const zeroed = whole.slice().fill(0, from * sectorBytes, to * sectorBytes);
          await judge(counts, name, zeroed, true, `${name}, sectors ${from} to ${to} zero`);
          if ((to + 1) * sectorBytes > whole.length) continue;
          const swapped = whole.slice();
          swapped.copyWithin(from * sectorBytes, to * sectorBytes, (to + 1) * sectorBytes);
          swapped.set(whole.subarray(from * sectorBytes, (from + 1) * sectorBytes), to * sectorBytes);
          await judge(counts, name, swapped, false, `${name}, sectors ${from} and ${to} swapped`);
        }
      }
    }
    counts.report(t, 'zeroed and swapped sectors');
  });
});
