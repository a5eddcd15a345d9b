/**
 * A runtime that was not closed says so, where a program has nothing left to do but to live on for
 * it.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { eventually } from '../harness/eventually.js';
import { Program } from '../harness/program.js';

it('[1] warns once that the program only lives on for its runtime, and only where that is so', async (t) => {
  const program = new URL('./programs/idle.js', import.meta.url);
  const others = ['works', 'reads', 'waits', 'signals'].map((kind) => new Program(t, program, kind));
  for (const other of others) await other.says('42');
  // It looks later than all the others.
  const forgets = new Program(t, program, 'forgets');
  await forgets.says('42');
  await eventually('a warning', () => forgets.errors.includes('nothing left to do'));
  assert.equal(forgets.errors.trim().split('\n').length, 1);
  const { level, msg } = JSON.parse(forgets.errors) as { level: number; msg: string };
  assert.equal(level, 40);
  assert.match(msg, /lives on for its runtime: close\(\) it, or give open\(\{ signals \}\)/);
  assert.deepEqual(
    others.map(({ errors }) => errors),
    ['', '', '', ''],
  );
});
