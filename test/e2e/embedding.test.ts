/** callsheet in applications that start, bundle or install it in unusual ways. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { defineJobs, type Failure, open } from 'callsheet';
import { temporaryDirectory } from '../harness/temporary.js';

const source = new URL('../../src/', import.meta.url);
const numbers = new URL('jobs/numbers.js', import.meta.url);

const program = (callsheet: URL) => `
  import { defineJobs, open } from ${JSON.stringify(callsheet.href)};
  const numbers = defineJobs('numbers', new URL(${JSON.stringify(numbers.href)}));
  try {
    const callsheet = await open({ jobs: [numbers], threads: 1, durability: 'memory' });
    console.log(await (await callsheet.queue().put(numbers.add(1, 2))).result());
    await callsheet.close();
  } catch (error) {
    console.log(error.code, error.message);
  }`;

/** Runs Node with these options and returns its output. */
function said(...options: string[]): Promise<string> {
  return new Promise((resolve) => {
    execFile(process.execPath, options, (error, out, errors) => resolve(error === null ? out.trim() : errors));
  });
}

/** Makes another copy of callsheet, with the packages that it needs. */
function copy(): string {
  const directory = temporaryDirectory();
  cpSync(source, join(directory, 'src'), { recursive: true });
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }');
  symlinkSync(new URL('../../../node_modules', import.meta.url), join(directory, 'node_modules'));
  return directory;
}

describe('callsheet', () => {
  it('runs in a program given as text', async () => {
    assert.equal(await said('--input-type=module', '--eval', program(new URL('index.js', source))), '3');
  });

  it('names its missing file, as beside a bundle, and the way out', async () => {
    const directory = copy();
    rmSync(join(directory, 'src', 'coordinator', 'main.js'));
    const index = pathToFileURL(join(directory, 'src', 'index.js'));
    const error = await said('--input-type=module', '--eval', program(index));
    assert.match(error, /^COORDINATOR_DIED .*coordinator.main\.js.*keep callsheet external/s);
  });

  it('[10.1] names both copies if a job calls another copy than the one that runs it', async () => {
    const directory = copy();
    const module = join(directory, 'job.js');
    writeFileSync(module, `import { currentJob } from './src/index.js'; export const id = () => currentJob().id;`);
    const asking = defineJobs<{ id(): string }>('asking', pathToFileURL(module));
    await using callsheet = await open({ jobs: [asking], durability: 'memory', threads: 1 });
    const failure = (await (await callsheet.queue().put(asking.id())).failure()) as Failure;
    assert.equal(failure.code, 'NOT_IN_JOB');
    assert.ok(failure.message.includes(new URL('worker/context.js', source).href), failure.message);
    assert.ok(failure.message.includes(pathToFileURL(join(directory, 'src/worker/context.js')).href), failure.message);
  });
});
