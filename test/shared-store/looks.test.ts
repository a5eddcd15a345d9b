/** How a shared store looks at the decisions of others, and at lines. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Command } from '../../src/core/commands.js';
import { pingsOf } from '../../src/core/dispatchers.js';
import type { AgentRecord, Id } from '../../src/core/records.js';
import type { ClaimRequests } from '../../src/store/claims.js';
import type { News } from '../../src/store/shared/database.js';
import { SharedStore, type SharedStoreOptions } from '../../src/store/shared/shared-store.js';
import type { Want } from '../../src/store/shared/wants.js';
import { activateUs, call, idOf, main, us } from '../core/making.js';
import { Clock } from '../store/harness.js';
import { quietOwner } from '../store/quiet-owner.js';
import { MemoryDatabase } from './database.js';

const them = idOf('them');
const activateThem = { ...activateUs, dispatcher: them };
const pingOf = ({ dispatcher, incarnation }: typeof activateUs | typeof activateThem): Command => ({
  type: 'ping',
  dispatcher,
  incarnation,
});

const installMain: Command = { type: 'installAgent', dispatcher: us, queue: '', name: 'main', size: 1, wins: true };
const claimsOf = (most: number): ClaimRequests =>
  function* (view) {
    const agent = view.setting(main) as AgentRecord;
    yield { agent, most, takes: () => true, place: (job) => ({ type: 'claim', job: job.id, agent: main }) };
  };

/** A store, and the wants that it has loaded. */
class Watched {
  readonly wants: Want[] = [];
  readonly gone: Id[] = [];
  outcomes: readonly Id[] = [];
  changed = () => {};
  readonly store: SharedStore;
  readonly way;

  constructor(options?: SharedStoreOptions, database = new MemoryDatabase()) {
    const way = database.connect();
    this.way = way;
    const begin = way.begin.bind(way);
    way.begin = (purpose) => {
      const transaction = begin(purpose);
      const load = transaction.load.bind(transaction);
      transaction.load = (wants) => {
        this.wants.push(...wants);
        return load(wants);
      };
      return transaction;
    };
    this.store = new SharedStore(way, new Clock(), options);
  }

  async open(): Promise<this> {
    await this.store.open({
      ...quietOwner,
      awaited: () => ({ outcomes: this.outcomes, annotations: [], events: false }),
      gone: (ids) => this.gone.push(...ids),
      changed: () => this.changed(),
      fatal: (error) => assert.fail(error),
    });
    return this;
  }
}

describe('a shared store', () => {
  it('asks for some of thousands of awaited jobs at once, and for all in the end', async () => {
    let look = () => {};
    const after = (_: number, then: () => void) => {
      look = then;
      return { clear: () => {} };
    };
    const watched = await new Watched({ poll: { everyMs: 1000, after } }).open();
    const outcomes = Array.from({ length: 2500 }, (_, index) => idOf(`${index}`));
    watched.outcomes = outcomes;
    look();
    await watched.store.idle();
    assert.deepEqual(watched.gone, outcomes);
    const asked = watched.wants.map((want) => (want.kind === 'ended' ? want.jobs.length : 0));
    assert.ok(Math.max(...asked) <= 1000, `${asked}`);
    await watched.store.close();
  });

  it('looks around rarely while notifications come, and for a minute at posted puts once it writes one', async () => {
    let poll = () => {};
    const after = (_: number, then: () => void) => {
      poll = then;
      return { clear: () => {} };
    };
    const { store, way, wants } = await new Watched({ poll: { everyMs: 1000, after } }).open();
    let asked = 0;
    const arePosted = async () => {
      asked++;
      return false;
    };
    Object.assign(way, { hears: true, arePosted });
    const polled = async (times: number) => {
      [wants.length, asked] = [0, 0];
      for (let left = times; left > 0; left--) {
        poll();
        await store.idle();
        await undefined;
      }
      return [wants.filter(({ kind }) => kind === 'timer').length, asked];
    };
    assert.deepEqual(await polled(40), [2, 0]);
    store.posting();
    assert.deepEqual(await polled(40), [2, 38]);
    assert.deepEqual(await polled(40), [2, 22]);
    Object.assign(way, { hears: false });
    assert.deepEqual(await polled(3), [3, 0]);
    await store.close();
  });

  it('claims jobs without a look around when it hears of puts alone', async () => {
    let hear = (_: News) => {};
    const watched = new Watched();
    Object.assign(watched.way, {
      watch: (wake: typeof hear) => {
        hear = wake;
        return () => {};
      },
    });
    const { store, wants } = watched;
    watched.changed = () => {
      store.claim(claimsOf(1));
      store.commit();
    };
    await watched.open();
    for (const command of [activateUs, installMain]) store.transact({ command, gate: 'decided' });
    store.commit();
    await store.idle();
    const kinds = async (news: News) => {
      wants.length = 0;
      hear(news);
      await store.idle();
      return wants.map(({ kind }) => kind).filter((kind) => kind === 'lanes' || kind === 'timer');
    };
    assert.deepEqual(await kinds('puts'), ['lanes']);
    assert.deepEqual(await kinds(new Set([them])), ['timer', 'lanes']);
    await store.close();
  });

  it('sees the pings of others by its own, and looks around for none', async () => {
    const database = new MemoryDatabase();
    const [ours, theirs] = [await new Watched({}, database).open(), await new Watched({}, database).open()];
    const run = async ({ store }: Watched, command: Command) => {
      store.transact({ command, gate: 'decided' });
      store.commit();
      await store.idle();
    };
    await run(theirs, activateThem);
    await run(ours, activateUs);
    const seen = () => pingsOf(ours.store.local, them)?.count;
    assert.equal(seen(), 1);
    ours.wants.length = 0;
    await run(theirs, pingOf(activateThem));
    await ours.store.idle();
    assert.deepEqual([ours.wants, seen()], [[], 1]);
    await run(ours, pingOf(activateUs));
    assert.equal(seen(), 2);
    for (const { store } of [ours, theirs]) await store.close();
  });

  it('reads no line again for which no thread has room', async () => {
    const { store, wants } = await new Watched().open();
    const commands: readonly Command[] = [
      activateUs,
      installMain,
      { type: 'put', queue: '', owner: us, level: 'full', jobs: [call('a'), call('b')] },
    ];
    for (const command of commands) store.transact({ command, gate: 'decided' });
    store.commit();
    await store.idle();
    const lines = async (most: number) => {
      wants.length = 0;
      store.claim(claimsOf(most), most);
      store.commit();
      await store.idle();
      return wants.filter(({ kind }) => kind === 'lanes').length;
    };
    assert.deepEqual([await lines(1), await lines(0), await lines(1)], [1, 0, 1]);
    await store.close();
  });
});
