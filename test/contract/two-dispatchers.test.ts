/**
 * Two runtimes on one database, each with a coordinator, a store and a view of its own: the lines
 * of the contract about several dispatchers, and about jobs that one puts and another runs.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { map, parallel } from 'callsheet';
import { idFromText } from '../../src/codec/id.js';
import type { Want } from '../../src/store/shared/wants.js';
import { randomFrom, seedOf } from '../harness/randomness.js';
import { noFaults } from '../shared-store/database.js';
import { HostClock, openBeside, Wire } from '../shared-store/kits.js';
import { randomFaults } from '../shared-store/random-faults.js';
import { Site } from '../shared-store/site.js';
import { allJobs, asked, inside, work } from './jobs/all.js';
import { forgetQuestions, questions, say } from './jobs/asked.js';
import { now, openGate, seen } from './jobs/work.js';
import { hourMs } from './opened.js';

const pingMs = 4000;
const deathMs = 12_000;
/** The longest time from the last ping of a dead host until another host has its jobs. */
const worstMs = pingMs + deathMs;

/** A test waits for no transaction that goes this way. */
class SlowWire extends Wire {
  override get isCut(): boolean {
    return true;
  }
}

describe('5 two dispatchers', () => {
  it('[5.1] run each job of one queue once, and deliver the outcome to the one that put it', async (t) => {
    const site = new Site(t);
    const [a, b] = [await site.open(), await site.open()];
    const names = Array.from({ length: 12 }, (_, n) => `job ${n}`);
    const jobs = await a.runtime.queue().putAll(names.map((name) => work.hold(name)));
    await site.quiet(a, b);
    assert.deepEqual([a.running.length, b.running.length], [1, 1]);
    for (const name of names) openGate(name);
    await site.quiet(a, b);
    assert.deepEqual([...seen].sort(), [...names].sort(), 'each ran once');
    assert.deepEqual(await Promise.all(jobs.map((job) => job.result())), names);
    assert.equal(await b.runtime.job(jobs[3]!.id).result(), 'job 3');
  });

  it('[5.1] claim only as much as they have room for while a claim is in flight', async (t) => {
    const site = new Site(t);
    const [a, b] = [await site.open(), await site.open()];
    await site.quiet(a, b);
    site.database.faults = { ...noFaults, turns: () => 40 };
    const puts = [];
    for (let n = 0; n < 8; n++) {
      puts.push(a.runtime.queue().put(work.hold(`${n}`)));
      // Leaves time for a turn of the coordinator, but not for an answer from the database.
      for (let left = 10; left > 0; left--) await undefined;
    }
    const jobs = await Promise.all(puts);
    await site.quiet(a, b);
    const statuses = await Promise.all(jobs.map((job) => job.status()));
    assert.deepEqual([...a.running, ...b.running].sort(), [jobs[0]!.id, jobs[1]!.id]);
    assert.equal(statuses.filter((status) => status === 'pending').length, 6);
  });

  it('[5.1] run each job once despite faults of the database', async (t) => {
    const site = new Site(t);
    const random = randomFrom(seedOf(t));
    const polled = { pollMs: 500 };
    const [a, b] = [await site.open({ threads: 2 }, polled), await site.open({ threads: 2 }, polled)];
    site.database.faults = randomFaults(random);
    const names = Array.from({ length: 40 }, (_, n) => `job ${n}`);
    for (const [n, name] of names.entries()) {
      await [a, b][n % 2]!.runtime.queue().put(work.mark(name));
      if (random(3) === 0) await site.quiet(a, b);
    }
    await site.pass(10_000, a, b);
    assert.deepEqual([...seen].sort(), [...names].sort());
    const { struck } = site.database;
    t.diagnostic(JSON.stringify(struck));
    assert.ok(struck.conflict > 0 && struck.before + struck.after + struck.later > 0 && struck.forgotten > 0);
  });

  it('[14.1] put one job at each tick of a schedule, though both try', async (t) => {
    const site = new Site(t);
    const random = randomFrom(seedOf(t));
    const polled = { pollMs: 500 };
    const [a, b] = [await site.open({}, polled), await site.open({}, polled)];
    await a.runtime.queue().schedule('s', work.mark('s'), { every: '1m', overlap: 'allow' });
    await site.quiet(a, b);
    site.database.faults = randomFaults(random);
    await site.pass(10 * 60_000 + 30_000, a, b);
    site.database.faults = noFaults;
    await site.pass(10_000, a, b);
    assert.equal(seen.length, 10);
    assert.equal((await b.runtime.schedule('s').details()).fired, 10);
  });

  it('[4.1] share a quota', async (t) => {
    const site = new Site(t);
    const [a, b] = [await site.open({ threads: 4 }), await site.open({ threads: 4 })];
    await a.runtime.queue().setQuota('q', { size: 3 });
    const names = Array.from({ length: 12 }, (_, n) => `${n}`);
    for (const [n, name] of names.entries())
      await [a, b][n % 2]!.runtime.queue().put(work.hold(name), { quotas: ['q'] });
    await site.quiet(a, b);
    assert.equal(now.running, 3);
    for (const name of names) {
      openGate(name);
      await site.quiet(a, b);
    }
    assert.deepEqual([now.most, seen.length, new Set(seen).size], [3, 12, 12]);
  });

  it('[4.8] share a rate', async (t) => {
    const site = new Site(t);
    const [a, b] = [await site.open(), await site.open()];
    await a.runtime.queue().setQuota('hourly', { size: 9, rate: { count: 4, periodMs: 3_600_000 } });
    await site.quiet(a, b);
    for (const [n, name] of ['a', 'b', 'c', 'd', 'e', 'f', 'g'].entries())
      await [a, b][n % 2]!.runtime.queue().put(work.mark(name), { quotas: ['hourly'] });
    await site.quiet(a, b);
    assert.equal(seen.length, 4);
    await site.pass(1_800_000, a, b);
    assert.equal(seen.length, 6);
  });

  it('[4.8] share a rate, however far apart their clocks are', async (t) => {
    const site = new Site(t);
    const [a, b] = [
      await site.open({}, { clock: new HostClock(site.clock, -600_000) }),
      await site.open({}, { clock: new HostClock(site.clock, 600_000) }),
    ];
    const queue = a.runtime.queue();
    await queue.setQuota('hourly', { size: 9, rate: { count: 60, periodMs: 3_600_000 } });
    await site.quiet(a, b);
    await queue.putAll(
      Array.from({ length: 200 }, (_, n) => work.mark(`${n}`)),
      { quotas: ['hourly'] },
    );
    await site.quiet(a, b);
    assert.equal(seen.length, 60);
    await site.pass(60 * 60_000, a, b);
    assert.equal(seen.length, 120);
    await b.crash();
    await site.pass(60 * 60_000, a);
    assert.equal(seen.length, 180, 'the clock of a dead host holds up no rate');
  });

  it('[4.8] share a rate with a process whose clock is set', async (t) => {
    const site = new Site(t);
    const [a, b] = [await site.open({ agent: false }), await site.open({}, { clock: new HostClock(site.clock) })];
    const queue = a.runtime.queue();
    await queue.setQuota('hourly', { size: 9, rate: { count: 60, periodMs: 3_600_000 } });
    await site.quiet(a, b);
    await queue.putAll(
      Array.from({ length: 100 }, (_, n) => work.mark(`${n}`)),
      { quotas: ['hourly'] },
    );
    await site.quiet(a, b);
    for (const [at, byMs] of [600_000, -1_200_000, 600_000].entries()) {
      await b.clock.set(new Date(b.clock.now.getTime() + byMs));
      await site.quiet(a, b);
      assert.equal(seen.length, 60 + 5 * at);
      await site.pass(5 * 60_000, a, b);
      assert.equal(seen.length, 65 + 5 * at);
    }
  });

  it('[3.6] fill a queue to its bound, and pass it only by puts of one moment', async (t) => {
    const site = new Site(t);
    const [a, b] = [await site.open(), await site.open()];
    const queue = a.runtime.queue();
    await queue.setBound(2);
    await queue.pause();
    await site.pass(1, a, b);
    const names = ['1', '2', '3', '4', '5'];
    const put = [a, b].map((kit) => names.map((name) => kit.runtime.queue().put(work.mark(name))));
    await site.pass(1, a, b);
    const { length, putsWaiting } = await queue.details();
    assert.ok(length <= 4, `${length} jobs`);
    assert.ok(putsWaiting >= 3);
    const late = b.runtime.queue().put(work.mark('late'));
    await site.pass(pingMs, a, b);
    assert.equal(await queue.length(), length, 'it is full');
    await queue.resume();
    await site.pass(pingMs, a, b);
    await Promise.all([...put.flat(), late]);
    const ofB = await Promise.all([...put[1]!, late].map(async (job) => (await (await job).details()).putAt));
    assert.deepEqual(
      ofB,
      ofB.toSorted((x, y) => Number(x) - Number(y)),
    );
    assert.equal(seen.length, 11);
  });

  it('[2.12] resolve their handles in hand, whichever of them runs and forgets the jobs', async (t) => {
    const site = new Site(t);
    const retention = { count: 2 };
    const [a, b] = [await site.open({ retention, agent: false }), await site.open({ retention })];
    const queue = a.runtime.queue();
    const names = ['1', '2', '3', '4', '5', '6'];
    const held = [...(await queue.putAll(names.map((name) => work.mark(name)))), await queue.put(work.mark('7'))];
    await site.pass(pingMs, a, b);
    await b.runtime.queue().putAll(names.map((name) => work.mark(name)));
    await site.pass(pingMs, a, b);
    assert.equal(seen.length, 13);
    assert.deepEqual(await Promise.all(held.map((job) => job.result())), [...names, '7']);
    await assert.rejects(b.runtime.job(held[0]!.id).status(), { code: 'JOB_FORGOTTEN' });
    assert.ok((await b.runtime.stats()).jobs <= 2, 'nothing is kept any longer');
  });

  it('[2.12] answer a wait for a job that the other has forgotten', async (t) => {
    const site = new Site(t);
    const wire = new Wire();
    const retention = { count: 0 };
    const a = await site.open({ retention, agent: false }, { wire });
    const b = await site.open({ retention });
    const job = await b.runtime.queue().put(work.hold('one'));
    await site.pass(1, a, b);
    const waiting = a.runtime.job(job.id).result();
    await site.pass(1, a, b);
    wire.cut();
    openGate('one');
    await site.pass(pingMs, b);
    assert.equal(await job.result(), 'one');
    wire.mend();
    const failed = assert.rejects(waiting, { code: 'JOB_FORGOTTEN' });
    await site.pass(pingMs, a, b);
    await failed;
  });

  it('[5.2] [3.6] install agents in a queue that the other created, and stop when the other pauses it', async (t) => {
    const site = new Site(t);
    const [a, b] = [await site.open(), await site.open()];
    const mail = await a.runtime.createQueue('mail');
    await site.quiet(a, b);
    assert.deepEqual(
      (await b.runtime.queue('mail').agents()).map(({ dispatcher }) => dispatcher).sort(),
      [a.runtime.id, b.runtime.id].sort(),
    );
    await mail.pause();
    await b.runtime.queue('mail').put(work.mark('paused'));
    await site.quiet(a, b);
    assert.deepEqual(seen, []);
    await b.runtime.queue('mail').resume();
    await site.quiet(a, b);
    assert.deepEqual(seen, ['paused']);
  });

  it('[2.9] decide a put at once, at whatever moment of another question it comes', async (t) => {
    const site = new Site(t);
    const a = await site.open();
    const queue = a.runtime.queue();
    // The store is asked whether there is room. While it decides claims, its answer comes later.
    await queue.setBound(10);
    const first = await queue.put(work.mark('one'), { unique: 'key', beginAfter: hourMs });
    for (let moment = 0; moment < 100; moment++) {
      await site.quiet(a);
      const asked = a.runtime.stats();
      for (let left = moment; left > 0; left--) await undefined;
      let id = '';
      void queue.put(work.mark('two'), { unique: 'key' }).then((job) => {
        id = job.id;
      });
      await site.quiet(a);
      assert.equal(id, first.id, `after ${moment} microtasks`);
      await asked;
    }
  });

  it('[2.10] cancel a job that the other runs', async (t) => {
    const site = new Site(t);
    const [a, b] = [await site.open({ agent: false }), await site.open()];
    const job = await a.runtime.queue().put(work.hold('job'));
    await site.quiet(a, b);
    assert.deepEqual(b.running, [job.id]);
    await job.cancel();
    await site.quiet(a, b);
    assert.deepEqual([b.running, (await job.failure())?.name], [[], 'JobCancelledError']);
  });

  it('[2.10] cancel a job that the other writes before it hears of that', async (t) => {
    const site = new Site(t);
    const [a, b] = [await site.open({ agent: false }), await site.open()];
    const job = await a.runtime.queue().put(work.hold('job'));
    while ((await b.runtime.job(job.id).status()) !== 'assigned');
    site.database.faults = { ...noFaults, forgets: () => true };
    await job.cancel();
    await site.quiet(b);
    assert.deepEqual([seen, b.running], [['job'], []]);
  });

  it('[10.2] exchange annotations with a job that the other runs', async (t) => {
    const site = new Site(t);
    const [a, b] = [await site.open({ agent: false }), await site.open()];
    const job = await a.runtime.queue().put(inside.listen('answer', 3_600_000));
    await site.quiet(a, b);
    const waiting = job.annotations.waitFor('answer', { timeoutMs: 3_600_000 });
    await a.runtime.job(job.id).annotations.set('answer', 42);
    await site.quiet(a, b);
    assert.deepEqual([await waiting, await job.result()], [42, 42]);
  });
});

