/** The commands that steer, through the process that has the directory open. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { open, type Runtime } from 'callsheet';
import { exitCodeOf } from '../../src/cli/exit.js';
import { type Session, withSession } from '../../src/cli/session.js';
import { isConfirmed } from '../../src/cli/steer/chosen.js';
import { cancel, fail, retry } from '../../src/cli/steer/jobs.js';
import { put } from '../../src/cli/steer/put.js';
import {
  drain,
  listAgents,
  listQuotas,
  removeAgent,
  removeQuota,
  setAgent,
  setPaused,
  setQuota,
} from '../../src/cli/steer/queues.js';
import { later, rate } from '../../src/cli/values.js';
import { eventually } from '../harness/eventually.js';
import { freeze } from '../harness/freeze.js';
import { temporaryDirectory } from '../harness/temporary.js';
import { Running, run } from './command.js';
import { slow } from './jobs/defined.js';
import { Printed } from './printed.js';

const directory = join(temporaryDirectory(), 'jobs');
let callsheet: Runtime;

before(async () => {
  callsheet = await open({ directory, jobs: [slow], threads: 1 });
});

after(() => callsheet.close({ graceMs: 0 }));

/** Runs a command here. */
async function done(command: (session: Session) => Promise<number>, json = false): Promise<Printed & { code: number }> {
  const printed = new Printed();
  const code = await command({ callsheet, out: printed.output({ json }), place: { directory }, isLive: true });
  return Object.assign(printed, { code });
}

const again = { callbacks: true } as const;
const unknownId = '01890a5d-ac96-774b-bcce-b302099a8057';

async function failing(queue = ''): Promise<string> {
  const job = await callsheet.queue(queue).put(slow.fail('on purpose'));
  await job.failure();
  return job.id;
}

