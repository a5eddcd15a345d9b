/** Directories, pipes, sockets and symbolic links with the name of a journal file. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import * as net from 'node:net';
import * as path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openJournal } from '../../src/journal/journal.js';
import { acquireLock } from '../../src/journal/lock.js';
import { temporaryDirectory } from '../harness/temporary.js';
import { append, Collector, entry } from './reading.js';

const opener = fileURLToPath(new URL('opener.js', import.meta.url));
const precious = 'nobody else’s';

/** Returns the result of opening each directory. An opening that does not end is an error. */
function outcomes(...directories: string[]): string[] {
  const said = execFileSync(process.execPath, [opener, ...directories], { encoding: 'utf8', timeout: 30_000 });
  return said.trim().split('\n');
}

/** A directory with a journal in it. */
async function withJournal(): Promise<string> {
  const directory = temporaryDirectory();
  const journal = await openJournal(directory, new Collector());
  append(journal, entry(1, 'here'));
  await journal.close();
  return directory;
}

/** The kinds of things that can be made in place of a file. */
const kinds: Readonly<Record<string, (file: string, t: TestContext) => unknown>> = {
  directory: (file) => fs.mkdirSync(file),
  pipe: (file) => execFileSync('mkfifo', [file]),
  socket: async (file, t) => {
    const server = net.createServer().listen(file);
    t.after(() => server.close());
    await once(server, 'listening');
  },
  'symbolic link': (file) => {
    const target = path.join(temporaryDirectory(), 'target');
    fs.writeFileSync(target, precious);
    fs.symlinkSync(target, file);
  },
};

describe('a directory with something else in place of a journal file', () => {
  for (const [kind, make] of Object.entries(kinds)) {
    it(`cannot be used if that is a ${kind}, which stays unchanged`, async (t) => {
      const names = ['journal-0000000001.segment', 'journal-0000000001.snapshot', 'journal-reserve'];
      const directories: string[] = [];
      for (const name of names) {
        const directory = await withJournal();
        const file = path.join(directory, name);
        fs.rmSync(file, { force: true });
        await make(file, t);
        directories.push(directory);
      }
      assert.deepEqual(outcomes(...directories), Array(names.length).fill('DIRECTORY_UNUSABLE'));
      if (kind !== 'symbolic link') return;
      for (const [index, name] of names.entries())
        assert.equal(fs.readFileSync(path.join(directories[index]!, name), 'utf8'), precious);
    });

    it(`can be locked, and refuses a second owner, with a ${kind} in place of the owner’s file`, async (t) => {
      const [free, held] = [await withJournal(), await withJournal()];
      const lock = await acquireLock(held);
      t.after(() => lock.release());
      const owners = [free, held].map((directory) => path.join(directory, 'journal-0000000001.owner'));
      fs.unlinkSync(owners[1]!);
      for (const owner of owners) await make(owner, t);
      const targets = owners.map((owner) => fs.realpathSync(owner));
      assert.deepEqual(outcomes(free, held), ['opened', 'JOURNAL_LOCKED']);
      if (kind === 'symbolic link')
        for (const target of targets) assert.equal(fs.readFileSync(target, 'utf8'), precious);
    });
  }

  it('cannot be used with a symbolic link in place of a lock, wherever it leads', async () => {
    const [nowhere, somewhere, held] = [await withJournal(), await withJournal(), await withJournal()];
    const lock = await acquireLock(held);
    const linked: [string, string][] = [
      [nowhere, path.join(nowhere, 'nothing')],
      [somewhere, path.join(held, 'journal-0000000001.lock')],
    ];
    for (const [directory, target] of linked) fs.symlinkSync(target, path.join(directory, 'journal-0000000007.lock'));
    assert.deepEqual(outcomes(nowhere, somewhere), ['DIRECTORY_UNUSABLE', 'DIRECTORY_UNUSABLE']);
    await lock.release();
  });

  it('may itself be reached by a symbolic link', async () => {
    const link = path.join(temporaryDirectory(), 'link');
    fs.symlinkSync(await withJournal(), link);
    assert.deepEqual(outcomes(link), ['opened']);
  });
});
