/**
 * One suite for all stores: the meaning of commands, the gates of effects and replies, and the
 * state that the next process finds.
 */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { Command, Filling, InnerCommand, JobSpec } from '../../src/core/commands.js';
import { atOnce } from '../../src/core/decision.js';
import type { Level } from '../../src/core/records.js';
import { call, idOf, keeping, main, us, whole } from '../core/making.js';
import { randomFrom, seedOf } from '../harness/randomness.js';
import { type Kind, kinds, type Subject, uploading } from './harness.js';

const bytes = (size: number, fill = size) => new Uint8Array(size).fill(fill % 256);
const put = (jobs: readonly JobSpec[], level: Level = 'full'): Command => ({
  type: 'put',
  queue: '',
  owner: us,
  level,
  jobs,
});
const claim = (name: string): Command => ({ type: 'claim', job: idOf(name), agent: main });
const settle = (name: string, size = 3, fence = 1): Command => ({
  type: 'settle',
  job: idOf(name),
  fence,
  outcome: { kind: 'value', payload: bytes(size) },
  startedAt: 1000,
  inner: [],
});
/** Lets a decision begin or end at most `parts` parts of a whole. */
function limitParts(t: TestContext, parts: number): void {
  const { parts: most } = atOnce;
  atOnce.parts = parts;
  t.after(() => {
    atOnce.parts = most;
  });
}
const withArgs = (name: string, size: number) => call(name, {}, { args: bytes(size) });

for (const kind of [...kinds, uploading]) describe(kind.name, () => conforms(kind));

