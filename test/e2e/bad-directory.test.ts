/**
 * `open` with a directory that cannot be used, options without meaning, or a module that cannot be
 * imported: it rejects and leaves nothing behind.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { CallsheetError, defineJobs, JournalLockedError, type OpenOptions, open } from 'callsheet';
import { Program } from '../harness/program.js';
import { temporaryDirectory } from '../harness/temporary.js';
import { allJobs, numbers } from './jobs/all.js';

const service = new URL('programs/service.js', import.meta.url);

/**
 * Asserts that `open` rejects. If it opens by mistake, the runtime is closed, so that its threads
 * do not keep the tests from ending.
 */
async function refuses(options: OpenOptions, expected: object | ((error: Error) => boolean)): Promise<void> {
  const opening = open({ threads: 1, ...options });
  await assert.rejects(
    opening.then((callsheet) => callsheet.close()),
    expected as object,
  );
}

async function works(directory: string): Promise<void> {
  await using callsheet = await open({ directory, jobs: allJobs, threads: 1 });
  assert.equal(await (await callsheet.queue().put(numbers.add(1, 2))).result(), 3);
}

describe('open, with a directory that cannot be used', () => {
  const unusable = (error: Error) => {
    assert.ok(error instanceof CallsheetError, `${error}`);
    assert.equal(error.code, 'DIRECTORY_UNUSABLE');
    return true;
  };

  it('refuses a file', async () => {
    const file = join(temporaryDirectory(), 'file');
    writeFileSync(file, 'precious');
    await refuses({ directory: file, jobs: allJobs }, unusable);
    await refuses({ directory: file, jobs: allJobs }, (error) => error.message.includes(file));
  });

  it('refuses a directory below a file', async () => {
    const file = join(temporaryDirectory(), 'file');
    writeFileSync(file, 'precious');
    await refuses({ directory: join(file, 'a', 'b'), jobs: allJobs }, unusable);
  });

  // Directories that even root cannot write into.
  for (const directory of ['/proc/callsheet', '/sys/callsheet', '/sys', '/dev/null'].filter(existsParent)) {
    it(`refuses ${directory}`, () => refuses({ directory, jobs: allJobs }, unusable));
  }

  it('refuses a path that is too long for the system', () =>
    refuses({ directory: join(temporaryDirectory(), 'x'.repeat(300)), jobs: allJobs }, unusable));

  it('[5.1] refuses a file uuid.txt without a UUID, and opens once it is corrected', async () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'uuid.txt');
    writeFileSync(file, 'not a UUID\n');
    await refuses({ directory, jobs: allJobs }, unusable);
    writeFileSync(file, '01890a5d-ac96-774b-bcce-b302099a8057\n');
    await works(directory);
  });

  it('takes a file URL', async () => {
    const directory = join(temporaryDirectory(), 'with space and ü');
    const callsheet = await open({ directory: pathToFileURL(directory), jobs: allJobs, threads: 1 });
    await callsheet.close();
    assert.ok(existsSync(directory));
  });
});

describe('a directory without its journal', () => {
  for (const [what, spoil] of [
    ['emptied', (file: string) => truncateSync(file)],
    ['removed', unlinkSync],
  ] as const) {
    it(`[9.1] is refused, not opened as new, after its only segment was ${what}`, async () => {
      const directory = temporaryDirectory();
      await works(directory);
      const segment = join(directory, readdirSync(directory).find((name) => name.endsWith('.segment'))!);
      spoil(segment);
      const left = readdirSync(directory).filter((name) => !/lock|owner/.test(name));
      await refuses({ directory, jobs: allJobs }, { code: 'JOURNAL_CORRUPT', file: segment, offset: 0, lsn: 1 });
      assert.deepEqual(
        readdirSync(directory).filter((name) => !/lock|owner/.test(name)),
        left,
      );
    });
  }
});

