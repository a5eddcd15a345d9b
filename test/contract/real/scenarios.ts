/**
 * Scenarios for processes that are killed. A process puts and prints each acknowledgement until it
 * is killed; `check` states the facts that must hold once another process has opened the directory.
 */
import assert from 'node:assert/strict';
import { map, type Part, parallel, type Runtime, retryErrors, retryNever, serial } from 'callsheet';
import { marking } from './jobs/all.js';

export interface Afterwards {
  readonly callsheet: Runtime;
  /** Ids by name of all jobs acknowledged before the kill. */
  readonly acknowledged: ReadonlyMap<string, string>;
  /** The lines in the file at the kill. */
  readonly before: readonly string[];
  /** The lines in the file now. */
  readonly lines: () => readonly string[];
}

export interface Scenario {
  readonly tags: string;
  readonly what: string;
  /** Makes put number `n`; returns the names and ids of the jobs that are then acknowledged. */
  put(callsheet: Runtime, file: string, n: number): Promise<readonly (readonly [name: string, id: string])[]>;
  check(afterwards: Afterwards): Promise<void>;
}

const count = (lines: readonly string[], line: string) => lines.filter((other) => other === line).length;

/** Asserts that every acknowledged job has its result. */
async function allHave(
  { callsheet, acknowledged }: Afterwards,
  result: (name: string) => unknown,
  of: (name: string) => boolean = () => true,
): Promise<void> {
  for (const [name, id] of acknowledged) {
    if (of(name)) assert.deepEqual(await callsheet.job(id).result(), result(name), name);
  }
}

/** Asserts that no two jobs ran at once, and that each end follows its begin. */
function checkOneAtATime(lines: readonly string[]): void {
  let open: string | undefined;
  for (const line of lines) {
    const [word, name] = line.split(' ');
    if (word === 'begin') {
      assert.equal(open, undefined, `${name} began while ${open} ran`);
      open = name;
    } else if (word === 'end') {
      assert.equal(name, open);
      open = undefined;
    }
  }
}

const mapItems = 300;
const mapConcurrency = 50;

function putMap(callsheet: Runtime, file: string, name: string) {
  const items = Array.from({ length: mapItems }, (_, index) => index);
  const toJob = (index: number) => marking.mark(file, `${name}/${index} ${file}`);
  const whole = map(items, toJob, { postprocess: marking.gathered, concurrency: mapConcurrency });
  return callsheet.queue().put(whole, { unique: name });
}

