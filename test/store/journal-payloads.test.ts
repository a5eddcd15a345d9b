/** Payloads in the journal's store: whose they are, and that they are there as long as somebody needs them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Command, JobSpec } from '../../src/core/commands.js';
import { StoredPayload } from '../../src/store/stored-payload.js';
import { StrictDisk } from '../journal/strict-disk.js';
import { Churn, turn } from './journal-churn.js';

const idOf = (name: string) => name.padEnd(16, '.');
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
    return this;
  }

  do(command: Command): void {
    const reply = (error?: Error) => assert.ifError(error);
    this.churn.store.transact([{ command, gate: 'decided', reply }]);
    this.churn.store.commit();
  }

  put(name: string): void {
    this.do({ type: 'put', queue: '', owner: idOf('owner'), level: 'full', jobs: [spec(name)] });
  }

  settle(name: string, outcome: Extract<Command, { type: 'settle' }>['outcome']): void {
    this.do({ type: 'claim', job: idOf(name), agent: 'main' });
    const { fence } = this.churn.store.state.job(idOf(name))!;
    this.do({ type: 'settle', job: idOf(name), fence, startedAt: 1, outcome, inner: [] });
  }

  /** The bytes of a result, as text, after the store was closed and opened again. */
  async reopenedResult(name: string): Promise<string> {
    await this.churn.store.close();
    await this.open();
    const { result } = this.churn.store.state.job(idOf(name))!;
    return Buffer.from(this.churn.store.bytes(result as StoredPayload)).toString();
  }
}

const value = (text: string) => ({ kind: 'value', payload: StoredPayload.of(Buffer.from(text)) }) as const;

describe('a payload in the journal', () => {
  it('[2.6] is the outcome of a job that took it from a completed one, after opening too', async () => {
    const story = await new Story().open();
    story.put('inner');
    story.settle('inner', value('the outcome'));
    story.put('outer');
    story.settle('outer', { kind: 'job', job: idOf('inner') });
    assert.equal(await story.reopenedResult('outer'), 'the outcome');
    assert.equal(await story.reopenedResult('inner'), 'the outcome');
    await story.churn.store.close();
  });

  it('[2.6] [2.12] stays when the job that it was taken from is forgotten, and its segment deleted', async () => {
    const story = await new Story().open();
    story.put('outer');
    story.put('inner');
    story.settle('outer', { kind: 'job', job: idOf('inner') });
    story.settle('inner', value('x'.repeat(3000)));
    // Of two that complete together, the inner one may be forgotten first.
    story.put('other');
    story.settle('other', { kind: 'job', job: idOf('inner') });
    story.do({ type: 'forget', keep: { ageMs: 1e9, count: 1, bytes: 1e9 } });
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
