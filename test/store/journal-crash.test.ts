/**
 * Cuts the power, or kills the process, at the disk operations of the real store: while it commits,
 * takes snapshots, moves payloads and deletes segments, and while the remains are opened.
 * `CALLSHEET_EVERY=1` takes every operation instead of a sample.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { randomFrom } from '../harness/randomness.js';
import { type Pick, StrictDisk } from '../journal/strict-disk.js';
import { Churn, printedState, turn } from './journal-churn.js';

const every = Number(process.env.CALLSHEET_EVERY ?? 2);
const steps = 110;

function cutPowerAt(disk: StrictDisk, operation: number): void {
  disk.fault = (_kind, _file, number) => {
    if (number >= operation) throw new Error('the power went');
    return undefined;
  };
}

/** A hash of the state. */
const stateOf = ({ store }: Churn) => createHash('sha1').update(printedState(store)).digest('base64');

/** The knowledge of an outside observer: every state in order, and how many are acknowledged. */
interface Ledger {
  readonly states: string[];
  acknowledged: number;
}

async function live(disk: StrictDisk, seed: number, ledger: Ledger): Promise<number> {
  const churn = new Churn(disk, seed, { reserveBytes: seed % 2 === 0 ? 0 : 4096 });
  await churn.open();
  ledger.states.push(stateOf(churn));
  for (let step = 0; step < steps && churn.fatal === undefined; step++) {
    churn.decide();
    // If the power goes now, the state may or may not be in the log.
    ledger.states.push(stateOf(churn));
    churn.store.commit();
    const count = ledger.states.length - 1;
    if (step % 3 === 0) {
      churn.durable().then(
        () => {
          ledger.acknowledged = Math.max(ledger.acknowledged, count);
        },
        () => {},
      );
    }
    if (step % 4 === 0) await turn();
  }
  await churn.store.close().catch(() => {});
  return churn.store.figures.snapshots;
}

function check(ledger: Ledger, found: string, story: string): void {
  const at = ledger.states.lastIndexOf(found);
  assert.notEqual(at, -1, `${story}: a state that never was`);
  assert.ok(at >= ledger.acknowledged, `${story}: ${ledger.acknowledged} acknowledged, ${at} left`);
}

async function found(disk: StrictDisk): Promise<string> {
  const churn = await new Churn(disk, 99).open();
  const printed = stateOf(churn);
  await churn.store.close();
  return printed;
}

function sampled(seed: number): Pick {
  const random = randomFrom(seed);
  return (count) => random(count);
}
/** The power may go before there is any state. */
const empty = createHash('sha1').digest('base64');
const keepAll: Pick = (count) => count - 1;
const dropAll: Pick = () => 0;

describe('the journal store after a power loss', () => {
  it('[9.1] keeps everything acknowledged and invents nothing, at any operation', async (t) => {
    let points = 0;
    let states = 0;
    let snapshots = 0;
    for (let seed = 1; seed <= 2; seed++) {
      const whole = new StrictDisk();
      snapshots += await live(whole, seed, { states: [], acknowledged: 0 });
      for (let operation = 1 + seed; operation <= whole.operations; operation += every) {
        const disk = new StrictDisk();
        const ledger: Ledger = { states: [empty], acknowledged: 0 };
        cutPowerAt(disk, operation);
        await live(disk, seed, ledger).catch(() => {});
        points += 1;
        for (const [index, pick] of [keepAll, dropAll, sampled(operation), sampled(operation + 1e6)].entries()) {
          const story = `seed ${seed}, operation ${operation}, state ${index}`;
          const left = disk.afterCrash(pick);
          const first = await found(left).catch((error) => assert.fail(`${story}: ${error}`));
          check(ledger, first, story);
          assert.equal(await found(left), first, `${story}: opened twice`);
          states += 1;
        }
      }
    }
    t.diagnostic(`crash points: ${points}, states: ${states}, snapshots in a life: ${snapshots / 2}, violations: 0`);
    assert.ok(snapshots >= 4);
  });

  it('[9.1] recovers from a crash during recovery', async (t) => {
    let states = 0;
    const whole = new StrictDisk();
    await live(whole, 4, { states: [], acknowledged: 0 });
    for (let operation = 40; operation <= whole.operations; operation += every * 12) {
      const disk = new StrictDisk();
      const ledger: Ledger = { states: [empty], acknowledged: 0 };
      cutPowerAt(disk, operation);
      await live(disk, 4, ledger).catch(() => {});
      for (let inRecovery = 1; ; inRecovery += 3) {
        const left = disk.afterCrash(sampled(operation));
        cutPowerAt(left, inRecovery);
        const finished = await found(left).then(
          () => true,
          () => false,
        );
        check(ledger, await found(left.afterCrash(sampled(inRecovery))), `operation ${operation}, then ${inRecovery}`);
        states += 1;
        if (finished) break;
      }
    }
    t.diagnostic(`crashes during recovery: ${states} states, violations: 0`);
  });

  it('[9.1] keeps everything acknowledged through several crashes', async (t) => {
    let lives = 0;
    for (let seed = 0; seed < 20; seed++) {
      let disk = new StrictDisk();
      for (let life = 0; life < 5; life++) {
        const ledger: Ledger = { states: [await found(disk.afterKill())], acknowledged: 0 };
        cutPowerAt(disk, disk.operations + 100 + ((seed * 137 + life * 253) % 600));
        await live(disk, seed * 10 + life, ledger).catch(() => {});
        disk = disk.afterCrash(sampled(seed * 7 + life));
        check(ledger, await found(disk.afterKill()), `seed ${seed}, life ${life}`);
        lives += 1;
      }
    }
    t.diagnostic(`lives: ${lives}, violations: 0`);
  });
});
