/** Payloads in the journal store: the job that owns one, and how long it is kept. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { idToText } from '../../src/codec/id.js';
import type { Command, JobSpec } from '../../src/core/commands.js';
import { RecordReader } from '../../src/store/journal/record-reader.js';
import { StoredPayload } from '../../src/store/journal/stored-payload.js';
import { activateUs, idOf, keeping, main } from '../core/making.js';
import { StrictDisk } from '../journal/strict-disk.js';
import { Churn, churnDirectory, turn } from './journal-churn.js';

const spec = (name: string): JobSpec => ({
  id: idOf(name),
  form: 'call',
  callable: 'm#run',
  args: null,
  options: {},
  parts: [],
  callbacks: [],
});

class Story {
  readonly disk = new StrictDisk();
  churn!: Churn;

  async open(): Promise<this> {
    this.churn = await new Churn(this.disk, 1).open();
    this.do(activateUs);
    return this;
  }

  do(command: Command): void {
    const reply = (error?: Error) => assert.ifError(error);
    this.churn.store.transact({ command, gate: 'decided', reply });
    this.churn.store.commit();
  }

  put(name: string): void {
    this.do({ type: 'put', queue: '', owner: idOf('owner'), level: 'full', jobs: [spec(name)] });
  }

  settle(name: string, outcome: Extract<Command, { type: 'settle' }>['outcome']): void {
    this.do({ type: 'claim', job: idOf(name), agent: main });
    const { fence } = this.churn.store.state.job(idOf(name))!;
    this.do({ type: 'settle', job: idOf(name), fence, startedAt: 1, outcome, inner: [] });
  }

  /** Closes and opens the store, and returns the bytes of a result as text. */
  async reopenedResult(name: string): Promise<string> {
    await this.churn.store.close();
    await this.open();
    const { result } = this.churn.store.state.job(idOf(name))!;
    return Buffer.from(this.churn.store.bytes(result!)).toString();
  }
}

const value = (text: string) => ({ kind: 'value', payload: StoredPayload.of(Buffer.from(text)) }) as const;

describe('a payload in the journal', () => {
  it('[9.1] refuses opening when its segment is missing, and names the segment with offset and LSN', async () => {
    const story = await new Story().open();
    const gone = `${churnDirectory}/journal-0000000001.segment`;
    story.put('first');
    story.settle('first', value('x'.repeat(2000)));
    await story.churn.durable();
    const { segment, position } = story.churn.store.state.job(idOf('first'))!.result as StoredPayload;
    assert.equal(segment, 1);
    for (const name of ['second', 'third']) {
      await story.churn.store.takeSnapshot();
      story.put(name);
    }
    const lastLsn = new DataView(story.disk.files().get(gone.replace('1.', '2.'))!.buffer).getUint32(32, true) - 1;
    await story.churn.store.close();
    story.disk.unlink(gone);
    await assert.rejects(new Churn(story.disk, 2).open(), {
      ...{ code: 'JOURNAL_CORRUPT', file: gone, offset: position.offset, lsn: lastLsn },
    });
  });

  it('[2.6] serves a second job that returned the first, after opening too', async () => {
    const story = await new Story().open();
    story.put('inner');
    story.settle('inner', value('the outcome'));
    story.put('outer');
    story.settle('outer', { kind: 'job', job: idOf('inner') });
    assert.equal(await story.reopenedResult('outer'), 'the outcome');
    assert.equal(await story.reopenedResult('inner'), 'the outcome');
    await story.churn.store.close();
  });

  it('is reported as lost, with its job and the directory, if its entry is gone', async () => {
    const { churn } = await new Story().open();
    const lost = StoredPayload.lost(idOf('job'));
    assert.throws(() => churn.store.bytes(lost), {
      ...{ code: 'JOURNAL_CORRUPT', file: churnDirectory },
      message: new RegExp(`a payload of job ${idToText(idOf('job'))} was damaged and is lost`),
    });
    await churn.store.close();
  });

  it('[9.1] enters the log before any snapshot', async () => {
    const story = await new Story().open();
    for (let i = 0; i < 200; i++) story.put(`job${i}`);
    await story.churn.store.snapshotEnded();
    story.put('last');
    let isTaken = false;
    const taking = story.churn.store.takeSnapshot().then(() => {
      isTaken = true;
    });
    // Decided in the middle of the walk. The process dies before the turn that would commit it.
    for (let i = 0; !isTaken; i++) {
      const args = story.churn.store.payload(Buffer.from('arguments'));
      const name = `job${199 - (i % 50)}`;
      const command: Command = { type: 'change', job: idOf(name), args, options: {} };
      story.churn.store.transact({ command, gate: 'decided' });
      await turn();
    }
    await taking;
    const next = await new Churn(story.disk.afterKill(), 2).open();
    for (const { args } of next.store.state.jobs()) {
      if (args !== null) assert.equal(Buffer.from(next.store.bytes(args)).toString(), 'arguments');
    }
    await next.store.close();
    await story.churn.store.close();
  });

  it('[9.1] does not bring back a forgotten job by a move', async () => {
    const story = await new Story().open();
    story.put('other');
    const { state } = story.churn.store;
    const reader = new RecordReader(state);
    const at = { segment: 3, offset: 100, length: 20, checksum: 1 };
    reader.segment();
    reader.entry(
      { type: 7, bytes: Buffer.concat([Buffer.from(idOf('gone'), 'latin1'), Buffer.from([0, 1, 2, 3])]) },
      at,
      1,
    );
    assert.deepEqual(
      Array.from(state.jobs(), ({ id }) => id),
      [idOf('other')],
    );
    await story.churn.store.close();
  });

  it('[2.6] [2.12] stays after the job it was taken from is forgotten and its segment deleted', async () => {
    const story = await new Story().open();
    story.put('outer');
    story.put('inner');
    story.settle('outer', { kind: 'job', job: idOf('inner') });
    story.settle('inner', value('x'.repeat(3000)));
    // If two complete together, the inner one may be forgotten first.
    story.put('other');
    story.settle('other', { kind: 'job', job: idOf('inner') });
    story.do({ type: 'forget', keep: keeping(1) });
    assert.equal(story.churn.store.state.job(idOf('inner')), undefined);
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 30; i++) {
        story.put(`filler${round}-${i}`);
        await turn();
      }
      await story.churn.store.takeSnapshot();
      await turn();
    }
    assert.ok(!story.disk.files().has('/journal/journal-0000000001.segment'));
    assert.equal(await story.reopenedResult('other'), 'x'.repeat(3000));
    await story.churn.store.close();
  });
});
