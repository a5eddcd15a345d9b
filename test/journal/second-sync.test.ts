/** Two syncs at a time of one file of the machine's disk. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { it } from 'node:test';
import { machineDisk, writeFully } from '../../src/journal/disk.js';
import { temporaryDirectory } from '../harness/temporary.js';

it('a file is synced by two calls at a time, and closed whole', async () => {
  const name = path.join(temporaryDirectory(), 'file');
  const file = machineDisk.open(name, 'create');
  writeFully(file, Buffer.from('a'), 0);
  const open = () => fs.readdirSync('/dev/fd').length;
  const before = open();
  await Promise.all([file.sync(), file.syncBeside()]);
  await Promise.all([file.sync(), file.syncBeside()]);
  assert.equal(open() - before, 1);
  file.close();
  assert.equal(open() - before, -1);
});

it('a file whose name is gone or leads elsewhere takes no second sync', async () => {
  const name = path.join(temporaryDirectory(), 'file');
  const file = machineDisk.open(name, 'create');
  fs.unlinkSync(name);
  assert.equal(file.syncBeside(), undefined);
  fs.writeFileSync(name, 'of another');
  assert.equal(file.syncBeside(), undefined);
  file.close();
});
