/**
 * Random commands, made from wishes: a wish becomes a command only when it is decided, and picks
 * its job from the state of that moment, so that most commands are accepted.
 */
import fc from 'fast-check';
import type { Command, JobSpec, Settled } from '../../src/core/commands.js';
import { pingsOf } from '../../src/core/dispatchers.js';
import { overlapPolicies, type Payload } from '../../src/core/records.js';
import { scheduleOf } from '../../src/core/schedules.js';
import type { State } from '../../src/core/state/state.js';
import { UnknownQueueError } from '../../src/errors.js';
import { activateUs, call, idOf, inContractOrder, keeping, main, payload, us } from './making.js';

export interface Wish {
  readonly what: Command['type'];
  readonly which: number;
  readonly size: number;
}

export const wish: fc.Arbitrary<Wish> = fc.record({
  what: fc.oneof(
    { weight: 5, arbitrary: fc.constant('put' as const) },
    { weight: 9, arbitrary: fc.constant('claim' as const) },
    { weight: 8, arbitrary: fc.constant('settle' as const) },
    { weight: 6, arbitrary: fc.constantFrom('begun' as const, 'giveBack', 'interrupt', 'cancel', 'addCallbacks') },
    { weight: 5, arbitrary: fc.constantFrom('forget' as const, 'remove', 'putAgain', 'change', 'fail', 'addParts') },
    { weight: 4, arbitrary: fc.constantFrom('annotate' as const, 'setQuota', 'removeQuota', 'tick') },
    { weight: 4, arbitrary: fc.constantFrom('retry' as const, 'retry', 'forgetJob') },
    { weight: 1, arbitrary: fc.constant('refused' as const) },
    { weight: 1, arbitrary: fc.constantFrom('recover' as const, 'deactivate', 'rescue', 'unregister', 'forgetMemory') },
    { weight: 3, arbitrary: fc.constantFrom('activate' as const, 'ping') },
    { weight: 4, arbitrary: fc.constant('goOn' as const) },
    { weight: 5, arbitrary: fc.constantFrom('setSchedule' as const, 'fire', 'fire', 'fire', 'runTicks') },
    { weight: 1, arbitrary: fc.constantFrom('pauseSchedule' as const, 'renewTick', 'removeSchedule') },
  ),
  which: fc.nat({ max: 10_000 }),
  size: fc.nat({ max: 5 }),
});

const owner = idOf('owner');
const zones = '2026a';
/** Three times in four the deciding dispatcher. */
const dispatcher = (which: number) => (which % 4 === 0 ? idOf('other') : us);

export class Wishes {
  readonly #payload: (size: number) => Payload;
  #names = 0;

  /** `makePayload` makes payloads that the tested store can carry. */
  constructor(makePayload: (size: number) => Payload = payload) {
    this.#payload = makePayload;
  }

