/** The lock with real processes (races, deaths, stops), and its directory. */
import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import * as net from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import { createInterface } from 'node:readline';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CallsheetError, JournalLockedError } from '../../src/errors.js';
import { prepareDirectory } from '../../src/journal/directory.js';
import { machineDisk } from '../../src/journal/disk.js';
import { meaningOf } from '../../src/journal/file-names.js';
import { openJournal } from '../../src/journal/journal.js';
import { acquireLock } from '../../src/journal/lock.js';
import { ownerNow } from '../../src/journal/owner.js';
import { withShortPath } from '../../src/journal/short-path.js';
import { freeze } from '../harness/freeze.js';
import { Collector } from './reading.js';
import { diskError, StrictDisk } from './strict-disk.js';

const temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'lock-test-'));
let directories = 0;
function freshDirectory(): string {
  directories += 1;
  return path.join(temporary, `d${directories}`);
}

/** A process that takes the lock on demand. */
class Holder {
  readonly process: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  constructor(directory: string) {
    const program = fileURLToPath(new URL('lock-holder.js', import.meta.url));
    this.process = spawn(process.execPath, [program, directory]);
    this.#lines = createInterface(this.process.stdout)[Symbol.asyncIterator]();
    holders.push(this);
  }

  async ready(): Promise<this> {
    assert.equal(await this.#line(), 'ready');
    return this;
  }

  /** Tries to take the lock. Returns the result, such as `won 3`. */
  async take(): Promise<string> {
    this.process.stdin.write('go\n');
    return this.#line();
  }

  async kill(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const gone = once(this.process, 'exit');
    this.process.kill('SIGKILL');
    await gone;
  }

  async #line(): Promise<string> {
    return (await this.#lines.next()).value;
  }
}

const holders: Holder[] = [];
after(async () => {
  await Promise.all(holders.map((holder) => holder.kill()));
  fs.rmSync(temporary, { recursive: true });
});

describe('the lock of a directory', () => {
  it('has one owner at a time, and passes to the next under the next epoch', async () => {
    const directory = freshDirectory();
    const lock = await acquireLock(directory);
    assert.equal(lock.epoch, 1);
    await assert.rejects(acquireLock(directory), (error) => {
      assert.ok(error instanceof JournalLockedError);
      assert.ok(error.message.includes(directory) && error.message.includes(`pid ${process.pid}`), error.message);
      return true;
    });
    await lock.release();
    await lock.release();
    const next = await acquireLock(directory);
    assert.equal(next.epoch, 2);
    await next.release();
  });

  it('leaves only names that the journal knows, and never more of them', async () => {
    const directory = freshDirectory();
    for (let round = 0; round < 5; round++) {
      const lock = await acquireLock(directory);
      await assert.rejects(acquireLock(directory), JournalLockedError);
      const names = fs.readdirSync(directory);
      assert.equal(names.length, 2, String(names));
      for (const name of names) assert.deepEqual(meaningOf(name), { kind: 'other' });
      await lock.release();
    }
  });

  it('goes to exactly one of many callers in one process', async () => {
    const directory = freshDirectory();
    for (let round = 1; round <= 20; round++) {
      const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => acquireLock(directory)));
      const won = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
      assert.equal(won.length, 1, `round ${round}`);
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected')
          assert.ok(outcome.reason instanceof JournalLockedError, String(outcome.reason));
      }
      await won[0]!.release();
    }
  });

  it('goes to exactly one of several processes, and to another as soon as the winner is killed', async (t) => {
    const directory = freshDirectory();
    let epoch = 0;
    const rounds = 4;
    for (let round = 0; round < rounds; round++) {
      const racers = await Promise.all(Array.from({ length: 4 }, () => new Holder(directory).ready()));
      const outcomes = await Promise.all(racers.map((racer) => racer.take()));
      const won = outcomes.filter((outcome) => outcome.startsWith('won'));
      assert.equal(won.length, 1, outcomes.join('; '));
      const next = Number(won[0]!.slice(4));
      assert.ok(next > epoch, 'epochs grow');
      epoch = next;
      for (const outcome of outcomes) assert.match(outcome, /^(won \d+|JOURNAL_LOCKED .*)$/);
      const winner = racers[outcomes.indexOf(won[0]!)]!;
      await assert.rejects(acquireLock(directory), {
        code: 'JOURNAL_LOCKED',
        message: new RegExp(`pid ${winner.process.pid} `),
      });
      await winner.kill();
      const mine = await acquireLock(directory);
      assert.ok(mine.epoch > epoch);
      epoch = mine.epoch;
      await mine.release();
      await Promise.all(racers.map((racer) => racer.kill()));
    }
    t.diagnostic(`races of 4 processes: ${rounds} rounds, one winner each, killed with SIGKILL each time`);
  });

  it('names no process if a full disk left the owner’s file empty', async () => {
    const directory = freshDirectory();
    const lock = await acquireLock(directory);
    fs.writeFileSync(path.join(directory, 'journal-0000000001.owner'), '');
    await assert.rejects(acquireLock(directory), { code: 'JOURNAL_LOCKED', message: /in use by another process$/ });
    await lock.release();
  });

  it('stays with a stopped owner', async () => {
    const directory = freshDirectory();
    const holder = await new Holder(directory).ready();
    assert.equal(await holder.take(), 'won 1');
    await freeze(holder.process.pid!);
    await assert.rejects(acquireLock(directory), JournalLockedError);
    // The queue of the socket is full, so the system does not let another connection wait. That is
    // no refusal either.
    const waiting = Array.from({ length: 700 }, () => net.connect(path.join(directory, 'journal-0000000001.lock')));
    const outcomes = await Promise.allSettled(waiting.map((connection) => once(connection, 'connect')));
    assert.ok(outcomes.some(({ status }) => status === 'rejected'));
    await assert.rejects(acquireLock(directory), JournalLockedError);
    for (const connection of waiting) connection.destroy();
    await holder.kill();
    const lock = await acquireLock(directory);
    assert.equal(lock.epoch, 2);
    await lock.release();
  });

  it('[16.1] goes to a waiting process when the owner closes, is killed, or was stopped and is killed', async () => {
    const directory = freshDirectory();
    const mine = await acquireLock(directory);
    let visits = 0;
    // The first visit asks whether the owner is alive; the second waits for its end.
    const isWaiting = new Promise<void>((resolve) => {
      mine.accept((connection) => {
        connection.resume();
        if (++visits === 2) resolve();
      });
    });
    const waiting = acquireLock(directory, { waitMs: Number.POSITIVE_INFINITY });
    await isWaiting;
    await mine.release();
    await (await waiting).release();
    for (const isStopped of [false, true]) {
      const holder = await new Holder(directory).ready();
      assert.match(await holder.take(), /^won/);
      if (isStopped) {
        await freeze(holder.process.pid!);
        await assert.rejects(acquireLock(directory, { waitMs: 50 }), JournalLockedError);
      }
      const heir = acquireLock(directory, { waitMs: 60_000 });
      await holder.kill();
      await (await heir).release();
    }
  });

  it('[16.1] is refused after the wait while the owner lives', async () => {
    const directory = freshDirectory();
    const lock = await acquireLock(directory);
    const before = performance.now();
    await assert.rejects(acquireLock(directory, { waitMs: 20 }), JournalLockedError);
    assert.ok(performance.now() - before >= 20);
    await lock.release();
  });

  it('[16.1] admits only its own user to the socket', async () => {
    const directory = freshDirectory();
    await acquireLock(directory);
    const modes = fs.readdirSync(directory).map((name) => [name, fs.statSync(path.join(directory, name)).mode & 0o777]);
    assert.deepEqual(modes, [
      ['journal-0000000001.lock', 0o600],
      ['journal-0000000001.owner', 0o600],
    ]);
  });

  it('[16.3] is named as open by a process only while that keeps a connection', async () => {
    const directory = freshDirectory();
    assert.deepEqual(await ownerNow(directory), { isThere: false, text: `no process has ${directory} open` });
    await acquireLock(directory);
    const there = await ownerNow(directory);
    assert.deepEqual([there.isThere, there.text.endsWith(`has ${directory} open`)], [true, true]);
    // A process that is dying: the system takes a connection for it, and ends it.
    const dying = net.createServer((connection) => connection.destroy());
    await new Promise<void>((resolve) => dying.listen(path.join(directory, 'journal-0000000002.lock'), resolve));
    const { isThere, text } = await ownerNow(directory);
    assert.equal(isThere, false);
    assert.match(text, /no process has .* open any more \(the last was another process\)/);
    await new Promise((resolve) => dying.close(resolve));
  });

  it('works in a directory with a path too long for a socket, and not in its neighbour', async () => {
    const long = path.join(freshDirectory(), 'x'.repeat(120), 'y'.repeat(120));
    const lock = await acquireLock(path.join(long, 'a'));
    await assert.rejects(acquireLock(path.join(long, 'a')), JournalLockedError);
    const neighbour = await acquireLock(path.join(long, 'b'));
    assert.ok(fs.readdirSync(path.join(long, 'a')).includes('journal-0000000001.lock'));
    await lock.release();
    await neighbour.release();
    assert.equal((await acquireLock(path.join(long, 'a'))).epoch, 2);
  });

  it('withdraws from an epoch that came and went while it was published', async () => {
    for (const isAlive of [true, false]) {
      const directory = freshDirectory();
      await (await acquireLock(directory)).release();
      const elsewhere = freshDirectory();
      const other = await acquireLock(elsewhere);
      if (!isAlive) await other.release();
      // `slow` has found epoch 1 dead. Now others take 2 and 3, and tidy up, before `slow`
      // publishes as 2.
      const slow = acquireLock(directory);
      fs.renameSync(path.join(elsewhere, 'journal-0000000001.lock'), path.join(directory, 'journal-0000000003.lock'));
      fs.unlinkSync(path.join(directory, 'journal-0000000001.lock'));
      if (isAlive) {
        await assert.rejects(slow, JournalLockedError);
        await other.release();
      } else {
        const lock = await slow;
        assert.equal(lock.epoch, 4);
        await lock.release();
      }
      assert.ok(!fs.existsSync(path.join(directory, 'journal-0000000002.lock')));
    }
  });

  it('is refused after the highest epoch, with the way out, and leaves no file behind', async () => {
    const directory = freshDirectory();
    const highest = path.join(directory, 'journal-9999999999.lock');
    fs.mkdirSync(directory);
    fs.writeFileSync(path.join(directory, 'journal-9999999998.lock'), '');
    const last = await acquireLock(directory);
    assert.equal(last.epoch, 9_999_999_999);
    await assert.rejects(acquireLock(directory), JournalLockedError);
    await last.release();
    const names = fs.readdirSync(directory);
    await assert.rejects(acquireLock(directory), (error) => {
      assert.ok(error instanceof CallsheetError && error.code === 'DIRECTORY_UNUSABLE', String(error));
      assert.match(error.message, /journal-9999999999\.lock .* remove it/);
      return true;
    });
    assert.deepEqual(fs.readdirSync(directory), names);
    fs.unlinkSync(highest);
    await (await acquireLock(directory)).release();
  });

  it('ends its connections when it is released', async () => {
    const directory = freshDirectory();
    const lock = await acquireLock(directory);
    const client = net.connect(path.join(directory, 'journal-0000000001.lock'));
    await once(client, 'connect');
    const ended = once(client, 'close');
    await lock.release();
    await ended;
  });
});

