/** Events of several runtimes on one database: each that listens hears the decisions of all. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type CallsheetEvent, type EventStream, type JobEvent, retryErrors } from 'callsheet';
import { listenerMs } from '../../src/store/shared/database.js';
import type { Kit } from '../../src/testing/kit.js';
import { work } from '../contract/jobs/all.js';
import { randomFrom, seedOf } from '../harness/randomness.js';
import { noFaults } from './database.js';
import { HostClock, Wire } from './kits.js';
import { randomFaults } from './random-faults.js';
import { Site } from './site.js';

const pollMs = 1000;

/** A stream that is read as fast as events come. */
class Heard {
  readonly events: CallsheetEvent[] = [];
  readonly #stream: EventStream;

  private constructor(stream: EventStream) {
    this.#stream = stream;
    // A crash ends the stream.
    this.#read().catch(() => {});
  }

  /** Begins with the events after this call, once it is noted in the database. */
  static async by({ runtime }: Kit, site: Site): Promise<Heard> {
    await runtime.events().return();
    const heard = new Heard(runtime.events());
    await site.quiet(...site.kits);
    return heard;
  }

  async #read(): Promise<void> {
    for await (const event of this.#stream) this.events.push(event);
  }

  end(): Promise<unknown> {
    return this.#stream.return();
  }

  of(job: string): string[] {
    return this.events.filter((event) => (event as JobEvent).job === job).map(({ type }) => type);
  }
}

describe('19 events of several runtimes', () => {
  it('[19.8] [5.5] reach each that listens, from each that decides', async (t) => {
    const site = new Site(t);
    const [a, b, client] = [
      await site.open(),
      await site.open({ agent: false }),
      await site.open({ dispatcher: false }),
    ];
    const streams = [await Heard.by(b, site), await Heard.by(client, site)];
    const runner = a.runtime.id;
    const job = await client.runtime.queue().put(work.mark('one'));
    await site.quiet(a, b, client);
    await a.runtime.createQueue('new');
    await a.close();
    await site.quiet(b, client);
    for (const stream of streams) {
      assert.deepEqual(stream.of(job.id), ['job.put', 'job.started', 'job.completed']);
      assert.equal((stream.events[1] as JobEvent).dispatcher, runner);
      const others = stream.events.filter(({ type }) => !type.startsWith('job.'));
      assert.deepEqual(
        others.map(({ type }) => type),
        ['queue.added', 'dispatcher.deactivated'],
      );
    }
  });

  it('[19.8] come once and in the order of each job, whatever the database does', async (t) => {
    const site = new Site(t);
    const random = randomFrom(seedOf(t));
    const [a, b] = [await site.open({ threads: 2 }, { pollMs }), await site.open({ threads: 2 }, { pollMs })];
    const streams = [await Heard.by(a, site), await Heard.by(b, site)];
    site.database.faults = randomFaults(random);
    const jobs: string[] = [];
    for (let n = 0; n < 40; n++) {
      const call = n % 4 === 0 ? work.failUntil(2).with({ retry: retryErrors({ limit: 3 }) }) : work.mark(`${n}`);
      jobs.push((await [a, b][n % 2]!.runtime.queue().put(call as ReturnType<typeof work.mark>)).id);
      if (random(3) === 0) await site.quiet(a, b);
    }
    await site.pass(60_000, a, b);
    site.database.faults = noFaults;
    await site.pass(10_000, a, b);
    const { struck } = site.database;
    t.diagnostic(JSON.stringify(struck));
    assert.ok(struck.after > 0 && struck.later > 0 && struck.forgotten > 0);
    for (const [n, job] of jobs.entries()) {
      const retried = n % 4 === 0 ? ['job.started', 'job.retried'] : [];
      for (const stream of streams)
        assert.deepEqual(stream.of(job), ['job.put', ...retried, 'job.started', 'job.completed']);
    }
    assert.deepEqual(streams[0]!.events, streams[1]!.events, 'both heard the same in the same order');
  });

  it('[19.8] are written only while someone listens, and kept until all have read them', async (t) => {
    const site = new Site(t);
    const hosts = [await site.open({}, { pollMs }), await site.open({ agent: false }, { pollMs })];
    const [a, b] = hosts as [Kit, Kit];
    const put = async () => {
      await a.runtime.queue().put(work.mark('any'));
      await site.quiet(...hosts);
    };
    await put();
    assert.equal(site.database.eventsKept, 0, 'nobody listens');
    const streams = [await Heard.by(a, site), await Heard.by(b, site)];
    await put();
    assert.ok(site.database.eventsKept > 0);
    await site.pass(pollMs, ...hosts);
    assert.equal(site.database.eventsKept, 0, 'both have read them');
    await streams[1]!.end();
    await put();
    await streams[0]!.end();
    await site.quiet(...hosts);
    assert.equal(site.database.eventsKept, 0, 'the last reader has gone');
    await put();
    assert.equal(site.database.eventsKept, 0, 'nobody listens any more');
  });

  it('[19.8] are kept for a runtime that died for a minute, and then written no more', async (t) => {
    const site = new Site(t);
    const [a, b] = [await site.open({}, { pollMs }), await site.open({ agent: false }, { pollMs })];
    await Heard.by(b, site);
    await b.crash();
    await a.runtime.queue().put(work.mark('any'));
    await site.pass(listenerMs, a);
    assert.ok(site.database.eventsKept > 0, 'it may only be slow');
    await a.runtime.queue().put(work.mark('any'));
    await site.pass(2 * pollMs, a);
    assert.equal(site.database.eventsKept, 0);
    await a.runtime.queue().put(work.mark('any'));
    await site.quiet(a);
    assert.equal(site.database.eventsKept, 0);
  });

  it('[19.8] tell the gap to a runtime that stood still for longer', async (t) => {
    const site = new Site(t);
    const [clock, wire] = [new HostClock(site.clock), new Wire()];
    const a = await site.open({}, { pollMs });
    const b = await site.open({ agent: false, deathMs: 1e9 }, { pollMs, clock, wire });
    const heard = await Heard.by(b, site);
    clock.stop();
    wire.cut();
    await site.pass(listenerMs, a);
    const lost = await a.runtime.queue().put(work.mark('unheard'));
    await site.pass(2 * pollMs, a);
    clock.continue();
    wire.mend();
    await site.quiet(a, b);
    const job = await a.runtime.queue().put(work.mark('heard'));
    await site.quiet(a, b);
    const types = heard.events.map((event) => (event.type === 'dropped' ? `dropped ${event.count}` : event.type));
    assert.deepEqual(types.slice(-4), ['dropped 0', 'job.put', 'job.started', 'job.completed']);
    assert.deepEqual(heard.of(lost.id), []);
    assert.deepEqual(heard.of(job.id), ['job.put', 'job.started', 'job.completed']);
  });
});
