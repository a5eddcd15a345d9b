/** The file with the id of a dispatcher: written whole or not at all. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readIdentity } from '../../src/coordinator/identity.js';
import { temporaryDirectory } from '../harness/temporary.js';
import { diskError, StrictDisk } from '../journal/strict-disk.js';

const quota = () => Object.assign(new Error('UNKNOWN: write'), { code: 'UNKNOWN', errno: -constants.errno.EDQUOT });

describe('reading the identity of a directory', () => {
  for (const [what, operation, failure, code] of [
    ['a full disk', 'write', () => diskError('ENOSPC'), 'STORAGE_FULL'],
    ['a full disk that says so when it opens', 'open', () => diskError('ENOSPC'), 'STORAGE_FULL'],
    ['a used-up quota', 'write', quota, 'STORAGE_FULL'],
    ['a read-only disk', 'open', () => diskError('EROFS'), 'DIRECTORY_UNUSABLE'],
    ['a failed sync', 'sync', () => diskError('EIO'), 'DIRECTORY_UNUSABLE'],
  ] as const) {
    it(`[9.1] reports ${what}, and leaves no file`, () => {
      const disk = new StrictDisk();
      disk.fault = (kind) => {
        if (kind === operation) throw failure();
        return undefined;
      };
      const directory = temporaryDirectory();
      assert.throws(() => readIdentity(directory, disk), { code });
      assert.deepEqual([...disk.files().keys()], []);
      disk.fault = undefined;
      readIdentity(directory, disk);
      assert.deepEqual([...disk.files().keys()], [join(directory, 'uuid.txt')]);
    });
  }

  it('[9.1] names a file without a UUID, and the way out', () => {
    const file = join(temporaryDirectory(), 'uuid.txt');
    for (const [text, found] of [
      ['', 'is empty'],
      ['nonsense\n', 'is not a UUID'],
    ] as const) {
      writeFileSync(file, text);
      assert.throws(
        () => readIdentity(join(file, '..')),
        (error: Error) => {
          assert.ok(error.message.includes(file) && error.message.includes(found), error.message);
          assert.match(error.message, /delete the file/);
          return true;
        },
      );
    }
  });
});
