/** The parts of `callsheet map` that need no process. */
import assert from 'node:assert/strict';
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { isAdmitted } from '../../../src/cli/map/admission.js';
import { RunDirectory } from '../../../src/cli/map/directory.js';
import { Failures } from '../../../src/cli/map/failures.js';
import { isReached } from '../../../src/cli/map/halt.js';
import { filesInput, type InputKind, rangeInput } from '../../../src/cli/map/input.js';
import { resultAsJson } from '../../../src/cli/map/json.js';
import { RunLog } from '../../../src/cli/map/log.js';
import type { ReadItem } from '../../../src/cli/map/parser.js';
import { progressLine } from '../../../src/cli/map/progress.js';
import { itemsOf, readCompleted } from '../../../src/cli/map/read-completed.js';
import { slices } from '../../../src/cli/map/slices.js';
import { Median } from '../../../src/cli/map/time-limit.js';
import { bytes, halt, percent, range, timeLimit } from '../../../src/cli/values.js';
import { randomFrom } from '../../harness/randomness.js';
import { temporaryDirectory } from '../../harness/temporary.js';

function fileOf(content: string | Buffer): string {
  const path = join(temporaryDirectory(), 'input');
  writeFileSync(path, content);
  return path;
}

async function read(kind: InputKind, ...contents: (string | Buffer)[]): Promise<ReadItem[]> {
  const found: ReadItem[] = [];
  for await (const items of filesInput(contents.map(fileOf), kind).items()) found.push(...items);
  return found;
}

const valuesOf = (items: readonly ReadItem[]) => items.map(({ value }) => value);

describe('the input of map', () => {
  it('has an item for each line, empty ones too, and none after the last line break', async () => {
    assert.deepEqual(valuesOf(await read('lines', 'a\r\nb\n\nc', 'd\n', '')), ['a', 'b', '', 'c', 'd']);
  });

  it('has an item for each part that ends with a null character', async () => {
    assert.deepEqual(valuesOf(await read('null', 'a\nb\0\0c\r')), ['a\nb', '', 'c\r']);
  });

  it('skips a byte order mark, and characters may lie across two pieces', async () => {
    const text = 'é'.repeat(300_000);
    assert.deepEqual(valuesOf(await read('lines', `\ufeffx${text}\n${text}`)), [`x${text}`, text]);
  });

  it('has a JSON value for each line that is not blank, and keeps its digits', async () => {
    const items = await read('ndjson', '\ufeff{"a":[1]}\n \n12345678901234567890\n');
    assert.deepEqual(
      items.map(({ json, place }) => [json, place]),
      [
        ['{"a":[1]}', 'line 1'],
        ['12345678901234567890', 'line 3'],
      ],
    );
  });

  it('has an object for each record of CSV, named by the first', async () => {
    const items = await read('csv', '\ufeffa,b\r\n1,"x\ny"\r\n\r\n2,é\r\n');
    assert.deepEqual(valuesOf(items), [
      { a: '1', b: 'x\ny' },
      { a: '2', b: 'é' },
    ]);
    await assert.rejects(read('csv', 'a,a\n1,2\n'), /the header of the CSV has the column "a" twice/);
  });

  it('names the places of lines that are no items', async () => {
    const problems = async (kind: InputKind, ...contents: (string | Buffer)[]) =>
      (await read(kind, ...contents)).map(({ place, problem }) => [place.split('/').at(-1), problem]);
    assert.deepEqual(await problems('lines', Buffer.from('a\n\xe9\n', 'latin1')), [
      ['line 1', undefined],
      ['line 2', 'it is not UTF-8'],
    ]);
    const [[place, problem], other] = (await problems('ndjson', '{"a":\n', '1')) as [[string, string], unknown];
    assert.match(`${place} ${problem}`, /^input: line 1 Unexpected end of JSON/);
    assert.deepEqual(other, ['input: line 1', undefined]);
    const csv = await problems('csv', 'a,b\n1\n2,3\nx"y,4\n5,"6');
    assert.deepEqual(
      csv.map(([where, why]) => `${where} ${why?.split(':')[0]}`),
      ['line 2 Invalid Record Length', 'line 3 undefined', 'line 4 Invalid Opening Quote', 'line 5 Quote Not Closed'],
    );
  });

  it('has the numbers of a range', async () => {
    const numbers = (text: string) => Array.from(rangeInput(range(text)).items() as Iterable<ReadItem[]>).flat();
    assert.deepEqual(valuesOf(numbers('1..5:2')), [1, 3, 5]);
    assert.deepEqual(valuesOf(numbers('2..-2:-3')), [2, -1]);
    assert.deepEqual(numbers('2..1'), []);
    assert.equal(numbers('1..1e3').length, 1000);
  });
});

