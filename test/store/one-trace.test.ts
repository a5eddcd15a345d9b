/**
 * One random trace leaves the same records and replies in all stores: a command means the same
 * whether it is decided on all records or on a part of them, at once or after several attempts.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Command } from '../../src/core/commands.js';
import { atOnce } from '../../src/core/decision.js';
import { type Wish, Wishes, wish } from '../core/wishes.js';
import { seedOf } from '../harness/randomness.js';
import { kinds, type Subject } from './harness.js';

// So that random wholes are large.
atOnce.parts = 2;

const trace = fc.array(fc.array(wish, { maxLength: 8 }), { maxLength: 30, size: 'max' });

/**
 * Returns the content of a store and everything it released. Positions in the line are reduced to
 * their order, since a database draws them with gaps.
 */
function seenOf(subject: Subject) {
  const records = subject.records();
  const line = records.map(({ eligible }) => eligible).sort((a, b) => a - b);
  const text = (value: unknown) => JSON.stringify(value);
  const { state } = subject;
  return {
    records: records.map((job) => ({ ...job, eligible: job.eligible === 0 ? -1 : line.indexOf(job.eligible) })),
    settings: Array.from(state.settings(), text).sort(),
    annotations: Array.from(state.annotations(), ({ job, name, value }) =>
      text([job, name, Buffer.from(subject.bytes(value)).toString('hex')]),
    ).sort(),
    told: subject.told.splice(0).sort(),
  };
}

async function follow(groups: readonly (readonly Wish[])[]): Promise<void> {
  const subjects = await Promise.all(kinds.map(({ make }) => make()));
  try {
    await compare(subjects, groups);
  } finally {
    // The search for a smaller trace would need all connections of the server.
    await Promise.all(subjects.map(({ store }) => store.close()));
  }
}

async function compare(subjects: readonly Subject[], groups: readonly (readonly Wish[])[]): Promise<void> {
  const wishes = new Wishes((size) => new Uint8Array(size).fill(size));
  for (const subject of subjects) await subject.durable();
  for (const group of groups) {
    const commands: Command[] = [];
    for (const [at, subject] of subjects.entries()) {
      for (const [turn, one] of group.entries()) {
        subject.clock.time++;
        // A process that shares its store cannot claim that all processes have died.
        const what = one.what === 'recover' ? 'tick' : one.what;
        // The first store decides at once, and shows what the next command may name.
        if (at === 0) commands.push(wishes.command(subject.state, { ...one, what }));
        const isPing = commands[turn]!.type === 'ping';
        // A shared store decides a ping beside other commands, before or after them.
        if (isPing) await subject.durable();
        subject.ask(commands[turn]!);
        if (isPing) await subject.durable();
      }
      await subject.durable();
    }
    const [first, ...others] = subjects.map(seenOf);
    for (const [at, other] of others.entries()) assert.deepEqual(other, first, kinds[at + 1]!.name);
  }
}

describe('one trace', () => {
  it('leaves the same records and replies in all stores', async (t) => {
    await fc.assert(fc.asyncProperty(trace, follow), { seed: seedOf(t), numRuns: 12 });
  });
});
