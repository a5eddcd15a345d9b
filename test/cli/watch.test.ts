/** The live view, and the scripts that complete commands. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { type Job, open, type Runtime } from 'callsheet';
import type { Session } from '../../src/cli/session.js';
import { chart, threadBars } from '../../src/cli/watch/charts.js';
import { Screen } from '../../src/cli/watch/screen.js';
import { Watch, watch } from '../../src/cli/watch/watch.js';
import { eventually } from '../harness/eventually.js';
import { temporaryDirectory } from '../harness/temporary.js';
import { run } from './command.js';
import { slow } from './jobs/defined.js';
import { Printed } from './printed.js';

const directory = join(temporaryDirectory(), 'jobs');
let callsheet: Runtime;
let failed: Job;
let waiting: Job;

before(async () => {
  callsheet = await open({ directory, jobs: [slow], threads: 1 });
  failed = await callsheet.queue().put(slow.fail('on purpose'));
  await failed.failure();
  waiting = await callsheet.queue().put(slow.add(1, 1), { beginAfter: 3_600_000 });
});

after(() => callsheet.close({ graceMs: 0 }));

const session = (printed = new Printed(), json = false): Session => ({
  callsheet,
  out: printed.output({ json }),
  place: { directory },
  isLive: true,
});

/** A terminal of 100 columns, and the text on it. */
class Terminal {
  readonly stdin = Object.assign(new PassThrough(), { setRawMode: (isRaw: boolean) => this.raw.push(isRaw) });
  readonly stdout = Object.assign(new PassThrough(), { columns: 100, rows: 30 });
  readonly raw: boolean[] = [];
  readonly #lines: string[] = [];
  written = '';

  constructor() {
    this.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.written += text;
      for (const part of text.split('\x1b[')) {
        const [, row, line] = /^(\d+);1H(.*)$/s.exec(part) ?? [];
        if (row !== undefined) this.#lines[Number(row) - 1] = line!;
      }
    });
  }

  get text(): string {
    return this.#lines.join('\n');
  }

  /** Presses keys, and waits until the screen shows something. */
  async press(keys: string, shown: RegExp): Promise<void> {
    this.stdin.write(keys);
    await eventually(`${JSON.stringify(keys)} shows ${shown}`, () => shown.test(this.text)).catch((error: Error) => {
      throw new Error(`${error.message}:\n${this.text}`);
    });
  }
}

