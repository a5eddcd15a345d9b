/** Planted bugs against section 12 of the contract, the test kit. */
import type { Mutant } from './mutant.js';

const tests = ['testing/kit.test.ts'];

export const testKit: readonly Mutant[] = [
  {
    bug: 'timers after the end of an advance fire too',
    tags: ['12.1'],
    tests,
    in: 'testing/virtual-clock.ts#fireNext',
    find: 'if (first === undefined || first.at > limit) return false;',
    replace: 'if (first === undefined) return false;',
  },
  {
    bug: '`fatal` holds log lines of every level',
    tags: ['12.1'],
    tests,
    in: 'testing/kit.ts#fatal',
    find: "return this.logs.filter(({ level }) => level === 'fatal');",
    replace: 'return this.logs;',
  },
  {
    bug: 'closing does not name the jobs that do not stop',
    tags: ['12.1'],
    tests,
    in: 'testing/kit.ts#close',
    find: 'return { stillRunning: pool.leftBehind.map(',
    replace: 'return { stillRunning: [].map(',
  },
];