const isOfParts = (want: Want) => want.kind === 'found' && want.index === 'part';

describe('5 the death of one', () => {
  it('[5.6] gives its jobs to the other: begun, claimed, and in callbacks', async (t) => {
    const site = new Site(t);
    const a = await site.open({ threads: 2 });
    const queue = a.runtime.queue();
    const begun = await queue.put(work.hold('begun'));
    const called = await queue.put(work.mark('called').onBoth(work.hold.with('callback') as never));
    await site.quiet(a);
    const b = await site.open({ threads: 4 });
    assert.deepEqual([...seen].sort(), ['begun', 'called', 'callback'].sort());
    await site.pass(pingMs - 1, a, b);
    await a.crash();
    await site.pass(deathMs - pingMs, b);
    assert.equal(seen.length, 3, 'it may still be alive');
    await site.pass(2 * pingMs, b);
    assert.deepEqual(seen.slice(3).sort(), ['begun', 'callback'], 'completed jobs are not rerun');
    openGate('begun');
    openGate('callback');
    await site.quiet(b);
    assert.equal(await b.runtime.job(begun.id).result(), 'begun');
    assert.equal(await b.runtime.job(called.id).status(), 'completed');
    assert.equal((await b.runtime.job(begun.id).details()).interruptions, 0, 'a suspect is not counted');
  });

  it('[5.9] asks the policy of a job in the other at once, when it closes', async (t) => {
    const site = new Site(t);
    const [a, b] = [await site.open(), await site.open()];
    forgetQuestions();
    say(true);
    const job = await a.runtime.queue().put(work.hold('job'), { retry: asked.policy });
    await site.quiet(a, b);
    const { id } = job;
    await a.close();
    await site.quiet(b);
    assert.deepEqual([questions.length, b.running], [1, [id]]);
  });

  for (const how of ['close', 'crash'] as const) {
    it(`[7.4] end a map without a key of the one whose life ended with a ${how}`, async (t) => {
      const site = new Site(t);
      const [a, b] = [await site.open(), await site.open()];
      const held = (n: number) => work.hold(`${n}`);
      const { id } = await a.runtime.queue().put(map([1, 2, 3, 4, 5, 6, 7, 8], held, { concurrency: 4 }));
      await site.quiet(a, b);
      await a[how]();
      if (how === 'crash') await site.pass(worstMs, b);
      await site.quiet(b);
      assert.equal((await b.runtime.job(id).failure())?.code, 'MAP_ABANDONED');
      await b.runtime.queue().drain();
    });
  }

  it('[5.6] counts no interruption for claimed jobs', async (t) => {
    const site = new Site(t);
    const a = await site.open();
    const job = await a.runtime.queue().put(work.hold('job'));
    assert.equal(await job.status(), 'assigned');
    await a.crash();
    const b = await site.open();
    await site.pass(deathMs + pingMs, b);
    assert.deepEqual(b.running, [job.id]);
    const { attempts, interruptions } = await b.runtime.job(job.id).details();
    // The run of the dead dispatcher may have begun, so its number is not used again.
    assert.deepEqual([attempts, interruptions], [2, 0]);
  });

  it('[5.6] makes it log at fatal, reactivate and lose its old jobs, if it was only taken for dead', async (t) => {
    const site = new Site(t);
    const b = await site.open();
    await site.pass(1000, b);
    const clock = new HostClock(site.clock);
    const a = await site.open({ stopGraceMs: 1e9 }, { clock });
    const pauseB = await b.runtime.queue().put(work.hold('of b'));
    await site.quiet(b);
    const job = await a.runtime.queue().put(work.holdDeaf('taken'));
    await site.quiet(a);
    assert.deepEqual(a.running, [job.id]);
    clock.stop();
    openGate('of b');
    await site.quiet(b);
    assert.equal(await pauseB.status(), 'completed');
    await site.pass(worstMs, b);
    assert.deepEqual(b.running, [job.id], 'the other runs it');
    clock.continue();
    await site.quiet(a, b);
    assert.equal(a.fatal.length, 1);
    assert.match(a.fatal[0]!.message, /others may have taken its jobs/);
    openGate('taken');
    await site.quiet(a, b);
    assert.equal(await job.result(), 'taken');
    assert.ok(a.logs.some(({ level, message }) => level === 'error' && /taken from this claim/.test(message)));
    const { attempts, endAt } = await job.details();
    assert.deepEqual([attempts, endAt], [2, new Date(site.clock.now())]);
    await site.pass(pingMs, a, b);
    const again = await a.runtime.queue().putAll([work.hold('x'), work.hold('y')]);
    await site.quiet(a, b);
    assert.deepEqual([...a.running, ...b.running].sort(), again.map(({ id }) => id).sort(), 'both work');
  });

  it('[5.6] is not seen in clocks that are ten minutes apart', async (t) => {
    const site = new Site(t);
    const [a, b] = [
      await site.open({}, { clock: new HostClock(site.clock, -600_000) }),
      await site.open({}, { clock: new HostClock(site.clock, 600_000) }),
    ];
    await a.runtime.queue().putAll([work.hold('one'), work.hold('two')]);
    await site.pass(10 * deathMs, a, b);
    assert.deepEqual([a.running.length, b.running.length, seen.length], [1, 1, 2]);
    assert.deepEqual([a.fatal, b.fatal], [[], []]);
  });

  it('[5.6] lets it begin no claimed job after it was stopped for most of its death interval', async (t) => {
    const site = new Site(t);
    const clock = new HostClock(site.clock);
    const a = await site.open({}, { clock });
    const job = await a.runtime.queue().put(work.mark('job'));
    assert.equal(await job.status(), 'assigned');
    clock.stop();
    await site.pass(deathMs - 1000);
    await a.step();
    assert.deepEqual([seen, await job.status()], [[], 'pending']);
    clock.continue();
    await site.quiet(a);
    assert.deepEqual(seen, ['job'], 'it lives, and nobody has taken its jobs');
  });

  it('[5.6] stops its jobs before others begin them, when it cannot reach the database', async (t) => {
    const site = new Site(t);
    const wire = new Wire();
    const a = await site.open({}, { wire });
    const job = await a.runtime.queue().put(work.hold('job'));
    await site.pass(1000, a);
    const b = await site.open();
    wire.cut();
    await site.pass(deathMs - 1001, a, b);
    assert.deepEqual([a.running, b.running], [[job.id], []]);
    await site.pass(1, a, b);
    assert.deepEqual([a.running, b.running], [[], []]);
    await site.pass(pingMs, a, b);
    assert.deepEqual(b.running, [job.id]);
    wire.mend();
    await a.runtime.queue().put(work.hold('next'));
    await site.quiet(a, b);
    assert.deepEqual([a.running.length, a.fatal.length], [1, 1]);
  });

  it('[5.6] begins no job whose claim it gave back while the job was read', async (t) => {
    const site = new Site(t);
    const wire = new Wire();
    const a = await site.open({}, { wire });
    const begin = site.database.begin.bind(site.database);
    site.database.begin = (purpose) => {
      const transaction = begin(purpose);
      const load = transaction.load.bind(transaction);
      transaction.load = async (wants) => {
        // The parts, for the postprocess that is claimed.
        if (purpose === 'look' && !wire.wasCut && wants.some(isOfParts)) {
          wire.cut();
          await wire.through();
        }
        return load(wants);
      };
      return transaction;
    };
    const job = await a.runtime.queue().put(parallel([work.add(1, 0)], { postprocess: work.gatherWhenOpen }));
    await site.pass(deathMs + pingMs, a);
    assert.deepEqual([wire.isCut, a.fatal.length, seen], [true, 1, []]);
    wire.mend();
    await site.quiet(a);
    await site.pass(pingMs, a);
    openGate('postprocess');
    assert.equal(await a.waitForResult(job), 1);
    assert.deepEqual(seen, ['postprocess']);
  });

  it('[2.4] waits for dates in peace, when it cannot reach the database', async (t) => {
    const site = new Site(t);
    const wire = new Wire();
    const a = await site.open({}, { wire });
    const job = await a.runtime.queue().put(work.echo(1), { beginAfter: 1000 });
    await site.quiet(a);
    wire.cut();
    await site.pass(2000, a);
    wire.mend();
    await site.quiet(a);
    assert.equal(await job.result(), 1);
  });

  it('[5.4] claims nothing while it is declared dead, and goes on', async (t) => {
    const site = new Site(t);
    const wire = new Wire();
    const [a, b] = [await site.open({}, { wire }), await site.open({ agent: false })];
    wire.cut();
    const put = a.runtime.queue().put(parallel([work.echo(1), work.echo(2)]));
    await site.pass(2 * worstMs, a, b);
    wire.mend();
    await site.pass(worstMs, a, b);
    assert.equal((await (await put).result()).length, 2);
  });

  it('[5.6] is no work of a database that stood still for all: each gives its jobs back, uncounted', async (t) => {
    const site = new Site(t);
    const wire = new Wire();
    const [a, b] = [await site.open({}, { wire }), await site.open({}, { wire })];
    const jobs = await a.runtime.queue().putAll([work.hold('one'), work.hold('two')]);
    await site.quiet(a, b);
    wire.cut();
    await site.pass(30_000, a, b);
    assert.deepEqual([...a.running, ...b.running], []);
    wire.mend();
    await site.pass(deathMs, a, b);
    assert.deepEqual([...a.running, ...b.running].sort(), jobs.map(({ id }) => id).sort());
    const details = await Promise.all(jobs.map((job) => job.details()));
    assert.deepEqual(
      details.map(({ attempts, interruptions }) => [attempts, interruptions]),
      [
        [2, 0],
        [2, 0],
      ],
    );
  });

  it('[19.4] is no work of a large commit, beside which it proves that it lives', async (t) => {
    const site = new Site(t);
    const [a, b] = [await site.open({ agent: false }, { wire: new SlowWire() }), await site.open()];
    let end = () => {};
    const isSent = new Promise<void>((resolve) => {
      end = resolve;
    });
    const begin = site.database.begin.bind(site.database);
    site.database.begin = (purpose) => {
      const transaction = begin(purpose);
      const commit = transaction.commit.bind(transaction);
      transaction.commit = async (session, last, writes) => {
        if (writes.inserted.length > 0) await isSent;
        return commit(session, last, writes);
      };
      return transaction;
    };
    const put = a.runtime.queue().put(work.mark('large'));
    await site.pass(4 * deathMs, a, b);
    assert.deepEqual([a.fatal, b.fatal], [[], []]);
    const { active } = (await b.runtime.dispatchers()).find(({ id }) => id === a.runtime.id)!;
    assert.equal(active, true);
    end();
    const job = await put;
    await site.quiet(b, a, b);
    assert.equal(await job.status(), 'completed');
  });

  it('[19.6] gives up ten seconds after the call of close, when it cannot reach the database', async (t) => {
    const site = new Site(t);
    const wire = new Wire();
    const a = await site.open({}, { wire });
    const kept = await a.runtime.queue().put(work.mark('kept'));
    await site.quiet(a);
    wire.cut();
    const ends: string[] = [];
    const note = ({ code }: { readonly code: string }) => ends.push(code);
    a.runtime.queue().put(work.mark('lost')).catch(note);
    const closing = a.close();
    await site.quiet(a);
    await site.pass(9999, a);
    assert.deepEqual(ends, []);
    await site.pass(1);
    await closing;
    assert.deepEqual(ends, ['DATABASE_UNUSABLE']);
    assert.match(a.fatal[0]!.message, /did not answer within 10000 ms of closing/);
    wire.mend();
    await a.reopen();
    assert.equal(await a.runtime.job(kept.id).status(), 'completed');
  });

  it('[19.6] gives up opening after half a minute, when it cannot reach the database', async (t) => {
    const site = new Site(t);
    const wire = new Wire();
    wire.cut();
    const opening = openBeside({ jobs: allJobs }, { database: site.database, clock: site.clock, pollMs: 1000, wire });
    const ends: string[] = [];
    opening.catch(({ code }: { readonly code: string }) => ends.push(code));
    // The modules are imported first.
    while (site.clock.nextAt === undefined) await new Promise(setImmediate);
    await site.pass(29_999);
    assert.deepEqual(ends, []);
    await site.pass(1);
    await assert.rejects(opening, { code: 'DATABASE_UNUSABLE', message: /within 30000 ms of opening/ });
  });

  it('[11.3] names the reasons of the processes that claim, in one that does not', async (t) => {
    const site = new Site(t);
    const [host, client] = [await site.open(), await site.open({ dispatcher: false })];
    const queue = client.runtime.queue();
    await queue.pause();
    const job = await queue.put(work.mark('waits'));
    const codes = async () => {
      const asked = client.runtime.monitor.explain(job);
      await site.quiet(client);
      return (await asked).reasons.map(({ code }) => code);
    };
    assert.deepEqual(await codes(), ['paused']);
    await host.close();
    assert.deepEqual(await codes(), ['inactive', 'paused'], 'nobody claims now');
    await queue.resume();
  });

  it('[5.7] lets another process with its id take over, which logs and waits until then', async (t) => {
    for (const end of ['close', 'crash'] as const) {
      const site = new Site(t);
      const first = await site.open();
      const dispatcher = idFromText(first.runtime.id)!;
      const second = await site.open({}, { dispatcher });
      assert.match(second.logs.find(({ level }) => level === 'warn')?.message ?? '', /at work already/);
      await first.runtime.queue().putAll([work.hold('one'), work.hold('two')]);
      await site.pass(2 * pingMs, first, second);
      assert.deepEqual([first.running.length, second.running.length], [1, 0]);
      await first[end]();
      await site.pass(end === 'close' ? pingMs : deathMs + pingMs, second);
      assert.equal(second.running.length, 1, end);
    }
  });

  it('[5.7] leaves its `memory` jobs alone while it waits for its turn, and forgets them then', async (t) => {
    const site = new Site(t);
    const first = await site.open();
    const job = await first.runtime.queue().put(work.hold('one'), { durability: 'memory' });
    await site.pass(1, first);
    const second = await site.open({}, { dispatcher: idFromText(first.runtime.id)! });
    await site.pass(pingMs, first, second);
    assert.equal(await job.status(), 'active');
    await first.crash();
    await site.pass(deathMs + pingMs, second);
    await assert.rejects(second.runtime.job(job.id).status(), { code: 'JOB_FORGOTTEN' });
  });
});