describe('a directory in use', () => {
  const held = (error: Error) => {
    assert.ok(error instanceof JournalLockedError, `${error}`);
    assert.equal(error.code, 'JOURNAL_LOCKED');
    return true;
  };

  it('is refused while another process uses it, and is free as soon as that process is killed', async (t) => {
    const directory = temporaryDirectory();
    const holder = new Program(t, service, directory, '1');
    await holder.says('open 0 0');
    await refuses({ directory, jobs: allJobs }, held);
    await refuses({ directory, jobs: allJobs }, held);
    holder.tell('put numbers add 1 2');
    const id = (await holder.line())!.slice('put '.length);
    holder.tell(`result ${id}`);
    await holder.says('result 3');
    await holder.kill();
    await works(directory);
  });

  it('is refused while its process is stopped: a stopped owner counts as alive', async (t) => {
    const directory = temporaryDirectory();
    const holder = new Program(t, service, directory, '1');
    await holder.says('open 0 0');
    await holder.freeze();
    await refuses({ directory, jobs: allJobs }, held);
    holder.signal('SIGCONT');
    holder.tell('close');
    await holder.says('closed');
    await works(directory);
  });

  it('is refused to the same process, also under another name', async () => {
    const directory = temporaryDirectory();
    await using holder = await open({ directory, jobs: allJobs, threads: 1 });
    await refuses({ directory, jobs: allJobs }, held);
    await refuses({ directory: join(directory, '..', directory.split('/').at(-1)!), jobs: allJobs }, held);
    assert.equal(await (await holder.queue().put(numbers.add(1, 2))).result(), 3);
  });

  it('lets the refused process end by itself', async (t) => {
    const directory = temporaryDirectory();
    await using _ = await open({ directory, jobs: allJobs, threads: 1 });
    const second = new Program(t, service, directory, '1');
    await second.says('error JOURNAL_LOCKED');
    assert.equal(await second.end(), 0);
  });
});

describe('open refuses', () => {
  it('bad options before it creates anything', async () => {
    const directory = join(temporaryDirectory(), 'journal');
    await refuses({ directory, jobs: allJobs, threads: 0 }, RangeError);
    await refuses({ directory, jobs: [numbers, numbers] }, { code: 'INVALID_OPTION', message: /"numbers"/ });
    assert.ok(!existsSync(directory));
  });

  it('`execArgv` that Node does not allow for a thread', () =>
    refuses({ jobs: allJobs, execArgv: ['--no-such-option'] }, CallsheetError));
});

describe('a module that cannot be imported', () => {
  const directory = temporaryDirectory();
  const modules: [what: string, file: string, source: string, message: RegExp][] = [
    ['is not there', 'missing.mjs', '', /missing\.mjs/],
    ['throws', 'throws.mjs', 'throw new RangeError("not today");', /not today/],
    ['is no JavaScript', 'syntax.mjs', 'export const = ;', /syntax\.mjs/],
    ['imports what is not there', 'imports.mjs', 'import "./nowhere.mjs"; export const a = () => 1;', /nowhere/],
    [
      'is TypeScript, which this Node does not run',
      'typed.ts',
      'export const a = (n: number) => n;',
      /TypeScript.*execArgv/,
    ],
    ['ends its thread', 'exits.mjs', 'process.exit(0);', /exits\.mjs/],
    [
      'waits for ever at its top level',
      'waits.mjs',
      'await new Promise(() => {});',
      /did not end within 1500 ms \(importMs\)/,
    ],
    ['loops at its top level', 'loops.mjs', 'for (;;);', /did not end within 1500 ms \(importMs\)/],
  ];
  /** The place in the module that the message must name. */
  const places: Record<string, RegExp> = {
    'throws.mjs': /throws\.mjs:1:7/,
    'syntax.mjs': /syntax\.mjs:1\nexport const = ;/,
  };
  for (const [what, file, source, message] of modules) {
    const hangs = /waits|loops/.test(what);
    // On a busy machine, a module beside it might not be there in so short a time either.
    const options = hangs ? { importMs: 1500 } : {};
    it(`${hangs ? '[15.1] ' : ''}is named with the reason if it ${what}; the directory stays usable`, async () => {
      if (source !== '') writeFileSync(join(directory, file), source);
      const journal = join(directory, `${file}.journal`);
      mkdirSync(journal);
      const module = defineJobs('guilty', pathToFileURL(join(directory, file)));
      await refuses({ directory: journal, jobs: hangs ? [module] : [numbers, module], ...options }, (error) => {
        assert.ok(error instanceof CallsheetError, `${error}`);
        assert.equal(error.code, 'MODULE_NOT_LOADABLE');
        assert.match(error.message, /"guilty"/);
        assert.match(error.message, message);
        const place = places[file];
        if (place !== undefined) assert.match((error.cause as Error).stack!, place);
        return true;
      });
      await works(journal);
    });
  }
});

function existsParent(directory: string): boolean {
  return existsSync(join(directory, '..')) && readdirSync(join(directory, '..')).length > 0;
}
