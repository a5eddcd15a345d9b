/** The commands that look, against a process that has the directory open. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Job, open, parallel, type Runtime } from 'callsheet';
import { counts, stats } from '../../src/cli/look/counts.js';
import { events } from '../../src/cli/look/events.js';
import { explain } from '../../src/cli/look/explain.js';
import { failures, traceback } from '../../src/cli/look/failures.js';
import { job } from '../../src/cli/look/job.js';
import { jobs } from '../../src/cli/look/jobs.js';
import { schedules } from '../../src/cli/look/schedules.js';
import { status } from '../../src/cli/look/status.js';
import { jsonText } from '../../src/cli/output.js';
import type { Session } from '../../src/cli/session.js';
import { cut, tableLines } from '../../src/cli/table.js';
import { duration, givenName, plain, plainLines, queueName, size } from '../../src/cli/words.js';
import { eventually } from '../harness/eventually.js';
import { freeze } from '../harness/freeze.js';
import { temporaryDirectory } from '../harness/temporary.js';
import { program, run, runWith } from './command.js';
import { slow } from './jobs/defined.js';
import { Printed } from './printed.js';

const directory = join(temporaryDirectory(), 'jobs');
const slowFile = fileURLToPath(new URL('./jobs/defined.js', import.meta.url));
let callsheet: Runtime;
let failed: Job;
let whole: Job;
let waiting: Job;

before(async () => {
  callsheet = await open({ directory, jobs: [slow], threads: 1 });
  const queue = callsheet.queue();
  await (await queue.put(slow.add(1, 2))).result();
  failed = await queue.put(slow.fail('bad \u001b[31mwidth'));
  await failed.failure();
  const mail = await callsheet.createQueue('mail');
  await mail.setQuota('db', { size: 1 });
  const [holder] = await mail.putAll([slow.sleep(600_000)], { quotas: ['db'] });
  await eventually('it runs', async () => (await holder.details()).status === 'active');
  waiting = await mail.put(slow.add(3, 4), { quotas: ['db'] });
  whole = await queue.put(parallel([slow.add(1, 1), slow.add(2, 2)]), { beginAfter: 3_600_000 });
  await queue.schedule('nightly', slow.add(1, 2), { cron: '30 2 * * *', zone: 'Europe/Berlin' });
});

after(() => callsheet.close({ graceMs: 0 }));

/** Runs a command here. */
async function shown(
  command: (session: Session) => Promise<number>,
  { json = false, width }: { readonly json?: boolean; readonly width?: number } = {},
): Promise<Printed & { code: number }> {
  const printed = new Printed();
  const out = printed.output({ json }, width);
  const code = await command({ callsheet, out, place: { directory }, isLive: true });
  return Object.assign(printed, { code });
}

const list = { limit: 20, order: 'newest' } as const;

