/**
 * Planted bugs for section 9 of the contract, durability, which the tests of the store and the
 * journal are to notice.
 */
import type { Mutant } from './mutant.js';

const syncs = ['store/journal-syncs.test.ts'];
const crashes = ['store/journal-crash.test.ts', 'journal/crash.test.ts'];
const stores = ['store/conformance.test.ts'];

export const durability: readonly Mutant[] = [
  {
    bug: 'what waits for the sync is told before it',
    tags: ['9.1'],
    tests: stores,
    in: 'store/journal/journal-store.ts#commit',
    find: 'if (effects.length > 0 || replies.length > 0) this.#waiting.push({ lsn, released });',
    replace: 'this.#release(released);',
  },
  {
    bug: 'a sync says that it is done, and is not',
    tags: ['9.1'],
    tests: crashes,
    in: 'journal/log.ts#syncLog',
    find: 'await file.sync();',
    replace: '',
  },
  {
    bug: 'the witness speaks of frames that are not on the disk',
    tags: ['9.1'],
    tests: crashes,
    in: 'journal/log.ts#syncLog',
    find: 'await file.sync();',
    replace:
      'if (!isWitnessed) await this.#parts.witness.record({ segment: this.end.segment, lsn }); await file.sync();',
  },
  {
    bug: 'a last segment that is missing is taken for one that never was',
    tags: ['9.1'],
    tests: ['journal/recovery.test.ts'],
    in: 'journal/log.ts#syncLog',
    find: 'if (!isWitnessed) await this.#parts.witness.record({ segment: this.end.segment, lsn });',
    replace: '',
  },
  {
    bug: 'what nobody waits for is never synced',
    tags: ['9.1'],
    tests: syncs,
    in: 'store/journal/journal-store.ts#commit',
    find: 'this.#lazySync = undefined; this.#wantSync();',
    replace: 'this.#lazySync = undefined;',
  },
  {
    bug: 'what is wanted while a sync is in flight is forgotten',
    tags: ['9.1'],
    tests: syncs,
    in: 'store/journal/journal-store.ts#sync',
    find: 'if (this.#wantedLsn > lsn) this.#sync();',
    replace: '',
  },
  {
    bug: 'what was flipped on the disk is believed',
    tags: ['9.1'],
    tests: ['journal/snapshot.test.ts', 'store/journal-damage.test.ts'],
    in: 'journal/frame-reader.ts#checkEntries',
    find: 'if (crc32(payload.subarray(at, at + length), sum) !== checksum) damaged.push({ from: at, length });',
    replace: '',
  },
  {
    bug: 'a move brings back what is gone',
    tags: ['9.1'],
    tests: ['store/journal-payloads.test.ts'],
    in: 'store/journal/record-reader.ts#move',
    find: 'if (job === undefined || job[key] === null) return; this.#state.ownPayload(job, key',
    replace: 'this.#state.ownPayload(job!, key',
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
    in: 'store/journal/job-header.ts#writeJob',
    find: 'for (const list of [job.quotas, job.places, job.shared]) writeTexts(out, list);',
    replace: 'for (const list of [job.quotas, none, job.shared]) writeTexts(out, list);',
  },
  {
    bug: 'that a callback is due is not kept with the outcome',
    tags: ['9.2'],
    tests: stores,
    in: 'store/journal/job-header.ts#writeJob',
    find: 'out.varint(job.callbacksDone);',
    replace: 'out.varint(0);',
  },
  {
    bug: 'what is forgotten is not',
    tags: ['9.2'],
    tests: stores,
    in: 'store/journal/record-writer.ts#write',
    find: 'buffer.addEach(entryTypes.forget, forgotten, (id) => buffer.out.id(id));',
    replace: '',
  },
  {
    bug: 'a directory that is undefined by mistake is taken for none',
    tags: ['9.1'],
    tests: ['e2e/no-directory.test.ts'],
    in: 'runtime/open.ts#durabilityOf',
    find: 'if (value === undefined && Object.hasOwn(options, name))',
    replace: 'if (Object.hasOwn({}, name))',
  },
  {
    bug: 'without a directory a job is shown as full',
    tags: ['9.1'],
    tests: ['e2e/no-directory.test.ts'],
    in: 'runtime/open.ts#durabilityOf',
    find: "return 'memory';",
    replace: "return 'full';",
  },
];
