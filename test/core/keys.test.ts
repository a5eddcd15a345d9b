/**
 * Quotas and rates with a key for each tenant: a key leaves nothing in memory after its last place
 * and its last rate period.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { quotaKey } from '../../src/core/records.js';
import { call, idOf, keeping, Machine, nameOf } from './making.js';

const keys = 20_000;
const atOnce = 1_000;
const nothing = keeping(0);

describe('keys', () => {
  it(`[4.8] of ${keys} tenants leave nothing in memory`, (t) => {
    const machine = new Machine();
    const { state } = machine;
    machine.do({ type: 'setQuota', queue: '', name: 'tenant', size: 1, rate: 2, ratePeriodMs: 60_000 });
    const next = () => state.firstQueued('', () => true, machine.now);
    const start = performance.now();
    let most = 0;
    for (let from = 0; from < keys; from += atOnce) {
      const names = Array.from({ length: atOnce }, (_, at) => `${from + at}`);
      // Every tenth tenant has three jobs: the first blocks the second, the rate blocks the third.
      const some = names.filter((_, at) => at % 10 === 0);
      const put = (n: number, all: readonly string[]) =>
        machine.put(...all.map((name) => call(`${n}/${name}`, { quotas: [quotaKey('tenant', name)] })));
      put(1, names);
      for (const n of [2, 3]) put(n, some);
      for (const [n, running] of [
        [1, names],
        [2, some],
      ] as const) {
        for (let job = next(); job !== undefined; job = next()) machine.claim(nameOf(job.id));
        assert.equal(state.heldQuotas('').length, running.length);
        for (const name of running) machine.settle(`${n}/${name}`);
      }
      assert.equal(next(), undefined);
      most = Math.max(most, state.ratesUsed);
      for (const name of some) machine.do({ type: 'cancel', job: idOf(`3/${name}`) });
      while (state.kept('failed').count + state.kept('succeeded').count > 0)
        machine.do({ type: 'forget', keep: nothing });
    }
    t.diagnostic(`${(performance.now() - start).toFixed(0)} ms, ${most} buckets at most`);
    machine.now += 120_000;
    while (state.nextTimer !== undefined) machine.do({ type: 'tick' });
    machine.put(call('last', { quotas: [quotaKey('tenant', 'last')] }));
    machine.claim('last');
    machine.settle('last');
    machine.do({ type: 'forget', keep: nothing });
    const left = [
      state.size,
      state.ratesUsed,
      state.heldQuotas('').length,
      [...state.openQueues()].length,
      state.nextTimer,
    ];
    assert.deepEqual(left, [0, 1, 0, 0, undefined]);
  });
});