describe('the command put', () => {
  it('puts a job with JSON arguments and options', async () => {
    const { text } = await done((session) => put(session, 'slow#add', ['1', '2'], { queue: '' }));
    assert.equal(await callsheet.job(text).result(), 3);
    await callsheet.queue().setQuota('db');
    const flags = { queue: '', begin: 3_600_000, unique: 'k', quota: ['db=x'], priority: -3, limit: 5000 };
    const { rows } = await done((session) => put(session, 'slow#add', ['{"a":[1]}'], flags), true);
    const job = callsheet.job(rows[0]!.id as string);
    const { unique, quotas, priority, timeoutMs, beginAfter, putAt } = await job.details();
    assert.deepEqual([unique, quotas, priority, timeoutMs], ['k', [{ name: 'db', key: 'x' }], -3, 5000]);
    assert.ok(Math.abs(beginAfter!.getTime() - putAt.getTime() - 3_600_000) < 60_000);
    assert.deepEqual(await job.arguments(), [{ a: [1] }]);
    await job.cancel();
  });

  it('waits for the outcome, whose failure is its own', async () => {
    const wait = { queue: '', wait: true } as const;
    const added = await done((session) => put(session, 'slow#add', ['1', '2'], wait), true);
    assert.deepEqual([added.code, added.rows[0]!.result], [0, 3]);
    const failed = await done((session) => put(session, 'slow#fail', ['"bad"'], wait));
    assert.equal(failed.code, 1);
    assert.match(failed.text, /RangeError: bad/);
  });

  it('refuses functions that the process does not have, and arguments without JSON', async () => {
    for (const [name, args, exitCode, message] of [
      ['slow#ad', [], 4, /slow exports no function named ad/],
      ['nope#add', [], 4, /the module "nope"/],
      ['slow', [], 2, /name one as module#function/],
      ['slow#add', ['1', 'two'], 2, /argument 2 is not JSON: two; a text needs quotes, such as '"two"'/],
    ] as const)
      await assert.rejects(
        done((session) => put(session, name, args, { queue: '' })),
        (error: Error & { exitCode: number }) => {
          assert.equal(error.exitCode, exitCode);
          assert.match(error.message, message);
          return true;
        },
      );
    await assert.rejects(
      done((session) => put(session, 'slow#add', [], { queue: 'no' })),
      { code: 'UNKNOWN_QUEUE' },
    );
  });
});

describe('the commands on jobs', () => {
  it('retry and cancel named jobs, and report each that is refused', async () => {
    const id = await failing();
    const first = await done((session) => retry(session, [id], again), true);
    const { retriedBy } = first.rows[0]!;
    assert.deepEqual([first.code, (await callsheet.job(id).details()).retriedBy], [0, retriedBy]);
    const waiting = await callsheet.queue().put(slow.add(1, 1), { beginAfter: 3_600_000 });
    const mixed = await done((session) => retry(session, [id, waiting.id], again), true);
    assert.deepEqual([mixed.code, ...mixed.rows.map(({ code }) => code)], [1, 'JOB_STATUS', 'JOB_STATUS']);
    const forgotten = '00000000-0000-7000-8000-000000000000';
    assert.equal((await done((session) => cancel(session, [forgotten], {}))).code, 4);
    const cancelled = await done((session) => cancel(session, [waiting.id], {}));
    assert.deepEqual([cancelled.code, cancelled.lines], [0, [waiting.id]]);
    assert.equal((await waiting.failure())!.name, 'JobCancelledError');
  });

  it('fail jobs that have not begun', async () => {
    const waiting = await callsheet.queue().put(slow.add(1, 1), { beginAfter: 3_600_000 });
    const flags = { message: 'not needed', name: 'Unwanted' };
    assert.equal((await done((session) => fail(session, [waiting.id], flags))).code, 0);
    const { name, message, stack } = (await waiting.failure())!;
    assert.deepEqual([name, message, stack], ['Unwanted', 'not needed', 'Unwanted: not needed']);
    const twice = await done((session) => fail(session, [waiting.id], flags));
    assert.equal(twice.code, 1);
    assert.match(twice.notes[0]!, /the job is completed: its outcome stays as it is/);
    await assert.rejects(
      done((session) => fail(session, [], flags)),
      { exitCode: 2 },
    );
  });

  it('act on all jobs that filters select, if that is confirmed', async () => {
    await callsheet.createQueue('bulk');
    for (let n = 0; n < 3; n++) await failing('bulk');
    const filters = { ...again, failed: true, queue: ['bulk'] };
    await assert.rejects(
      done((session) => retry(session, [], filters)),
      { exitCode: 2, message: '3 jobs fit, and nothing was done: --yes goes on' },
    );
    await assert.rejects(
      done((session) => retry(session, [], { ...filters, yes: true, expect: 2 })),
      {
        code: 'COUNT_DIFFERS',
      },
    );
    await callsheet.queue('bulk').pause();
    const { code, lines } = await done((session) => retry(session, [], { ...filters, yes: true, expect: 3 }));
    assert.deepEqual([code, lines], [0, ['retry: 3 done, 0 refused']]);
    const none = await done((session) => retry(session, [], filters));
    assert.deepEqual([none.code, none.notes], [0, ['no job fits']]);
    const ended = await done((session) => cancel(session, [], { queue: ['bulk'], yes: true }), true);
    assert.deepEqual(ended.rows, [{ matched: 3, done: 3, refused: [], refusedCount: 0, skipped: 0 }]);
    await callsheet.queue('bulk').resume();
    for (const [ids, options] of [
      [[], again],
      [['ffff0000'], filters],
    ] as const)
      await assert.rejects(
        done((session) => retry(session, ids, options)),
        { exitCode: 2 },
      );
  });

  it('ask on a terminal only', async () => {
    const answered = async (answer: string, isTTY = true) => {
      const [stdin, stderr] = [new PassThrough(), new PassThrough()];
      stdin.end(answer);
      return isConfirmed('retry 3 jobs?', {
        stdin: Object.assign(stdin, { isTTY }),
        stderr: Object.assign(stderr, { isTTY }),
      });
    };
    const answers = [
      answered('y\n'),
      answered('yes\n'),
      answered('n\n'),
      answered('\n'),
      answered(''),
      answered('y\n', false),
    ];
    assert.deepEqual(await Promise.all(answers), [true, true, false, false, false, false]);
  });
});

describe('the commands on queues', () => {
  it('pause and resume queues that exist', async () => {
    await callsheet.createQueue('mail');
    const isPaused = async () => (await callsheet.queue('mail').details()).paused;
    await assert.rejects(
      done((session) => setPaused(session, ['mail', 'no'], true)),
      { code: 'UNKNOWN_QUEUE' },
    );
    await assert.rejects(
      done((session) => setPaused(session, ['n'.repeat(1001)], true)),
      { message: `there is no queue named "${'n'.repeat(60)}"… (1001 characters)` },
    );
    assert.equal(await isPaused(), false, 'nothing was done');
    assert.deepEqual((await done((session) => setPaused(session, ['mail', ''], true))).lines, [
      'mail is paused',
      "'' is paused",
    ]);
    assert.equal(await isPaused(), true);
    const { rows } = await done((session) => setPaused(session, ['mail', ''], false), true);
    assert.deepEqual(rows, [
      { queue: 'mail', paused: false },
      { queue: '', paused: false },
    ]);
  });

  it('drain queues, in a time', async () => {
    await callsheet.queue('mail').put(slow.add(1, 1));
    assert.deepEqual((await done((session) => drain(session, ['mail'], {}))).lines, ['mail is drained']);
    const running = await callsheet.queue('mail').put(slow.sleep(600_000));
    await assert.rejects(
      done((session) => drain(session, [], { timeout: 1 })),
      { exitCode: 6, message: 'there are still jobs after 1ms' },
    );
    await running.cancel();
  });

  it('set agents, whose filters and policies stay', async () => {
    const mail = await callsheet.createQueue('mail');
    const filter = { modules: ['slow'], by: slow.isSmall };
    await mail.setAgent('careful', { size: 1, filter, retry: { jobs: slow.always } } as never);
    await done((session) => setAgent(session, 'mail', 'careful', { size: 7 }));
    const found = (await mail.agents()).find(({ name }) => name === 'careful')!;
    assert.deepEqual(
      [found.size, found.filter, found.retry],
      [7, { modules: ['slow'], by: 'slow#isSmall' }, { jobs: 'slow#always' }],
    );
    assert.match((await done((session) => listAgents(session, 'mail'))).text, /mail +careful +7 +0 +\{"modules":/);
    await done((session) => setAgent(session, 'mail', 'new', { size: 2 }));
    for (const name of ['careful', 'new']) await done((session) => removeAgent(session, 'mail', name, {}));
    assert.deepEqual(
      (await mail.agents()).map(({ name }) => name),
      ['main'],
    );
    await assert.rejects(
      done((session) => removeAgent(session, 'mail', 'new', {})),
      { code: 'UNKNOWN_AGENT' },
    );
    await assert.rejects(
      done((session) => setAgent(session, 'no', 'new', { size: 1 })),
      { code: 'UNKNOWN_QUEUE' },
    );
  });

  it('set quotas, whose other limits stay', async () => {
    await callsheet.createQueue('mail');
    const set = (given: object) => done((session) => setQuota(session, 'mail', 'api', given));
    await assert.rejects(set({}), { exitCode: 2 });
    await set({ rate: rate('10/1m') });
    await set({ size: 3 });
    const listed = async () => (await done((session) => listQuotas(session, 'mail'), true)).rows;
    assert.deepEqual(await listed(), [
      { queue: 'mail', name: 'api', size: 3, rate: { count: 10, periodMs: 60_000 }, holders: [], filled: false },
    ]);
    assert.match((await done((session) => listQuotas(session, undefined))).text, /mail +api +3 +0 +10\/1m/);
    await set({ rate: 'none' });
    assert.equal((await listed())[0]!.rate, undefined);
    await done((session) => removeQuota(session, 'mail', 'api'));
    await assert.rejects(
      done((session) => removeQuota(session, 'mail', 'api')),
      { code: 'UNKNOWN_QUOTA' },
    );
  });
});

describe('the commands that steer, in processes of their own', () => {
  it('reach the process that has the directory open', () => {
    const put = run('put', '-d', directory, 'slow#add', '1', '-2', '--wait', '--json');
    assert.equal(put.status, 0, put.stderr);
    assert.equal(JSON.parse(put.stdout).result, -1);
    const { status, stdout } = run('agent', '-d', directory, '--json');
    assert.equal(status, 0);
    assert.equal(JSON.parse(stdout.split('\n')[0]!).name, 'main');
  });

  it('do nothing without an owner, and never become one', () => {
    const nowhere = temporaryDirectory();
    const { status, stderr } = run('pause', '-d', nowhere, 'mail');
    assert.equal(status, 3);
    assert.match(stderr, /no process has .* open/);
  });

  it('say with code 3 that the process which had the directory open is gone', { timeout: 60_000 }, async (t) => {
    const jobs = join(temporaryDirectory(), 'jobs');
    const file = fileURLToPath(new URL('./jobs/defined.js', import.meta.url));
    const worker = new Running(t, ['work', '-d', jobs, '-j', file]);
    await eventually('it is ready', () => worker.has('the worker is ready'));
    const flags = { queue: '', wait: true, timeout: 1_500 };
    const [stopped, gone] = [new AbortController(), new AbortController()];
    // A command that did not go on would keep this process alive.
    t.after(() => {
      for (const controller of [stopped, gone]) controller.abort();
    });
    const onceGone = async (act: () => Promise<number>) => {
      await once(gone.signal, 'abort');
      return act();
    };
    const during: ((session: Session) => Promise<number>)[] = [
      (session) => put(session, 'slow#sleep', ['3600000'], flags),
      (session) => drain(session, [], { timeout: 1_500 }),
      (session) => onceGone(() => cancel(session, [unknownId], {})),
      ({ callsheet }) =>
        callsheet
          .job(unknownId)
          .cancel()
          .then(() => 0),
    ];
    let begun = 0;
    const ended = during.map((use, index) => {
      const printed = new Printed();
      return withSession(
        { directory: jobs, timeout: 5_000 },
        async (session) => {
          begun++;
          // The last is under way when the process dies.
          if (index === during.length - 1) await once(stopped.signal, 'abort');
          return use({ ...session, out: printed.output({ json: true }) });
        },
        { waits: true },
      ).then(
        (code) => ({ code, message: '' }),
        (error: Error) => ({ code: exitCodeOf(error), message: error.message }),
      );
    });
    await eventually('each has begun', () => begun === during.length);
    const other = await open({ directory: jobs, jobs: [], share: 'client' });
    await eventually('the job runs', async () => (await other.monitor.active()).length === 1);
    await other.close();
    await freeze(worker.process.pid!);
    stopped.abort();
    await new Promise((resolve) => setImmediate(resolve));
    worker.process.kill('SIGKILL');
    await worker.ended();
    gone.abort();
    const name = `no process has ${jobs} open any more \\(the last was the process with pid ${worker.process.pid} `;
    for (const { code, message } of await Promise.all(ended)) {
      assert.equal(code, 3, message);
      assert.match(message, new RegExp(name));
    }
    assert.match((await ended.at(-1)!).message, /not known whether the command was done/);
  });

  it('refuse values that make no sense', () => {
    for (const [args, message] of [
      [['put', 'slow#add', '--begin', 'soon'], /must be a delay such as 5m, or a time such as 2026/],
      [['quota', 'set', 'mail', 'api', '--rate', '10'], /such as 10\/1m, or none/],
      [['agent', 'set', 'mail', 'main'], /required option '--size <n>'/],
    ] as const) {
      const { status, stderr } = run(...args);
      assert.equal(status, 2);
      assert.match(stderr, message);
    }
    assert.throws(() => rate('0/1m'));
    assert.ok(later('2030-01-01T00:00Z') instanceof Date);
  });
});
