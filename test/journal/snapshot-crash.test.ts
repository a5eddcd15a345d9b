/**
 * A power loss at each operation on the disk, while snapshots are taken, segments are compacted and
 * deleted, and while the result is opened. A list outside the journal holds the written and the
 * acknowledged contents; every text is read back.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Keyed } from './keyed.js';
import { randomFrom } from './reading.js';
import { type Pick, StrictDisk } from './strict-disk.js';

const powerLoss = 'the power went';

/** Accepts an error with a power loss among its causes. */
const isPowerLoss = (error: Error): boolean =>
  error.message.includes(powerLoss) || (error.cause instanceof Error && isPowerLoss(error.cause));

/** All contents in order, and the last safe one, as an observer outside knows them. */
interface Ledger {
  written: string[];
  acknowledged: number;
}

const printedContents = (contents: ReadonlyMap<string, string>) =>
  [...contents]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, text]) => `${key}=${text}`)
    .join('|');

function cutPowerAt(disk: StrictDisk, operation: number): void {
  disk.fault = (_kind, _file, number) => {
    if (number >= operation) throw new Error(powerLoss);
    return undefined;
  };
}

async function live(disk: StrictDisk, seed: number, rounds: number, ledger: Ledger): Promise<void> {
  const random = randomFrom(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const keyed = await Keyed.open(disk, { salt: () => below(2 ** 32) });
  const expected = keyed.contents();
  ledger.written = [printedContents(expected)];
  ledger.acknowledged = 0;
  const write = () => {
    const key = `key${below(9)}`;
    const text = below(5) === 0 && expected.has(key) ? undefined : 'x'.repeat(below(700));
    if (text === undefined) expected.delete(key);
    else expected.set(key, text);
    ledger.written.push(printedContents(expected));
    if (text === undefined) keyed.remove(key);
    else keyed.set(key, text);
  };
  const acknowledge = async () => {
    const count = ledger.written.length - 1;
    await keyed.journal.sync();
    ledger.acknowledged = Math.max(ledger.acknowledged, count);
  };
  for (let round = 0; round < rounds; round++) {
    for (let i = below(6); i >= 0; i--) write();
    if (below(2) === 0) await acknowledge();
    await keyed.snapshot(() => {
      if (below(3) === 0) write();
    });
    await keyed.compact();
  }
  await acknowledge();
  await keyed.journal.close();
}

async function readBack(disk: StrictDisk): Promise<string> {
  const keyed = await Keyed.open(disk, { salt: () => 1 });
  const contents = printedContents(keyed.contents());
  await keyed.journal.close();
  return contents;
}

function checkAgainst(ledger: Ledger, read: string, story: string): void {
  const at = ledger.written.lastIndexOf(read);
  assert.ok(at >= 0, `${story}: something that was never written`);
  assert.ok(at >= ledger.acknowledged, `${story}: ${ledger.acknowledged} acknowledged, ${at} left`);
}

function sampled(seed: number): Pick {
  const random = randomFrom(seed);
  return (count) => Math.floor(random() * count);
}
const keepAll: Pick = (count) => count - 1;
const dropAll: Pick = () => 0;

describe('a journal after a power loss while it takes snapshots', () => {
  it('[9.1] has everything acknowledged and every text, for a power loss at any operation', async (t) => {
    let points = 0;
    let states = 0;
    for (let seed = 1; seed <= 2; seed++) {
      for (let operation = 1; ; operation++) {
        const disk = new StrictDisk();
        const ledger: Ledger = { written: [''], acknowledged: 0 };
        cutPowerAt(disk, operation);
        const survived = await live(disk, seed, 5, ledger).then(
          () => true,
          (error) => {
            if (!isPowerLoss(error)) throw error;
            return false;
          },
        );
        points += 1;
        const picks = [keepAll, dropAll, ...Array.from({ length: 3 }, (_, index) => sampled(operation * 100 + index))];
        for (const [index, pick] of picks.entries()) {
          const story = `seed ${seed}, operation ${operation}, state ${index}`;
          const left = disk.afterCrash(pick);
          const read = await readBack(left).catch((error) => assert.fail(`${story}: ${error}`));
          checkAgainst(ledger, read, story);
          assert.equal(await readBack(left), read, `${story}: opened twice`);
          states += 1;
        }
        if (survived) break;
      }
    }
    t.diagnostic(`crash points: ${points}, states: ${states}, violations: 0`);
  });

  it('[9.1] keeps it through many lives and power losses, also during recovery', async (t) => {
    let lives = 0;
    for (let seed = 0; seed < 25; seed++) {
      let disk = new StrictDisk();
      for (let life = 0; life < 6; life++) {
        const ledger: Ledger = { written: [''], acknowledged: 0 };
        cutPowerAt(disk, disk.operations + 40 + ((seed * 37 + life * 53) % 300));
        const before = await readBack(disk.afterKill());
        await live(disk, seed * 100 + life, 6, ledger).catch(() => {});
        // The power loss may have come before the journal was open.
        if (ledger.written.length === 1 && ledger.written[0] === '') ledger.written[0] = before;
        disk = disk.afterCrash(sampled(seed * 7 + life));
        const story = `seed ${seed}, life ${life}`;
        checkAgainst(ledger, await readBack(disk.afterKill()), story);
        cutPowerAt(disk, 5 + ((seed + life) % 30));
        await readBack(disk).catch(() => {});
        disk = disk.afterCrash(sampled(seed * 11 + life));
        checkAgainst(ledger, await readBack(disk.afterKill()), `${story}, after a crash during recovery`);
        lives += 1;
      }
    }
    t.diagnostic(`lives: ${lives}, violations: 0`);
  });
});
