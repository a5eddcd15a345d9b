/** Wholes and callbacks, command by command. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { atOnce } from '../../src/core/decision.js';
import { call, idOf, keeping, Machine, payload, thrown, told, whole } from './making.js';

/** Claims the first job in line, and settles it if it runs on a thread, `times` times. */
function run(machine: Machine, times: number): string[] {
  const ran: string[] = [];
  for (let n = 0; n < times; n++) {
    const [first] = machine.line();
    machine.claim(first!);
    if (machine.job(first!).claimed) machine.settle(first!);
    ran.push(first!);
  }
  return ran;
}

describe('a serial', () => {
  it('[7.1] puts its parts one after another, without a thread of its own', () => {
    const machine = new Machine();
    machine.put(whole('serial', 'w', [call('a'), call('b')]));
    assert.deepEqual(machine.statuses('w', 'a', 'b'), ['pending', 'new', 'new']);
    assert.deepEqual(machine.claim('w'), []);
    assert.deepEqual(machine.statuses('w', 'a', 'b'), ['active', 'pending', 'new']);
    machine.claim('a');
    machine.settle('a', thrown);
    assert.deepEqual(machine.statuses('w', 'a', 'b'), ['active', 'completed', 'pending']);
    machine.claim('b');
    const effects = machine.settle('b');
    assert.deepEqual(machine.statuses('w', 'b'), ['completed', 'completed']);
    assert.equal(machine.job('w').outcome, 'list');
    assert.deepEqual(told(effects), ['deliver b (synced)', 'deliver w (synced)']);
  });
});

describe('a parallel', () => {
  it('[7.1] puts all its parts at once, and ends with the last in any order', () => {
    const machine = new Machine();
    machine.put(whole('parallel', 'w', [call('a'), call('b'), call('c')]));
    machine.claim('w');
    assert.deepEqual(machine.line(), ['a', 'b', 'c']);
    for (const part of ['c', 'a', 'b']) {
      assert.equal(machine.job('w').status, 'active');
      machine.claim(part);
      machine.settle(part);
    }
    assert.equal(machine.job('w').status, 'completed');
  });

  it('[7.1] runs its postprocess when its parts are done, and stays active until then', () => {
    const machine = new Machine();
    machine.put({ ...whole('parallel', 'w', [call('a')]), callable: 'm#post' });
    run(machine, 2);
    assert.deepEqual([machine.line(), machine.statuses('w')], [['w'], ['active']]);
    machine.claim('w');
    machine.interrupt('w');
    assert.deepEqual([machine.line(), machine.job('a').status], [['w'], 'completed'], '[7.3] parts are not run again');
    run(machine, 1);
    assert.equal(machine.job('w').outcome, 'value');
  });

  it('[7.2] completes when the wholes in it have completed', () => {
    const machine = new Machine();
    machine.put(whole('parallel', 'w', [whole('serial', 'x', [call('a'), call('b')]), whole('parallel', 'y', [])]));
    assert.deepEqual(run(machine, 5), ['w', 'x', 'y', 'a', 'b']);
    assert.deepEqual(machine.statuses('w', 'x', 'y'), ['completed', 'completed', 'completed']);
  });
});

describe('a whole that ends before its parts', () => {
  for (const [end, command] of [
    ['failed', { type: 'fail', job: idOf('w'), failure: payload() }],
    ['cancelled', { type: 'cancel', job: idOf('w') }],
    ['expired', { type: 'tick' }],
  ] as const) {
    for (const form of ['serial', 'parallel'] as const) {
      it(`[7.1] ends parts that have not begun, at any depth: a ${form}, ${end}`, () => {
        const machine = new Machine();
        const inner = whole('serial', 'x', [call('b'), call('c')]);
        machine.put({ ...whole(form, 'w', [call('a'), inner]), options: { beginByMs: 5 } });
        machine.now += 10;
        machine.do(command);
        assert.deepEqual(machine.statuses('w', 'a', 'x', 'b', 'c'), Array(5).fill('completed'));
        assert.deepEqual([machine.line(), machine.job('w').partsDone, machine.job('x').partsDone], [[], 2, 2]);
        assert.equal(machine.job('c').outcome, 'failure');
      });
    }
  }

  it('[7.1] stops running parts, and counts each as done when it has stopped', () => {
    const machine = new Machine();
    machine.put(whole('parallel', 'w', [call('a'), call('b')]));
    run(machine, 1);
    machine.claim('a');
    const effects = machine.do({ type: 'cancel', job: idOf('w') });
    assert.deepEqual(told(effects), ['deliver w (synced)', 'stop a (decided)', 'deliver b (synced)']);
    assert.deepEqual(machine.statuses('w', 'a', 'b'), ['completed', 'assigned', 'completed']);
    machine.settle('a');
    assert.deepEqual([machine.job('a').outcome, machine.job('w').partsDone], ['failure', 2]);
  });
});