describe('the commands that look', () => {
  it('list jobs by filters, as a table that fits the terminal, or as JSON', async () => {
    const table = await shown((session) => jobs(session, { ...list, failed: true }));
    assert.match(table.lines[0]!, /^ID +CALLABLE +QUEUE +STATE +RUNS +PUT +ENDED$/);
    assert.equal(table.lines.length, 2);
    assert.match(table.lines[1]!, new RegExp(`^${failed.id}  slow#fail  ''     failed +1 `));
    const narrow = await shown((session) => jobs(session, list), { width: 70 });
    assert.ok(narrow.lines.every((line) => line.length <= 70) && narrow.lines.length > 5, narrow.text);
    const json = await shown((session) => jobs(session, { ...list, queue: ['mail'], status: ['pending'] }), {
      json: true,
    });
    assert.deepEqual(
      json.rows.map(({ id, callable, outcome }) => [id, callable, outcome]),
      [[waiting.id, 'slow#add', 'none']],
    );
    const parts = await shown((session) => jobs(session, { ...list, parent: whole.id.slice(0, 35) }), { json: true });
    assert.equal(parts.lines.length, 2);
    const none = await shown((session) => jobs(session, { ...list, error: ['TypeError'] }));
    assert.deepEqual([none.lines, none.notes], [[], ['no job fits']]);
  });

  it('list jobs in pages, and in the line of a queue', async () => {
    const first = await shown((session) => jobs(session, { ...list, limit: 2, withNext: true }), { json: true });
    const [, , { $next } = {}] = first.rows;
    const rest = await shown((session) => jobs(session, { ...list, cursor: $next as string }), { json: true });
    const ids = [...first.rows.slice(0, 2), ...rest.rows].map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
    const all = await shown((session) => jobs(session, { ...list, limit: 1001 }), { json: true });
    assert.deepEqual(
      ids,
      all.rows.map(({ id }) => id),
    );
    const text = await shown((session) => jobs(session, { ...list, limit: 1 }));
    assert.match(text.notes[0]!, /there may be more: --limit 10/);
    const line = await shown((session) => jobs(session, { ...list, order: 'claim', queue: ['mail'] }), { json: true });
    assert.deepEqual(
      line.rows.map(({ id }) => id),
      [waiting.id],
    );
    for (const queue of [undefined, ['a', 'b'], ['m*']])
      await assert.rejects(
        shown((session) => jobs(session, { ...list, order: 'claim', ...(queue && { queue }) })),
        { exitCode: 2 },
      );
  });

  it('take the times of ends for jobs that are over, and else of puts', async () => {
    const since = new Date(Date.parse((await failed.details()).endAt!.toISOString()));
    const ended = await shown((session) => jobs(session, { ...list, failed: true, since }), { json: true });
    assert.equal(ended.lines.length, 1);
    const put = await shown((session) => jobs(session, { ...list, callable: ['slow#fail'], since }), { json: true });
    assert.equal(put.lines.length, 0, 'it was put before it ended');
    const both = { ...list, since, until: new Date(since.getTime() - 1) };
    await assert.rejects(
      shown((session) => jobs(session, both)),
      { exitCode: 2 },
    );
    await assert.rejects(
      shown((session) => jobs(session, { ...list, failed: true, outcome: 'value' })),
      { exitCode: 2 },
    );
  });

  it('show one job, found by its first digits', async () => {
    const { text } = await shown((session) => job(session, failed.id, { arguments: true, result: true, log: true }));
    assert.match(text, /Z {2}error {2}about to fail {2}\{ width: 0 \}$/m);
    for (const part of [
      /state +failed/,
      /runs +1 run/,
      /arguments:\n {2}'bad/,
      /failure:\n {2}RangeError: bad \\u001b\[31mwidth/,
    ])
      assert.match(text, part);
    assert.ok(!text.includes('\u001b'), 'a text of a job moves no cursor');
    const json = await shown((session) => job(session, failed.id, { arguments: true, result: true }), { json: true });
    const [{ failure, arguments: args }] = json.rows as [Record<string, { readonly name: string }>];
    assert.deepEqual([failure!.name, args], ['RangeError', ['bad \u001b[31mwidth']]);
    const tree = await shown((session) => job(session, whole.id.toUpperCase(), {}));
    assert.match(tree.text, /kind +parallel, root[\s\S]*parts +0 of 2 done\n {2}[0-9a-f-]{36} {2}slow#add {2}new/);
    await assert.rejects(
      shown((session) => job(session, failed.id.slice(0, 6), {})),
      ({ message, exitCode }) => {
        assert.equal(exitCode, 2);
        assert.match(message, new RegExp(`several jobs.*\n(.*\n)*  ${whole.id}`));
        return true;
      },
    );
    for (const [id, exitCode] of [
      ['01a', 2],
      ['nonsense', 2],
      ['ffff0000', 4],
    ] as const)
      await assert.rejects(
        shown((session) => job(session, id, {})),
        { exitCode },
      );
  });

  it('wait for a job, and fail if it failed', async () => {
    assert.equal((await shown((session) => job(session, failed.id, { wait: true }))).code, 1);
    await assert.rejects(
      shown((session) => job(session, waiting.id, { wait: true, timeout: 1 })),
      {
        code: 'WAIT_TIMEOUT',
      },
    );
  });

  it('count jobs, and sum up what happened', async () => {
    const table = await shown((session) => counts(session, { by: ['queue', 'outcome'] }));
    assert.match(table.text, /^JOBS +QUEUE +OUTCOME\n/);
    const json = await shown((session) => counts(session, { callable: ['slow#f*'], by: ['outcome'] }), { json: true });
    assert.deepEqual(json.rows, [{ outcome: 'failure', count: 1 }]);
    const sums = await shown((session) => stats(session, { callable: ['slow#fail'] }), { json: true });
    assert.deepEqual(
      sums.rows.map(({ put, failed }) => [put, failed]),
      [[1, 1]],
    );
    const step = await shown((session) => stats(session, { step: 60_000, since: new Date(Date.now() - 3_600_000) }));
    assert.match(step.lines[0]!, /^FROM +QUEUE +CALLABLE +PUT/);
    const none = await shown((session) => stats(session, { callable: ['nothing'] }));
    assert.deepEqual(none.notes, ['nothing happened in this time']);
  });

  it('explain why a job does not run', async () => {
    const { text } = await shown((session) => explain(session, waiting.id));
    assert.match(
      text,
      /slow#add {2}in mail, number 1 in line\nThe job waits: the quota "db" is full \(1 of 1\): held by job/,
    );
    assert.match(text, /quota-full: for \d/);
    const json = await shown((session) => explain(session, whole.id), { json: true });
    assert.equal((json.rows[0]!.reasons as { code: string }[])[0]!.code, 'not-due');
    const over = await shown((session) => explain(session, failed.id));
    assert.match(over.text, /The job completed at .*: it failed\./);
  });

  it('group failures, and show how one came about', async () => {
    const groups = await shown((session) => failures(session, { limit: 20 }));
    assert.match(
      groups.lines[1]!,
      new RegExp(`^ +1 {2}RangeError {2}slow#fail .* ${failed.id} {2}bad \\\\u001b\\[31mwidth$`),
    );
    const json = await shown(
      (session) => failures(session, { limit: 20, by: ['callable'], since: new Date(Date.now() - 3_600_000) }),
      { json: true },
    );
    assert.deepEqual(
      json.rows.map(({ callable, count }) => [callable, count]),
      [['slow#fail', 1]],
    );
    const none = await shown((session) => failures(session, { limit: 20, since: new Date(Date.now() + 60_000) }));
    assert.deepEqual(none.notes, ['no job has failed']);
    const how = await shown((session) => traceback(session, failed.id));
    assert.match(
      how.text,
      /^RangeError: bad \\u001b\[31mwidth\n {4}at .*\n[\s\S]*run 1 in thread \d+: failed with RangeError, 20/,
    );
    await assert.rejects(
      shown((session) => traceback(session, waiting.id)),
      { code: 'JOB_STATUS' },
    );
  });

  it('show the runtime, its queues and what runs', async () => {
    const { lines, text } = await shown(status);
    assert.match(lines[0]!, new RegExp(`^${directory}: running, pid ${process.pid} on `));
    assert.match(text, /\nQUEUE +LINE +LATER +RUN +OLDEST +IN\/S +OUT\/S +FAILED\/5M +QUOTAS\n/);
    assert.match(text, /\nmail +1 +0 +1 .* db 1\/1\n/);
    assert.match(text, /\nTHREAD +RUNNING +CALLABLE +FOR +USUALLY\n +\d+ {2}[0-9a-f-]{36} {2}slow#sleep/);
    const json = await shown(status, { json: true });
    assert.deepEqual([json.lines.length, json.rows[0]!.pid], [1, process.pid]);
    assert.equal((json.rows[0]!.queueList as unknown[]).length, 2);
  });

  it('list schedules, and show one with its next ticks', async () => {
    const all = await shown((session) => schedules(session, undefined));
    assert.match(all.text, /^NAME +QUEUE +EVERY +NEXT[\s\S]*\nnightly +'' +30 2 \* \* \* Europe\/Berlin +in \d/);
    const one = await shown((session) => schedules(session, 'nightly'), { json: true });
    assert.equal((one.rows[0]!.next as unknown[]).length, 5);
    await assert.rejects(
      shown((session) => schedules(session, 'never')),
      { code: 'UNKNOWN_SCHEDULE' },
    );
  });

  it('follow events', async () => {
    // The first stream of a runtime begins with the events of its opening.
    assert.equal((await shown((session) => events(session, { limit: 1 }))).lines.length, 1);
    const following = shown((session) => events(session, { limit: 1 }), { json: true });
    const later = await callsheet.queue().put(slow.add(1, 1), { beginAfter: 3_600_000 });
    assert.deepEqual(
      (await following).rows.map(({ type, job }) => [type, job]),
      [['job.put', later.id]],
    );
    const few = { queue: ['', 'mail'], callable: ['slow#f*'], type: ['job.p*'], limit: 1 };
    const filtered = shown((session) => events(session, few), { json: true });
    const text = shown((session) => events(session, { limit: 1 }));
    await later.cancel();
    assert.match((await text).text, new RegExp(`^20.*Z {2}job\\.failed +${later.id} {2}slow#add {2}''$`));
    const puts = [slow.add(2, 2), slow.fail('later')];
    const [, follows] = await callsheet.queue().putAll(puts, { beginAfter: 3_600_000 });
    assert.deepEqual(
      (await filtered).rows.map(({ type, job }) => [type, job]),
      [['job.put', follows!.id]],
    );
  });
});

describe('the commands that look, in processes of their own', () => {
  it('ask the process that has the directory open', () => {
    const { status, stdout, stderr } = run('jobs', '-d', directory, '--failed', '--json', '--callable', 'slow#*');
    assert.equal(status, 0, stderr);
    assert.ok(stdout.split('\n').some((line) => line.includes(failed.id)));
    const env = { ...process.env, CALLSHEET_DIRECTORY: directory };
    assert.equal(runWith({ env }, 'job', failed.id, '--wait', '-q').status, 1);
    const colored = runWith({ env }, 'jobs', '--failed', '--color', 'always').stdout;
    assert.ok(colored.includes('\u001b[31mfailed'), colored);
  });

  it('end with code 7 when their output cannot be written', async () => {
    const full = spawnSync('sh', ['-c', `"${process.execPath}" "${program}" jobs -d "${directory}" > /dev/full`], {
      encoding: 'utf8',
    });
    assert.deepEqual(
      [full.status, full.stderr],
      [7, 'callsheet: standard output cannot be written: ENOSPC: no space left on device, write\n'],
    );
    for (const option of ['--help', '--version']) {
      const { status, stderr } = spawnSync('sh', ['-c', `"${process.execPath}" "${program}" ${option} > /dev/full`], {
        encoding: 'utf8',
      });
      assert.deepEqual([status, stderr], [7, full.stderr]);
    }
    const following = spawn(process.execPath, [program, 'events', '-d', directory], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exit = once(following, 'exit');
    // The pipe is closed after the first event; a later one finds no reader.
    const put = setInterval(() => void callsheet.queue().put(slow.add(1, 1), { beginAfter: 3_600_000 }), 20);
    following.stdout.once('data', () => following.stdout.destroy());
    const [code] = await exit;
    clearInterval(put);
    assert.equal(code, 7);
  });

  it('end with code 6 if the process is stopped, and with code 3 if there is none', async () => {
    const stopped = join(temporaryDirectory(), 'jobs');
    const owner = spawn(process.execPath, [program, 'work', '-d', stopped, '-j', slowFile], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    try {
      let log = '';
      owner.stderr!.setEncoding('utf8').on('data', (text) => {
        log += text;
      });
      await eventually('it is ready', () => log.includes('the worker is ready'));
      await freeze(owner.pid!);
      const slowly = run('status', '-d', stopped, '--timeout', '500ms');
      assert.equal(slowly.status, 6);
      assert.match(slowly.stderr, new RegExp(`the process with pid ${owner.pid} .* has not answered for 500 ms`));
    } finally {
      owner.kill('SIGKILL');
    }
    await once(owner, 'exit');
    const missing = run('jobs', '-d', '/nowhere/at/all');
    assert.equal(missing.status, 3, missing.stderr);
  });

  for (const [args, code, message] of [
    [['jbos'], 2, /unknown command 'jbos'\n\(Did you mean jobs\?\)/],
    [['jobs', '--faild'], 2, /unknown option '--faild'\n\(Did you mean --failed\?\)/],
    [['jobs', '--status', 'done'], 2, /"done" must be one of new, pending/],
    [['jobs', '--since', 'yesterday'], 2, /must be how long ago, such as 15m/],
    [['jobs', '--since', '2026-05-01T12:00'], 2, /must be how long ago/],
    [['counts', '--by', 'color'], 2, /"color" must be one of queue/],
    [['stats', '--step', '5s'], 2, /must be at least a minute/],
    [['help', 'foo'], 2, /unknown command 'foo'/],
    [
      ['status', '-d', '/etc/passwd'],
      3,
      /^callsheet: \/etc\/passwd cannot be used .*: a part of the path is a file \(ENOTDIR\)\n$/,
    ],
  ] as const) {
    it(`refuse \`${args.join(' ')}\``, () => {
      const { status, stdout, stderr } = run(...args);
      assert.deepEqual([status, stdout], [code, '']);
      assert.match(stderr, message);
    });
  }

  it('have no directory to look at unless it is named', () => {
    const cwd = temporaryDirectory();
    const { CALLSHEET_DIRECTORY: _, ...env } = process.env;
    const { status, stderr } = runWith({ cwd, env }, 'jobs');
    assert.equal(status, 2);
    assert.match(stderr, /no directory: name one with --directory or CALLSHEET_DIRECTORY/);
    mkdirSync(join(cwd, '.callsheet'));
    writeFileSync(join(cwd, '.callsheet', 'journal-0000000001.lock'), '');
    assert.equal(runWith({ cwd, env }, 'jobs').status, 3, 'a file in the place of the socket answers nothing');
  });
});

describe('the words of the command line', () => {
  it('are short and plain', () => {
    assert.deepEqual([0, 0.25, 12, 999, 1200, 42_000, 200_000, 7_500_000, 273_600_000].map(duration), [
      '0ms',
      '0.3ms',
      '12ms',
      '999ms',
      '1.2s',
      '42s',
      '3m 20s',
      '2h 5m',
      '3d 4h',
    ]);
    assert.deepEqual([0, 999, 1000, 812_000_000].map(size), ['0 bytes', '999 bytes', '1.0 kB', '812 MB']);
    assert.equal(plain('a\n\u001b[31mb\u0000\u202ec'), 'a \\u001b[31mb\\u0000\\u202ec');
    assert.deepEqual(plainLines('a\r\n\tb\u009b0\u0007'), ['a', '    b\\u009b0\\u0007']);
    assert.equal(queueName('a  \u001b[31mb'), 'a  \\u001b[31mb', 'a name is shown whole');
    assert.equal(givenName('q'.repeat(1001)), `"${'q'.repeat(60)}"… (1001 characters)`);
  });

  it('are a table that leaves out empty columns, and cuts what may be cut', () => {
    const columns = [
      { title: 'ID', of: () => '1234567890' },
      { title: 'TEXT', of: ({ text }: { text: string }) => text, cut: true },
      { title: 'NONE', of: () => '' },
      { title: 'N', of: () => '5', right: true },
    ] as const;
    assert.deepEqual(tableLines(columns, [{ text: 'a long text indeed' }], 25), [
      'ID          TEXT        N',
      '1234567890  a long te…  5',
    ]);
    assert.equal(cut('abc', 2), 'a…');
  });

  it('are JSON in which nothing is missing', () => {
    const value = { a: 1n, b: new Map([[1, new Set([2])]]), c: new Uint8Array([1, 2]), d: new Date(0), e: Number.NaN };
    assert.equal(jsonText(value), '{"a":"1","b":[[1,[2]]],"c":"AQI=","d":"1970-01-01T00:00:00.000Z","e":"NaN"}');
    assert.equal(jsonText(undefined), 'null');
    assert.equal(jsonText({ a: /b\/c/gi, d: 'e\u009bf' }), '{"a":"/b\\\\/c/gi","d":"e\\u009bf"}');
  });
});