export const scenarios: Readonly<Record<string, Scenario>> = {
  jobs: {
    tags: '[2.6] [2.7]',
    what: 'keeps the jobs that a job puts and returns once, with its outcome',
    async put(callsheet, file, n) {
      return [[`p${n}`, (await callsheet.queue().put(marking.parent(file, `p${n}`) as Part)).id]];
    },
    async check(afterwards) {
      await allHave(afterwards, (name) => `returned-by-${name}`);
      await afterwards.callsheet.queue().drain();
      const idsOf = (start: string) =>
        new Set(
          afterwards
            .lines()
            .filter((line) => line.startsWith(`${start} `))
            .map((line) => line.split(' ')[1]),
        );
      for (const name of afterwards.acknowledged.keys()) {
        assert.equal(idsOf(`put-by-${name}`).size, 1, name);
        assert.equal(idsOf(`returned-by-${name}`).size, 1, name);
      }
    },
  },
  queues: {
    tags: '[3.2] [3.5] [3.6]',
    what: 'keeps a paused queue paused and in order, and both puts of a transaction over two queues',
    async put(callsheet, file, n) {
      if (n === 0) await (await callsheet.createQueue('paused')).pause();
      const jobs = await callsheet.putTogether([
        { job: marking.mark(file, `open ${n}`) },
        { queue: 'paused', job: marking.mark(file, `paused ${n}`) },
      ]);
      return jobs.map(({ id }, index) => [`${index === 0 ? 'open' : 'paused'} ${n}`, id] as const);
    },
    async check(afterwards) {
      const { callsheet, acknowledged, lines } = afterwards;
      if (acknowledged.size === 0) return;
      await allHave(
        afterwards,
        (name) => name,
        (name) => name.startsWith('open'),
      );
      const paused = callsheet.queue('paused');
      await callsheet.queue().drain();
      assert.equal((await paused.details()).paused, true);
      assert.deepEqual(
        lines().filter((line) => line.startsWith('paused')),
        [],
      );
      assert.equal((await callsheet.stats()).jobs, 2 * (await paused.length()), 'pairs are whole');
      await paused.resume();
      await allHave(afterwards, (name) => name);
      await paused.drain();
      const order = lines()
        .filter((line) => line.startsWith('paused'))
        .map((line) => Number(line.split(' ')[1]));
      assert.deepEqual(
        order,
        order.map((_, index) => index),
      );
    },
  },
  quotas: {
    tags: '[4.1] [4.3] [4.6]',
    what: 'runs one job at a time in a quota of 1, before and after',
    async put(callsheet, file, n) {
      if (n === 0) await callsheet.queue().setQuota('one');
      return [[`q${n}`, (await callsheet.queue().put(marking.stretch(file, `q${n}`, 3), { quotas: ['one'] })).id]];
    },
    async check(afterwards) {
      await allHave(afterwards, (name) => name);
      const { callsheet, acknowledged, before, lines } = afterwards;
      checkOneAtATime(before);
      checkOneAtATime(lines().slice(before.length));
      await callsheet.queue().drain();
      if (acknowledged.size > 0) {
        assert.deepEqual(
          (await callsheet.queue().quotas()).map(({ name, size, holders }) => [name, size, holders]),
          [['one', 1, []]],
        );
      }
    },
  },
  agents: {
    tags: '[5.1] [5.2]',
    what: 'keeps the dispatcher and its agents',
    async put(callsheet, file, n) {
      await callsheet.queue().setAgent('slow', { size: n + 1, filter: { callables: ['marking#stretch'] } });
      const job = await callsheet.queue().put(marking.mark(file, `a${n}`));
      return [
        [`a${n}`, job.id],
        ['dispatcher', callsheet.id],
      ];
    },
    async check(afterwards) {
      const { callsheet, acknowledged } = afterwards;
      if (acknowledged.size === 0) return;
      assert.equal(callsheet.id, acknowledged.get('dispatcher'));
      await allHave(
        afterwards,
        (name) => name,
        (name) => name !== 'dispatcher',
      );
      const slow = (await callsheet.queue().agents()).find(({ name }) => name === 'slow')!;
      assert.ok(slow.size >= acknowledged.size - 1, `${slow.size} of ${acknowledged.size - 1}`);
      assert.deepEqual(slow.filter, { callables: ['marking#stretch'] });
    },
  },
  callbacks: {
    tags: '[6.3] [6.4] [6.5]',
    what: 'runs callbacks in their order, and repeats no finished one',
    async put(callsheet, file, n) {
      let job: Part = marking.mark(file, `c${n}`);
      for (const index of [1, 2, 3])
        job = (job as never as { onBoth(c: unknown): Part }).onBoth(marking.called.with(file, `c${n}/${index}`));
      return [[`c${n}`, (await callsheet.queue().put(job)).id]];
    },
    async check(afterwards) {
      const { callsheet, acknowledged, lines } = afterwards;
      await allHave(afterwards, (name) => name);
      await callsheet.queue().drain();
      for (const [name, id] of acknowledged) {
        const details = await callsheet.job(id).details();
        assert.deepEqual([details.status, details.callbacksDone], ['completed', 3]);
        const order = lines()
          .filter((line) => line.startsWith(`${name}/`))
          .map((line) => Number(line.split('/')[1]));
        assert.deepEqual([...new Set(order)], [1, 2, 3], name);
        assert.deepEqual(order, [...order].sort(), 'none again once the next has begun');
        assert.ok(order.length <= 4, `${name}: ${order}`);
      }
    },
  },
  compositions: {
    tags: '[7.2] [7.3]',
    what: 'continues a nested whole and repeats no completed part',
    async put(callsheet, file, n) {
      const part = (index: number) => marking.mark(file, `w${n}/${index}`);
      const inner = (from: number) =>
        parallel([part(from), part(from)], { postprocess: marking.together.with(file, `w${n}/${from + 1}`) });
      const whole = serial([inner(1), inner(3), part(5)] as Part[], {
        postprocess: marking.together.with(file, `w${n}/6`),
      });
      return [[`w${n}`, (await callsheet.queue().put(whole)).id]];
    },
    async check(afterwards) {
      const two = (name: string, n: number) => [`${name}/${n}`, `${name}/${n}`];
      await allHave(afterwards, (name) => [two(name, 1), two(name, 3), `${name}/5`]);
      for (const name of afterwards.acknowledged.keys()) {
        const order = afterwards
          .lines()
          .filter((line) => line.startsWith(`${name}/`))
          .map((line) => Number(line.split('/')[1]));
        assert.deepEqual([...new Set(order)], [1, 2, 3, 4, 5, 6], name);
        assert.deepEqual(order, [...order].sort(), 'none again once the next has begun');
      }
    },
  },
  maps: {
    tags: '[7.3] [7.4]',
    what: 'continues a map that is put again behind the items taken, and repeats no completed one',
    async put(callsheet, file, n) {
      // A few maps are enough work for the time of the test.
      const job =
        n < 3 ? await putMap(callsheet, file, `m${n}`) : await callsheet.queue().put(marking.mark(file, `x${n}`));
      return [[n < 3 ? `m${n}` : `x${n}`, job.id]];
    },
    async check({ callsheet, acknowledged, before, lines }) {
      const file = before.find((line) => line.startsWith('m'))?.split(' ')[1];
      for (const [name, id] of acknowledged) {
        if (name.startsWith('x')) continue;
        let job = callsheet.job<string[]>(id);
        // If no item of the map has run, its file is unknown, and any file does.
        if ((await job.details()).open) job = await putMap(callsheet, file ?? '/dev/null', name);
        assert.equal(job.id, id);
        const items = Array.from({ length: mapItems }, (_, index) => `${name}/${index}`);
        assert.deepEqual(
          (await job.result()).map((line) => line.split(' ')[0]),
          items,
        );
        const ran = lines().filter((line) => line.startsWith(`${name}/`));
        assert.ok(file === undefined || new Set(ran).size === mapItems);
        assert.ok(ran.length <= mapItems + mapConcurrency, `${ran.length} runs of ${mapItems} items`);
      }
    },
  },
  retries: {
    tags: '[8.1] [8.2] [8.3]',
    what: 'begins a job of retryNever at most once, and keeps the count of a policy',
    async put(callsheet, file, n) {
      const queue = callsheet.queue();
      const once = await queue.put(marking.stretch(file, `once${n}`, 1), { retry: retryNever });
      const retry = retryErrors({ limit: 5, backoff: { initialMs: 5 } });
      const again = await queue.put(marking.unsteady(file, `again${n}`), { retry });
      return [
        [`once${n}`, once.id],
        [`again${n}`, again.id],
      ];
    },
    async check({ callsheet, acknowledged, lines }) {
      for (const [name, id] of acknowledged) {
        const job = callsheet.job(id);
        if (name.startsWith('once')) {
          const failure = await job.failure();
          assert.ok(failure === undefined || failure.name === 'JobInterruptedError', name);
          assert.ok(count(lines(), `begin ${name}`) <= 1, `${name} began twice`);
        } else {
          assert.ok(((await job.result()) as number) >= 3, name);
          const { errors, interruptions, attempts } = await job.details();
          assert.ok(
            errors <= 2 && interruptions === 0 && attempts <= 4,
            JSON.stringify({ errors, interruptions, attempts }),
          );
        }
      }
    },
  },
  annotations: {
    tags: '[10.1] [10.2]',
    what: 'keeps the annotations set inside and outside a job',
    async put(callsheet, file, n) {
      const job = await callsheet.queue().put(marking.say(file, `s${n}`));
      await job.annotations.set('outside', n);
      return [[`s${n}`, job.id]];
    },
    async check(afterwards) {
      await allHave(afterwards, (name) => name);
      for (const [name, id] of afterwards.acknowledged) {
        const all = await afterwards.callsheet.job(id).annotations.all();
        assert.deepEqual({ ...all }, { said: name, outside: Number(name.slice(1)) });
      }
    },
  },
};