describe('the options of map', () => {
  it('are parsed and refused', () => {
    assert.deepEqual(range('0..1e6:10'), { from: 0, to: 1_000_000, step: 10 });
    assert.deepEqual(halt('now,fail=10%'), { when: 'now', fail: 10, isPart: true });
    assert.equal(halt('never'), undefined);
    assert.deepEqual([bytes('1.5K'), bytes('2g'), percent('80%')], [1536, 2 ** 31, 80]);
    assert.deepEqual([timeLimit('300%'), timeLimit('1.5s')], [{ percent: 300 }, { ms: 1500 }]);
    for (const text of ['1', '1..', '1..2..3', '1..2:0', '1.5..2', '1..2:3:4', '1..1e400'])
      assert.throws(() => range(text), /must be integers/, text);
    for (const text of ['soon', 'soon,fail=0', 'now,fail=101%', 'later,fail=1'])
      assert.throws(() => halt(text), /must be never/, text);
    for (const text of ['x', '5X', '-1']) assert.throws(() => bytes(text), /must be a size/, text);
    for (const text of ['80', '0%']) assert.throws(() => percent(text), /must be a part/, text);
  });

  it('halt at a number of failed items, or at a part of the completed ones from three on', () => {
    const three = halt('soon,fail=3')!;
    assert.deepEqual([isReached(three, 2, 2), isReached(three, 3, 1000)], [false, true]);
    const part = halt('now,fail=10%')!;
    assert.deepEqual([isReached(part, 2, 2), isReached(part, 3, 31), isReached(part, 3, 30)], [false, false, true]);
  });

  it('admit items by free memory and by load', () => {
    const machine = { freeBytes: () => 1000, load: () => 0.5 };
    assert.equal(isAdmitted({ memfree: 1000, load: 51 }, machine), true);
    assert.equal(isAdmitted({ memfree: 1001 }, machine), false);
    assert.equal(isAdmitted({ load: 50 }, machine), false);
  });

  it('limit the time by the median of at least three successes, but not below a second', () => {
    const times = new Median();
    for (const ms of [4000, 1000]) times.add(ms);
    assert.deepEqual([times.limit(undefined), times.limit({ ms: 5 })], [undefined, 5]);
    assert.equal(times.limit({ percent: 300 }), undefined);
    times.add(2000);
    assert.deepEqual([times.limit({ percent: 300 }), times.limit({ percent: 1 })], [6000, 1000]);
  });
});

describe('the results of map', () => {
  it('are JSON: dates in ISO form, bigints as text', () => {
    assert.equal(
      resultAsJson({ a: new Date(0), b: [2n ** 64n, undefined] }),
      '{"a":"1970-01-01T00:00:00.000Z","b":["18446744073709551616",null]}',
    );
    assert.deepEqual([resultAsJson(undefined), resultAsJson('a\nb'), resultAsJson(null)], ['', '"a\\nb"', 'null']);
  });

  it('are refused with their path if JSON would drop a part', () => {
    const circle: unknown[] = [];
    circle.push(circle);
    for (const [value, message] of [
      [{ a: [new Map()] }, /^result\.a\[0\] is a Map/],
      [new Set(), /^result is a Set/],
      [{ b: /x/ }, /^result\.b is a RegExp/],
      [Buffer.alloc(1), /^result is binary data/],
      [{ c: new Float64Array(1) }, /^result\.c is binary data/],
      [() => 1, /^result is a function/],
      [{ d: Symbol('x') }, /^result\.d is a symbol/],
      [circle, /^result has no JSON form: .*circular/],
    ] as const)
      assert.throws(() => resultAsJson(value), { code: 'RESULT_NOT_STORABLE', message });
  });
});