function conforms({ make, reopen, rounds = 30, onDisk = false }: Kind): void {
  it('[3.3] keeps each command of a group whole or not at all', async () => {
    const subject = await make();
    subject.ask(put([call('a')]), 'synced', 'a');
    subject.ask(put([call('b'), call('c'), call('a')]), 'synced', 'b c a');
    subject.ask(put([call('d')]), 'synced', 'd');
    subject.ask({ ...put([call('e')]), queue: 'nowhere' } as Command, 'synced', 'e');
    await subject.durable();
    assert.deepEqual(
      subject.told.filter((told) => told.startsWith('ok')),
      ['ok a', 'ok d'],
    );
    assert.equal(subject.told.length, 4);
    const after = reopen === undefined ? subject : await reopen(subject);
    assert.deepEqual(
      after.records().map(({ id }) => id),
      [idOf('a'), idOf('d')],
    );
  });

  it('[3.3] refuses a job whose id is taken, beside a command that reads the other job', async () => {
    const subject = await make();
    await subject.do(put([whole('parallel', 'w', [call('a'), call('b')])]));
    subject.told.length = 0;
    subject.ask(put([call('b')]), 'synced', 'b');
    subject.ask(claim('w'));
    await subject.durable();
    assert.ok(subject.told.some((told) => told.startsWith('refused b')));
    assert.deepEqual(
      subject.records().map(({ role }) => role),
      ['part', 'part', 'root'],
    );
  });

  it('releases nothing before the group is committed, and each reply once', async () => {
    const subject = await make();
    for (const gate of ['decided', 'written', 'synced'] as const) subject.ask(put([call(gate)]), gate, gate);
    subject.ask(claim('none'), 'decided', 'claim');
    assert.deepEqual(subject.told, []);
    await subject.durable();
    assert.deepEqual(subject.told.toSorted(), ['ok claim', 'ok decided', 'ok synced', 'ok written']);
    await subject.durable();
    assert.equal(subject.told.length, 4);
  });

  it('[3.6] refuses a put for which a queue has no room when it is decided', async () => {
    const subject = await make();
    const bounded = (name: string, options = {}): Command => ({
      type: 'bounded',
      command: put([call(name, options)]) as Filling,
    });
    await subject.do({ type: 'boundQueue', name: '', bound: 2 });
    subject.told.length = 0;
    subject.ask(bounded('a', { unique: 'u' }), 'synced', 'a');
    subject.ask(bounded('b'), 'synced', 'b');
    subject.ask(bounded('c'), 'synced', 'c');
    subject.ask(bounded('d', { unique: 'u' }), 'synced', 'd');
    await subject.durable();
    subject.ask(claim('a'));
    subject.ask(bounded('e'), 'synced', 'e');
    subject.ask(bounded('f'), 'synced', 'f');
    await subject.durable();
    const full = (name: string) => `refused ${name}: the queue "" is full`;
    assert.deepEqual(
      subject.told.filter((told) => /^(ok|refused) .(:|$)/.test(told)),
      ['ok a', 'ok b', full('c'), 'ok d', 'ok e', full('f')],
    );
  });

  it('[9.1] opens its gates in order, and `synced` only after the sync', async () => {
    const subject = await make();
    await subject.do(put([call('a'), call('b', { policy: 'never' })]));
    subject.told.length = 0;
    let sync = () => {};
    if (subject.disk !== undefined) {
      subject.disk.syncGate = new Promise((resolve) => {
        sync = resolve;
      });
    }
    subject.ask(put([call('c')]), 'synced', 'synced');
    subject.ask(put([call('d')]), 'written', 'written');
    subject.ask(put([call('e')]), 'decided', 'decided');
    subject.ask(claim('a'), 'synced', 'claim a');
    subject.ask(claim('b'), 'synced', 'claim b');
    const durable = subject.durable();
    if (!onDisk) await durable;
    const early = ['ok decided', 'ok written', 'run a'];
    const late = ['ok synced', 'ok claim a', 'ok claim b', 'run b'];
    assert.deepEqual(subject.told.slice(0, 3), early);
    if (onDisk) assert.deepEqual(subject.told, early);
    sync();
    await durable;
    assert.deepEqual(subject.told.slice(3), late, '[8.2] a job that begins at most once begins after the sync');
  });

  it('holds a read until everything decided before it is durable', async () => {
    const subject = await make();
    subject.ask(put([call('a')]), 'synced', 'a');
    await new Promise<void>((resolve) =>
      subject.store.read(
        () => {},
        () => resolve(),
      ),
    );
    assert.deepEqual(subject.told, ['ok a']);
  });

  it('delivers a result once it is as durable as its job asks', async () => {
    const subject = await make();
    await subject.do(put([call('a')]));
    subject.ask(put([call('p')], 'process'));
    subject.ask(put([call('m')], 'memory'));
    for (const name of ['a', 'p', 'm']) subject.ask(claim(name));
    await subject.durable();
    subject.told.length = 0;
    let sync = () => {};
    if (subject.disk !== undefined) {
      subject.disk.syncGate = new Promise((resolve) => {
        sync = resolve;
      });
    }
    for (const name of ['a', 'p', 'm']) subject.transact(settle(name), 'decided');
    const durable = subject.durable();
    if (!onDisk) await durable;
    assert.deepEqual(subject.told.slice(0, 2), ['deliver m', 'deliver p']);
    sync();
    await durable;
    assert.deepEqual(subject.told, ['deliver m', 'deliver p', 'deliver a']);
  });

  it('keeps payloads of any size', async () => {
    const subject = await make();
    const sizes = [0, 1, 1023, 1024, 1025, 20_000, 100_000, 2_500_000];
    await subject.do(put(sizes.map((size) => withArgs(`j${size}`, size))));
    for (const size of sizes) await subject.do(claim(`j${size}`));
    for (const size of sizes) await subject.do(settle(`j${size}`, size + 1));
    const after = reopen === undefined ? subject : await reopen(subject);
    for (const size of sizes) {
      const job = after.state.job(idOf(`j${size}`))!;
      assert.deepEqual(after.bytes(job.args!), new Uint8Array(size).fill(size % 256));
      assert.deepEqual(after.bytes(job.result!), new Uint8Array(size + 1).fill((size + 1) % 256));
    }
  });

  if (reopen === undefined) return;

  it('[9.2] reopens with the same records after random work, and a close or a kill', async (t) => {
    const seed = seedOf(t);
    for (let round = 0; round < rounds; round++) {
      const subject = await make();
      await work(subject, seed + round);
      const killed = round % 2 === 0;
      const before = subject.records();
      if (!killed) await subject.store.close();
      const after: Subject = await reopen(subject, killed);
      assert.deepEqual(
        after.records(),
        before.filter(({ level }) => level !== 'memory'),
        `seed ${seed}, round ${round}`,
      );
      assert.deepEqual(settingsOf(after), settingsOf(subject));
      const again: Subject = await reopen(after, true);
      assert.deepEqual(again.records(), after.records(), 'a second recovery changes nothing');
    }
  });

  it('[9.2] keeps an outcome together with its due callback, its freed place and its inner puts', async () => {
    let subject: Subject = await make();
    const found = async () => {
      const before = subject.records();
      subject = await reopen(subject, true);
      assert.deepEqual(subject.records(), before);
      const { status, places, callbacksDone } = subject.state.job(idOf('a'))!;
      return { status, places, callbacksDone, inner: subject.state.job(idOf('inner'))?.status };
    };
    await subject.do({ type: 'setQuota', queue: '', name: 'q', size: 1, rate: 0, ratePeriodMs: 0 });
    await subject.do(put([call('a', { quotas: ['q'] }, { callbacks: [call('callback')] })]));
    await subject.do(claim('a'));
    assert.deepEqual(await found(), { status: 'assigned', places: ['q'], callbacksDone: 0, inner: undefined });
    const inner = put([call('inner')]) as InnerCommand;
    await subject.do({ ...settle('a'), inner: [inner] } as Command);
    assert.deepEqual(await found(), { status: 'callbacks', places: [], callbacksDone: 0, inner: 'pending' });
    await subject.do(settle('callback'));
    assert.deepEqual(await found(), { status: 'completed', places: [], callbacksDone: 1, inner: 'pending' });
  });

  it('[2.12] forgets the root behind one whose list another job has, asked for one root', async () => {
    const subject = await make();
    const at = async (command: Command) => {
      subject.clock.time++;
      await subject.do(command);
    };
    await at(put([{ ...whole('parallel', 'w', [call('part')]), callable: '' }, call('a'), call('outer')]));
    for (const name of ['w', 'part']) await at(claim(name));
    await at(settle('part'));
    for (const name of ['a', 'outer']) await at(claim(name));
    await at(settle('a'));
    await at({ ...settle('outer'), outcome: { kind: 'job', job: idOf('w') } } as Command);
    await at({ type: 'forget', keep: keeping(2), most: 1 });
    const left = subject.records().map(({ id }) => id);
    assert.deepEqual(left.sort(), ['outer', 'part', 'w'].map(idOf).sort());
  });

  it('[7.5] goes on with the parts of a large whole, wherever a kill has stopped it', async (t) => {
    limitParts(t, 3);
    const parts = Array.from({ length: 8 }, (_, index) => `p${index}`);
    let subject: Subject = await make();
    let { time } = subject.clock;
    const goOn = async () => {
      subject = await reopen(subject, true);
      subject.clock.time = time += 10_000;
      await subject.do({ type: 'tick' });
      return parts.map((name) => subject.state.job(idOf(name))!.status);
    };
    const some = (count: number, status: string, rest: string) => parts.map((_, at) => (at < count ? status : rest));
    await subject.do(
      put([
        {
          ...whole(
            'parallel',
            'w',
            parts.map((name) => call(name)),
          ),
          callbacks: [call('c')],
        },
      ]),
    );
    await subject.do(claim('w'));
    assert.deepEqual(await goOn(), some(6, 'pending', 'new'));
    assert.deepEqual(await goOn(), some(8, 'pending', ''));
    await subject.do({ type: 'cancel', job: idOf('w') });
    assert.deepEqual(await goOn(), some(6, 'completed', 'pending'));
    assert.deepEqual(await goOn(), some(8, 'completed', ''));
    assert.equal(subject.state.job(idOf('c'))!.claimed, true);
  });

  it('[7.5] ends parts of a large whole, beside some that end by themselves', async (t) => {
    const subject = await make();
    const parts = Array.from({ length: 8 }, (_, index) => `p${index}`);
    await subject.do(
      put([
        whole(
          'parallel',
          'w',
          parts.map((name) => call(name)),
        ),
      ]),
    );
    for (const name of ['w', 'p0', 'p1']) await subject.do(claim(name));
    limitParts(t, 3);
    subject.ask(settle('p0'));
    subject.ask(settle('p1'));
    subject.ask({ type: 'cancel', job: idOf('w') });
    await subject.durable();
    assert.deepEqual(
      parts.map((name) => subject.state.job(idOf(name))!.status),
      parts.map((_, at) => (at < 5 ? 'completed' : 'pending')),
    );
  });

  it('[2.10] stops a cancelled job once', async () => {
    const subject = await make();
    await subject.do(put([call('a')]));
    await subject.do(claim('a'));
    await subject.do({ type: 'cancel', job: idOf('a') });
    await subject.do({ type: 'tick' });
    assert.deepEqual(
      subject.told.filter((told) => told.startsWith('stop')),
      ['stop a'],
    );
  });

  it('[9.3] reopens with a job whose level another put has raised', async () => {
    const subject = await make();
    await subject.do(put([call('a', { unique: 'u' }), call('b')], 'memory'));
    await subject.do(put([call('again', { unique: 'u' })]));
    const after = await reopen(subject, true);
    assert.deepEqual(
      after.records().map(({ id }) => id),
      [idOf('a')],
    );
  });

  it('[3.4] leaves accepted puts of a group unharmed by a refused one', async () => {
    const subject = await make();
    subject.ask(put([call('a')]), 'synced', 'a');
    subject.ask(put([call('b'), call('a')]), 'synced', 'b a');
    subject.ask(put([call('b')]), 'synced', 'b');
    await subject.durable();
    const after = await reopen(subject);
    assert.deepEqual(after.records(), subject.records());
  });

  if (!onDisk) return;

  it('refuses puts on a full disk, and keeps outcomes of the same group', async () => {
    const subject = await make();
    await subject.do(put([call('a'), call('b')]));
    await subject.do(claim('a'));
    subject.told.length = 0;
    subject.disk!.capacityBytes = subject.disk!.usedBytes;
    const line = subject.state.queued('');
    subject.ask(put([withArgs('c', 5000)]), 'synced', 'c');
    subject.ask(settle('a', 500), 'synced', 'settle');
    subject.ask(put([call('d')]), 'synced', 'd');
    await subject.durable();
    assert.deepEqual(subject.told.toSorted(), [
      'deliver a',
      'ok settle',
      'refused c: STORAGE_FULL',
      'refused d: STORAGE_FULL',
    ]);
    assert.deepEqual([subject.state.queued(''), subject.state.size], [line, 2]);
    assert.equal(subject.fatal, undefined);

    subject.disk!.capacityBytes = Number.POSITIVE_INFINITY;
    await subject.do(put([withArgs('c', 5000)]));
    assert.equal(subject.told.at(-1), 'ok put', 'puts work again by themselves');
    const after = await reopen(subject, true);
    assert.deepEqual(after.records(), subject.records());
  });

  it('fails after a failed sync, and refuses all waiting and later commands', async () => {
    const subject = await make();
    await subject.do(put([call('a')]));
    subject.disk!.fault = (operation) => {
      if (operation === 'sync') throw Object.assign(new Error('EIO'), { code: 'EIO' });
      return undefined;
    };
    subject.ask(put([call('b')]), 'synced', 'b');
    await assert.rejects(subject.durable(), { code: 'JOURNAL_WRITE' });
    assert.equal(subject.told.at(-1), 'refused b: JOURNAL_WRITE');
    assert.ok(subject.fatal);
    subject.disk!.fault = undefined;
    subject.ask(put([call('c')]), 'synced', 'c');
    subject.store.commit();
    assert.equal(subject.told.at(-1), 'refused c: JOURNAL_WRITE');
  });
}

