/** The metrics of a runtime: their format, bounded labels, and counters that never fall. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { metrics, web } from '../../src/web/index.js';
import { work } from '../contract/jobs/all.js';
import { openGate } from '../contract/jobs/work.js';
import { hourMs, opened } from '../contract/opened.js';
import { Visitor } from './visitor.js';

/** Checks the format by its own rules, and returns the samples by name and labels. */
function samplesOf(text: string): Map<string, number> {
  assert.match(text, /\n# EOF\n$/);
  const samples = new Map<string, number>();
  const families = new Map<string, string>();
  let family = '';
  for (const line of text.split('\n').slice(0, -2)) {
    const [, kind, name, rest] = /^# (TYPE|UNIT|HELP) (\w+) (.+)$/.exec(line) ?? [];
    if (kind === 'TYPE') {
      assert.ok(!families.has(name!), `${name} comes once`);
      families.set(name!, rest!);
      family = name!;
      continue;
    }
    if (kind !== undefined) {
      assert.equal(name, family);
      if (kind === 'UNIT') assert.ok(family.endsWith(`_${rest}`));
      continue;
    }
    const sample = /^(\w+)(\{(?:\w+="(?:[^"\\\n]|\\[\\"n])*",?)*\})? (\S+)$/.exec(line);
    assert.ok(sample, line);
    assert.ok(sample[1]!.startsWith(family), `${sample[1]} is of ${family}`);
    if (families.get(family) === 'counter') assert.ok(sample[1]!.endsWith('_total'), line);
    assert.ok(Number.isFinite(Number(sample[3])), line);
    const key = `${sample[1]}${sample[2] ?? ''}`;
    assert.ok(!samples.has(key), `${key} comes once`);
    samples.set(key, Number(sample[3]));
  }
  return samples;
}

describe('the metrics', () => {
  it('[17.6] count since open, by queue and callable, over minutes and hours', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const queue = await kit.runtime.createQueue('ma"il\\');
    const count = async (name: string, callable = 'work#mark') =>
      samplesOf(await metrics(kit.runtime)).get(`callsheet_${name}{queue="ma\\"il\\\\",callable="${callable}"}`);
    for (let hour = 1; hour <= 3; hour++) {
      await queue.put(work.mark('a'));
      await queue.put(work.fail('on purpose'));
      await kit.untilIdle();
      assert.deepEqual(await Promise.all([count('jobs_put_total'), count('jobs_succeeded_total')]), [hour, hour]);
      assert.equal(await count('jobs_failed_total', 'work#fail'), hour);
      await kit.clock.advance(hourMs);
      assert.equal(await count('jobs_put_total'), hour, 'it does not fall when the hour is over');
    }
    await kit.runtime.forgetAll({});
    assert.equal(await count('jobs_put_total'), 3);
    await kit.close();
    await kit.reopen();
    assert.equal(await count('jobs_put_total'), undefined);
  });

  it('[17.6] have durations in buckets that rise', async (t) => {
    const kit = await opened(t, { threads: 1 });
    const held = await kit.runtime.queue().put(work.hold('held'));
    await kit.waitForStart(held);
    await kit.clock.advance(500);
    openGate('held');
    await kit.waitForResult(held);
    const samples = samplesOf(await metrics(kit.runtime));
    const at = (bound: string) =>
      samples.get(`callsheet_run_seconds_bucket{queue="",callable="work#hold",le="${bound}"}`);
    assert.deepEqual([at('0.001'), at('0.255'), at('0.511'), at('4194.303'), at('+Inf')], [0, 0, 1, 1, 1]);
    assert.equal(samples.get('callsheet_run_seconds_sum{queue="",callable="work#hold"}'), 0.5);
    assert.ok(samples.get('callsheet_thread_busy_seconds_total')! > 0);
  });

  it('[17.6] have no more labels for any number of queues', async (t) => {
    const kit = await opened(t);
    const names = Array.from({ length: 205 }, (_, n) => `queue ${n}`);
    await Promise.all(names.map((name) => kit.runtime.createQueue(name)));
    await kit.runtime.putTogether(
      names.map((queue) => ({ queue, job: work.add(1, 1), options: { beginAfter: hourMs } })),
    );
    const samples = samplesOf(await metrics(kit.runtime));
    const put = [...samples].filter(([key]) => key.startsWith('callsheet_jobs_put_total'));
    assert.equal(put.length, 201);
    assert.equal(
      put.reduce((sum, [, count]) => sum + count, 0),
      205,
    );
    assert.equal(samples.get('callsheet_jobs_put_total{queue="*",callable="*"}'), 5);
    const jobs = [...samples].filter(([key]) => key.startsWith('callsheet_jobs{'));
    assert.equal(
      jobs.reduce((sum, [, count]) => sum + count, 0),
      205,
    );
    assert.ok(jobs.length <= 201);
    assert.ok([...samples.keys()].filter((key) => key.startsWith('callsheet_agent_size')).length <= 200);
  });

  it('are those that the dashboard asks for', async (t) => {
    const kit = await opened(t);
    await kit.runtime.queue().setQuota('q', { size: 1 });
    await kit.runtime.queue().schedule('daily', work.add(1, 1), { cron: '@daily' });
    await kit.run(work.add(1, 1));
    const there = [...samplesOf(await metrics(kit.runtime)).keys()].map((key) => key.replace(/\{.*/s, ''));
    const dashboard = readFileSync(new URL('../../../src/web/grafana-dashboard.json', import.meta.url), 'utf8');
    const asked = new Set(dashboard.match(/callsheet_\w+/g));
    assert.ok(asked.size > 12);
    assert.deepEqual(
      [...asked].filter((name) => !there.includes(name)),
      [],
    );
  });

  it('[17.6] are at an address of the page, for visitors', async (t) => {
    const kit = await opened(t);
    const page = web(kit.runtime);
    assert.equal((await new Visitor(page).get('/metrics')).status, 401);
    const { headers, text } = await (await Visitor.of(page)).get('/metrics');
    assert.match(headers.get('content-type')!, /^application\/openmetrics-text; version=1\.0\.0/);
    assert.equal(samplesOf(text).get('callsheet_jobs_put_total'), undefined);
  });
});
