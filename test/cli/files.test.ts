/** The command line in a process of its own. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { machineDisk } from '../../src/journal/disk.js';
import { temporaryDirectory } from '../harness/temporary.js';
import { StrictDisk } from '../journal/strict-disk.js';
import { Churn, turn } from '../store/journal-churn.js';
import { run } from './command.js';

/** Makes a directory with a journal that has had some snapshots. */
async function directoryWithJournal(): Promise<string> {
  const disk = new StrictDisk();
  const churn = await new Churn(disk, 12).open();
  for (let step = 0; step < 400; step++) {
    churn.step();
    if (step % 3 === 0) await turn();
  }
  await churn.store.close();
  const directory = join(temporaryDirectory(), 'journal');
  mkdirSync(directory);
  for (const [name, bytes] of disk.files()) writeFileSync(join(directory, name.split('/').at(-1)!), bytes);
  machineDisk.syncDirectoryNow(directory);
  return directory;
}

describe('the command line', () => {
  it('inspects a journal', async () => {
    const directory = await directoryWithJournal();
    const whole = run('inspect', directory);
    assert.equal(whole.status, 0, whole.stderr);
    assert.match(whole.stdout, /a snapshot of \d+ entries/);
    assert.match(whole.stdout, /the journal is whole/);
    const name = join(directory, readdirSync(directory).find((file) => file.endsWith('.segment'))!);
    const bytes = readFileSync(name);
    bytes[200]! ^= 1;
    writeFileSync(name, bytes);
    const damaged = run('inspect', directory);
    assert.equal(damaged.status, 1);
    assert.match(damaged.stdout, new RegExp(`DAMAGE ${name} at byte \\d+`));
  });

  it('salvages a journal, and reports the counts', async () => {
    const directory = await directoryWithJournal();
    const into = join(temporaryDirectory(), 'new');
    const { status, stdout, stderr } = run('salvage', directory, into);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^\d+ jobs, \d+ settings and \d+ annotations are in /);
    assert.equal(run('inspect', into).status, 0);
    assert.equal(run('salvage', directory, into).status, 3, 'a directory takes only one salvage');
  });

  it('[9.1] fails for a directory without a journal', () => {
    const directory = temporaryDirectory();
    for (const args of [
      ['inspect', directory],
      ['salvage', directory, join(temporaryDirectory(), 'new')],
    ]) {
      const { status, stdout, stderr } = run(...args);
      assert.deepEqual({ status, stdout }, { status: 3, stdout: '' });
      assert.equal(stderr, `callsheet: there is no journal in ${directory}: it contains no journal file\n`);
    }
  });

  it('[9.1] reports any missing segment', async () => {
    const directory = await directoryWithJournal();
    const names = readdirSync(directory).sort();
    // Segments before the newest snapshot are needed only for payloads, or if it is damaged.
    const newest = names.findLast((name) => name.endsWith('.snapshot'))!;
    const segments = names.filter((name) => name.endsWith('.segment') && name >= newest.replace('snapshot', 'segment'));
    assert.ok(segments.length > 1, names.join(' '));
    for (const name of segments) {
      const bytes = readFileSync(join(directory, name));
      unlinkSync(join(directory, name));
      const { status, stdout } = run('inspect', directory);
      writeFileSync(join(directory, name), bytes);
      assert.equal(status, 1, name);
      assert.ok(stdout.includes(`DAMAGE ${join(directory, name)} at byte`), stdout);
    }
  });

  it('prints its usage, and fails without valid arguments', () => {
    assert.equal(run('--help').status, 0);
    assert.match(run('--help').stdout, /salvage <directory> <into>/);
    for (const args of [[], ['inspect'], ['salvage', '/nowhere'], ['other', 'x'], ['inspect', '--unknown', 'x']]) {
      const { status, stderr } = run(...args);
      assert.equal(status, 2, args.join(' '));
      assert.ok(stderr.length > 0 && !stderr.includes('    at '), stderr);
    }
    const { status, stderr } = run('inspect', '/nowhere/at/all');
    assert.equal(status, 3);
    assert.match(stderr, /^callsheet: \/nowhere\/at\/all cannot be read: it does not exist \(ENOENT\)\n$/);
  });
});
