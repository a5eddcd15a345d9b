/**
 * Planted bugs against section 9 of the contract, durability. The tests of the store and the
 * journal must notice them.
 */
import type { Mutant } from './mutant.js';

const syncs = ['store/journal-syncs.test.ts'];
const crashes = ['store/journal-crash.test.ts', 'journal/crash.test.ts'];
const stores = ['store/conformance.test.ts'];

export const durability: readonly Mutant[] = [
  {
    bug: 'a torn end is cut off without a word',
    tags: ['9.1'],
    tests: ['e2e/reopen.test.ts'],
    in: 'store/journal/journal-store.ts#open',
    find: 'this.#reportRepairs();',
    replace: '',
  },
  {
    bug: 'effects that wait for the sync are released before it',
    tags: ['9.1'],
    tests: stores,
    in: 'store/journal/journal-store.ts#commit',
    find: 'if (effects.length > 0 || replies.length > 0) this.#waiting.push({ lsn, released });',
    replace: 'this.#release(released);',
  },
  {
    bug: 'a sync reports success without syncing',
    tags: ['9.1'],
    tests: crashes,
    in: 'journal/log.ts#syncLog',
    find: 'await file.sync();',
    replace: '',
  },
  {
    bug: 'the witness covers frames that are not on disk',
    tags: ['9.1'],
    tests: crashes,
    in: 'journal/log.ts#syncLog',
    find: 'await file.sync();',
    replace:
      'if (!isWitnessed) await this.#parts.witness.record({ segment: this.end.segment, lsn }); await file.sync();',
  },
  {
    bug: 'a missing last segment is taken for one that never existed',
    tags: ['9.1'],
    tests: ['journal/recovery.test.ts'],
    in: 'journal/log.ts#syncLog',
    find: 'if (!isWitnessed) await this.#parts.witness.record({ segment: this.end.segment, lsn });',
    replace: '',
  },
  {
    bug: 'commits for which no client waits are never synced',
    tags: ['9.1'],
    tests: syncs,
    in: 'store/journal/journal-store.ts#commit',
    find: 'this.#lazySync = undefined; this.#wantSync();',
    replace: 'this.#lazySync = undefined;',
  },
  {
    bug: 'a sync wanted while another is in flight is forgotten',
    tags: ['9.1'],
    tests: syncs,
    in: 'store/journal/journal-store.ts#begin',
    find: 'if (this.#wantedLsn > syncedLsn) this.#sync();',
    replace: '',
  },
  {
    bug: 'a second sync counts before the first',
    tags: ['9.1'],
    tests: syncs,
    in: 'journal/log.ts#syncLog',
    find: 'await Promise.all([file.syncBeside() ?? before.then(() => file.sync()), before]);',
    replace: 'await (file.syncBeside() ?? before.then(() => file.sync()));',
  },
  {
    bug: 'flipped bits on disk are accepted',
    tags: ['9.1'],
    tests: ['journal/snapshot.test.ts', 'store/journal-damage.test.ts'],
    in: 'journal/frame-reader.ts#checkEntries',
    find: 'if (crc32(payload.subarray(at, at + length), sum) !== checksum) damaged.push({ from: at, length });',
    replace: '',
  },
  {
    bug: 'a move brings back a dropped payload',
    tags: ['9.1'],
    tests: ['store/journal-payloads.test.ts'],
    in: 'store/journal/record-reader.ts#move',
    find: 'if (job === undefined || job[key] === null) return; this.#state.ownPayload(id, key',
    replace: 'if (job === undefined) return; this.#state.ownPayload(id, key',
  },
  {
    bug: 'a transaction that spans frames is applied in parts',
    tags: ['9.1'],
    tests: crashes,
    in: 'journal/frame-writer.ts#writeRun',
    find: 'this.#writeFrame(run, entries, from, at, frameFlag.more);',
    replace: 'this.#writeFrame(run, entries, from, at, 0);',
  },
  {
    bug: 'places in quotas are not kept with the outcome that frees them',
    tags: ['9.2'],
    tests: stores,
    in: 'store/job-header.ts#writeJob',
    find: 'for (const list of [job.quotas, job.places, job.shared]) writeTexts(out, list);',
    replace: 'for (const list of [job.quotas, none, job.shared]) writeTexts(out, list);',
  },
  {
    bug: 'a due callback is not stored with the outcome',
    tags: ['9.2'],
    tests: stores,
    in: 'store/job-header.ts#writeJob',
    find: 'out.varint(job.callbacksDone);',
    replace: 'out.varint(0);',
  },
  {
    bug: 'a forgotten job is kept in the journal',
    tags: ['9.2'],
    tests: stores,
    in: 'store/journal/record-writer.ts#write',
    find: 'buffer.addEach(entryTypes.forget, forgotten, (id) => buffer.out.id(id));',
    replace: '',
  },
  {
    bug: 'an undefined directory is taken for no directory',
    tags: ['9.1'],
    tests: ['e2e/no-directory.test.ts'],
    in: 'runtime/open.ts#durabilityOf',
    find: 'if (value === undefined && Object.hasOwn(options, name))',
    replace: 'if (Object.hasOwn({}, name))',
  },
  {
    bug: 'a job without a directory is shown as full',
    tags: ['9.1'],
    tests: ['e2e/no-directory.test.ts'],
    in: 'runtime/open.ts#durabilityOf',
    find: "return 'memory';",
    replace: "return 'full';",
  },
];