describe('callbacks', () => {
  const withTwo = () => {
    const machine = new Machine();
    machine.put(call('a', {}, { callbacks: [call('first'), call('second')] }));
    return machine;
  };

  it('[6.3] run one after another after the call, and the job completes with the last', () => {
    const machine = withTwo();
    machine.claim('a');
    machine.settle('a');
    assert.deepEqual(machine.statuses('a', 'first', 'second'), ['callbacks', 'assigned', 'new']);
    machine.settle('first', thrown);
    assert.deepEqual(machine.statuses('a', 'first', 'second'), ['callbacks', 'completed', 'assigned']);
    machine.settle('second');
    assert.deepEqual(machine.statuses('a', 'second'), ['completed', 'completed']);
    assert.equal(machine.job('a').outcome, 'value', '[6.1] the first result is not changed');
  });

  it('[6.3] run at once when added to a completed job, whose status stays', () => {
    const machine = new Machine();
    machine.put(call('a'));
    run(machine, 1);
    const [effect] = machine.do({ type: 'addCallbacks', job: idOf('a'), callbacks: [call('late')] });
    assert.equal(effect?.type, 'run');
    machine.settle('late');
    assert.deepEqual(machine.statuses('a', 'late'), ['completed', 'completed']);
  });

  for (const [end, command] of [
    ['failed', (job: string) => ({ type: 'fail', job, failure: payload() }) as const],
    ['cancelled', (job: string) => ({ type: 'cancel', job }) as const],
  ] as const) {
    for (const which of ['first', 'second']) {
      it(`[2.13] still run after the call if the ${which} of two is ${end} before its turn`, () => {
        const machine = withTwo();
        machine.do(command(idOf(which)));
        const other = which === 'first' ? 'second' : 'first';
        assert.deepEqual(machine.statuses('a', which, other), ['pending', 'completed', 'new']);
        machine.claim('a');
        machine.settle('a');
        assert.deepEqual(machine.statuses('a', other), ['callbacks', 'assigned']);
        machine.settle(other);
        assert.equal(machine.job('a').status, 'completed');
      });
    }
  }

  it('[6.4] run from the interrupted one on in the next process, not those finished', () => {
    const machine = withTwo();
    machine.claim('a');
    machine.settle('a');
    machine.settle('first');
    machine.begun('second');
    const next = machine.reopened();
    assert.deepEqual(next.statuses('a', 'first', 'second'), ['callbacks', 'completed', 'assigned']);
    next.settle('second');
    assert.equal(next.job('a').status, 'completed');
  });
});

