/** Large payloads go ahead of their commands, and hold up only commands about the same jobs. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Command } from '../../src/core/commands.js';
import { ConnectionError, type Transaction } from '../../src/store/shared/database.js';
import { SharedStore } from '../../src/store/shared/shared-store.js';
import type { Put, Tell } from '../../src/store/store.js';
import { activateUs, call, idOf, keeping, main, us } from '../core/making.js';
import { Clock } from '../store/harness.js';
import { quietOwner } from '../store/quiet-owner.js';
import { MemoryDatabase } from './database.js';

const large = 100;
const put = (name: string, size: number): Put => ({
  ...{ type: 'put', queue: '', owner: us, level: 'full' },
  jobs: [call(name, {}, { args: new Uint8Array(size) })],
});
const settle = (name: string, size: number): Command => ({
  ...{ type: 'settle', job: idOf(name), fence: 1, startedAt: 1000, inner: [] },
  outcome: { kind: 'value', payload: new Uint8Array(size) },
});

/** A store whose uploads wait for the test. */
class Slow {
  readonly database = new MemoryDatabase();
  readonly told: string[] = [];
  readonly store: SharedStore;
  fatal: Error | undefined;
  /** Looks at the database, as at each interval. */
  #look = () => {};
  /** A put of a user's own transaction. */
  posted: Put | undefined;
  /** Each call ends one upload, with an error or without. */
  readonly uploads: ((error?: Error) => void)[] = [];

  constructor() {
    this.database.nearBytes = large - 1;
    const way = this.database.connect();
    const upload = way.upload.bind(way);
    way.upload = async (payload, bytes) => {
      await new Promise<void>((resolve, reject) => {
        this.uploads.push((error) => (error === undefined ? resolve() : reject(error)));
      });
      await upload(payload, bytes);
    };
    const begin = way.begin.bind(way);
    way.begin = (purpose) => this.#withPosted(begin(purpose));
    const after = (_: number, then: () => void) => {
      this.#look = then;
      return { clear: () => {} };
    };
    this.store = new SharedStore(way, new Clock(), { poll: { everyMs: 1000, after } });
  }

