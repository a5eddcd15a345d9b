/** `callsheet map` in processes of its own. */
import assert from 'node:assert/strict';
import { existsSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { open } from 'callsheet';
import { eventually } from '../../harness/eventually.js';
import { randomFrom } from '../../harness/randomness.js';
import { temporaryDirectory } from '../../harness/temporary.js';
import { type Ended, Running, runWith } from '../command.js';

const module = fileURLToPath(new URL('../jobs/mapped.js', import.meta.url));

/** A directory of its own, in which the command runs. */
class Place {
  readonly path = temporaryDirectory();
  bad = '';

  get env(): NodeJS.ProcessEnv {
    return { ...process.env, NOTES: join(this.path, 'notes'), BAD: this.bad };
  }

  map(name: string, args: readonly string[], input = ''): Ended {
    return runWith({ cwd: this.path, env: this.env, input }, 'map', `${module}#${name}`, '--threads', '2', ...args);
  }

  start(t: TestContext, name: string, args: readonly string[]): Running {
    const command = ['map', `${module}#${name}`, '--threads', '2', ...args];
    return new Running(t, command, { cwd: this.path, env: this.env });
  }

  write(name: string, content: string): string {
    const path = join(this.path, name);
    writeFileSync(path, content);
    return path;
  }

  read(name: string): string[] {
    const path = join(this.path, name);
    return existsSync(path) ? linesOf(readFileSync(path, 'utf8')) : [];
  }

  records(name: string): Readonly<Record<string, unknown>>[] {
    return this.read(name).map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** The items that have begun, in that order. */
  get noted(): string[] {
    return this.read('notes');
  }
}

const linesOf = (text: string) => text.split('\n').slice(0, -1);
const sorted = (texts: readonly string[]) => [...texts].sort((a, b) => Number(a) - Number(b) || (a < b ? -1 : 1));
const numbers = (count: number) => Array.from({ length: count }, (_, index) => String(index + 1));

describe('the command map', () => {
  it('calls the default export for each line of standard input, and leaves nothing', () => {
    const place = new Place();
    const { status, stdout, stderr } = runWith({ cwd: place.path, input: 'a\nb\r\n\nc' }, 'map', module);
    assert.deepEqual([status, sorted(linesOf(stdout)), stderr], [0, ['', 'A', 'B', 'C'], '']);
    assert.deepEqual(readdirSync(place.path), []);
  });

  it('writes a record of each item into a file, in the order of the input', () => {
    const place = new Place();
    const args = ['--range', '10..1:-3', '--order', 'input', '-o', 'out', '--joblog', 'joblog'];
    const { status, stdout } = place.map('double', args);
    assert.deepEqual([status, stdout], [0, '']);
    assert.deepEqual(
      place.records('out').map(({ n, input, value, attempts }) => [n, input, value, attempts]),
      [
        [1, 10, 20, 1],
        [2, 7, 14, 1],
        [3, 4, 8, 1],
        [4, 1, 2, 1],
      ],
    );
    const [header, first] = place.read('joblog');
    assert.match(header!, /^Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand$/);
    assert.match(first!, /^\d\t:\t\d+\.\d{3}\t +\d+\.\d{3}\t\d+\t\d+\t0\t0\tmapped#double \d+$/);
  });

  it('fills in --args, names the lines that are no items, and goes on with the others', () => {
    const place = new Place();
    const args = ['--args', '["{n}",{"width":200,"item":["{}"]}]'];
    const csv = place.map('all', [...args, '--csv', '--errors', 'errors', '--order', 'input'], 'a,b\n1,2\n3\n4,"5"\n');
    assert.deepEqual(
      [csv.status, csv.stdout],
      [1, '[1,{"width":200,"item":[{"a":"1","b":"2"}]}]\n[3,{"width":200,"item":[{"a":"4","b":"5"}]}]\n'],
    );
    assert.match(csv.stderr, /^callsheet: 1 of 3 items failed:\n {2}BadInputError: line 3: Invalid Record Length/);
    assert.deepEqual(
      place.records('errors').map(({ n, input, attempts }) => [n, input, attempts]),
      [[2, ['3'], 0]],
    );
  });

  it('lists failed items with their input, and runs them again with --retry-failed', () => {
    const place = new Place();
    place.bad = 'b,d';
    const input = 'a\nb\nc\nd\n';
    const first = place.map('moody', ['-o', 'out', '--retries', '1', '--backoff', '1ms'], input);
    assert.deepEqual([first.status, first.stdout], [1, '']);
    assert.match(first.stderr, /a line that is no result/, 'only results are on standard output');
    assert.match(first.stderr, /2 of 4 items failed:\n.* RangeError: no [bd]\n {4}item [24]: "[bd]"/);
    assert.match(first.stderr, /--retry-failed runs them again/);
    const failed = place.records('out').filter(({ error }) => error !== undefined);
    assert.deepEqual(
      failed.map(({ attempts }) => attempts),
      [2, 2],
    );
    place.bad = '';
    assert.equal(place.map('moody', ['-o', 'out', '--retry-failed', '--order', 'input'], input).status, 0);
    assert.deepEqual(sorted(place.noted), ['a', 'b', 'b', 'b', 'c', 'd', 'd', 'd']);
    const values = place.records('out').map(({ n, value }) => [n, value]);
    assert.deepEqual(Object.fromEntries(values), { 1: 'a', 2: 'b', 3: 'c', 4: 'd' });
    assert.equal(values.length, 4);
  });

  it('contains results without a JSON form, threads that end, and items that run too long', () => {
    const place = new Place();
    const input = ['throw', 'exit', 'map', 'big', 'loop', 'undefined', 'fine'].join('\n');
    const { status, stdout, stderr } = place.map('odd', ['--timeout', '500ms', '-o', 'out'], input);
    assert.deepEqual([status, stdout], [1, ''], stderr);
    const outcomes = place.records('out').map(({ input, value, error }) => {
      return [input, (error as { name: string } | undefined)?.name ?? value];
    });
    assert.deepEqual(Object.fromEntries(outcomes), {
      throw: 'TypeError',
      exit: 'JobInterruptedError',
      map: 'NotStorableError',
      big: { digits: '1728' },
      loop: 'JobTimeoutError',
      undefined: undefined,
      fine: 'fine',
    });
  });

  it('gives all completed items to a postprocess, whose result is the output', () => {
    const place = new Place();
    const args = ['--range', '1..600', '--postprocess', '#total', '--order', 'input'];
    const { status, stdout } = place.map('double', args);
    assert.deepEqual([status, JSON.parse(stdout)], [0, { sum: 360_600, order: [1, 2, 3], failures: [] }]);
  });

  it('runs nothing for an empty input', () => {
    const place = new Place();
    assert.deepEqual(place.map('noted', ['-o', 'out']), { status: 0, stdout: '', stderr: '' });
    assert.deepEqual([place.noted, readdirSync(place.path)], [[], ['out']]);
  });

  it('stops at --halt, and goes on from there', () => {
    const place = new Place();
    place.bad = '3';
    const input = ['-i', place.write('texts', `${numbers(3000).join('\n')}\n`)];
    const args = [...input, '-o', 'out'];
    const halted = place.map('moody', [...args, '--halt', 'soon,fail=1']);
    assert.equal(halted.status, 1);
    assert.match(halted.stderr, /stopped by --halt, 1 failed, after \d+ items; the same command goes on/);
    assert.ok(place.noted.length < 3000, 'most items have not begun');
    place.bad = '';
    const elsewhere = place.map('moody', [...input, '--retry-failed']);
    assert.equal(elsewhere.status, 2, 'the first file would stay torn');
    assert.match(elsewhere.stderr, /has begun to write .*\/out: give the same --output/);
    assert.equal(place.map('moody', [...args, '--retry-failed']).status, 0);
    assert.deepEqual(sorted(place.records('out').map(({ value }) => String(value))), numbers(3000));
  });
});

describe('a run of map that was interrupted', () => {
  it('goes on after kill -9 at any moment: no line is lost, none is doubled', async (t) => {
    const place = new Place();
    const random = randomFrom(7);
    const args = ['--range', '1..600', '-o', 'out', '--order'];
    for (const order of ['done', 'input', 'done']) {
      const running = place.start(t, 'slowly', [...args, order]);
      const until = place.noted.length + 1 + random(150);
      await eventually('items run', () => place.noted.length >= until, { limitMs: 60_000 });
      running.process.kill('SIGKILL');
      await running.ended();
    }
    const { status, stderr } = place.map('slowly', [...args, 'input']);
    assert.equal(status, 0, stderr);
    assert.deepEqual(
      place.records('out').map(({ value }) => String(value)),
      numbers(600),
    );
    assert.equal(new Set(place.noted).size, 600);
    assert.deepEqual(readdirSync(place.path).sort(), ['notes', 'out']);
  });

  it('gives the whole output again on standard output, and after a signal runs no item twice', async (t) => {
    const place = new Place();
    // They take 10 s, in which the signal arrives. The second run does not wait.
    const args = ['--range', '1..10000'];
    const running = place.start(t, 'slowly', args);
    await eventually('items run', () => place.noted.length > 50, { limitMs: 60_000 });
    running.process.kill('SIGINT');
    assert.equal(await running.ended(), 130);
    assert.match(running.stderr, /stopped by SIGINT, after \d+ items; the same command goes on\n$/);
    place.bad = 'fast';
    const { status, stdout } = place.map('slowly', args);
    assert.deepEqual([status, sorted(linesOf(stdout))], [0, numbers(10_000)]);
    assert.deepEqual(sorted(place.noted), numbers(10_000));
  });

  it('[16.2] ends at once at the second signal, and keeps its directory until then from runs and clients', async (t) => {
    const place = new Place();
    const args = ['--range', '1..2', '-d', 'state'];
    const running = place.start(t, 'waits', args);
    await eventually('items run', () => place.noted.length === 2, { limitMs: 60_000 });
    const { status, stderr } = place.map('waits', args);
    assert.equal(status, 3);
    assert.match(stderr, new RegExp(`this run goes on already: .* pid ${running.process.pid}`));
    const asked = runWith({ cwd: place.path }, 'status', '-d', 'state');
    assert.equal(asked.status, 3);
    assert.match(
      asked.stderr,
      new RegExp(`directory of a .callsheet map. run, the process with pid ${running.process.pid}`),
    );
    const directory = join(place.path, 'state');
    await assert.rejects(open({ directory, jobs: [], share: 'client', waitMs: 600_000 }), {
      code: 'DIRECTORY_UNUSABLE',
      message: new RegExp(`process ${running.process.pid} runs .callsheet map. in`),
    });
    running.process.kill('SIGTERM');
    await eventually('it says so', () => running.stderr.includes('a second signal ends them'));
    running.process.kill('SIGTERM');
    assert.equal(await running.ended(), 143);
  });

  it('goes on neither with a changed input nor as another command', () => {
    const place = new Place();
    const input = place.write('input', 'a\nb\nc\n');
    place.bad = 'b';
    const args = ['-i', input, '-d', 'state', '-o', 'out'];
    assert.equal(place.map('moody', args).status, 1);
    place.write('input', 'a\nx\nc\n');
    const changed = place.map('moody', args);
    assert.equal(changed.status, 2);
    assert.match(changed.stderr, /the input has changed since the run began: one of the items 1 to 3 was another/);
    const out = place.read('out');
    const other = place.map('odd', args);
    assert.equal(other.status, 2);
    assert.match(
      other.stderr,
      /belongs to another run:\n {2}there: map .*#moody over .*\n {2}here: {2}map .*#odd over/,
    );
    assert.deepEqual(place.read('out'), out);
  });
});

describe('the command map refuses', () => {
  const place = new Place();
  for (const [args, code, message] of [
    [['nothing.js'], 78, /^callsheet: there is no file ".*nothing\.js"\n$/],
    [[`${module}#nothing`], 78, /exports no function "nothing"; its functions: .*double/],
    [[place.write('throws.mjs', 'throw new Error("no start")')], 78, /throws\.mjs cannot be imported: Error: no start/],
    [[module, '-i', 'nothing'], 2, /the input cannot be read: ENOENT: .*nothing/],
    [[module, '--csv', '--ndjson'], 2, /only one of --csv and --ndjson can be given|only one of --ndjson and --csv/],
    [[module, '--range', '1..x'], 2, /must be integers such as 1\.\.1000/],
    [[module, '--halt', 'later'], 2, /must be never, or such as soon,fail=1/],
    [[module, '--args', '{}'], 2, /must be a JSON array/],
    [[module, '--timeout', '5'], 2, /must be a duration such as/],
    [[module, '-o', '/dev/null/x'], 7, /\/dev\/null\/x cannot be written: ENOTDIR/],
    [
      [module, '-i', place.write('in', ''), '-o', join(place.path, 'in')],
      2,
      /in is an input: it would be written over/,
    ],
    [[module, '-o', 'a', '--errors', './a'], 2, /a is given for two outputs/],
    [[module, '-d', place.path], 2, /is not the directory of a run: it has a file/],
  ] as const) {
    it(`\`map ${args
      .join(' ')
      .replaceAll(/\/\S*\//g, '')
      .replace(/callsheet-test-\w+/, '.')}\` with code ${code}`, () => {
      const { status, stdout, stderr } = runWith({ cwd: place.path, input: '' }, 'map', ...args);
      assert.deepEqual([status, stdout], [code, ''], stderr);
      assert.match(stderr, message);
    });
  }

  it('an output that cannot be written, with code 7', { skip: !existsSync('/dev/full') }, () => {
    const own = new Place();
    const full = openSync('/dev/full', 'w');
    const args = ['map', `${module}#noted`, '--range', '1..50'];
    const { status, stderr } = runWith({ cwd: own.path, env: own.env, stdio: ['ignore', full, 'pipe'] }, ...args);
    assert.equal(status, 7);
    assert.match(stderr, /standard output cannot be written: .*ENOSPC/);
  });

  it('a reader of standard output that leaves, with code 7', async (t) => {
    const own = new Place();
    const running = own.start(t, 'same', ['--range', '1..1000000000']);
    await eventually('there is output', () => running.stdout.length > 0, { limitMs: 60_000 });
    running.process.stdout!.destroy();
    assert.equal(await running.ended(), 7);
    assert.match(running.stderr, /standard output cannot be written: .*EPIPE/);
  });
});