/** The settings but for pings: each opening is one more. */
const settingsOf = ({ state }: Subject) => new Set([...state.settings()].filter(({ kind }) => kind !== 'ping'));

/** Puts, claims, settles, interrupts and forgets, in groups of random sizes. */
async function work(subject: Subject, seed: number): Promise<void> {
  const random = randomFrom(seed);
  for (let step = 0; step < 120; step++) {
    subject.clock.time += random(3);
    const jobs = [...subject.state.jobs()];
    const queued = jobs.filter((job) => job.queued);
    const claimed = jobs.filter((job) => job.claimed);
    const one = claimed[random(Math.max(claimed.length, 1))];
    const level = (['full', 'full', 'process', 'memory'] as const)[random(4)]!;
    const choice = random(12);
    if (choice < 4) {
      const size = random(10) === 0 ? 5000 : random(50);
      const parts = Array.from({ length: random(4) }, (_, n) => withArgs(`${step}p${n}`, random(20)));
      subject.ask(
        put([withArgs(`${step}`, size), whole(random(2) === 0 ? 'serial' : 'parallel', `${step}w`, parts)], level),
      );
    } else if (choice < 7 && queued.length > 0) {
      subject.ask({ type: 'claim', job: queued[random(queued.length)]!.id, agent: main });
    } else if (choice < 9 && one !== undefined) {
      subject.ask({ ...settle('', random(2000), one.fence), job: one.id, startedAt: subject.clock.time } as Command);
    } else if (choice === 9 && one !== undefined) {
      subject.ask({ type: 'interrupt', job: one.id, fence: one.fence, cause: 'thread' });
    } else if (choice === 10) {
      subject.ask({ type: 'forget', keep: keeping(10) });
    } else {
      subject.ask({
        type: 'setQuota',
        queue: '',
        name: `q${random(3)}`,
        size: 1 + random(5),
        rate: 0,
        ratePeriodMs: 0,
      });
    }
    if (random(3) === 0) await subject.durable();
    else if (random(2) === 0) subject.store.commit();
  }
  await subject.durable();
}