  /** The put leaves its table with the commit of the transaction that has taken it. */
  #withPosted(transaction: Transaction): Transaction {
    let isTaken = false;
    const [load, commit] = [transaction.load.bind(transaction), transaction.commit.bind(transaction)];
    transaction.load = async (wants) => Object.assign(await load(wants), { posted: this.posted !== undefined });
    transaction.takePosted = async () => {
      isTaken = this.posted !== undefined;
      return isTaken ? [{ seq: 1, owner: us, put: new Uint8Array() }] : [];
    };
    transaction.commit = async (...given) => {
      const committed = await commit(...given);
      if (isTaken) this.posted = undefined;
      return committed;
    };
    return transaction;
  }

  async open(): Promise<this> {
    await this.store.open({
      ...quietOwner,
      posted: () => this.posted,
      fatal: (error) => {
        this.fatal = error;
      },
    });
    this.ask(activateUs);
    this.ask({ type: 'installAgent', dispatcher: us, queue: '', name: 'main', size: 9, wins: true });
    await this.turns();
    this.told.length = 0;
    return this;
  }

  /** As if a user's own transaction had put it. */
  post(command: Put): void {
    this.posted = command;
    this.store.payload(new Uint8Array(large));
    this.#look();
  }

  ask(command: Command, name: string = command.type): void {
    // As the coordinator makes them.
    this.store.payload(new Uint8Array(large));
    const reply = (error?: Error) => this.told.push(error === undefined ? name : `${name}: ${error.message}`);
    this.store.transact({ command, gate: 'synced', reply });
    this.store.commit();
  }

  /** Passes more turns of the event loop than all that can go on needs. */
  async turns(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('a shared store', () => {
  it('[19.4] puts and ends other jobs while a large payload is on its way', async () => {
    const { store, told, uploads, ask, turns } = bound(await new Slow().open());
    ask(put('small', 1), 'put small');
    ask({ type: 'claim', job: idOf('small'), agent: main }, 'claim small');
    ask(put('large', large), 'put large');
    ask(put('other', 1), 'put other');
    ask(settle('small', 1), 'settle small');
    await turns();
    assert.deepEqual(told, ['put small', 'claim small', 'put other', 'settle small']);
    uploads.shift()!();
    await turns();
    assert.equal(told.at(-1), 'put large');
    await store.close();
  });

  it('[19.4] decides the commands about a job in order, whatever is uploaded for some', async () => {
    const { store, told, uploads, ask, turns } = bound(await new Slow().open());
    ask(put('a', 1), 'put a');
    ask({ type: 'claim', job: idOf('a'), agent: main }, 'claim a');
    await turns();
    ask(settle('a', large), 'settle a');
    ask({ type: 'annotate', job: idOf('a'), name: 'x', value: new Uint8Array(1) }, 'annotate a');
    ask(put('b', large), 'put b');
    ask({ type: 'addCallbacks', job: idOf('b'), callbacks: [call('c')] }, 'add to b');
    ask({ type: 'change', job: idOf('c'), options: { priority: 1 } }, 'change c');
    ask({ type: 'deactivate', dispatcher: us, incarnation: idOf('incarnation') }, 'deactivate');
    ask(put('d', 1), 'put d');
    await turns();
    assert.deepEqual(told.splice(0), ['put a', 'claim a', 'put d']);
    uploads.shift()!();
    await turns();
    assert.deepEqual(told.splice(0), ['settle a', 'annotate a']);
    uploads.shift()!();
    await turns();
    assert.deepEqual(
      told.map((text) => text.split(':')[0]),
      ['put b', 'add to b', 'change c', 'deactivate'],
    );
    await store.close();
  });

  it('[19.4] goes on with an upload whose connection was lost, and closes when it has ended', async () => {
    const { store, told, uploads, ask, turns } = bound(await new Slow().open());
    ask(put('large', large), 'put large');
    await turns();
    uploads.shift()!(new ConnectionError('lost'));
    await turns();
    const closed = store.close();
    await turns();
    assert.deepEqual(told, []);
    uploads.shift()!();
    await closed;
    assert.deepEqual(told, ['put large']);
  });

  it('[5.6] proves that its process lives while a posted put is uploaded, once', async () => {
    const slow = await new Slow().open();
    const { store, told, uploads, ask, turns } = bound(slow);
    slow.post(put('large', large));
    await turns();
    assert.equal(uploads.length, 1);
    ask({ type: 'ping', dispatcher: us, incarnation: activateUs.incarnation }, 'ping');
    await turns();
    assert.deepEqual([told, uploads.length], [['ping'], 1]);
    uploads.shift()!();
    await turns();
    assert.deepEqual([slow.posted, uploads.length], [undefined, 0]);
    await store.close();
  });

  it('[19.6] rejects what waits for an upload that the database refuses', async () => {
    const slow = await new Slow().open();
    const { told, uploads, ask, turns } = bound(slow);
    ask(put('large', large), 'put large');
    ask({ type: 'cancel', job: idOf('large') }, 'cancel large');
    await turns();
    uploads.shift()!(new Error('disk full'));
    await turns();
    assert.deepEqual(told, ['put large: disk full', 'cancel large: disk full']);
    assert.equal(slow.fatal?.message, 'disk full');
  });

  it('[19.4] answers other looks while one reads a large payload', async () => {
    const { store, told, uploads, ask, turns, database } = bound(await new Slow().open());
    ask(put('large', large), 'put large');
    ask(put('small', 1), 'put small');
    await turns();
    uploads.shift()!();
    await turns();
    let read = () => {};
    const isRead = new Promise<void>((resolve) => {
      read = resolve;
    });
    const begin = database.begin.bind(database);
    database.begin = (...given) => {
      const transaction = begin(...given);
      const load = transaction.load.bind(transaction);
      transaction.load = async (wants) => {
        if (wants.some(({ kind }) => kind === 'payload')) await isRead;
        return load(wants);
      };
      return transaction;
    };
    const tell =
      (name: string): Tell<unknown> =>
      (_, size) =>
        told.push(`${name} has ${size}`);
    told.length = 0;
    for (const name of ['large', 'small'])
      store.read(({ view, bytes }) => bytes(view.job(idOf(name))!.args!).length, tell(name));
    ask(put('more', 1), 'put more');
    await turns();
    assert.deepEqual(told.sort(), ['put more', 'small has 1']);
    read();
    await turns();
    assert.equal(told.at(-1), `large has ${large}`);
    await store.close();
  });

  it('[19.4] drops the payloads of forgotten jobs, and those without a job after a day', async () => {
    const { store, uploads, ask, turns, database } = bound(await new Slow().open());
    ask(put('a', 1));
    ask({ type: 'claim', job: idOf('a'), agent: main });
    await turns();
    ask(settle('a', large));
    // Its job is there already.
    ask(put('a', large));
    await turns();
    uploads.shift()!();
    await turns();
    uploads.shift()!();
    await turns();
    await database.sweepPayloads();
    assert.equal(database.payloadsKept, 2);
    ask({ type: 'forget', keep: keeping(0) });
    await turns();
    await database.sweepPayloads();
    assert.equal(database.payloadsKept, 1);
    database.now = () => 25 * 3600 * 1000;
    await database.sweepPayloads();
    assert.equal(database.payloadsKept, 0);
    await store.close();
  });
});

/** The parts of a slow store, with its methods as functions. */
function bound(slow: Slow) {
  const { store, told, uploads, database } = slow;
  return { store, told, uploads, database, ask: slow.ask.bind(slow), turns: slow.turns.bind(slow) };
}
