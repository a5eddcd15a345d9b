/** Job modules in each form of CommonJS, and values from another realm. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { runInNewContext } from 'node:vm';
import { defineJobs, open, type Runtime } from 'callsheet';
import { openVirtual } from 'callsheet/testing';
import { temporaryDirectory } from '../harness/temporary.js';

interface Adding {
  add(a: number, b: number): number;
  default(a: number, b: number): number;
  foreign(value: unknown): { list: unknown[]; when: Date };
}

const directory = temporaryDirectory();

function written(name: string, text: string) {
  const file = join(directory, `${name}.cjs`);
  writeFileSync(file, text);
  return defineJobs<Adding>(name, pathToFileURL(file));
}

const modules = {
  literal: written('literal', 'const one = 1; module.exports = { one, add: (a, b) => a + b };'),
  named: written('named', 'exports.add = (a, b) => a + b;'),
  whole: written('whole', 'module.exports = (a, b) => a + b; module.exports.add = module.exports;'),
  transpiled: written(
    'transpiled',
    `Object.defineProperty(exports, '__esModule', { value: true });
     exports.default = (a, b) => a + b;
     Object.defineProperty(exports, 'add', { enumerable: true, get: () => exports.default });`,
  ),
};
const realms = written(
  'realms',
  `const { runInNewContext } = require('node:vm');
   exports.foreign = (value) => runInNewContext('({ list: [value, [1]], when: new Date(5) })', { value });`,
);

describe('a CommonJS module', () => {
  let callsheet: Runtime;
  before(async () => {
    callsheet = await open({ jobs: [...Object.values(modules), realms], threads: 1, durability: 'memory' });
  });
  after(() => callsheet.close());

  for (const [form, module] of Object.entries(modules)) {
    it(`[1] runs functions of the form "${form}", in a thread and in the test kit`, async () => {
      const job = await callsheet.queue().put(module.add(1, 2));
      assert.equal(await job.result(), 3);
      await using kit = await openVirtual({ jobs: [module] });
      assert.equal(await kit.run(module.add(1, 2)), 3);
    });
  }

  for (const form of ['whole', 'transpiled'] as const) {
    it(`[1] calls the function \`default\` of the form "${form}"`, async () => {
      const job = await callsheet.queue().put(modules[form].default(1, 2));
      assert.equal(await job.result(), 3);
    });
  }

  it('[3.4] is refused with a missing export, or one that is not a function', async () => {
    const queue = callsheet.queue();
    const untyped = modules.literal as never as Record<'gone' | 'one', () => ReturnType<typeof modules.literal.add>>;
    await assert.rejects(queue.put(untyped.gone()), { code: 'UNKNOWN_EXPORT' });
    await assert.rejects(queue.put(untyped.one()), { code: 'EXPORT_NOT_CALLABLE' });
  });

  it('[3.4] takes and returns values of another realm', async () => {
    const job = await callsheet.queue().put(realms.foreign(runInNewContext('({ map: new Map([[1, [2]]]) })')));
    assert.deepStrictEqual(await job.result(), { list: [{ map: new Map([[1, [2]]]) }, [1]], when: new Date(5) });
  });
});