describe('a map', () => {
  const mapped = () => {
    const machine = new Machine();
    machine.put(call('m', {}, { form: 'map', callable: '' }));
    machine.claim('m');
    return machine;
  };
  const feed = (machine: Machine, from: number, names: readonly string[], chunk = `c${from}`) =>
    machine.do({ type: 'feed', job: idOf('m'), from, chunk: idOf(chunk), parts: names.map((name) => call(name)) });
  const names = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => `i${from + n}`);

  it('[7.4] accepts items from the next index on, and refuses any other', () => {
    const machine = mapped();
    feed(machine, 0, ['a', 'b']);
    for (const from of [0, 1, 3]) assert.throws(() => feed(machine, from, ['x']), { code: 'JOB_STATUS' });
    feed(machine, 2, ['c']);
    assert.deepEqual(
      [machine.line(), machine.statuses('m', 'c0')],
      [
        ['a', 'b', 'c'],
        ['active', 'active'],
      ],
    );
  });

  it('[7.4] folds a chunk when it is full or the input has ended and its items are done, and ends with the last chunk', () => {
    const machine = mapped();
    feed(machine, 0, names(0, 256));
    feed(machine, 256, ['last']);
    const effects = machine.line().flatMap((name) => {
      machine.claim(name);
      return machine.settle(name).filter(({ type }) => type === 'fold');
    });
    assert.deepEqual(told(effects), ['fold c0 (decided)']);
    assert.deepEqual(told(machine.do({ type: 'endInput', job: idOf('m'), failure: null })), ['fold c256 (decided)']);
    machine.do({ type: 'fold', job: idOf('c0'), list: payload(9) });
    assert.deepEqual([machine.state.size, machine.job('m').status], [4, 'active']);
    machine.do({ type: 'fold', job: idOf('c256'), list: null });
    assert.deepEqual([machine.state.size, machine.job('m').outcome], [4, 'list']);
    assert.throws(() => feed(machine, 257, ['x']), { code: 'JOB_STATUS' });
  });

  it('[7.3] has a chunk folded by the next process if its own did not fold it', () => {
    const machine = mapped();
    feed(machine, 0, ['a']);
    machine.do({ type: 'endInput', job: idOf('m'), failure: null });
    machine.claim('a');
    machine.settle('a');
    const next = machine.reopened();
    assert.equal(next.job('c0').outcome, 'none');
    next.do({ type: 'fold', job: idOf('c0'), list: payload(9) });
    next.do({ type: 'fold', job: idOf('c0'), list: payload(8) });
    assert.deepEqual([next.job('m').outcome, next.job('c0').result?.byteLength], ['list', 9]);
  });

  it('[7.3] has a chunk folded by another process if the one that was asked has died', () => {
    const machine = mapped();
    feed(machine, 0, ['a']);
    machine.do({ type: 'endInput', job: idOf('m'), failure: null });
    machine.claim('a');
    machine.settle('a');
    const tick = () => told(machine.do({ type: 'tick' }));
    machine.now = machine.state.nextTimer! - 2;
    assert.deepEqual([tick(), tick(), tick()], [[], ['fold c0 (decided)'], []], 'each time once');
    machine.now = machine.state.nextTimer!;
    assert.deepEqual(tick(), ['fold c0 (decided)']);
    machine.do({ type: 'fold', job: idOf('c0'), list: payload(9) });
    assert.deepEqual([machine.job('m').outcome, machine.state.nextTimer], ['list', undefined]);
  });
});