describe('the command watch', () => {
  it('shows tables that keys move through, and gives the terminal back', async () => {
    const terminal = new Terminal();
    const watching = new Watch(session(), 250, terminal).run();
    await terminal.press(
      '',
      new RegExp(`^${directory}: running, pid ${process.pid}[\\s\\S]*\nQUEUE[\\s\\S]*no job runs[\\s\\S]*\nqueues  ·`),
    );
    assert.match(terminal.text, /\nbusy {5}\d+ [ ▁]{12} \d%\n/);
    await terminal.press(
      'g',
      /^queue '': the last 60 minutes[\s\S]*\nput: \d a minute at most[\s\S]*█[\s\S]*\nfailed: 1 a minute/,
    );
    await terminal.press('g', /^\/.*: running/);
    await terminal.press('?', /^tab +the next table/);
    await terminal.press('\x1b', /^\/.*: running/);
    await terminal.press('\t\t', new RegExp(`${waiting.id}[\\s\\S]*${failed.id}[\\s\\S]*jobs  ·  newest first`));
    await terminal.press('s', new RegExp(`${failed.id}[\\s\\S]*${waiting.id}[\\s\\S]*oldest first`));
    await terminal.press('/slow#f*', /functions like: slow#f\*$/);
    await terminal.press('\r', /oldest first {2}· {2}functions slow#f\*/);
    await eventually('the others are gone', () => !terminal.text.includes(waiting.id));
    await terminal.press('\r', /state +failed[\s\S]*failure:\n {2}RangeError: on purpose/);
    await terminal.press('\x1b', /oldest first/);
    await terminal.press(' ', /FROZEN/);
    await terminal.press(' ', /slow#f\* {2}· {2}\? help/);
    await terminal.press('q', /./);
    assert.equal(await watching, 0);
    assert.deepEqual(terminal.raw, [true, false]);
    assert.ok(terminal.written.startsWith('\x1b[?1049h') && terminal.written.endsWith('\x1b[?1049l'));
  });

  it('acts on the chosen row after a yes', async () => {
    const terminal = new Terminal();
    const watching = new Watch(session(), 250, terminal).run();
    await terminal.press('', /queues {2}·/);
    await terminal.press('p', /pause the queue ''\? y does it/);
    await terminal.press('n', /queues {2}·/);
    assert.equal((await callsheet.queue().details()).paused, false);
    await terminal.press('p', /pause the queue/);
    await terminal.press('y', /the queue '' is paused/);
    await terminal.press('p', /resume the queue/);
    await terminal.press('y', /the queue '' goes on/);
    await terminal.press('\t\t\t', new RegExp(`${failed.id}[\\s\\S]*failed  ·`));
    await terminal.press('c', new RegExp(`cancel ${failed.id}\\? y does it`));
    await terminal.press('y', /the job is completed/);
    await terminal.press('r', /retry .* y does it/);
    await terminal.press('y', /retried as [0-9a-f-]{36}/);
    assert.notEqual((await failed.details()).retriedBy, undefined);
    await terminal.press('\x03', /./);
    assert.equal(await watching, 0);
  });

  it('draws bars in eighths, and threads with their runs and the job that runs now', () => {
    assert.deepEqual(chart([0, 1, 8, 15, 16], 16, 2), ['   ▇█', ' ▁███']);
    const at = (seconds: number) => new Date(seconds * 1000).toISOString();
    const span = { from: at(40), to: at(50), busyMs: 5_000, callable: 'm#f', count: 1, job: '' };
    const running = { thread: 2, started: at(57.5) } as never;
    const threads = [
      { thread: 3, spans: [] },
      { thread: 1, spans: [span] },
    ];
    assert.deepEqual(threadBars(threads, [running], at(60)), [
      '1         ▄▄   8%',
      '2            ▄ 4%',
      '3              0%',
    ]);
  });

  it('writes only lines that have changed, cut to the terminal', () => {
    let written = '';
    const stdout = Object.assign(new PassThrough(), { columns: 10, rows: 3 });
    stdout.setEncoding('utf8').on('data', (text: string) => {
      written += text;
    });
    const screen = new Screen({ stdout });
    screen.show(['one', 'a line that is long', 'three', 'four']);
    stdout.read();
    written = '';
    screen.show(['one', 'a line that is longer', 'drei']);
    stdout.read();
    assert.equal(written, '\x1b[3;1Hdrei\x1b[K');
    stdout.columns = 20;
    written = '';
    screen.show(['one', 'a line', 'drei']);
    stdout.read();
    assert.equal(written.split('\x1b[K').length - 1, 3);
  });

  it('prints snapshots without a terminal', async () => {
    const printed = new Printed();
    assert.equal(await watch(session(printed, true), { limit: 2, interval: 1 }), 0);
    assert.deepEqual(
      printed.rows.map(({ pid }) => pid),
      [process.pid, process.pid],
    );
    const { status, stdout, stderr } = run('watch', '-d', directory, '--limit', '1');
    assert.equal(status, 0, stderr);
    assert.match(stdout, /: running, pid [\s\S]*\nQUEUE /);
    assert.ok(!stdout.includes('\x1b'));
  });
});

describe('the command completions', () => {
  it('completes commands, options and their values in bash', () => {
    const { stdout: script } = run('completions', 'bash');
    const line = (...words: string[]) => `try ${words.map((word) => `'${word}'`).join(' ')}`;
    const { stdout, stderr } = spawnSync('bash', ['--norc'], {
      input: `${script}
try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _callsheet; echo "\${COMPREPLY[*]}"; }
${line('callsheet', 'sal')}
${line('callsheet', 'jobs', '--fai')}
${line('callsheet', 'jobs', '--failed', '--order', '')}
${line('callsheet', 'agent', 'set', '--si')}
${line('callsheet', 'completions', '')}
${line('callsheet', 'put', '--quo')}
`,
      encoding: 'utf8',
    });
    assert.equal(stderr, '');
    assert.deepEqual(stdout.split('\n').slice(0, -1), [
      'salvage',
      '--failed',
      'oldest newest claim completed',
      '--size',
      'bash zsh fish',
      '--quota',
    ]);
  });

  it('has a script for each shell, and refuses others', () => {
    for (const [shell, line] of [
      ['zsh', /^#compdef callsheet\n[\s\S]*'jobs:list jobs'/],
      [
        'fish',
        /complete -c callsheet -n '__fish_seen_subcommand_from jobs' -l order -x -a 'oldest newest claim completed'/,
      ],
    ] as const)
      assert.match(run('completions', shell).stdout, line);
    const { status, stderr } = run('completions', 'tcsh');
    assert.equal(status, 2);
    assert.match(stderr, /Allowed choices are bash, zsh, fish/);
  });
});
