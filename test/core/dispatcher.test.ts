/**
 * Two dispatchers over one state: activation, death, and the fate of the jobs that a dispatcher
 * held.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isFor } from '../../src/core/agent.js';
import type { Command, Effect, JobSpec, Settled } from '../../src/core/commands.js';
import { decide } from '../../src/core/decide.js';
import { pingsOf } from '../../src/core/dispatchers.js';
import { agentDispatcher, agentKey, type Id, type JobRecord, type SettingRecord } from '../../src/core/records.js';
import { State } from '../../src/core/state/state.js';
import { call, idOf, nameOf, outsideAt, told, value, whole } from './making.js';

const pingMs = 10;
const deathMs = 20;

/** A process with its dispatcher. */
class Process {
  readonly #world: World;
  readonly id: Id;
  readonly incarnation: Id;

  constructor(world: World, name: string, incarnation: string) {
    this.#world = world;
    this.id = idOf(name);
    this.incarnation = idOf(incarnation);
  }

  do(command: Command): readonly Effect[] {
    return this.#world.decide(command, this.id);
  }

  activate(isPassing = false): readonly Effect[] {
    return this.do({ type: 'activate', ...this.#self, host: 'here', pid: 1, pingMs, deathMs, isPassing });
  }

  ping(): readonly Effect[] {
    return this.do({ type: 'ping', ...this.#self });
  }

  deactivate(): readonly Effect[] {
    return this.do({ type: 'deactivate', ...this.#self });
  }

  rescue(other: Process, pings = this.#world.pings(other)): readonly Effect[] {
    return this.do({ type: 'rescue', dispatcher: other.id, pings });
  }

  claim(name: string): readonly Effect[] {
    return this.do({ type: 'claim', job: idOf(name), agent: agentKey(this.id, '', 'main') });
  }

  /** Settles under `fence`, which may be over. */
  settle(name: string, fence = 1, outcome: Settled = value): readonly Effect[] {
    return this.do({ type: 'settle', job: idOf(name), fence, outcome, startedAt: 1, inner: [] });
  }

  get #self() {
    return { dispatcher: this.id, incarnation: this.incarnation };
  }
}

class World {
  readonly state = new State();
  now = 1000;

  process(name: string, incarnation = name): Process {
    return new Process(this, name, incarnation);
  }

  /** Returns two active processes. */
  pair(): [a: Process, b: Process] {
    const both: [Process, Process] = [this.process('a'), this.process('b')];
    for (const one of both) one.activate();
    return both;
  }

  /** The events about dispatchers so far. */
  events: string[] = [];

  decide(command: Command, dispatcher: Id): readonly Effect[] {
    const { effects: all } = decide(this.state, command, { ...outsideAt(this.now), dispatcher, listening: true });
    const effects = all.filter(({ type }) => type !== 'event');
    for (const effect of all) {
      if (effect.type === 'event' && 'dispatcher' in effect.event)
        this.events.push(`${effect.event.type} ${nameOf(effect.event.dispatcher)}`);
    }
    this.state.keepChanges();
    return effects;
  }

  put(...jobs: JobSpec[]): void {
    this.decide({ type: 'put', queue: '', owner: idOf('client'), level: 'full', jobs }, '');
  }

  job(name: string): JobRecord {
    return this.state.job(idOf(name))!;
  }

  holder(name: string): string {
    return nameOf(agentDispatcher(this.job(name).agent));
  }

  settings(kind: SettingRecord['kind']): SettingRecord[] {
    return [...this.state.settings()].filter((setting) => setting.kind === kind);
  }

  pings({ id }: Process): number {
    return pingsOf(this.state, id)!.count;
  }

  isActive({ id }: Process): boolean {
    return this.state.isActive(id);
  }
}

const refusedAs = (code: string) => (error: { code?: string }) => error.code === code;

describe('a dispatcher whose id ends with its process', () => {
  it('[5.1] is forgotten a day after its end, with its agents, and no other is', () => {
    const world = new World();
    const [gone, kept, active] = ['gone', 'kept', 'active'].map((name) => world.process(name));
    gone!.activate(true);
    kept!.activate();
    active!.activate(true);
    for (const { id } of [gone!, kept!])
      world.decide({ type: 'setAgent', dispatcher: id, queue: '', name: 'main', size: 1, filter: null, retry: {} }, '');
    gone!.deactivate();
    kept!.deactivate();
    const names = (kind: 'dispatcher' | 'agent' | 'ping') =>
      world.settings(kind).map((one) => nameOf('dispatcher' in one ? one.dispatcher : (one as { id: Id }).id));
    world.now += 86_400_000;
    world.process('other').activate();
    assert.deepEqual(names('dispatcher'), ['gone', 'kept', 'active', 'other'], 'not before');
    world.now += 1;
    world.process('last').activate();
    assert.deepEqual(names('dispatcher'), ['kept', 'active', 'other', 'last']);
    assert.deepEqual(names('agent'), ['kept']);
    assert.deepEqual(names('ping'), ['kept', 'active', 'other', 'last']);
  });
});

describe('a dispatcher that is silent', () => {
  it('[5.6] is declared dead by another, unless it has pinged since the other saw it', () => {
    const world = new World();
    const [a, b] = world.pair();
    const seen = world.pings(a);
    a.ping();
    b.rescue(a, seen);
    assert.ok(world.isActive(a));
    b.rescue(a, world.pings(a));
    assert.ok(!world.isActive(a));
  });

  it('[5.6] is not taken for dead after its next process has begun', () => {
    const world = new World();
    const [a, b] = world.pair();
    const seen = world.pings(a);
    a.deactivate();
    world.process('a', 'next').activate();
    b.rescue(a, seen);
    assert.ok(world.isActive(a));
  });

  it('[5.6] loses its jobs: begun ones are interrupted, claimed ones go to the front of the line uncounted', () => {
    const world = new World();
    const [a, b] = world.pair();
    world.put(call('begun'), call('claimed'), call('once', { policy: 'never' }), call('waiting'));
    for (const name of ['begun', 'claimed', 'once']) a.claim(name);
    a.do({ type: 'begun', job: idOf('begun'), fence: 1, at: 1 });
    b.rescue(a);
    assert.deepEqual(
      ['begun', 'claimed', 'once', 'waiting'].map((name) => world.job(name).status),
      ['pending', 'pending', 'completed', 'pending'],
    );
    assert.deepEqual([world.job('begun').attempts, world.job('claimed').attempts], [1, 1]);
    assert.deepEqual([world.job('begun').interruptions, world.job('claimed').interruptions], [0, 0]);
    assert.equal(world.job('once').outcome, 'failure', 'what must not begin twice does not');
    assert.deepEqual(world.state.heldBy(a.id), []);
    for (const name of ['begun', 'claimed']) {
      assert.equal(world.state.firstQueued('', () => true, 0)?.id, idOf(name));
      b.claim(name);
    }
  });

  it('[5.6] is rescued without touching the jobs of a live dispatcher', () => {
    const world = new World();
    const [a, b] = world.pair();
    world.put(call('mine'), call('theirs'));
    a.claim('theirs');
    b.claim('mine');
    b.ping();
    b.rescue(a);
    assert.equal(world.holder('mine'), 'b');
    assert.ok(world.job('mine').claimed);
    assert.ok(!world.job('theirs').claimed);
    b.settle('mine');
    assert.equal(world.job('mine').status, 'completed');
  });

  it('[5.6] leaves the remaining callbacks of its jobs to another dispatcher', () => {
    const world = new World();
    const [a, b] = world.pair();
    world.put(call('job', {}, { callbacks: [call('first'), call('second'), call('third')] }));
    a.claim('job');
    assert.deepEqual(told(a.settle('job')), ['deliver job (synced)', 'run first (written)']);
    a.settle('first');
    assert.equal(world.holder('second'), 'a');
    assert.deepEqual(told(b.rescue(a)), ['run second (written)']);
    assert.equal(world.holder('second'), 'b');
    b.settle('second', 2);
    assert.equal(world.holder('third'), 'b');
    b.settle('third');
    assert.equal(world.job('job').status, 'completed');
    assert.equal(world.job('first').attempts, 1);
  });

  it('[5.6] that was not dead has its results refused, whether or not the job is claimed again', () => {
    const world = new World();
    const [a, b] = world.pair();
    world.put(call('waiting'), call('taken'));
    a.claim('waiting');
    a.claim('taken');
    b.rescue(a);
    b.claim('taken');
    for (const name of ['waiting', 'taken']) assert.throws(() => a.settle(name), refusedAs('CLAIM_LOST'));
    assert.deepEqual(
      ['waiting', 'taken'].map((name) => world.job(name).outcome),
      ['none', 'none'],
    );
    b.settle('taken', 2);
    assert.equal(world.job('taken').outcome, 'value');
  });

  it('[5.6] that was not dead learns of it by its next ping, and claims again only after reactivation', () => {
    const world = new World();
    const [a, b] = world.pair();
    world.put(call('job'));
    b.rescue(a);
    a.claim('job');
    assert.ok(!world.job('job').claimed);
    assert.throws(() => a.ping(), refusedAs('DISPATCHER_INACTIVE'));
    a.activate();
    a.ping();
    a.claim('job');
    assert.equal(world.holder('job'), 'a');
  });

  it('[5.6] ends cancelled jobs that it ran', () => {
    const world = new World();
    const [a, b] = world.pair();
    world.put(call('job'));
    a.claim('job');
    b.do({ type: 'cancel', job: idOf('job') });
    assert.equal(world.job('job').outcome, 'none');
    b.rescue(a);
    assert.equal(world.job('job').outcome, 'failure');
  });
});

describe('a dispatcher whose id is at work elsewhere', () => {
  it('[5.7] refuses to activate, and changes nothing, while the other pings', () => {
    const world = new World();
    const first = world.process('a', 'first');
    const second = world.process('a', 'second');
    first.activate();
    world.put(call('job'));
    first.claim('job');
    assert.throws(() => second.activate(), refusedAs('DISPATCHER_ACTIVE'));
    assert.throws(() => second.ping(), refusedAs('DISPATCHER_INACTIVE'));
    second.deactivate();
    assert.ok(world.isActive(first));
    first.settle('job');
    assert.equal(world.job('job').outcome, 'value');
  });

  it('[5.7] activates after the other closed', () => {
    const world = new World();
    const first = world.process('a', 'first');
    const second = world.process('a', 'second');
    first.activate();
    first.deactivate();
    second.activate();
    assert.throws(() => first.ping(), refusedAs('DISPATCHER_INACTIVE'));
    second.ping();
  });

  it('[5.7] takes over the jobs of the other after its death, and the other’s results are refused', () => {
    const world = new World();
    const first = world.process('a', 'first');
    const second = world.process('a', 'second');
    first.activate();
    world.put(call('job'));
    first.claim('job');
    second.rescue(first);
    second.activate();
    assert.ok(!world.job('job').claimed);
    second.claim('job');
    assert.throws(() => first.ping(), refusedAs('DISPATCHER_INACTIVE'));
    assert.throws(() => first.settle('job'), refusedAs('CLAIM_LOST'));
    assert.throws(() => first.activate(), refusedAs('DISPATCHER_ACTIVE'));
    second.settle('job', 2);
    assert.equal(world.job('job').outcome, 'value');
  });

  it('[5.7] may repeat its activation without losing its jobs', () => {
    const world = new World();
    const a = world.process('a');
    a.activate();
    world.put(call('job'));
    a.claim('job');
    a.activate();
    assert.ok(world.job('job').claimed, 'it has not died in between');
  });

  it('[7.4] ends the maps that its own process fed, and leaves those of clients', () => {
    const world = new World();
    const a = world.process('a');
    a.activate();
    world.put({ ...call('map'), form: 'map', callable: '' });
    const next = world.process('a', 'next');
    next.do({ type: 'recover', owner: idOf('another') });
    assert.equal(world.job('map').outcome, 'none');
    next.do({ type: 'recover', owner: world.job('map').owner });
    assert.equal(world.job('map').outcome, 'failure');
  });

  it('[5.7] takes over at once in a store that only one process can open', () => {
    const world = new World();
    const [a, b] = world.pair();
    world.put(call('one'), call('two'));
    a.claim('one');
    b.claim('two');
    const next = world.process('a', 'next');
    next.do({ type: 'recover' });
    next.activate();
    assert.ok(!world.isActive(b));
    assert.deepEqual(
      ['one', 'two'].map((name) => world.job(name).claimed),
      [false, false],
    );
  });
});

describe('a dispatcher that closes', () => {
  it('[5.9] gives its jobs back at once, uncounted', () => {
    const world = new World();
    const [a] = world.pair();
    world.put(call('claimed'), call('begun'), call('then', {}, { callbacks: [call('callback')] }));
    for (const name of ['claimed', 'begun', 'then']) a.claim(name);
    a.do({ type: 'begun', job: idOf('begun'), fence: 1, at: 1 });
    a.settle('then');
    assert.deepEqual(told(a.deactivate()), ['run callback (written)']);
    assert.deepEqual(
      ['claimed', 'begun'].map((name) => world.job(name).status),
      ['pending', 'pending'],
    );
    assert.equal(world.job('begun').interruptions, 0);
    assert.equal(world.holder('callback'), 'b');
  });
});

describe('callbacks without their dispatcher', () => {
  it('[6.3] run on any active dispatcher when a client adds them to a completed job', () => {
    const world = new World();
    const [a, b] = world.pair();
    world.put(call('job'));
    a.claim('job');
    a.settle('job');
    a.deactivate();
    const effects = world.decide({ type: 'addCallbacks', job: idOf('job'), callbacks: [call('late')] }, '');
    assert.deepEqual(told(effects), ['run late (written)']);
    assert.equal(world.holder('late'), 'b');
    b.settle('late');
    assert.equal(world.job('late').status, 'completed');
  });

  it('[6.3] wait for a dispatcher to activate if none is active', () => {
    const world = new World();
    const [a, b] = world.pair();
    world.put(call('job', {}, { callbacks: [call('callback')] }));
    a.claim('job');
    b.deactivate();
    a.settle('job');
    a.deactivate();
    assert.deepEqual(told(b.activate()), ['run callback (written)']);
    b.settle('callback', world.job('callback').fence);
    assert.equal(world.job('job').status, 'completed');
  });

  it('[2.10] end without a run if they are cancelled before a dispatcher is active', () => {
    const world = new World();
    const [a, b] = world.pair();
    world.put(call('job', {}, { callbacks: [call('callback')] }));
    a.claim('job');
    b.deactivate();
    a.settle('job');
    a.deactivate();
    world.decide({ type: 'cancel', job: idOf('callback') }, '');
    assert.deepEqual(
      told(b.activate()).filter((effect) => effect.startsWith('run')),
      [],
    );
    assert.deepEqual([world.job('callback').outcome, world.job('job').status], ['failure', 'completed']);
  });
});

describe('a job for one dispatcher', () => {
  const copies = (...names: string[]) =>
    whole(
      'parallel',
      'all',
      names.map((name) => call(`for ${name}`, { only: idOf(name) })),
    );

  it('[3.7] is claimed by that one only, and blocks no other dispatcher', () => {
    const world = new World();
    const [a, b] = world.pair();
    world.put(copies('a', 'b'), call('any'));
    a.claim('all');
    const first = (dispatcher: Id) => nameOf(world.state.firstQueued('', (lane) => isFor(lane, dispatcher), 0)!.id);
    assert.deepEqual([first(a.id), first(b.id)], ['any', 'any']);
    b.claim('any');
    assert.deepEqual([first(a.id), first(b.id)], ['for a', 'for b']);
    b.claim('for a');
    assert.ok(!world.job('for a').claimed);
    a.claim('for a');
    b.claim('for b');
    a.settle('for a');
    b.settle('for b');
    assert.equal(world.job('all').outcome, 'list');
  });

  it('[3.7] fails when that one closes or dies, claimed or not, and its whole ends', () => {
    for (const how of ['closes', 'dies', 'died'] as const) {
      const world = new World();
      const [a, b] = world.pair();
      world.put(copies('a', 'b'), whole('parallel', 'mine', [call('claimed', { only: a.id })]));
      for (const name of ['all', 'mine', 'claimed']) a.claim(name);
      a.do({ type: 'begun', job: idOf('claimed'), fence: 1, at: 1 });
      b.claim('for b');
      b.settle('for b');
      if (how === 'closes') a.deactivate();
      else if (how === 'dies') b.rescue(a);
      else b.do({ type: 'recover' });
      assert.deepEqual(
        ['for a', 'claimed', 'for b', 'all', 'mine'].map((name) => world.job(name).outcome),
        ['failure', 'failure', 'value', 'list', 'list'],
        how,
      );
    }
  });

  it('[3.7] has parts that are for the same dispatcher', () => {
    const world = new World();
    const [a, b] = world.pair();
    world.put({ ...whole('serial', 'w', [call('p')]), options: { only: a.id }, callbacks: [call('then')] });
    a.claim('w');
    b.claim('p');
    assert.ok(!world.job('p').claimed);
    b.rescue(a);
    assert.deepEqual([world.job('p').outcome, world.job('w').outcome], ['failure', 'failure']);
    assert.equal(world.holder('then'), 'b', 'its callbacks are for anybody');
  });

  it('[3.7] is refused at the put if that one is not active', () => {
    const world = new World();
    const [a] = world.pair();
    a.deactivate();
    assert.throws(() => world.put(copies('a', 'b')), refusedAs('DISPATCHER_INACTIVE'));
    assert.equal(world.state.size, 0);
  });
});

describe('events of dispatchers', () => {
  it('[5.5] report each activation, deactivation and registration once', () => {
    const world = new World();
    const [a, b] = world.pair();
    a.activate();
    a.ping();
    b.rescue(a);
    b.rescue(a);
    a.activate();
    a.deactivate();
    a.deactivate();
    world.process('a', 'next').activate();
    world.process('a', 'next').deactivate();
    b.do({ type: 'unregister', dispatcher: a.id });
    assert.deepEqual(world.events, [
      'dispatcher.registered a',
      'dispatcher.activated a',
      'dispatcher.registered b',
      'dispatcher.activated b',
      'dispatcher.deactivated a',
      'dispatcher.reactivated a',
      'dispatcher.deactivated a',
      'dispatcher.activated a',
      'dispatcher.deactivated a',
      'dispatcher.unregistered a',
    ]);
  });
});

describe('unregistering', () => {
  it('[5.4] removes an inactive dispatcher with its own agents only', () => {
    const world = new World();
    const [a, b] = world.pair();
    for (const { id } of [a, b]) {
      world.decide({ type: 'setAgent', dispatcher: id, queue: '', name: 'main', size: 1, filter: null, retry: {} }, '');
    }
    a.deactivate();
    b.do({ type: 'unregister', dispatcher: a.id });
    assert.deepEqual(
      world.settings('agent').map((agent) => agent.kind === 'agent' && agent.dispatcher),
      [b.id],
    );
    assert.equal(world.settings('dispatcher').length, 1);
    assert.throws(() => b.do({ type: 'unregister', dispatcher: a.id }), refusedAs('UNKNOWN_DISPATCHER'));
    const agent = {
      type: 'setAgent',
      dispatcher: a.id,
      queue: '',
      name: 'main',
      size: 1,
      filter: null,
      retry: {},
    } as const;
    assert.throws(() => b.do(agent), refusedAs('UNKNOWN_DISPATCHER'));
  });

  it('[5.4] refuses an active dispatcher', () => {
    const world = new World();
    const [a, b] = world.pair();
    assert.throws(() => b.do({ type: 'unregister', dispatcher: a.id }), refusedAs('DISPATCHER_ACTIVE'));
    assert.ok(world.isActive(a));
  });
});
