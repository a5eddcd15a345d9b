/** The life of a job: the effect of each command in every status. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Command } from '../../src/core/commands.js';
import { call, type ErrorPayload, idOf, Machine, payload, recordOf, thrown, told, us, value, whole } from './making.js';

const someClaim = { job: idOf('a'), fence: 1 };
const claimCommands: Command[] = [
  { type: 'begun', ...someClaim, at: 1 },
  { type: 'settle', ...someClaim, outcome: value, startedAt: 1, inner: [] },
  { type: 'giveBack', ...someClaim },
  { type: 'interrupt', ...someClaim, cause: 'thread' },
];

/** Brings a job `a` into each status. */
const ways: Record<string, (machine: Machine) => void> = {
  new(machine) {
    machine.put(call('a'));
    machine.do({ type: 'remove', job: idOf('a') });
  },
  pending(machine) {
    machine.put(call('a'));
  },
  assigned(machine) {
    machine.put(call('a'));
    machine.claim('a');
  },
  active(machine) {
    machine.put(call('a'));
    machine.claim('a');
    machine.begun('a');
  },
  callbacks(machine) {
    machine.put(call('a', {}, { callbacks: [call('then')] }));
    machine.claim('a');
    machine.settle('a');
  },
  completed(machine) {
    machine.put(call('a'));
    machine.claim('a');
    machine.settle('a');
  },
};

/** The statuses that allow a command, each with the status that follows. All others refuse it. */
const allowed: [command: Command, error: string, follows: Record<string, string>][] = [
  [claimCommands[0]!, 'CLAIM_LOST', { assigned: 'active', active: 'active' }],
  [claimCommands[1]!, 'CLAIM_LOST', { assigned: 'completed', active: 'completed' }],
  [claimCommands[2]!, 'CLAIM_LOST', { assigned: 'pending', active: 'pending' }],
  [claimCommands[3]!, 'CLAIM_LOST', { assigned: 'pending', active: 'pending' }],
  [{ type: 'remove', job: idOf('a') }, 'JOB_STATUS', { pending: 'new' }],
  [{ type: 'putAgain', job: idOf('a'), queue: '' }, 'JOB_STATUS', { new: 'pending' }],
  [{ type: 'fail', job: idOf('a'), failure: payload() }, 'JOB_STATUS', { new: 'completed', pending: 'completed' }],
  [{ type: 'change', job: idOf('a'), options: { priority: 3 } }, 'JOB_STATUS', { new: 'new', pending: 'pending' }],
  [
    { type: 'cancel', job: idOf('a') },
    'JOB_STATUS',
    { new: 'completed', pending: 'completed', assigned: 'assigned', active: 'active' },
  ],
];

type Put = Extract<Command, { type: 'put' }>;
const plainPut: Put = { type: 'put', queue: '', owner: us, level: 'full', jobs: [] };
const otherPuts: Record<string, Partial<Put>> = {
  'in the same way': {},
  'into another queue': { queue: 'other' },
  'by another owner': { owner: idOf('them') },
  'at another level': { level: 'process' },
  'with an option': { jobs: [call('b', { priority: 1 })] },
  'with a date': { jobs: [call('b', { beginAfter: 1e9 })] },
  'not in line': { jobs: [call('b', { held: true })] },
  'with a callback': { jobs: [call('b', {}, { callbacks: [call('then')] })] },
  'with parts': { jobs: [call('b', {}, { form: 'serial', parts: [call('part')] })] },
};

