/**
 * Logs with valid checksums and impossible records. Opening must refuse them, so that they are not
 * found later.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { agentKey, defaultsKey, dispatcherKey, type JobRecord, queueKey } from '../../src/core/records.js';
import { openJournal } from '../../src/journal/journal.js';
import { writeJob } from '../../src/store/job-header.js';
import { entryTypes, writePayloadHead } from '../../src/store/journal/entries.js';
import { EntryBuffer } from '../../src/store/journal/entry-buffer.js';
import { idOf, recordOf, us } from '../core/making.js';
import { StrictDisk } from '../journal/strict-disk.js';
import { Churn, churnDirectory } from './journal-churn.js';

/** Sixteen characters without a version and variant, which have no text. */
const noId = 'no UUID'.padEnd(16, '\0');

/** Makes a directory with the written entries as its last frame. */
async function diskWith(write: (buffer: EntryBuffer) => void): Promise<StrictDisk> {
  const disk = new StrictDisk();
  const nothing = { segment() {}, entry() {} };
  const journal = await openJournal(churnDirectory, nothing, { disk, reserveBytes: 0 });
  const buffer = new EntryBuffer();
  write(buffer);
  journal.append(buffer.entries());
  await journal.close();
  return disk;
}

/** A job that was just put. */
async function newJob(): Promise<JobRecord> {
  const { store } = await new Churn(new StrictDisk(), 1).open();
  const id = idOf('job');
  const job = { id, form: 'call', callable: 'm#run', args: null, options: {}, parts: [], callbacks: [] } as const;
  store.transact({ command: { type: 'put', queue: '', owner: us, level: 'full', jobs: [job] }, gate: 'decided' });
  const record = recordOf(store.state.job(id)!);
  await store.close();
  return record;
}

function header(buffer: EntryBuffer, job: JobRecord): void {
  buffer.introduceNames(job);
  writeJob(buffer.out, job, buffer.numberOf);
  buffer.end(entryTypes.jobs);
}

function setting(buffer: EntryBuffer, key: string, record: unknown): void {
  buffer.out.text(key);
  buffer.out.text(JSON.stringify(record));
  buffer.end(entryTypes.setting);
}

const payload = (type: number) => (buffer: EntryBuffer) => {
  writePayloadHead(buffer.out, noId, 0);
  buffer.end(type);
};

describe('a record with an id that is not a UUID', () => {
  const cases: readonly [string, (buffer: EntryBuffer, job: JobRecord) => void][] = [
    ['a job', (buffer, job) => header(buffer, { ...job, id: noId })],
    ['a job’s owner', (buffer, job) => header(buffer, { ...job, owner: noId })],
    ['a job’s whole', (buffer, job) => header(buffer, { ...job, role: 'part', parent: noId })],
    ['a job that was returned', (buffer, job) => header(buffer, { ...job, inner: noId })],
    ['a job’s only dispatcher', (buffer, job) => header(buffer, { ...job, only: noId })],
    ['a job’s agent', (buffer, job) => header(buffer, { ...job, agent: agentKey(noId, '', 'main') })],
    ['arguments', payload(entryTypes.payload)],
    ['arguments that were moved', payload(entryTypes.move)],
    ['an annotation', (buffer) => buffer.annotation(`${noId}name`, undefined)],
    [
      'a job that was forgotten',
      (buffer) => {
        buffer.out.id(noId);
        buffer.end(entryTypes.forget);
      },
    ],
    ['an agent', (buffer) => setting(buffer, agentKey(noId, '', 'a'), { ...agent, dispatcher: noId })],
    ['a dispatcher', (buffer) => setting(buffer, dispatcherKey(noId), { kind: 'dispatcher', id: noId })],
    ['defaults', (buffer) => setting(buffer, defaultsKey(noId), { kind: 'defaults', dispatcher: noId, retry: {} })],
  ];
  const agent = { kind: 'agent', queue: '', name: 'a', size: 1, filter: null, retry: {} };

  for (const [what, write] of cases) {
    it(`is refused, with nothing modified: ${what}`, () => refuses(write));
  }

  it('is accepted with a UUID of any kind', async () => {
    const job = await newJob();
    const ids = ['\0'.repeat(16), '\xff'.repeat(16), idOf('other')];
    const disk = await diskWith((buffer) => {
      for (const owner of ids) header(buffer, { ...job, id: owner, owner });
    });
    const { store } = await new Churn(disk, 1).open();
    assert.deepEqual(
      ids.map((id) => store.state.job(id)?.owner),
      ids,
    );
    await store.close();
  });
});

describe('a setting', () => {
  it('is refused, with nothing modified, under a wrong key or with a wrong type', async () => {
    const queue = { kind: 'queue', name: 'b', paused: false, bound: 0 };
    for (const record of [queue, { kind: 'other', name: 'a' }, null, 5])
      await refuses((buffer) => setting(buffer, queueKey('a'), record));
  });
});

describe('an entry of a newer build', () => {
  const cases: readonly [string, (buffer: EntryBuffer, job: JobRecord) => void][] = [
    ['of an unknown type', (buffer) => buffer.end(200)],
    [
      'with an unknown field of a job',
      (buffer, job) => {
        const whole = new EntryBuffer();
        header(whole, job);
        const { count, bytes: all, table } = whole.entries();
        const bytes = all.subarray(table[2 * count - 3]);
        buffer.introduceNames(job);
        // Behind the id: three names, four bytes of statuses and flags, and the mask, which is 0.
        const maskAt = 16 + 3 + 4;
        assert.equal(bytes[maskAt], 0);
        buffer.out.raw(bytes.subarray(0, maskAt));
        buffer.out.varint(2 ** 40);
        buffer.out.raw(bytes.subarray(maskAt + 1));
        buffer.end(entryTypes.jobs);
      },
    ],
  ];
  for (const [what, write] of cases) {
    it(`is refused by its version, with nothing modified: ${what}`, () => refuses(write, { code: 'JOURNAL_VERSION' }));
  }
});

async function refuses(
  write: (buffer: EntryBuffer, job: JobRecord) => void,
  error: object = { code: 'JOURNAL_CORRUPT', lsn: 1 },
): Promise<void> {
  const job = await newJob();
  const disk = await diskWith((buffer) => write(buffer, job));
  const files = disk.files();
  await assert.rejects(new Churn(disk, 1).open(), error);
  assert.deepEqual(disk.files(), files, 'nothing was modified');
}
