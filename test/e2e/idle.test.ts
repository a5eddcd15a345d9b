/**
 * The warning of a runtime that was not closed and is the only thing that keeps its program alive.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { eventually } from '../harness/eventually.js';
import { Program } from '../harness/program.js';

it('[1] warns once if only the runtime keeps the program alive', async (t) => {
  const program = new URL('./programs/idle.js', import.meta.url);
  const others = ['works', 'reads', 'waits', 'signals'].map((kind) => new Program(t, program, kind));
  for (const other of others) await other.says('42');
  // Started after the others, so that they had their chance to warn before it does.
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
