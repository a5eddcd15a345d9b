/** A process is gone, and another opens its directory and goes on. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { defineJobs, type Job, JobForgottenError, open } from 'callsheet';
import { pino } from 'pino';
import { eventually } from '../harness/eventually.js';
import { Program } from '../harness/program.js';
import { temporaryDirectory } from '../harness/temporary.js';
import { allJobs, bad, countMarks, marks, marksIn, numbers } from './jobs/all.js';

const service = new URL('programs/service.js', import.meta.url);

function start(t: TestContext, directory: string, ...args: string[]): Program {
  return new Program(t, service, directory, ...args);
}

async function put(program: Program, ...words: unknown[]): Promise<string> {
  program.tell(words.join(' '));
  const line = await program.line();
  assert.match(line ?? '', /^put /, program.errors);
  return line!.slice('put '.length);
}

describe('a directory opened again', () => {
  it('[1] gives handles by id in another process, with result or failure', async (t) => {
    const directory = temporaryDirectory();
    const first = start(t, directory);
    await first.says('open 0 0');
    const sum = await put(first, 'put', 'numbers', 'add', 1, 2);
    const failing = await put(first, 'put', 'bad', 'throws');
    first.tell(`result ${sum}`);
    await first.says('result 3');
    first.tell(`result ${failing}`);
    await first.says('failed OrderError');
    first.tell('close');
    await first.says('closed');
    assert.equal(await first.end(), 0);

    await using callsheet = await open({ directory, jobs: allJobs, threads: 1 });
    assert.deepEqual(callsheet.found, { jobs: 2, unfinished: 0 });
    assert.equal(await callsheet.job(sum).result(), 3);
    const failure = await callsheet.job(failing).failure();
    assert.equal(failure?.code, 'E_ORDER');
    assert.match(failure.stack!, /misbehaving\.js/);
    assert.deepEqual(failure.properties?.order, { id: 7, lines: ['a', 'b'] });
    assert.equal(await callsheet.job(sum).status(), 'completed');
  });

  it('sends `registered` and `activated` to the first reader of events, however late it comes', async () => {
    const directory = temporaryDirectory();
    const types = async (wait: boolean) => {
      await using callsheet = await open({ directory, jobs: allJobs, threads: 1 });
      if (wait) await callsheet.createQueue('mail');
      const events = callsheet.events();
      const { value: first } = await events.next();
      if (first?.type === 'dispatcher.activated') return [first.type];
      return [first?.type, (await events.next()).value?.type];
    };
    assert.deepEqual(await types(true), ['dispatcher.registered', 'dispatcher.activated']);
    assert.deepEqual(await types(false), ['dispatcher.activated']);
  });

  it('[9.1] warns of a torn end, which it cuts off and keeps aside', async (t) => {
    const directory = temporaryDirectory();
    const first = start(t, directory);
    await first.says('open 0 0');
    await put(first, 'put', 'numbers', 'add', 1, 2);
    await first.kill();
    const segment = join(directory, readdirSync(directory).findLast((name) => name.endsWith('.segment'))!);
    truncateSync(segment, readFileSync(segment).findLastIndex((byte) => byte !== 0) - 2);

    const lines: string[] = [];
    const logger = pino({ level: 'warn' }, { write: (line) => lines.push(line) });
    await using _ = await open({ directory, jobs: allJobs, threads: 1, logger });
    await eventually('a line of the log', () => lines.length > 0);
    assert.match(lines[0]!, /the torn end of the journal was cut off at offset \d+/);
    assert.match(lines[0]!, /bytes of .*\.segment are kept as .*torn/);
    assert.ok(readdirSync(directory).some((name) => name.includes('torn')));
  });

  it('[9.1] runs jobs that were put and not begun when the process was killed', async (t) => {
    const directory = temporaryDirectory();
    const file = join(directory, 'marks');
    const gate = join(directory, 'gate');
    const journal = join(directory, 'journal');
    const first = start(t, journal, '1');
    await first.says('open 0 0');
    const holding = await put(first, 'put', 'marks', 'markUntil', ...quoted(file, 'holding', gate));
    const ids: string[] = [];
    for (let n = 0; n < 20; n++) ids.push(await put(first, 'put', 'marks', 'mark', ...quoted(file, `waiting ${n}`)));
    await eventually('the first job begins', () => marksIn(file).length > 0);
    await first.kill();
    assert.deepEqual(marksIn(file), ['holding']);

    writeFileSync(gate, '');
    await using callsheet = await open({ directory: journal, jobs: allJobs, threads: 1 });
    assert.deepEqual(callsheet.found, { jobs: 21, unfinished: 21 });
    assert.equal(await callsheet.job(holding).result(), 'holding ended');
    for (const [n, id] of ids.entries()) assert.equal(await callsheet.job(id).result(), `waiting ${n}`);
    const order = marksIn(file).filter((mark) => mark.startsWith('waiting'));
    assert.deepEqual(
      order,
      ids.map((_, n) => `waiting ${n}`),
      '[3.2] in the order of their puts, each once',
    );
  });

  for (const form of ['serial', 'parallel']) {
    it(`[7.3] does not repeat completed parts of a ${form} after kill -9`, async (t) => {
      const directory = temporaryDirectory();
      const file = join(directory, 'marks');
      const gate = join(directory, 'gate');
      const journal = join(directory, 'journal');
      const first = start(t, journal, '1');
      await first.says('open 0 0');
      const whole = await put(first, 'parts', form, 30, file);
      const partsDone = await eventually('some parts are completed', async () => {
        first.tell(`details ${whole}`);
        const details = JSON.parse((await first.line())!.slice('details '.length));
        return details.partsDone > 3 && details.partsDone;
      });
      await first.kill();
      const before = countMarks(file);

      writeFileSync(gate, '');
      await using callsheet = await open({ directory: journal, jobs: allJobs, threads: 1 });
      const names = Array.from({ length: 30 }, (_, index) => `part ${index}`);
      assert.deepEqual(await callsheet.job(whole).result(), names);
      const after = countMarks(file);
      // With one thread, parts begin in order: the ones reported as completed are the first.
      for (const name of names.slice(0, partsDone)) assert.equal(after.get(name), before.get(name), name);
      for (const name of names) assert.ok(after.get(name)! <= 2, name);
    });
  }

  it('[8.3] has a job back that a clean close interrupted, uncounted', async () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'marks');
    const gate = join(directory, 'gate');
    const journal = join(directory, 'journal');
    const first = await open({ directory: journal, jobs: allJobs, threads: 1 });
    const job = await first.queue().put(marks.markUntil(file, 'long', gate));
    await eventually('it runs', () => marksIn(file).length > 0);
    await first.close({ graceMs: 0 });

    await using second = await open({ directory: journal, jobs: allJobs, threads: 1 });
    assert.deepEqual(second.found, { jobs: 1, unfinished: 1 });
    await eventually('it runs again', () => marksIn(file).length > 1);
    writeFileSync(gate, '');
    const again = second.job(job.id);
    assert.equal(await again.result(), 'long ended');
    const { attempts, interruptions } = await again.details();
    assert.deepEqual({ attempts, interruptions }, { attempts: 2, interruptions: 0 });
  });

  it('[5.9] was closed within the grace: running jobs ended, and no other began', async () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'marks');
    const gate = join(directory, 'gate');
    const journal = join(directory, 'journal');
    const first = await open({ directory: journal, jobs: allJobs, threads: 1 });
    const queue = first.queue();
    const handles = await queue.putAll([
      marks.markUntil(file, 'running', gate),
      ...Array.from({ length: 10 }, (_, n) => marks.mark(file, `behind ${n}`)),
    ]);
    await eventually('it runs', () => marksIn(file).length > 0);
    const result = handles[0]!.result();
    const closed = first.close();
    writeFileSync(gate, '');
    assert.equal(await result, 'running ended');
    assert.deepEqual(await closed, { hangingThreads: [], interrupted: 0 });
    assert.deepEqual(marksIn(file), ['running', 'running ended']);

    await using second = await open({ directory: journal, jobs: allJobs, threads: 1 });
    assert.deepEqual(second.found, { jobs: 11, unfinished: 10 });
    for (const handle of handles) await second.job(handle.id).result();
    assert.equal(marksIn(file).length, 12);
  });

  it('[1] keeps a job pending while the build lacks its module', async (t) => {
    const directory = temporaryDirectory();
    const gate = join(directory, 'gate');
    const journal = join(directory, 'journal');
    const first = start(t, journal, '1');
    await first.says('open 0 0');
    await put(first, 'put', 'marks', 'markUntil', ...quoted(join(directory, 'marks'), 'holding', gate));
    const sum = await put(first, 'put', 'numbers', 'add', 20, 3);
    await first.kill();
    writeFileSync(gate, '');

    const without = await open({ directory: journal, jobs: [marks], threads: 1 });
    const behind = await without.queue().put(marks.mark(join(directory, 'marks'), 'behind'));
    assert.equal(await behind.result(), 'behind');
    assert.equal(await without.job(sum).status(), 'pending');
    assert.equal((await without.job(sum).details()).attempts, 0);
    await without.close();

    await using within = await open({ directory: journal, jobs: allJobs, threads: 1 });
    assert.equal(await within.job(sum).result(), 23);
  });

  it('[1] runs a job after its module has moved: only the name of the module is stored', async () => {
    const directory = temporaryDirectory();
    const moved = join(directory, 'moved.mjs');
    writeFileSync(moved, 'export const add = (...terms) => ["moved", ...terms];\n');
    const journal = join(directory, 'journal');
    const first = await open({ directory: journal, jobs: [marks, numbers], threads: 1 });
    const file = join(directory, 'marks');
    await first.queue().put(marks.markUntil(file, 'holding', join(directory, 'gate')));
    await eventually('it runs', () => marksIn(file).length > 0);
    const sum: Job = await first.queue().put(numbers.add(1, 2));
    await first.close({ graceMs: 0 });
    writeFileSync(join(directory, 'gate'), '');
    const jobs = [marks, defineJobs('numbers', `file://${moved}`)];
    await using second = await open({ directory: journal, jobs, threads: 1 });
    assert.deepEqual(await second.job(sum.id).result(), ['moved', 1, 2]);
  });

  it('[2.12] reports a forgotten or foreign id as such', async () => {
    await using callsheet = await open({ directory: temporaryDirectory(), jobs: [bad], threads: 1 });
    const stranger = callsheet.job('01890a5d-ac96-774b-bcce-b302099a8057');
    await assert.rejects(stranger.result(), JobForgottenError);
    await assert.rejects(stranger.status(), { code: 'JOB_FORGOTTEN' });
  });

  it('[9.1] has no jobs of level `memory`, but all others', async () => {
    const directory = temporaryDirectory();
    const durable = await open({ directory, jobs: allJobs, threads: 1 });
    await (await durable.queue().put(numbers.add(1, 1))).result();
    await durable.close();
    const light = await open({ directory, jobs: allJobs, threads: 1, durability: 'memory' });
    const job = await light.queue().put(numbers.add(1, 1));
    assert.equal(await job.result(), 2);
    await light.close();
    await using again = await open({ directory, jobs: allJobs, threads: 1 });
    assert.deepEqual(again.found, { jobs: 1, unfinished: 0 });
    await assert.rejects(again.job(job.id).result(), JobForgottenError);
  });
});

/** Quotes texts as arguments of a command line for `programs/service.ts`. */
function quoted(...texts: string[]): string[] {
  assert.ok(texts.every((text) => !text.includes(' ') || text === texts[1]));
  return texts.map((text) => JSON.stringify(text).replaceAll(' ', '\\u0020'));
}
