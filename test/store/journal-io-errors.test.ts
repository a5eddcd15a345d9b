/**
 * Disk operations fail, each in turn: while the store commits, takes snapshots, moves payloads and
 * deletes segments, and while the remains are opened. They fail once or for ever, with an error, as
 * on a full disk, or by a write that is cut short.
 *
 * Takes a sample of the operations; `CALLSHEET_EVERY=1` takes each.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { CallsheetError } from '../../src/errors.js';
import { randomFrom } from '../harness/randomness.js';
import { diskError, type Operation, StrictDisk } from '../journal/strict-disk.js';
import { Churn, printedState, turn } from './journal-churn.js';

const every = Number(process.env.CALLSHEET_EVERY ?? 29);
const steps = 110;
const seeds = [1, 2];
const failures = ['EIO', 'ENOSPC', 'short write'] as const;
type Failure = (typeof failures)[number];
const durations = ['once', 'for ever'] as const;

interface Case {
  readonly failure: Failure;
  readonly duration: (typeof durations)[number];
  /** The first operation that fails. */
  readonly operation: number;
}

/** The failure that the disk had. */
interface Blow {
  hit: Operation | undefined;
  file: string;
  syncsAfterFailedSync: number;
}

function strike(disk: StrictDisk, { failure, duration, operation }: Case): Blow {
  const blow: Blow = { hit: undefined, file: '', syncsAfterFailedSync: 0 };
  disk.fault = (kind, file, number) => {
    if (blow.hit === 'sync' && kind === 'sync' && file === blow.file) blow.syncsAfterFailedSync += 1;
    if (number < operation || (blow.hit !== undefined && duration === 'once')) return undefined;
    if (failure === 'short write') {
      if (kind !== 'write') return undefined;
      blow.hit ??= kind;
      return 7;
    }
    // A full disk refuses only operations that take room.
    if (failure === 'ENOSPC' && kind !== 'write' && kind !== 'open') return undefined;
    if (blow.hit === undefined) {
      blow.hit = kind;
      blow.file = file;
    }
    if (kind === 'sync') disk.forgetUnsynced();
    throw diskError(failure, kind);
  };
  return blow;
}

/** The knowledge of an outside observer: every state in order, and how many are acknowledged. */
interface Ledger {
  readonly states: string[];
  acknowledged: number;
}

/** Returns a hash of the state. Reading it causes no fault. */
function stateOf({ store }: Churn, disk: StrictDisk): string {
  const { fault } = disk;
  disk.fault = undefined;
  const state = createHash('sha1').update(printedState(store)).digest('base64');
  disk.fault = fault;
  return state;
}

/** Works on the disk. Returns the error that ended the work, if one did. */
async function live(disk: StrictDisk, seed: number, ledger: Ledger): Promise<Error | undefined> {
  const churn = new Churn(disk, seed, { reserveBytes: 16_384 });
  await churn.open();
  ledger.states.push(stateOf(churn, disk));
  const waiting: Promise<void>[] = [];
  for (let step = 0; step < steps && churn.fatal === undefined; step++) {
    churn.decide();
    ledger.states.push(stateOf(churn, disk));
    churn.store.commit();
    if (churn.fatal !== undefined) break;
    // A full disk refuses some commands of the group.
    ledger.states.push(stateOf(churn, disk));
    const count = ledger.states.length - 1;
    if (step % 3 === 0) {
      const acknowledge = () => {
        ledger.acknowledged = Math.max(ledger.acknowledged, count);
      };
      waiting.push(churn.durable().then(acknowledge, (error) => assert.ok(error instanceof CallsheetError, error)));
    }
    if (step % 4 === 0) await turn();
  }
  const closing = await churn.store.close().catch((error: Error) => error);
  // All replies must have come, with or without an error.
  await Promise.all(waiting);
  return churn.fatal ?? (closing instanceof Error ? closing : undefined);
}

async function found(disk: StrictDisk): Promise<string> {
  const churn = await new Churn(disk, 99).open();
  const state = stateOf(churn, disk);
  await churn.store.close();
  return state;
}