  /**
   * Some commands are refused: an unknown queue or quota, a taken id, an old claim, a wrong status.
   */
  command(state: State, { what, which, size }: Wish): Command {
    const jobs = [...state.jobs()].sort((a, b) => (a.id < b.id ? -1 : 1));
    const claimed = jobs.filter((job) => job.claimed);
    const chosen = claimed[which % Math.max(claimed.length, 1)];
    const claim = { job: chosen?.id ?? idOf('none'), fence: (chosen?.fence ?? 0) + (which % 11 === 0 ? 1 : 0) };
    const job = jobs[which % Math.max(jobs.length, 1)]?.id ?? idOf('none');
    switch (what) {
      case 'put': {
        const specs = Array.from({ length: 1 + (which % 3) }, (_, n) => this.#spec(which + n, size));
        if (which % 7 === 0 && jobs.length > 0) specs.push(call('taken', {}, { id: job }));
        const level = which % 5 === 0 ? 'memory' : 'full';
        return { type: what, queue: which % 13 === 0 ? 'nowhere' : '', owner, level, jobs: specs };
      }
      case 'refused': {
        const jobs = [this.#spec(which, size)];
        const queue = which % 2 === 0 ? 'nowhere' : '';
        return { type: what, queue, owner, level: 'full', jobs, error: new UnknownQueueError('nowhere') };
      }
      case 'claim':
        return { type: what, job: inContractOrder(state)[which % 3]?.id ?? idOf('none'), agent: main };
      case 'settle': {
        const kinds: Settled[] = [
          { kind: 'value', payload: this.#payload(size) },
          { kind: 'failure', names: ['OrderError', 'Error'], payload: this.#payload(size) },
          { kind: 'thrown', payload: this.#payload(size), names: ['Error'] },
          { kind: 'job', job },
        ];
        const inner =
          which % 5 === 0
            ? [{ type: 'put', queue: '', owner, level: 'full', jobs: [this.#spec(which, 1)] } as const]
            : [];
        return { type: what, ...claim, outcome: kinds[which % 4]!, startedAt: which, inner };
      }
      case 'begun':
        return { type: what, ...claim, at: which };
      case 'giveBack':
        return { type: what, ...claim };
      case 'interrupt':
        return { type: what, ...claim, cause: (['close', 'thread', 'process'] as const)[which % 3]! };
      case 'addCallbacks':
        return { type: what, job, callbacks: [this.#spec(2, 0)] };
      case 'addParts':
        return { type: what, job, parts: [this.#spec(which, 1), this.#spec(2, 0)] };
      case 'change': {
        const quotas = which % 5 === 0 ? ['unheard of'] : which % 2 === 0 ? ['q'] : [];
        return {
          type: what,
          job,
          args: this.#payload(size),
          options: { priority: size % 3, quotas, beginByMs: size * 10 },
        };
      }
      case 'retry': {
        const failed = jobs.filter(({ role, outcome }) => role === 'root' && outcome === 'failure');
        const one = which % 7 === 0 ? job : (failed[which % Math.max(failed.length, 1)]?.id ?? job);
        return {
          type: what,
          job: one,
          ids: Array.from({ length: which % 5 === 0 ? 1 : 60 }, () => idOf(`r${this.#names++}`)),
          owner,
          ...(which % 4 === 0 && { args: this.#payload(size) }),
          options: which % 3 === 0 ? { priority: size, beginAfter: 10 * size } : {},
          parts: which % 2 === 0 ? 'failed' : 'all',
          callbacks: which % 3 === 1 ? 'none' : 'again',
        };
      }
      case 'goOn': {
        const large = jobs.filter(({ cursor }) => cursor !== 0);
        return { type: what, job: large[which % Math.max(large.length, 1)]?.id ?? job };
      }
      case 'forgetJob': {
        const roots = jobs.filter(({ role, status }) => role === 'root' && status === 'completed');
        return { type: what, job: which % 5 === 0 ? job : (roots[which % Math.max(roots.length, 1)]?.id ?? job) };
      }
      case 'forgetMemory':
        return { type: what, owner, until: Number.MAX_VALUE };
      case 'fail':
        return { type: what, job, failure: this.#payload(size) };
      case 'putAgain':
        return { type: what, job, queue: '' };
      case 'annotate':
        return { type: what, job, name: `n${which % 2}`, value: which % 3 === 0 ? null : this.#payload(size) };
      case 'setQuota':
        return { type: what, queue: '', name: 'q', size: 1 + (size % 3), rate: 0, ratePeriodMs: 0 };
      case 'removeQuota':
        return { type: what, queue: '', name: 'q' };
      case 'forget':
        return { type: what, keep: keeping(size, size % 2) };
      case 'activate':
        return { ...activateUs, dispatcher: dispatcher(which), deathMs: 10 * size + 1 };
      case 'ping':
      case 'deactivate':
        return { type: what, dispatcher: dispatcher(which), incarnation: activateUs.incarnation };
      case 'rescue': {
        const silent = dispatcher(which);
        return {
          type: what,
          dispatcher: silent,
          pings: (pingsOf(state, silent)?.count ?? 0) - (which % 3 === 0 ? 1 : 0),
        };
      }
      case 'unregister':
        return { type: what, dispatcher: dispatcher(which) };
      case 'setSchedule': {
        const spec = { everyMs: 1000 * (1 + (which % 2)), anchor: 0 };
        const given = {
          name: 's',
          queue: '',
          spec,
          missed: 'one',
          windowMs: 1e9,
          jitterMs: 0,
          declared: false,
        } as const;
        const overlap = overlapPolicies[which % 4]!;
        const settings = { ...given, overlap, pauseOnFailure: which % 3 === 0, digest: `${which % 20}` };
        const sample = this.#spec(which, size);
        const template = { id: idOf(`t${this.#names++}`), args: this.#payload(size) };
        return { type: what, settings, template, sample, nextAt: 10 * (1 + size), zones, owner, level: 'full' };
      }
      case 'fire': {
        const at = scheduleOf(state, 's')?.nextAt ?? 0;
        const tick = size === 0 ? null : { at, job: this.#spec(which, size) };
        return {
          type: what,
          name: 's',
          at: which % 9 === 0 ? at + 1 : at,
          last: at,
          next: at + 1,
          zones,
          missed: which % 2,
          tick,
          owner,
        };
      }
      case 'runTicks':
        return { type: what, name: 's', ticks: [{ at: which, job: this.#spec(which, size) }], owner };
      case 'pauseSchedule':
        return { type: what, name: 's', paused: which % 2 === 0, nextAt: which + 1, zones };
      case 'renewTick':
        return { type: what, name: 's', at: scheduleOf(state, 's')?.nextAt ?? 0, nextAt: which, zones };
      case 'removeSchedule':
        return { type: what, name: 's' };
      case 'recover':
      case 'tick':
        return { type: what };
      default:
        return { type: 'cancel', job };
    }
  }

  #spec(which: number, size: number, depth = 0): JobSpec {
    const name = `j${this.#names++}`;
    const options = {
      priority: which % 2,
      ...(which % 3 === 0 && { policy: 'never' }),
      ...(which % 5 === 0 && { quotas: ['q'] }),
      ...(depth === 0 && which % 6 === 0 && { unique: `u${which % 3}`, replace: which % 4 === 0 }),
      ...(which % 8 === 0 && { beginAfter: 10 * size }),
      ...(which % 9 === 0 && { beginByMs: 5 * size }),
    };
    const callbacks = which % 10 === 0 && depth < 2 ? [this.#spec(2, 0, depth + 1)] : [];
    const common = {
      callable: ['m#a', 'm#b', 'm#c'][which % 3]!,
      args: which % 2 === 0 ? this.#payload(size) : null,
      callbacks,
    };
    if (which % 4 > 1 || depth > 1) return call(name, options, common);
    const parts = Array.from({ length: size }, (_, n) => this.#spec(which + n, size >> 1, depth + 1));
    const form = which % 4 === 0 ? 'serial' : 'parallel';
    return call(name, options, { ...common, form, parts, callable: size % 2 === 0 ? '' : 'm#post' });
  }
}
