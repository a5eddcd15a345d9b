/** Bugs of durability, to be planted in a copy of the sources by `planted-bugs.ts`. */
import type { Mutant } from '../mutants/mutant.js';

export interface PlantedBug extends Omit<Mutant, 'tags'> {
  /** The suite that must notice it; any of those of `planted-bugs.ts` by default. */
  readonly by?: string;
}

export const planted: readonly PlantedBug[] = [
  {
    bug: 'a coordinator that dies is started again without end',
    by: 'e2e/coordinator-dies',
    file: 'runtime/coordinator-thread.ts',
    find: 'if (now - this.#restartedAt < againMs)',
    replace: 'if (now < 0)',
  },
  {
    bug: 'a coordinator that knew everything in its memory is started again',
    by: 'e2e/coordinator-dies',
    file: 'runtime/coordinator-thread.ts',
    find: 'if (this.#setup.directory === undefined)',
    replace: "if (this.#setup.directory === '')",
  },
  {
    bug: 'outcomes that were to come are not asked for again',
    by: 'e2e/coordinator-dies',
    file: 'runtime/link.ts',
    find: "else this.request(['outcome', put.job])",
    replace: 'else new Promise(() => {})',
  },
  {
    bug: 'what was in flight is left to wait for ever',
    by: 'e2e/coordinator-dies',
    file: 'runtime/link.ts',
    find: 'if (wait === undefined) this.#refuse(request, error);',
    replace: 'if (wait === undefined) continue;',
  },
  {
    bug: 'a thread in which a task failed is kept',
    by: 'e2e/broken-thread',
    file: 'coordinator/pool.ts',
    find: '          this.#replace(thread);\n',
    replace: '',
  },
  {
    bug: 'a damaged payload ends the coordinator',
    by: 'e2e/damaged-payload',
    file: 'coordinator/runs.ts',
    find: '      if (!(error instanceof JournalCorruptError)) return;\n',
    replace: '      throw error;\n',
  },
  {
    bug: 'a damaged outcome ends the coordinator',
    by: 'e2e/damaged-payload',
    file: 'coordinator/outcomes.ts',
    find: '      return error as Error;\n',
    replace: '      throw error;\n',
  },
  {
    bug: 'a first segment that was emptied is one that was never born',
    by: 'journal/creation',
    file: 'journal/generation.ts',
    find: '(index > 0 || mayBeNew)',
    replace: '(index > 0 || generation.snapshot === undefined)',
  },
  {
    bug: 'a directory whose log was removed is a new one',
    by: 'journal/creation',
    file: 'journal/generation.ts',
    find: 'const mayBeNew = !hasWitness && ',
    replace: 'const mayBeNew = ',
  },
  {
    bug: 'a witness is made before what it vouches for is on the disk',
    by: 'journal/creation',
    file: 'journal/creation.ts',
    find: '    end.file.syncNow();\n    disk.syncDirectoryNow(directory);\n',
    replace: '',
  },
  {
    bug: 'the name of the witness is not synced',
    by: 'journal/creation',
    file: 'journal/creation.ts',
    find: "'create').close();\n  disk.syncDirectoryNow(directory);",
    replace: "'create').close();",
  },
  {
    bug: 'a sync of a file that was removed counts',
    by: 'journal/removed',
    file: 'journal/log.ts',
    find: '    this.requireInPlace();\n    this.#syncs += 1;',
    replace: '    this.#syncs += 1;',
  },
  {
    bug: 'a segment is sealed without a look whether it is still there',
    by: 'journal/removed',
    file: 'journal/log.ts',
    find: '    this.requireInPlace();\n    this.#syncedLsn = end.lsn;',
    replace: '    this.#syncedLsn = end.lsn;',
  },
  { bug: 'a sync is skipped', file: 'journal/log.ts', find: '      await file.sync();\n', replace: '' },
  {
    bug: 'the name of a new segment is not synced',
    file: 'journal/log.ts',
    find: '        await this.#parts.disk.syncDirectory(this.#parts.directory);\n',
    replace: '',
  },
  {
    bug: 'a segment is sealed without a sync',
    file: 'journal/log.ts',
    find: '        end.file.syncNow();\n',
    replace: '',
  },
  {
    bug: 'acknowledged with the sync before',
    file: 'store/journal-store.ts',
    find: 'this.#waiting.push({ lsn, released });',
    replace: 'this.#waiting.push({ lsn: 0, released });',
  },
  {
    bug: 'what waits for the sync is released when it is written',
    file: 'store/journal-store.ts',
    find: "    const released = group.behind('synced');\n",
    replace:
      "    this.#release(group.behind('synced'));\n    const released = { effects: [], replies: [] } as never as Released;\n",
  },
  {
    bug: 'frames that nothing vouches for are not written again',
    file: 'journal/recovery.ts',
    find: '    rewriteInPlace(disk, last.path, log.firstUnvouchedOffset, log.end.offset);\n',
    replace: '',
  },
  {
    bug: 'a snapshot is published before its log is on the disk',
    file: 'journal/journal.ts',
    find: '      await this.sync();\n      this.#log.requireInPlace();',
    replace: '      this.#log.requireInPlace();',
  },
  {
    bug: 'a snapshot gets its name before it is on the disk',
    file: 'journal/snapshot-writer.ts',
    find: '    await this.sync();\n    await rest();\n',
    replace: '    await rest();\n',
  },
  {
    bug: 'a snapshot is not read back',
    file: 'journal/snapshot-writer.ts',
    find: "} else if ('reason' in step.value) {",
    replace: "} else if ('reason' in step.value && step.value.path === '') {",
  },
  {
    bug: 'only one generation of log is kept',
    file: 'journal/kept-files.ts',
    find: 'return this.#snapshots[keptGenerations - 1] ?? 1;',
    replace: 'return this.#snapshots[0] ?? 1;',
  },
  {
    bug: 'a move brings back what was forgotten',
    file: 'store/record-reader.ts',
    find: 'if (job === undefined || job[key] === null) return;',
    replace: 'if (job === undefined) return void this.#state.load({ ...[...this.#state.jobs()][0]!, id });',
  },
  {
    bug: 'segments are deleted before what emptied them is on the disk',
    file: 'store/live-bytes.ts',
    find: '(this.#emptiedAt.get(segment) ?? 0) <= syncedLsn',
    replace: 'syncedLsn >= 0',
  },
  {
    bug: 'live bytes are not counted down',
    file: 'store/live-bytes.ts',
    find: 'const left = this.of(segment) - bytes;',
    replace: 'const left = this.of(segment);',
  },
  {
    bug: 'live bytes of dropped arguments are counted down twice',
    file: 'store/record-writer.ts',
    find: 'for (const payload of changes.dropped) this.#live.remove(payload, this.#journal.lsn);',
    replace:
      'for (const payload of [...changes.dropped, ...changes.dropped]) this.#live.remove(payload, this.#journal.lsn);',
  },
  {
    bug: 'the walk of a snapshot sees what is decided and not written',
    file: 'store/snapshots.ts',
    find: '    this.#parts.commit();\n    this.#refuseIfGivenUp();',
    replace: '    this.#refuseIfGivenUp();',
  },
  {
    bug: 'names go on being known in the next segment',
    file: 'store/record-writer.ts',
    find: 'if (segment !== this.#segment) this.#buffer.forgetNames();',
    replace: 'if (this.#segment === -1) this.#buffer.forgetNames();',
  },
  {
    bug: 'a refused write is not cut back',
    file: 'journal/log.ts',
    find: '      file.truncate(offset);\n',
    replace: '',
  },
  {
    bug: 'a failed sync is tried again',
    file: 'journal/log.ts',
    find: "      throw this.#fail('sync', error);\n    }\n    this.requireInPlace();\n    this.#syncs += 1;",
    replace: '      if (error === undefined) throw error;\n    }\n    this.requireInPlace();\n    this.#syncs += 1;',
  },
  {
    bug: 'a worker that comes late says that the next use of its slot is done',
    by: 'protocol/board',
    file: 'protocol/board.ts',
    find: '    Atomics.compareExchange(this.#words, words + slot, use | state.begun, use | state.done);',
    replace: '    Atomics.or(this.#words, words + slot, use === 0 ? 0 : state.done);',
  },
  {
    bug: 'who closes is told nothing when a sync fails',
    by: 'sim/simulation',
    file: 'coordinator/closing.ts',
    find: '.then(noFailure, (error: Error) => error);',
    replace: '.then(noFailure, (error: Error) => Promise.reject(error));',
  },
  {
    bug: 'a reserve that is used up says that nothing is stored',
    by: 'store/journal-full',
    file: 'store/journal-store.ts',
    find: 'const isUsedUp = error instanceof StorageFullError;',
    replace: 'const isUsedUp = false;',
  },
  {
    bug: 'a file that cannot be closed ends the closing',
    by: 'store/journal-io-errors',
    file: 'journal/disk.ts',
    find: '      file.close();\n    } catch {}',
    replace: '      file.close();\n    } catch (error) {\n      throw error;\n    }',
  },
];