function check({ states, acknowledged }: Ledger, state: string, story: string): void {
  const at = states.lastIndexOf(state);
  assert.notEqual(at, -1, `${story}: a state that never was`);
  assert.ok(at >= acknowledged, `${story}: ${acknowledged} acknowledged, ${at} left`);
}

const empty = createHash('sha1').digest('base64');

function* cases(operations: number, first: number): IterableIterator<Case> {
  for (const failure of failures)
    for (const duration of durations)
      for (let operation = first; operation <= operations; operation += every) yield { failure, duration, operation };
}

describe('the journal store on a disk that fails', () => {
  it('[9.1] keeps everything acknowledged, whichever operation fails', async (t) => {
    const ended = new Map<string, number>();
    let count = 0;
    let snapshots = 0;
    for (const seed of seeds) {
      const whole = new StrictDisk();
      assert.equal(await live(whole, seed, { states: [], acknowledged: 0 }), undefined);
      snapshots += whole.counts.get('rename') ?? 0;
      for (const one of cases(whole.operations, seed)) {
        const { failure, duration, operation } = one;
        const story = `seed ${seed}, ${failure} ${duration} from operation ${operation} on`;
        const disk = new StrictDisk();
        const ledger: Ledger = { states: [empty], acknowledged: 0 };
        const blow = strike(disk, one);
        const error = await live(disk, seed, ledger).catch((refused: Error) => refused);
        count += 1;
        if (error !== undefined) {
          assert.ok(error instanceof CallsheetError, `${story}: ${error.stack}`);
          ended.set(failure, (ended.get(failure) ?? 0) + 1);
        }
        if (failure === 'short write') assert.equal(error, undefined, story);
        if (failure === 'ENOSPC' && duration === 'once' && ledger.states.length > 2)
          assert.equal(error, undefined, story);
        if (blow.hit === 'sync' && blow.file.endsWith('.segment')) {
          assert.ok(error !== undefined, `${story}: a sync failed, and it went on`);
          assert.equal(blow.syncsAfterFailedSync, 0, `${story}: a failed sync was tried again`);
        }
        disk.fault = undefined;
        const random = randomFrom(operation);
        for (const [how, left] of [
          ['as it is', disk.hasForgotten ? undefined : disk.afterKill()],
          ['after a power loss', disk.afterCrash(random)],
        ] as const) {
          if (left === undefined) continue;
          const state = await found(left).catch((refused) => assert.fail(`${story}, ${how}: ${refused}`));
          check(ledger, state, `${story}, ${how}`);
        }
      }
    }
    const told = [...ended].map(([failure, times]) => `${failure} ${times}`).join(', ');
    t.diagnostic(
      `matrix: ${count} cases, ${snapshots / seeds.length} snapshots in a life; ended by ${told}; violations: 0`,
    );
    assert.ok(snapshots >= 4);
  });

  it('[9.1] opens with the right state or not at all, whichever operation of opening fails', async (t) => {
    let count = 0;
    let refused = 0;
    for (const seed of seeds) {
      // The power goes in the middle of the work and leaves a torn tail.
      const cut = new StrictDisk();
      const ledger: Ledger = { states: [empty], acknowledged: 0 };
      cut.fault = (_kind, _file, number) => {
        if (number > 500 + seed * 30) throw new Error('the power went');
        return undefined;
      };
      await live(cut, seed, ledger).catch(() => {});
      const prepared = () => cut.afterCrash(randomFrom(seed));
      const whole = prepared();
      const right = await found(whole);
      for (const one of cases(whole.operations, 1)) {
        const story = `seed ${seed}, ${one.failure} ${one.duration} from operation ${one.operation} of opening on`;
        const disk = prepared();
        strike(disk, one);
        count += 1;
        await found(disk).then(
          (state) => assert.equal(state, right, story),
          (error) => {
            refused += 1;
            assert.ok(error instanceof CallsheetError, `${story}: ${error.stack}`);
          },
        );
        disk.fault = undefined;
        assert.equal(await found(disk), right, `${story}, then opened again`);
        assert.equal(await found(disk.afterCrash(randomFrom(one.operation))), right, `${story}, then a power loss`);
      }
    }
    t.diagnostic(`matrix of opening: ${count} cases, ${refused} refused; violations: 0`);
  });
});
