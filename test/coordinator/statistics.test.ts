/** The statistics by time, and their file: kinds beyond the limit, damage, files that grow. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { newId } from '../../src/codec/id.js';
import { Durations } from '../../src/coordinator/statistics/bucket.js';
import { contentOf, otherKind, Statistics } from '../../src/coordinator/statistics/statistics.js';
import { StatisticsFile } from '../../src/coordinator/statistics/statistics-file.js';
import type { JobRecord } from '../../src/core/records.js';
import { tallyCells } from '../../src/core/state/tallies.js';

const minuteMs = 60_000;
const job = (of: Partial<JobRecord>) =>
  ({ ...{ id: newId(), role: 'root', form: 'call', queue: '', callable: 'm#a' }, ...of }) as JobRecord;
const ended = job({ outcome: 'value', putAt: 1, beginAfter: 0, firstStartAt: 3, lastStartAt: 3, endAt: 7 });

const noJobs = { takePuts: () => [], tallies: () => undefined };

function files(t: TestContext): { path: string; file: StatisticsFile; failures: Error[] } {
  const directory = mkdtempSync(join(tmpdir(), 'callsheet-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const failures: Error[] = [];
  const file = new StatisticsFile(directory, (error) => failures.push(error));
  return { path: join(directory, 'statistics.jsonl'), file, failures };
}

async function read(file: StatisticsFile, now = 0): Promise<number> {
  const statistics = new Statistics(noJobs, file);
  await statistics.open(now);
  let succeeded = 0;
  for (const span of statistics.spans(0, Number.MAX_SAFE_INTEGER))
    for (const [, , counts] of contentOf(span).buckets) succeeded += counts[2]!;
  return succeeded;
}

describe('statistics', () => {
  it('[11.2] are the same from the file, and ignored if it is damaged', async (t) => {
    const { path, file, failures } = files(t);
    const statistics = new Statistics(noJobs, file);
    await statistics.open(0);
    for (let minute = 0; minute < 5; minute++) {
      statistics.passTo(minute * minuteMs);
      statistics.ended(ended, undefined);
    }
    await statistics.close();
    assert.equal(await read(file), 5);
    await file.written();
    const whole = readFileSync(path, 'utf8');
    writeFileSync(path, whole.slice(0, -3));
    assert.equal(await read(file), 4, 'a crash cut the last line');
    await file.written();
    for (const damaged of [
      'not JSON\n',
      '[1]\n',
      whole.replace('"m#a"', '5'),
      whole.replace('[3,4', '[-3,4'),
      'null\n',
    ]) {
      if (damaged === whole) continue;
      writeFileSync(path, damaged);
      await assert.rejects(read(file));
    }
    assert.deepEqual(failures, []);
  });

  it('[11.2] count the kinds beyond the limit together', async () => {
    const statistics = new Statistics(noJobs, undefined);
    await statistics.open(0);
    for (let kind = 0; kind < 700; kind++) statistics.ended({ ...ended, callable: `m#${kind}` }, undefined);
    const [span] = statistics.spans(0, minuteMs);
    const { buckets } = contentOf(span!);
    assert.equal(buckets.length, 501);
    assert.equal(buckets.find(([queue]) => queue === otherKind)?.[2][2], 200);
  });

  it('[11.2] keep the pending jobs at the end of each minute in which they changed', async (t) => {
    const { file } = files(t);
    const pending = tallyCells.findIndex((cell) => cell?.status === 'pending');
    let number = 0;
    const tallies = () =>
      ['part', 'root'].map((role) => {
        const counts = tallyCells.map((_, cell) => (cell === pending ? number : 1));
        return { queue: '', callable: 'm#a', role: role as 'root', counts };
      });
    const statistics = new Statistics({ takePuts: () => [], tallies }, file);
    await statistics.open(0);
    for (const [minute, count] of [0, 3, 3, 3, 7, 0, 0].entries()) {
      number = count;
      statistics.passTo((minute + 1) * minuteMs);
    }
    await statistics.close();
    const kept = new Statistics(noJobs, file);
    await kept.open(8 * minuteMs);
    const found = kept.spans(0, 8 * minuteMs).map((span) => [span.at / minuteMs, contentOf(span).pending]);
    assert.deepEqual(found, [
      [1, [['', 'm#a', 6]]],
      [4, [['', 'm#a', 14]]],
      [5, []],
    ]);
  });

  it('[11.2] write the file anew before it grows without bound', async (t) => {
    const { path, file } = files(t);
    const statistics = new Statistics(noJobs, file);
    await statistics.open(0);
    const days = 4;
    for (let minute = 0; minute < days * 24 * 60; minute++) {
      statistics.passTo(minute * minuteMs);
      statistics.ended(ended, undefined);
    }
    await statistics.close();
    const lines = readFileSync(path, 'utf8').split('\n').length;
    assert.ok(lines < 4500, `${lines} lines`);
    assert.equal(await read(file, days * 24 * 60 * minuteMs), days * 24 * 60);
  });

  it('[11.2] report a file that cannot be written once, and go on', async () => {
    const failures: Error[] = [];
    const statistics = new Statistics(noJobs, new StatisticsFile('/dev/null/nowhere', (error) => failures.push(error)));
    await assert.rejects(statistics.open(0));
    for (let minute = 0; minute < 3; minute++) {
      statistics.passTo(minute * minuteMs);
      statistics.ended(ended, undefined);
    }
    await statistics.close();
    assert.equal(failures.length, 1);
    assert.equal(statistics.spans(0, Number.MAX_SAFE_INTEGER).length, 4);
  });

  it('[9.1] write nothing into a directory that has replaced theirs', async (t) => {
    const { path, file, failures } = files(t);
    const directory = dirname(path);
    const statistics = new Statistics(noJobs, file);
    await statistics.open(0);
    renameSync(directory, `${directory}-moved`);
    t.after(() => rmSync(`${directory}-moved`, { recursive: true, force: true }));
    mkdirSync(directory);
    statistics.ended(ended, undefined);
    statistics.passTo(minuteMs);
    await statistics.close();
    assert.deepEqual(readdirSync(directory), []);
    assert.deepEqual(failures, []);
  });

  it('[11.2] estimate quantiles within a factor of 1.5', () => {
    const durations = new Durations();
    const id = newId();
    for (let ms = 1; ms <= 10_000; ms++) durations.note(ms, id);
    for (const part of [0.1, 0.5, 0.95, 0.99]) {
      const ratio = durations.quantile(part) / (part * 10_000);
      assert.ok(ratio > 1 / 1.5 && ratio < 1.5, `${part}: ${ratio}`);
    }
    assert.equal(durations.quantile(1), 10_000);
  });
});