describe('a short path', () => {
  it('leads to the same file as the long one, by either shortcut', async () => {
    const long = path.join(freshDirectory(), 'z'.repeat(150));
    fs.mkdirSync(long, { recursive: true });
    for (const shortcut of ['descriptor', 'link'] as const) {
      await withShortPath(
        long,
        shortcut,
        async (short) => {
          assert.ok(Buffer.byteLength(short) <= 103, short);
          fs.writeFileSync(short, '');
        },
        shortcut,
      );
      assert.ok(fs.existsSync(path.join(long, shortcut)));
    }
  });
});

describe('a directory that cannot be used', () => {
  const unusable = (directory: string, reason: RegExp, disk = machineDisk) =>
    assert.throws(
      () => prepareDirectory(directory, { disk }),
      (error) => {
        assert.ok(error instanceof CallsheetError && error.code === 'DIRECTORY_UNUSABLE', String(error));
        assert.ok(error.message.includes(directory), error.message);
        assert.match(error.message, reason);
        return true;
      },
    );

  it('is reported with the reason if it is a file or below one', () => {
    const file = freshDirectory();
    fs.writeFileSync(file, '');
    unusable(file, /file/);
    unusable(path.join(file, 'below'), /file/);
    unusable(path.join(file, 'far', 'below'), /file/);
  });

  it('is reported with the reason if it is read-only or forbidden', () => {
    for (const [code, reason] of [
      ['EROFS', /read-only/],
      ['EACCES', /not allowed/],
    ] as const) {
      const disk = new StrictDisk();
      disk.makeDirectory('/there');
      disk.fault = (operation) => {
        if (operation === 'checkDirectory') throw diskError(code);
        return undefined;
      };
      unusable('/there', reason, disk);
    }
    unusable('/proc/callsheet-test', /\(E[A-Z]+\)/);
  });

  it('is refused on a file system that other machines may share, unless the option allows it', async () => {
    const types = { NFS: 0x6969, SMB: 0x517b, CIFS: 0xff534d42, SMB2: 0xfe534d42, Coda: 0x73757245, AFS: 0x5346414f };
    for (const [name, type] of Object.entries({
      ...types,
      '9p': 0x01021997,
      FUSE: 0x65735546,
      'with a sign': 0xff534d42 | 0,
    })) {
      const disk = new StrictDisk();
      disk.type = type;
      unusable('/far/away', new RegExp(`\\((${name}|CIFS)\\).*allowNetworkFileSystem`), disk);
      assert.equal(disk.counts.get('makeDirectory') ?? 0, 0);
      assert.equal(prepareDirectory('/far/away', { disk, allowNetworkFileSystem: true }), '/far/away');
    }
    for (const local of [0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x794c7630]) {
      const disk = new StrictDisk();
      disk.type = local;
      assert.equal(prepareDirectory('/near', { disk }), '/near');
    }
    const directory = freshDirectory();
    const options = { disk: { ...machineDisk, fileSystemType: () => 0x6969 } };
    await assert.rejects(acquireLock(directory, options), { code: 'DIRECTORY_UNUSABLE' });
    await assert.rejects(openJournal(directory, new Collector(), options), { code: 'DIRECTORY_UNUSABLE' });
    assert.ok(!fs.existsSync(directory));
    await (await acquireLock(directory, { ...options, allowNetworkFileSystem: true })).release();
    await (await openJournal(directory, new Collector(), { ...options, allowNetworkFileSystem: true })).close();
  });

  it('has a type of file system on Linux', () => {
    assert.equal(typeof machineDisk.fileSystemType('/proc'), process.platform === 'linux' ? 'number' : 'undefined');
    if (process.platform === 'linux') assert.equal(machineDisk.fileSystemType('/proc'), 0x9fa0);
  });

  it('is created with its parents, each made durable in its own parent', () => {
    const disk = new StrictDisk();
    const synced: string[] = [];
    disk.fault = (operation, name) => {
      if (operation === 'syncDirectory') synced.push(name);
      return undefined;
    };
    assert.equal(prepareDirectory('/a/b/c', { disk }), '/a/b/c');
    assert.deepEqual(synced, ['/', '/a', '/a/b']);
    assert.throws(() => prepareDirectory(''), TypeError);
  });
});
