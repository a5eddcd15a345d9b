/**
 * A table of every errno that a system may return, once at every call of a working store: whether
 * the store goes on, and whether everything acknowledged is there afterwards.
 */
import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { describe, it } from 'node:test';
import { CallsheetError } from '../../src/errors.js';
import { diskError, type Operation, StrictDisk } from '../journal/strict-disk.js';
import { Churn, printedState, turn } from './journal-churn.js';

const steps = 80;

/** Errors of refused calls, as Node throws them. */
const errnos: Record<string, () => Error> = Object.fromEntries(
  ['EIO', 'ENOSPC', 'EMFILE', 'ENFILE', 'EACCES', 'EROFS', 'ENOMEM', 'EFBIG', 'ENODEV', 'ESTALE'].map((code) => [
    code,
    () => diskError(code),
  ]),
);
errnos.EDQUOT = () =>
  Object.assign(new Error('UNKNOWN: unknown error, write'), {
    ...{ code: 'UNKNOWN', errno: -constants.errno.EDQUOT, syscall: 'write' },
  });

/** A call of the store: the operation and the kind of file. */
type Call = `${Operation} ${string}`;

const callOf = (operation: Operation, file: string): Call =>
  `${operation} ${/\.(\w+)$/.exec(file)?.[1] ?? /[^/-]*$/.exec(file)![0]}`;

/** Calls that open a file. They fail while too many files are open. */
const takesDescriptor = (call: Call) => call.startsWith('open ') || call.startsWith('syncDirectory ');
/** Calls that need room on the disk. */
const takesRoom = (call: Call) => call.startsWith('write ') || call.startsWith('open ');
/** Calls that cost only a snapshot, a deletion or fast syncs if they fail. */
const isSpare = (call: Call) => /snapshot|unfinished|unlink|rename|close/.test(call);

/**
 * Whether the store must go on. After any other call it may fail, with an error of callsheet's own.
 */
function mustGoOn(call: Call, errno: string): boolean {
  if (errno === 'ENOSPC' || errno === 'EDQUOT') return takesRoom(call);
  if (errno === 'EMFILE' || errno === 'ENFILE') return takesDescriptor(call);
  return isSpare(call) && !call.startsWith('isInPlace');
}

interface Life {
  readonly calls: Map<Call, number>;
  readonly hits: number;
  readonly error: Error | undefined;
  readonly acknowledged: string;
  readonly states: ReadonlySet<string>;
  readonly disk: StrictDisk;
}

/** Works on a disk on which the n-th call of a kind fails once. */
async function live(call?: Call, number = 1, failure?: () => Error): Promise<Life> {
  const disk = new StrictDisk();
  const calls = new Map<Call, number>();
  const churn = await new Churn(disk, 5, { reserveBytes: 8192 }).open();
  const states = new Set([printedState(churn.store)]);
  let acknowledged = printedState(churn.store);
  let hits = 0;
  const withoutFault = <T>(look: () => T): T => {
    const { fault } = disk;
    disk.fault = undefined;
    const seen = look();
    disk.fault = fault;
    return seen;
  };
  disk.fault = (operation, file) => {
    const one = callOf(operation, file);
    const count = (calls.get(one) ?? 0) + 1;
    calls.set(one, count);
    if (one !== call || count !== number) return undefined;
    hits += 1;
    if (operation === 'sync') disk.forgetUnsynced();
    throw failure!();
  };
  for (let step = 0; step < steps && churn.fatal === undefined; step++) {
    churn.decide();
    states.add(withoutFault(() => printedState(churn.store)));
    churn.store.commit();
    if (churn.fatal !== undefined) break;
    const now = withoutFault(() => printedState(churn.store));
    states.add(now);
    if (step % 10 === 0)
      await churn.durable().then(
        () => {
          acknowledged = now;
        },
        () => {},
      );
    if (step % 4 === 0) await turn();
  }
  const closing = await churn.store.close().then(
    () => undefined,
    (error: Error) => error,
  );
  if (closing === undefined) acknowledged = withoutFault(() => printedState(churn.store));
  return { calls, hits, error: churn.fatal ?? closing, acknowledged, states, disk };
}

describe('the journal store', () => {
  it('[9.1] survives every passing errno at every call, and loses nothing after any errno', async (t) => {
    const { calls, error } = await live();
    assert.equal(error, undefined);
    const ended = new Map<string, number>();
    let cases = 0;
    for (const [call, count] of calls) {
      for (const [errno, failure] of Object.entries(errnos)) {
        const story = `${errno} at ${call}`;
        const life = await live(call, Math.ceil(count / 2), failure);
        cases += 1;
        assert.ok(life.error === undefined || life.error instanceof CallsheetError, `${story}: ${life.error?.stack}`);
        if (mustGoOn(call, errno)) assert.equal(life.error, undefined, `${story}: ${life.error?.stack}`);
        if (life.error !== undefined) ended.set(call, (ended.get(call) ?? 0) + 1);
        life.disk.fault = undefined;
        const left = life.disk.hasForgotten ? life.disk.afterCrash(() => 0) : life.disk.afterKill();
        const next = await new Churn(left, 9).open();
        const found = printedState(next.store);
        assert.ok(life.states.has(found), `${story}: a state that never was`);
        const order = [...life.states];
        assert.ok(order.indexOf(found) >= order.indexOf(life.acknowledged), `${story}: less than was acknowledged`);
        await next.store.close();
      }
    }
    t.diagnostic(`errnos: ${Object.keys(errnos).length}, calls: ${calls.size}, cases: ${cases}`);
    t.diagnostic(`ended by: ${[...ended].map(([call, times]) => `${call} ${times}`).join(', ')}`);
  });
});
