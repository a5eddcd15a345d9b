/**
 * A power loss at each operation on the disk, while the journal is written and while it is
 * recovered. Unsynced bytes are kept, dropped or torn. A list outside the journal holds the
 * acknowledged transactions.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StorageFullError } from '../../src/errors.js';
import { type Entry, openJournal } from '../../src/journal/journal.js';
import { appendAll, Collector, filled, printed, randomFrom } from './reading.js';
import { type Pick, StrictDisk } from './strict-disk.js';

const directory = '/journal';
const options = { segmentBytes: 4096, reserveBytes: 2048, aheadBytes: 8192 };

class PowerLoss extends Error {}

/** The transactions of one life of the journal, as an observer outside knows them. */
interface Ledger {
  /** Transactions in the order of their appends. The last one may have been in progress. */
  written: string[];
  acknowledged: number;
}

function cutPowerAt(disk: StrictDisk, operation: number): void {
  disk.fault = (_kind, _file, number) => {
    if (number >= operation) throw new PowerLoss();
    return undefined;
  };
}

/** Opens, appends, syncs, rolls, meets a full disk and closes, until the power loss. */
async function live(disk: StrictDisk, seed: number, ledger: Ledger): Promise<void> {
  const random = randomFrom(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const collector = new Collector();
  const journal = await openJournal(directory, collector, { disk, ...options, salt: () => below(2 ** 32) });
  ledger.written.splice(0, Number.POSITIVE_INFINITY, ...collector.transactions);
  ledger.acknowledged = ledger.written.length;
  const acknowledge = async (count: number, syncing: Promise<unknown>) => {
    await syncing;
    ledger.acknowledged = Math.max(ledger.acknowledged, count);
  };
  const put = (reserve: boolean) => {
    const entries: Entry[] = Array.from({ length: 1 + below(3) }, () => filled(1 + below(9), below(900), below(1000)));
    journal.beginFrame(entries.reduce((sum, { bytes }) => sum + bytes.length + 16, 0));
    ledger.written.push(printed(entries));
    try {
      appendAll(journal, entries, { reserve });
    } catch (error) {
      if (error instanceof StorageFullError) ledger.written.pop();
      else throw error;
    }
  };
  for (let round = 0; round < 8; round++) {
    disk.capacityBytes = round === 5 ? disk.usedBytes + 300 : Number.POSITIVE_INFINITY;
    for (let i = below(4); i >= 0; i--) put(round === 5 && i % 2 === 0);
    const syncing = acknowledge(ledger.written.length, journal.sync());
    syncing.catch(() => {});
    if (round % 2 === 0) put(false);
    await syncing;
  }
  await acknowledge(ledger.written.length, journal.close());
}

async function readBack(disk: StrictDisk): Promise<string[]> {
  const collector = new Collector();
  const journal = await openJournal(directory, collector, { disk, ...options, salt: () => 1 });
  await journal.close();
  return collector.transactions;
}

function checkAgainst(ledger: Ledger, read: string[], story: string): void {
  assert.ok(read.length >= ledger.acknowledged, `${story}: ${ledger.acknowledged} acknowledged, ${read.length} left`);
  assert.deepEqual(
    read,
    ledger.written.slice(0, read.length),
    `${story}: something that was not written, or not in order`,
  );
}

const keepAll: Pick = (count) => count - 1;
const dropAll: Pick = () => 0;
function sampled(seed: number): Pick {
  const random = randomFrom(seed);
  return (count) => Math.floor(random() * count);
}

describe('a journal after a power loss', () => {
  it('[9.1] has everything acknowledged and nothing else, for a power loss at any operation', async (t) => {
    let points = 0;
    let states = 0;
    for (let seed = 1; seed <= 3; seed++) {
      for (let operation = 1; ; operation++) {
        const disk = new StrictDisk();
        const ledger: Ledger = { written: [], acknowledged: 0 };
        cutPowerAt(disk, operation);
        const survived = await live(disk, seed, ledger).then(
          () => true,
          () => false,
        );
        points += 1;
        const picks = [keepAll, dropAll, ...Array.from({ length: 5 }, (_, index) => sampled(operation * 100 + index))];
        for (const [index, pick] of picks.entries()) {
          const story = `seed ${seed}, operation ${operation}, state ${index}`;
          const left = disk.afterCrash(pick);
          const read = await readBack(left);
          checkAgainst(ledger, read, story);
          assert.deepEqual(await readBack(left), read, `${story}: opened twice`);
          states += 1;
        }
        if (survived) break;
      }
    }
    t.diagnostic(`crash points: ${points}, states: ${states}, violations: 0`);
  });

  it('[9.1] has a transaction of several frames whole or not at all', async () => {
    const entries = [filled(2, 5_000_000, 2), filled(3, 5_000_000, 3)];
    const left = new Set<number>();
    for (let operation = 1; ; operation++) {
      const disk = new StrictDisk();
      const journal = await openJournal(directory, new Collector(), { disk });
      appendAll(journal, [filled(1, 10, 1)]);
      await journal.sync();
      cutPowerAt(disk, disk.operations + operation);
      let survived = true;
      try {
        appendAll(journal, entries);
        await journal.sync();
      } catch {
        survived = false;
      }
      for (const pick of [keepAll, dropAll, sampled(operation)]) {
        const found = new Collector();
        await (await openJournal(directory, found, { disk: disk.afterCrash(pick) })).close();
        assert.ok(found.entries.length === 3 || (found.entries.length === 1 && !survived), `operation ${operation}`);
        left.add(found.entries.length);
      }
      if (survived) break;
    }
    assert.deepEqual([...left].sort(), [1, 3]);
  });

  it('recovers from a second power loss at any operation of the recovery', async (t) => {
    let states = 0;
    const operationsOf = async () => {
      const disk = new StrictDisk();
      await live(disk, 7, { written: [], acknowledged: 0 });
      return disk.operations;
    };
    const total = await operationsOf();
    for (let operation = 2; operation <= total; operation += 4) {
      const disk = new StrictDisk();
      const ledger: Ledger = { written: [], acknowledged: 0 };
      cutPowerAt(disk, operation);
      await live(disk, 7, ledger).catch(() => {});
      for (let inRecovery = 1; ; inRecovery++) {
        const left = disk.afterCrash(sampled(operation));
        cutPowerAt(left, inRecovery);
        const finished = await readBack(left).then(
          () => true,
          () => false,
        );
        const story = `operation ${operation}, then ${inRecovery}`;
        checkAgainst(ledger, await readBack(left.afterCrash(sampled(inRecovery))), story);
        states += 1;
        if (finished) break;
      }
    }
    t.diagnostic(`crashes during recovery: ${states} states, violations: 0`);
  });

  it('keeps every transaction that a recovered journal has replayed, through many lives', async (t) => {
    let lives = 0;
    for (let seed = 0; seed < 40; seed++) {
      let disk = new StrictDisk();
      const ledger: Ledger = { written: [], acknowledged: 0 };
      for (let life = 0; life < 6; life++) {
        cutPowerAt(disk, disk.operations + 30 + ((seed * 37 + life * 53) % 120));
        await live(disk, seed * 100 + life, ledger).catch(() => {});
        const read = await readBack(disk.afterCrash(sampled(seed * 7 + life)));
        checkAgainst(ledger, read, `seed ${seed}, life ${life}`);
        disk = disk.afterCrash(sampled(seed * 7 + life));
        lives += 1;
      }
    }
    t.diagnostic(`lives: ${lives}, violations: 0`);
  });
});
