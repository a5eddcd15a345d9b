/**
 * Tests the state: a rollback leaves no trace, and derived data always follows from the records.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Effect, JobSpec } from '../../../src/core/commands.js';
import { decide } from '../../../src/core/decide.js';
import { atOnce } from '../../../src/core/decision.js';
import { type AnnotationRecord, type JobRecord, nobody, type SettingRecord } from '../../../src/core/records.js';
import type { Changes } from '../../../src/core/state/change-log.js';
import { keptBy } from '../../../src/core/state/indices.js';
import { State } from '../../../src/core/state/state.js';
import { type Tally, tallyCells } from '../../../src/core/state/tallies.js';
import { CallsheetError } from '../../../src/errors.js';
import { HeldPayloads } from '../../../src/store/held-payloads.js';
import { seedOf } from '../../harness/randomness.js';
import {
  activateUs,
  call,
  changesOf,
  hasRoom,
  idOf,
  inContractOrder,
  keeping,
  Machine,
  main,
  nameOf,
  outsideAt,
  recordOf,
  snapshotOf,
  whole,
} from '../making.js';
import { type Wish, Wishes, wish } from '../wishes.js';
import { admitNews } from './news.js';

// So that random wholes are large.
atOnce.parts = 2;

const groups = fc.array(fc.record({ wishes: fc.array(wish, { maxLength: 8 }), kept: fc.boolean() }), {
  maxLength: 40,
  size: 'max',
});

/** The counts of tallies, by all that they tell apart. */
function tallied(tallies: Iterable<Tally>): Record<string, number> {
  const counts: [string, number][] = [];
  for (const { queue, callable, role, counts: cells } of tallies) {
    for (const [index, count] of cells.entries()) {
      if (index === 0 || count === 0) continue;
      const { status, failed } = tallyCells[index]!;
      counts.push([[queue, callable, role, status, failed].join(' '), count]);
    }
  }
  return Object.fromEntries(counts.sort());
}