describe('a whole with more parts than one decision puts or cancels', () => {
  const most = atOnce.parts;
  before(() => {
    atOnce.parts = 3;
  });
  after(() => {
    atOnce.parts = most;
  });

  const parts = (count: number) => Array.from({ length: count }, (_, index) => call(`p${index}`));
  const named = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `p${from + index}`);
  const goOn = (machine: Machine, name = 'w') => told(machine.do({ type: 'goOn', job: idOf(name) }));
  const cancel = (machine: Machine, name = 'w') => machine.do({ type: 'cancel', job: idOf(name) });
  const cancelled = (machine: Machine) => named(0, 8).filter((name) => machine.job(name).outcome === 'failure');

  /** A parallel of eight parts in line. */
  function begun(): Machine {
    const machine = new Machine();
    machine.put({ ...whole('parallel', 'w', parts(8)), callbacks: [call('c')] });
    machine.claim('w');
    goOn(machine);
    goOn(machine);
    return machine;
  }

  it('[7.5] puts them in order, in several decisions', () => {
    const machine = new Machine();
    machine.put(whole('parallel', 'w', parts(8)));
    assert.deepEqual(told(machine.claim('w')), ['goOn w (decided)']);
    assert.deepEqual(machine.line(), named(0, 3));
    assert.deepEqual(goOn(machine), ['goOn w (decided)']);
    assert.deepEqual(machine.line(), named(0, 6));
    assert.deepEqual(goOn(machine), []);
    assert.deepEqual(machine.line(), named(0, 8));
    assert.deepEqual([goOn(machine), machine.line(), machine.state.nextTimer], [[], named(0, 8), undefined]);
  });

  it('[7.5] goes on in another process if its own has died', () => {
    const machine = new Machine();
    machine.put(whole('parallel', 'w', parts(8)));
    machine.claim('w');
    machine.now = machine.state.nextTimer! - 2;
    assert.deepEqual(told(machine.do({ type: 'tick' })), []);
    assert.deepEqual(told(machine.do({ type: 'tick' })), ['goOn w (decided)']);
    assert.deepEqual(machine.line(), named(0, 6));
    const next = machine.reopened();
    assert.deepEqual([next.line(), next.state.nextTimer], [named(0, 8), undefined]);
  });

  it('[7.2] puts parts that are added meanwhile once', () => {
    const machine = new Machine();
    machine.put(whole('parallel', 'w', parts(7)));
    machine.claim('w');
    machine.do({ type: 'addParts', job: idOf('w'), parts: [call('p7')] });
    assert.deepEqual(machine.line(), named(0, 3));
    goOn(machine);
    goOn(machine);
    machine.do({ type: 'addParts', job: idOf('w'), parts: [call('p8')] });
    assert.deepEqual(machine.line(), named(0, 9));
    assert.equal(machine.claimAll().length, 9);
    for (const name of named(0, 9)) machine.settle(name);
    assert.equal(machine.job('w').status, 'completed');
  });

  it('[7.2] leaves out parts that were ended before, and ends with them', () => {
    const machine = new Machine();
    machine.put(whole('parallel', 'w', parts(8)));
    for (const name of named(2, 8)) cancel(machine, name);
    assert.deepEqual(told(machine.claim('w')), []);
    assert.deepEqual(machine.line(), ['p0', 'p1']);
    run(machine, 2);
    assert.deepEqual([machine.job('w').status, machine.state.nextTimer], ['completed', undefined]);
  });

  it('[7.5] ends while it puts them', () => {
    const machine = new Machine();
    machine.put(whole('parallel', 'w', parts(8)));
    machine.claim('w');
    for (const name of named(3, 8)) cancel(machine, name);
    run(machine, 3);
    assert.deepEqual([machine.job('w').outcome, machine.job('w').status], ['list', 'completed']);
    assert.deepEqual([goOn(machine), machine.state.nextTimer], [[], undefined]);
  });

  it('[2.10] has its outcome at once when it is cancelled, then cancels them, then runs its callbacks', () => {
    const machine = begun();
    assert.deepEqual(told(cancel(machine)), [
      ...['deliver w (synced)', 'deliver p0 (synced)', 'deliver p1 (synced)', 'deliver p2 (synced)'],
      'goOn w (decided)',
    ]);
    assert.deepEqual([machine.job('w').outcome, machine.job('w').status], ['failure', 'callbacks']);
    assert.deepEqual([cancelled(machine), machine.job('c').status], [named(0, 3), 'new']);
    machine.do({ type: 'addCallbacks', job: idOf('w'), callbacks: [call('d')] });
    assert.deepEqual(machine.statuses('c', 'd'), ['new', 'new']);
    goOn(machine);
    assert.deepEqual([cancelled(machine), machine.job('c').status], [named(0, 6), 'new']);
    assert.equal(goOn(machine).at(-1), 'run c (written)');
    assert.deepEqual([cancelled(machine), machine.line()], [named(0, 8), []]);
    machine.settle('c');
    machine.settle('d');
    assert.deepEqual([machine.job('w').status, machine.state.nextTimer], ['completed', undefined]);
  });

  it('[2.10] runs none of them after its end, and takes no other outcome of one that runs', () => {
    const machine = begun();
    machine.claim('p7');
    machine.claim('p6');
    machine.claim('p5');
    cancel(machine);
    assert.deepEqual(told(machine.claim('p4')), ['deliver p4 (synced)']);
    assert.deepEqual([machine.job('p4').outcome, machine.job('p4').attempts], ['failure', 0]);
    machine.settle('p7');
    assert.equal(machine.job('p7').outcome, 'failure');
    machine.giveBack('p6');
    assert.equal(machine.job('p6').outcome, 'failure');
    assert.deepEqual(goOn(machine).slice(0, 1), ['deliver p3 (synced)']);
    assert.deepEqual([machine.job('p5').cancelled, machine.job('p5').outcome], [true, 'none']);
    machine.settle('p5');
    assert.deepEqual(cancelled(machine), named(0, 8));
  });

  it('[2.10] goes on with that after a crash, or in another process', () => {
    const machine = begun();
    cancel(machine);
    machine.now = machine.state.nextTimer!;
    machine.do({ type: 'tick' });
    assert.deepEqual(cancelled(machine), named(0, 6));
    const next = machine.reopened();
    assert.deepEqual([cancelled(next), next.job('w').status, next.job('c').claimed], [named(0, 8), 'callbacks', true]);
  });

  it('[2.10] goes on in time after the clock was set', () => {
    const machine = begun();
    cancel(machine);
    const left = machine.state.nextTimer! - machine.now;
    machine.now -= 1e6;
    machine.do({ type: 'clockSet', byMs: -1e6 });
    assert.ok(machine.state.nextTimer! - machine.now <= left);
  });

  it('[7.1] is done for its own whole when the last is cancelled', () => {
    const machine = new Machine();
    machine.put(whole('serial', 's', [whole('parallel', 'w', parts(8)), call('next')]));
    machine.claim('s');
    machine.claim('w');
    cancel(machine);
    assert.equal(machine.job('next').status, 'new');
    goOn(machine);
    assert.equal(machine.job('next').status, 'new');
    goOn(machine);
    assert.deepEqual([machine.job('w').status, machine.job('next').status], ['completed', 'pending']);
  });

  it('[2.6] gives its outcome at once to a job that returned it', () => {
    const machine = begun();
    machine.put(call('a'));
    machine.claim('a');
    machine.settle('a', { kind: 'job', job: idOf('w') });
    cancel(machine, 'a');
    assert.deepEqual([machine.job('a').status, machine.job('w').outcome], ['completed', 'failure']);
    assert.deepEqual(cancelled(machine), named(0, 3));
  });

  it('[7.2] cancels few in each decision, in whatever depth', () => {
    const machine = new Machine();
    const inner = Array.from({ length: 5 }, (_, index) =>
      whole(
        'parallel',
        `w${index}`,
        [0, 1, 2, 3, 4].map((at) => call(`p${index}.${at}`)),
      ),
    );
    machine.put(whole('parallel', 'w', inner));
    const jobs = [...machine.state.jobs()];
    let goesOn: string[] = [];
    let isMost = 0;
    const next = (name: string) => {
      const before = jobs.filter(({ outcome }) => outcome !== 'none').length;
      const effects = told(name === '' ? cancel(machine) : machine.do({ type: 'goOn', job: idOf(name) }));
      isMost = Math.max(isMost, jobs.filter(({ outcome }) => outcome !== 'none').length - before);
      goesOn.push(...effects.filter((one) => one.startsWith('goOn')).map((one) => one.split(' ')[1]!));
    };
    next('');
    for (let name = goesOn.shift(); name !== undefined; name = goesOn.shift()) next(name);
    goesOn = [];
    assert.deepEqual([...new Set(jobs.map(({ status }) => status))], ['completed']);
    assert.ok(isMost <= 6, `${isMost} at once`);
  });
});

describe('wholes that are completed', () => {
  it('[2.12] are forgotten a few at once if they have many parts', () => {
    const machine = new Machine();
    for (const name of ['a', 'b', 'c']) {
      machine.put(
        whole(
          'parallel',
          name,
          Array.from({ length: 200 }, (_, index) => call(`${name}${index}`)),
        ),
      );
      machine.do({ type: 'cancel', job: idOf(name) });
    }
    const left = () => machine.state.kept('failed').count;
    const seen = [left()];
    while (left() > 0) {
      machine.do({ type: 'forget', keep: keeping(0) });
      seen.push(left());
    }
    assert.deepEqual(seen, [3, 1, 0]);
  });
});