describe('the failures of map', () => {
  it('are listed without anything that a terminal would obey', () => {
    const failures = new Failures();
    const error = { name: 'Error', message: 'three\u001b[31m\nmore' };
    failures.add({ n: 3, at: 0, ms: 0, record: '', input: '"\u009b"', value: '', error });
    assert.deepEqual(failures.lines(), ['  Error: three\\u001b[31m', '    item 3: "\\u009b"']);
  });
});

describe('the progress of map', () => {
  const shown = { title: 'map a#b', done: 6412, failed: 3, running: 12, part: 0.64, rate: 812.4 };

  it('shows the part, the rate and the time left in one line', () => {
    const line = 'map a#b  ████████████▊·······  64%  6,412 done  812/s  3 failed  left 5s  12 running';
    assert.equal(progressLine(shown, 200), line);
    assert.equal(progressLine(shown, 20), line.slice(0, 20));
  });

  it('shows no time left if the number of items is not known', () => {
    const line = progressLine({ ...shown, part: undefined, failed: 0 }, 200);
    assert.equal(line, 'map a#b  6,412 done  812/s  12 running');
  });
});

const item = (n: number, more: object = { value: n }) => ({ n, input: n, ...more, at: 1, ms: 2, attempts: 1 });
const error = { name: 'Error', message: 'no' };

describe('the log of a run', () => {
  const newPath = () => join(temporaryDirectory(), 'map.log');

  async function write(path: string, ...records: Parameters<RunLog['add']>[0][]): Promise<void> {
    const log = new RunLog(path, false);
    for (const record of records) log.add(record);
    log.flush();
    await log.close();
  }

  const numbersOf = (path: string) => {
    const fd = openSync(path, 'r');
    try {
      return Array.from(itemsOf(fd), ({ n, error }) => (error === undefined ? n : -n));
    } finally {
      closeSync(fd);
    }
  };

  it('knows the completed items, and forgets failures that run again', async () => {
    const path = newPath();
    await write(path, { run: { command: 'c', sizes: [] } }, item(1), item(3, { error }), item(2));
    const kept = new RunLog(path, false);
    assert.deepEqual([kept.done, kept.failed, kept.isDone(3), kept.isDone(4)], [3, 1, true, false]);
    await kept.close();
    assert.deepEqual(numbersOf(path), [1, -3, 2]);
    const again = new RunLog(path, true);
    assert.deepEqual([again.done, again.isDone(3)], [2, false]);
    again.add(item(3, { error }));
    again.flush();
    await again.close();
    assert.deepEqual(numbersOf(path), [1, 2, -3]);
    await write(path, { retry: true }, item(3));
    assert.deepEqual(numbersOf(path), [1, 2, 3]);
  });

  it('is cut at its first spoiled line, wherever a crash has left it', async () => {
    const path = newPath();
    const random = randomFrom(3);
    await write(path, { run: { command: 'c', sizes: [null] } }, ...[1, 2, 3, 4, 5].map((n) => item(n)));
    const whole = readFileSync(path);
    const ends = [...whole.entries()].filter(([, byte]) => byte === 10).map(([at]) => at + 1);
    const linesBefore = (size: number) => ends.filter((end) => end <= size).length;
    for (let size = 0; size <= whole.length; size += 1 + random(9)) {
      writeFileSync(path, whole.subarray(0, size));
      const log = new RunLog(path, false);
      assert.equal(log.done, Math.max(0, linesBefore(size) - 1), `cut at ${size}`);
      assert.equal(log.size, ends[linesBefore(size) - 1] ?? 0);
      await log.close();
      assert.equal(readFileSync(path).length, ends[linesBefore(size) - 1] ?? 0);
    }
    for (let at = ends[0]!; at < whole.length; at += 1 + random(9)) {
      const bytes = Buffer.from(whole);
      bytes[at]! ^= 1 << random(7);
      writeFileSync(path, bytes);
      const log = new RunLog(path, false);
      assert.equal(log.done, linesBefore(at) - 1, `changed at ${at}`);
      await log.close();
    }
  });

  it('reads records that are longer than a piece', async () => {
    const path = newPath();
    const long = 'é'.repeat(1_500_000);
    await write(path, item(1, { value: long }), item(2), item(3, { value: long }), item(4));
    assert.deepEqual(numbersOf(path), [1, 2, 3, 4]);
  });

  it('gives a postprocess the items in either order', async () => {
    const path = newPath();
    await write(path, item(2), item(1, { error }), item(3));
    const read = async (order: 'input' | 'done') => {
      const found: unknown[] = [];
      for await (const { n, result, failure } of readCompleted(path, order))
        found.push([n, result ?? failure?.message]);
      return found;
    };
    assert.deepEqual(await read('done'), [
      [2, 2],
      [1, 'no'],
      [3, 3],
    ]);
    assert.deepEqual(await read('input'), [
      [1, 'no'],
      [2, 2],
      [3, 3],
    ]);
  });
});

