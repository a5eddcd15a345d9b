/** Planted bugs against what users call: callables, handles, what `open` refuses. */
import type { Mutant } from './mutant.js';

export const face: readonly Mutant[] = [
  {
    bug: 'options that a callable is given a second time replace the first ones',
    tags: ['6.5'],
    file: 'definition/define-jobs.ts',
    find: 'makeCallable({ ...parts, options: { ...options, ...more } })',
    replace: 'makeCallable({ ...parts, options: more })',
  },
  {
    bug: 'options of a postprocess are dropped in silence',
    tags: ['3.4'],
    file: 'definition/define-jobs.ts',
    find: '  if (postprocess.options !== undefined)\n',
    replace: '  if (postprocess.given === undefined)\n',
  },
  {
    bug: 'of a CommonJS module only the names are known that its source text shows',
    tags: ['1'],
    tests: ['e2e/commonjs.test.ts'],
    file: 'worker/modules.ts',
    find: 'common === imported.default ?',
    replace: 'common !== imported.default ?',
  },
  {
    bug: 'a plain object of another realm is taken for an instance of a class',
    tags: ['3.4'],
    tests: ['protocol/payload.test.ts'],
    file: 'protocol/storable.ts',
    find: 'name === undefined ? undefined : carriedPrototypes.get(name)',
    replace: "name === 'Object' ? undefined : carriedPrototypes.get(name!)",
  },
  {
    bug: 'the test kit imports by itself, past the mocks of a test runner',
    tags: ['12.1'],
    tests: ['testing/kit.test.ts'],
    file: 'worker/modules.ts',
    find: '(importModule ?? importHere)(url)',
    replace: 'importHere(url)',
  },
];