function countedBy(jobs: readonly JobRecord[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { queue, callable, role, form, status, outcome, only } of jobs) {
    if (form === 'chunk' || only === nobody) continue;
    const key = [queue, callable, role, status, outcome === 'failure'].join(' ');
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

/** Checks that derived data follows from the records. */
function checkDerived(state: State): void {
  const line = inContractOrder(state);
  assert.equal(state.queued(''), line.length);
  const walked = Array.from(state.line(''), (job) => job?.id).filter((id) => id !== undefined);
  const dated = [...state.jobs()].filter(
    ({ dueAt, stage, outcome, cursor }) => dueAt !== 0 && stage !== 'policy' && outcome === 'none' && cursor === 0,
  );
  const byDate = dated.sort((a, b) => a.dueAt - b.dueAt || (a.id < b.id ? -1 : 1));
  assert.deepEqual(
    walked,
    [...line, ...byDate].map(({ id }) => id),
    'the whole line',
  );
  for (const callables of [['m#a'], ['m#b', 'm#c', ''], ['m#a', 'm#b', 'm#c', 'm#post', '']]) {
    const first = line.find((job) => callables.includes(job.callable) && hasRoom(state, job));
    const claimed = state.firstQueued('', (lane) => callables.includes(lane.callable), 0);
    assert.equal(claimed?.id, first?.id, 'the head of the line');
  }
  const jobs = [...state.jobs()];
  const byIndex = (a: JobRecord, b: JobRecord) => a.index - b.index;
  for (const job of jobs) {
    const parts = jobs.filter(({ parent, role }) => parent === job.id && role !== 'callback').sort(byIndex);
    const callbacks = jobs.filter(({ parent, role }) => parent === job.id && role === 'callback').sort(byIndex);
    assert.deepEqual(
      [state.parts(job), state.callbacks(job)].map((list) => list.map(({ id }) => id)),
      [parts, callbacks].map((list) => list.map(({ id }) => id)),
    );
    assert.deepEqual([parts.length, callbacks.length], [job.parts, job.callbacks]);
    assert.equal(job.partsDone, parts.filter(({ counted }) => counted).length);
    const waiting = jobs.filter(({ stage, inner }) => stage === 'inner' && inner === job.id).map(({ id }) => id);
    assert.deepEqual(Array.from(state.waitingFor(job), ({ id }) => id).sort(), waiting.sort());
    // A callback that ended before its turn is counted when its turn comes.
    assert.ok(callbacks.slice(0, job.callbacksDone).every(({ status }) => status === 'completed'));
  }
  const completed = jobs.filter(({ status }) => status === 'completed');
  const bytesOf = ({ args, result }: JobRecord) => (args?.byteLength ?? 0) + (result?.byteLength ?? 0);
  const rootOf = (job: JobRecord): JobRecord => (job.role === 'root' ? job : rootOf(state.job(job.parent)!));
  const isOfFailed = (job: JobRecord) => rootOf(job).status === 'completed' && rootOf(job).outcome === 'failure';
  for (const kept of ['succeeded', 'failed'] as const) {
    const its = completed.filter((job) => isOfFailed(job) === (kept === 'failed'));
    const roots = its.filter(({ role }) => role === 'root');
    const { count, bytes, oldest } = state.kept(kept);
    const sum = its.reduce((sum, job) => sum + bytesOf(job), 0);
    assert.deepEqual([count, bytes], [roots.length, sum], kept);
    const free = roots.filter(({ awaiters }) => awaiters === 0);
    assert.equal(oldest?.completedAt, free.length === 0 ? undefined : Math.min(...free.map((job) => job.completedAt)));
  }
  const awaiters = new Map<string, number>();
  for (const job of jobs) {
    const inner = state.job(keptBy(job));
    const above = new Set(state.lineage(job));
    for (const one of inner === undefined ? [] : state.lineage(inner))
      if (!above.has(one)) awaiters.set(one.id, (awaiters.get(one.id) ?? 0) + 1);
  }
  for (const job of jobs) assert.equal(job.awaiters, awaiters.get(job.id) ?? 0, 'awaiters');
  assert.deepEqual(tallied(state.tallies()), countedBy(jobs));
  const holders = jobs.filter(({ places }) => places.includes('q')).map(({ id }) => id);
  assert.deepEqual(Array.from(state.holders('', 'q'), ({ id }) => id).sort(), holders.sort());
}

/**
 * The records of a store that receives all changes, in the order in which stores write them.
 */
class Stored {
  readonly #jobs = new Map<string, JobRecord>();
  readonly #settings = new Map<string, SettingRecord | undefined>();
  readonly #annotations = new Map<string, AnnotationRecord | undefined>();

  keep(state: State): void {
    const { jobs, forgotten, settings, annotations } = state.changes();
    for (const job of jobs) this.#jobs.set(job.id, recordOf(job));
    for (const id of forgotten) this.#jobs.delete(id);
    for (const [key, setting] of settings) this.#settings.set(key, setting);
    for (const [key, annotation] of annotations) this.#annotations.set(key, annotation);
  }

  opened(): State {
    const state = new State();
    for (const job of this.#jobs.values()) state.load(job);
    for (const [key, setting] of this.#settings) state.loadSetting(key, setting);
    for (const said of this.#annotations.values())
      if (said !== undefined) state.loadAnnotation(said.job, said.name, said.value);
    state.loaded();
    return state;
  }
}

/** A state that receives the groups of another state later, several at once. */
class Follower {
  readonly state = new State();
  #jobs = new Map<string, JobRecord | undefined>();
  #settings = new Map<string, SettingRecord | undefined>();
  #annotations = new Map<string, AnnotationRecord | undefined>();

  hear({ jobs, forgotten, settings, annotations }: Changes): void {
    for (const job of jobs) this.#jobs.set(job.id, recordOf(job));
    for (const id of forgotten) this.#jobs.set(id, undefined);
    for (const [key, setting] of settings) this.#settings.set(key, setting);
    for (const [key, annotation] of annotations) this.#annotations.set(key, annotation);
  }

  follow(): void {
    admitNews(this.state, { jobs: this.#jobs, settings: this.#settings, annotations: this.#annotations });
    this.#jobs = new Map();
    this.#settings = new Map();
    this.#annotations = new Map();
  }
}

/**
 * Runs groups of commands and rolls some of them back, on a state that packs completed jobs or
 * not. Checks everything after each command and each group.
 */
function checkGroups(all: readonly { wishes: readonly Wish[]; kept: boolean }[], packs: boolean): void {
  const state = new State(packs ? new HeldPayloads() : undefined);
  let unpacked: readonly JobRecord[] = [];
  const wishes = new Wishes();
  const stored = new Stored();
  const follower = new Follower();
  const effects: Effect[] = [];
  let now = 0;
  decide(state, activateUs, outsideAt(now));
  stored.keep(state);
  follower.hear(state.changes());
  state.keepChanges();
  for (const { wishes: group, kept } of all) {
    const before = snapshotOf(state);
    for (const wish of group) {
      const command = wishes.command(state, wish);
      const unrefused = snapshotOf(state);
      const told = effects.length;
      try {
        decide(state, command, { ...outsideAt(++now), listening: true }, effects);
      } catch (error) {
        assert.equal(effects.length, told);
        const expected = error instanceof CallsheetError || /exists already/.test((error as Error).message);
        assert.ok(expected, `${command.type}: ${(error as Error).stack}`);
        assert.deepEqual(snapshotOf(state), unrefused, `${command.type} was refused`);
      }
      // A store packs jobs when they are safe, while the next commands are decided.
      if (now % 4 === 0) state.pack(unpacked);
      checkDerived(state);
    }
    if (kept) {
      stored.keep(state);
      follower.hear(state.changes());
      if (now % 3 === 0) follower.follow();
      ({ jobs: unpacked } = state.changes());
      state.keepChanges();
    } else {
      state.rollback(0);
      assert.deepEqual(snapshotOf(state), before, 'the group was rolled back');
      checkDerived(state);
    }
    assert.deepEqual(changesOf(state), { jobs: [], forgotten: [], settings: [], annotations: [] });
  }
  const opened = stored.opened();
  // The order of jobs that completed in the same millisecond is not stored.
  const { completed: _, ...told } = snapshotOf(opened);
  const { completed: __, ...kept } = snapshotOf(state);
  assert.deepEqual(told, kept, 'the stored records make the same state');
  checkDerived(opened);
  follower.follow();
  const { completed: ___, ...followed } = snapshotOf(follower.state);
  assert.deepEqual(followed, kept, 'the received groups make the same state');
  for (const kept of ['succeeded', 'failed'] as const)
    assert.equal(follower.state.kept(kept).count, state.kept(kept).count);
  checkDerived(follower.state);
}

describe('the state', () => {
  it('is unchanged by a refused command, and by a group that was rolled back', (t) => {
    fc.assert(fc.property(groups, fc.boolean(), checkGroups), {
      seed: seedOf(t),
      numRuns: 150,
    });
  });

  it('[3.2] returns each job to its place in line on rollback, even one that had left it and come back', () => {
    const machine = new Machine();
    const { state } = machine;
    machine.put({ ...whole('parallel', 'w', []), callable: 'm#post' }, call('b'));
    const first = () => nameOf(state.firstQueued('', () => true, 0)!.id);
    assert.equal(first(), 'w');
    decide(state, { type: 'claim', job: idOf('w'), agent: main }, outsideAt(1));
    assert.equal(first(), 'b', 'without parts, its postprocess is queued behind');
    state.rollback(0);
    assert.equal(first(), 'w');
  });

  it('[3.2] moves a lane back when the job in front that was given back leaves again', () => {
    const machine = new Machine();
    machine.put(call('a1'), call('a2'), call('b', {}, { callable: 'm#b' }));
    for (const name of ['a2', 'b']) machine.claim(name);
    for (const name of ['a2', 'b']) machine.giveBack(name);
    assert.deepEqual(machine.claimAll(), ['a2', 'b', 'a1']);
  });

  it('forgets on rollback a job that was put and completed in the group', () => {
    const { state } = new Machine();
    const jobs = [whole('serial', 'w', [])];
    decide(state, { type: 'put', queue: '', owner: idOf('owner'), level: 'full', jobs }, outsideAt(1));
    decide(state, { type: 'claim', job: idOf('w'), agent: main }, outsideAt(2));
    assert.equal(state.kept('succeeded').count, 1);
    state.rollback(0);
    const { count, oldest } = state.kept('succeeded');
    assert.deepEqual([state.size, count, oldest], [0, 0, undefined]);
  });

  it('keeps other jobs on rollback of a step that an invariant refused', () => {
    const machine = new Machine();
    const { state } = machine;
    machine.put(call('a'));
    machine.claim('a');
    machine.settle('a');
    machine.put(call('b', {}, { callbacks: [call('c')] }));
    const mark = state.begin(machine.now);
    assert.throws(() =>
      state.change(machine.job('b'), (row) => {
        row.status = 'completed';
      }),
    );
    state.rollback(mark);
    assert.equal(state.kept('succeeded').oldest?.id, idOf('a'));
    checkDerived(state);
  });

  it('[4.7] holds no job back after rollback of a full quota', () => {
    const machine = new Machine();
    const { state } = machine;
    const setQuota = { type: 'setQuota', queue: '', name: 'q', size: 1, rate: 0, ratePeriodMs: 0 } as const;
    machine.do(setQuota);
    machine.put(call('a', { quotas: ['q'] }), call('b', { quotas: ['q'] }));
    machine.claim('a');
    machine.do({ type: 'removeQuota', queue: '', name: 'q' });
    const first = () => state.firstQueued('', () => true, 0)?.id;
    assert.equal(first(), idOf('b'));
    decide(state, setQuota, outsideAt(1));
    assert.equal(first(), undefined);
    state.rollback(0);
    assert.equal(first(), idOf('b'));
  });

  it('restores rates and the counts of queues on rollback of a claim and a move', () => {
    const machine = new Machine();
    const { state } = machine;
    machine.do({ type: 'createQueue', name: 'other' });
    machine.do({ type: 'setQuota', queue: '', name: 'r', size: 9, rate: 1, ratePeriodMs: 1000 });
    machine.put(call('a', { quotas: ['r'] }), call('b'));
    machine.do({ type: 'remove', job: idOf('b') });
    const first = () => nameOf(state.firstQueued('', () => true, machine.now)?.id ?? '');
    decide(state, { type: 'claim', job: idOf('a'), agent: 'main' }, outsideAt(machine.now));
    decide(state, { type: 'putAgain', job: idOf('b'), queue: 'other' }, outsideAt(machine.now));
    state.rollback(0);
    assert.equal(first(), 'a');
    assert.deepEqual([state.unfinished(''), state.unfinished('other')], [1, 0]);
  });

  it('[3.4] sends a store nothing of a refused put', () => {
    const { state } = new Machine();
    const put = (...jobs: JobSpec[]) =>
      decide(state, { type: 'put', queue: '', owner: idOf('o'), level: 'full', jobs }, outsideAt(1));
    put(call('a'));
    assert.throws(() => put(call('b'), call('a')));
    assert.deepEqual(changesOf(state).forgotten, [], 'no unstored job is forgotten');
    put(call('b'));
    const { jobs, forgotten } = changesOf(state);
    assert.deepEqual([jobs.map(({ id }) => id), forgotten], [[idOf('a'), idOf('b')], []]);
  });

  it('[3.4] rejects an id that is in use', () => {
    const machine = new Machine();
    machine.put(call('a'));
    assert.throws(() => machine.put(call('b'), call('a')), /exists already/);
    assert.deepEqual(machine.line(), ['a']);
  });

  it('continues the positions of loaded records', () => {
    const machine = new Machine();
    machine.put(call('a'), call('b'), call('c'));
    const reopened = machine.reopened();
    reopened.put(call('d'));
    assert.deepEqual(reopened.line(), ['a', 'b', 'c', 'd']);
  });

  it('reports each changed record once, in its last state', () => {
    const machine = new Machine();
    machine.put(call('a'));
    const { state } = machine;
    decide(state, { type: 'claim', job: idOf('a'), agent: main }, outsideAt(1));
    decide(state, { type: 'begun', job: idOf('a'), fence: 1, at: 1 }, outsideAt(2));
    const { jobs, forgotten } = state.changes();
    assert.deepEqual([jobs.length, jobs[0]!.status, forgotten.length], [1, 'active', 0]);
  });

  it('reports nothing of a job that was put and forgotten in one group', () => {
    const { state } = new Machine();
    const jobs = [whole('serial', 'w', [])];
    decide(state, { type: 'put', queue: '', owner: idOf('owner'), level: 'full', jobs }, outsideAt(1));
    decide(state, { type: 'claim', job: idOf('w'), agent: main }, outsideAt(2));
    decide(state, { type: 'forget', keep: keeping(0) }, outsideAt(3));
    assert.equal(state.size, 0);
    const { jobs: told, forgotten } = changesOf(state);
    assert.deepEqual([told, forgotten], [[], []]);
  });

  for (const [what, patch] of [
    ['an outcome that changes', { outcome: 'failure' }],
    ['a completed job that becomes pending', { status: 'pending' }],
    ['a job in line that is claimed', { queued: true, claimed: true }],
    ['a start without a claim', { begun: true }],
    ['more parts done than the job has', { partsDone: 1 }],
  ] as const) {
    it(`rejects a step that would break an invariant: ${what}`, () => {
      const machine = new Machine();
      machine.put(call('a'));
      machine.claim('a');
      machine.settle('a');
      const broken = { ...recordOf(machine.job('a')), ...patch };
      assert.throws(() => machine.state.change(machine.job('a'), (row) => row.restore(broken)), /invariant/);
    });
  }
});