describe('a run that goes on', () => {
  const path = () => join(temporaryDirectory(), 'map.log');
  const inputOf = (values: readonly string[]) =>
    filesInput([fileOf(values.map((value) => `${value}\n`).join(''))], 'lines');

  /** Reads an input, and returns the numbers of its items. */
  async function readAll(log: RunLog, values: readonly string[], stopAt = Number.POSITIVE_INFINITY): Promise<number[]> {
    const found: number[] = [];
    for await (const slice of slices(inputOf(values), log)) {
      log.flush();
      found.push(...slice.map(({ n }) => n));
      if (found.length >= stopAt) break;
    }
    log.flush();
    await log.close();
    return found;
  }

  const values = Array.from({ length: 1000 }, (_, index) => `item ${index}`);

  it('takes the same input, from any place where it stopped', async () => {
    const log = path();
    await readAll(new RunLog(log, false), values, 300);
    assert.equal((await readAll(new RunLog(log, false), values, 700)).length, 768);
    assert.equal((await readAll(new RunLog(log, false), values)).length, 1000);
    assert.equal((await readAll(new RunLog(log, false), values)).length, 1000);
  });

  it('refuses an input whose read items differ, or whose length does once it was read', async () => {
    const log = path();
    await readAll(new RunLog(log, false), values, 500);
    const changed = values.with(300, 'another');
    await assert.rejects(readAll(new RunLog(log, false), changed), /one of the items 257 to 512 was another/);
    await assert.rejects(
      readAll(new RunLog(log, false), values.slice(0, 400)),
      /it had 512 items at least, and has 400/,
    );
    await readAll(new RunLog(log, false), values.with(600, 'not read before'));
    await assert.rejects(readAll(new RunLog(log, false), values), /one of the items 513 to 768 was another/);
    const whole = path();
    await readAll(new RunLog(whole, false), values);
    await assert.rejects(readAll(new RunLog(whole, false), [...values, 'more']), /it had 1000 items, and has more/);
    await assert.rejects(readAll(new RunLog(whole, false), values.slice(0, 999)), /has changed/);
    const empty = path();
    assert.deepEqual(await readAll(new RunLog(empty, false), []), []);
    assert.deepEqual(await readAll(new RunLog(empty, false), []), []);
    await assert.rejects(readAll(new RunLog(empty, false), ['one']), /it had 0 items, and has more/);
  });

  it('knows the files that were not finished', async () => {
    const file = path();
    const log = new RunLog(file, false);
    log.add({ writes: ['/out'] });
    log.flush();
    await log.close();
    const next = new RunLog(file, false);
    assert.deepEqual(next.unfinished, ['/out']);
    next.add({ writes: [] });
    next.flush();
    await next.close();
    const last = new RunLog(file, false);
    assert.deepEqual(last.unfinished, []);
    await last.close();
  });

  it('has a directory for one command and one process at a time', async () => {
    const directory = join(temporaryDirectory(), 'state');
    const options = { directory, fresh: false, retryFailed: false };
    const identity = { command: 'map a#b over lines', sizes: [3] };
    const first = await RunDirectory.open(identity, options);
    await assert.rejects(RunDirectory.open(identity, options), { exitCode: 3, message: /this run goes on already/ });
    await first.close();
    await assert.rejects(RunDirectory.open({ ...identity, sizes: [4] }, options), /its size was 3 bytes, and is 4/);
    const other = { ...identity, command: 'map a#c over lines' };
    await assert.rejects(
      RunDirectory.open(other, options),
      /there: map a#b over lines\n {2}here: {2}map a#c over lines/,
    );
    const fresh = await RunDirectory.open(other, { ...options, fresh: true });
    await fresh.close();
    await (await RunDirectory.open(other, options)).remove();
    assert.equal(existsSync(directory), false);
  });
});