describe('a job', () => {
  for (const [how, change] of Object.entries(otherPuts)) {
    it(`is stored as it was put after one of the same callable: ${how}`, () => {
      const stored = (...before: Put[]) => {
        const machine = new Machine();
        machine.do({ type: 'createQueue', name: 'other' });
        for (const put of before) machine.do(put);
        machine.do({ ...plainPut, jobs: [call('b', {}, { args: payload(2) })], ...change });
        const { eligible, putAt, ...rest } = recordOf(machine.job('b'));
        assert.equal(putAt, machine.now);
        assert.equal(eligible, rest.queued ? before.length + 1 : 0, 'it is the last in line');
        return rest;
      };
      const used = { ...plainPut, jobs: [call('a', {}, { args: payload(1) })] };
      assert.deepEqual(stored(used), stored());
      assert.deepEqual(stored(used, { ...used, jobs: [call('c')] }), stored(), 'a copy leaves the copied as it was');
    });
  }

  for (const [command, error, follows] of allowed) {
    for (const [status, come] of Object.entries(ways)) {
      const next = follows[status];
      it(`[2.1] that is ${status}: ${command.type} ${next === undefined ? `is refused` : `makes it ${next}`}`, () => {
        const machine = new Machine();
        come(machine);
        assert.equal(machine.job('a').status, status);
        if (next !== undefined) {
          machine.do(command);
          assert.equal(machine.job('a').status, next);
          return;
        }
        const before = { ...machine.job('a') };
        assert.throws(() => machine.do(command), { code: error });
        assert.deepEqual({ ...machine.job('a') }, before, 'nothing is changed');
      });
    }
  }

  it('[2.1] passes through its statuses, and notes the time of each once', () => {
    const machine = new Machine();
    machine.put(call('a'));
    const { putAt } = machine.job('a');
    assert.deepEqual(told(machine.claim('a')), ['run a (written)']);
    machine.begun('a');
    const { firstStartAt } = machine.job('a');
    assert.deepEqual(told(machine.settle('a')), ['deliver a (synced)']);
    const job = machine.job('a');
    assert.equal(job.status, 'completed');
    assert.deepEqual([job.attempts, job.outcome, job.interruptions], [1, 'value', 0]);
    assert.ok(putAt < firstStartAt && firstStartAt < job.endAt && job.endAt === job.completedAt);
    assert.equal(job.firstStartAt, firstStartAt, '[2.3] set once');
  });

  it('[5.6] refuses every command under an old fence', () => {
    const machine = new Machine();
    machine.put(call('a'));
    machine.claim('a');
    machine.giveBack('a');
    machine.claim('a');
    for (const command of claimCommands) assert.throws(() => machine.do(command), { code: 'CLAIM_LOST' }, command.type);
    assert.equal(machine.job('a').fence, 2);
    machine.settle('a');
    assert.equal(machine.job('a').outcome, 'value');
  });

  it('ignores a claim when it is not in line', () => {
    const machine = new Machine();
    machine.put(call('a'));
    machine.claim('a');
    assert.deepEqual(machine.claim('a'), []);
    assert.equal(machine.job('a').fence, 1);
  });

  it('given back before it began, is first in line again, uncounted', () => {
    const machine = new Machine();
    machine.put(call('a'), call('b'));
    machine.claim('a');
    machine.giveBack('a');
    assert.deepEqual([machine.job('a').attempts, machine.job('a').interruptions], [0, 0]);
    assert.deepEqual(machine.claimAll(), ['a', 'b']);
  });

  it('[3.2] is claimed by priority, then a job put back first, then in order of puts', () => {
    const machine = new Machine();
    machine.put(call('a'), call('b'), call('c', { priority: 1 }), call('d', { priority: -1 }), call('e'));
    machine.claim('e');
    machine.interrupt('e');
    assert.deepEqual(machine.claimAll(), ['c', 'e', 'a', 'b', 'd']);
  });

  describe('interrupted', () => {
    it('[8.2] is retried nine times, then fails, by default', () => {
      const machine = new Machine();
      machine.put(call('a'));
      for (let n = 1; n <= 9; n++) {
        machine.claim('a');
        machine.interrupt('a', n % 2 === 0 ? 'thread' : 'process');
        assert.deepEqual([machine.job('a').status, machine.job('a').interruptions], ['pending', n]);
        machine.pass(60_000);
      }
      machine.claim('a');
      machine.interrupt('a');
      const { status, outcome, attempts, interruptions, result } = machine.job('a');
      assert.deepEqual(
        { status, outcome, attempts, interruptions },
        { status: 'completed', outcome: 'failure', attempts: 10, interruptions: 10 },
      );
      assert.equal((result as ErrorPayload).error.name, 'JobInterruptedError');
    });

    it('[8.2] is retried without limit by the policy `forever`', () => {
      const machine = new Machine();
      machine.put(call('a', { policy: 'forever' }));
      for (let n = 1; n <= 50; n++) {
        machine.claim('a');
        machine.interrupt('a');
        machine.pass(60_000);
      }
      assert.deepEqual(machine.line(), ['a']);
    });

    it('[8.2] fails without a retry by the policy `never`', () => {
      const machine = new Machine();
      machine.put(call('a', { policy: 'never' }));
      assert.equal(machine.claim('a')[0]?.gate, 'synced', 'its start is on the disk before its code runs');
      assert.equal(machine.job('a').status, 'active', 'the claim is the start');
      machine.interrupt('a', 'close');
      assert.equal(machine.job('a').outcome, 'failure');
    });

    it('[8.3] by a clean close, is not counted', () => {
      const machine = new Machine();
      machine.put(call('a'));
      for (let n = 0; n < 20; n++) {
        machine.claim('a');
        machine.interrupt('a', 'close');
      }
      assert.deepEqual([machine.job('a').interruptions, machine.job('a').attempts], [0, 20]);
      assert.deepEqual(machine.line(), ['a']);
    });
  });

  it('[8.2] is not retried when it throws, by default', () => {
    const machine = new Machine();
    machine.put(call('a'));
    machine.claim('a');
    machine.settle('a', thrown);
    assert.deepEqual([machine.job('a').outcome, machine.job('a').attempts], ['failure', 1]);
  });

  describe('found by the next process', () => {
    it('pending, stays in line', () => {
      const machine = new Machine();
      machine.put(call('a'), call('b'));
      assert.deepEqual(machine.reopened().line(), ['a', 'b']);
    });

    it('[8.4] claimed, is an uncounted suspect; after one more death it runs alone, and that start counts', () => {
      const machine = new Machine();
      machine.put(call('a'), call('b'));
      machine.claim('b');
      const next = machine.reopened();
      assert.deepEqual(next.line(), ['b', 'a']);
      assert.deepEqual([next.job('b').suspect, next.job('b').alone, next.job('b').interruptions], [true, false, 0]);
      next.claim('b');
      assert.deepEqual([next.job('b').status, next.job('b').attempts], ['assigned', 1]);
      const third = next.reopened();
      assert.deepEqual([third.job('b').alone, third.job('b').interruptions], [true, 0]);
      third.pass(1000);
      third.claim('b');
      assert.deepEqual([third.job('b').status, third.job('b').attempts], ['active', 3]);
      const fourth = third.reopened();
      assert.deepEqual([fourth.job('b').alone, fourth.job('b').interruptions], [true, 1]);
    });

    it('[8.4] begun beside others, is not charged with the death', () => {
      const machine = new Machine();
      machine.put(call('a'));
      machine.claim('a');
      machine.begun('a');
      const next = machine.reopened();
      assert.deepEqual(
        [next.job('a').status, next.job('a').suspect, next.job('a').interruptions],
        ['pending', true, 0],
      );
    });

    it('[7.3] as an unfinished whole, continues with its completed parts kept', () => {
      const machine = new Machine();
      machine.put(whole('serial', 'w', [call('a'), call('b'), call('c')]));
      machine.claim('w');
      machine.claim('a');
      machine.settle('a');
      machine.claim('b');
      const next = machine.reopened();
      assert.deepEqual(next.statuses('w', 'a', 'b', 'c'), ['active', 'completed', 'pending', 'new']);
      assert.deepEqual(next.line(), ['b']);
    });
  });

  for (const [what, prepare] of [
    ['its queue is paused', (machine) => machine.do({ type: 'pauseQueue', name: '', paused: true })],
    ['a quota that it names is full', (machine) => machine.claim('holder')],
    ['another agent has it', (machine) => machine.claim('a')],
    ['it has ended', (machine) => machine.do({ type: 'fail', job: idOf('a'), failure: payload() })],
  ] as [string, (machine: Machine) => void][]) {
    it(`[3.6] [4.1] [5.1] ignores a claim by an agent that has not yet seen that ${what}`, () => {
      const machine = new Machine();
      machine.do({ type: 'setQuota', queue: '', name: 'q', size: 1, rate: 0, ratePeriodMs: 0 });
      machine.put(call('a', { quotas: ['q'] }), call('holder', { quotas: ['q'] }));
      prepare(machine);
      const before = recordOf(machine.job('a'));
      assert.deepEqual(machine.claim('a'), []);
      assert.deepEqual(recordOf(machine.job('a')), before);
    });
  }
});
