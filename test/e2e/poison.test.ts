/** Jobs that kill their thread or process are found and given up, and no other job is harmed. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type JobDetails, open } from 'callsheet';
import { pino } from 'pino';
import { eventually } from '../harness/eventually.js';
import { Program } from '../harness/program.js';
import { temporaryDirectory } from '../harness/temporary.js';
import { allJobs, countMarks, marks, marksIn } from './jobs/all.js';

const service = new URL('programs/service.js', import.meta.url);
const poisoner = new URL('programs/poisoner.js', import.meta.url);
const logger = pino({ level: 'silent' });

/** `atOnce` allows four interruptions, without delays. */
const startsOfPoison = 5;
const mostStarts = 2 * startsOfPoison + 2;

describe('a poison job', () => {
  it('[8.4] that ends its thread is given up, and its neighbours start once', async () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'marks');
    await using callsheet = await open({ directory: join(directory, 'journal'), jobs: allJobs, threads: 2, logger });
    const queue = callsheet.queue();
    const line = (name: string, exits = false) => marks.markOrExit(file, name, exits);
    // Makes the callable known to be short, so that its jobs share batches with the poison.
    const warm = await queue.putAll(Array.from({ length: 100 }, (_, n) => line(`warm ${n}`)));
    await Promise.all(warm.map((job) => job.result()));
    const names = Array.from({ length: 80 }, (_, n) => `neighbour ${n}`);
    const neighbours = await queue.putAll([
      ...names.slice(0, 40).map((name) => line(name)),
      line('poison', true).with({ retry: marks.atOnce }),
      ...names.slice(40).map((name) => line(name)),
    ]);
    const [poison] = neighbours.splice(40, 1);
    const failure = await poison!.failure();
    assert.equal(failure?.name, 'JobInterruptedError');
    assert.equal(failure.code, 'JOB_INTERRUPTED');
    const { attempts, interruptions } = await poison!.details();
    assert.deepEqual({ attempts, interruptions }, { attempts: startsOfPoison, interruptions: startsOfPoison });
    for (const job of neighbours) {
      await job.result();
      assert.equal((await job.details()).interruptions, 0);
    }
    const counts = countMarks(file);
    assert.equal(counts.get('poison'), startsOfPoison);
    for (const name of names) assert.equal(counts.get(name), 1, name);
  });

  it('[8.4] lets the jobs behind it run between its reruns', async () => {
    await using callsheet = await open({ directory: temporaryDirectory(), jobs: allJobs, threads: 2, logger });
    const queue = callsheet.queue();
    const file = join(temporaryDirectory(), 'marks');
    const poisons = await queue.putAll([marks.markOrExit(file, 'a', true), marks.markOrExit(file, 'b', true)]);
    const behind = await queue.putAll(Array.from({ length: 50 }, (_, n) => marks.mark(file, `behind ${n}`)));
    await Promise.all(behind.map((job) => job.result()));
    for (const poison of poisons) assert.equal((await poison.details()).endAt, undefined);
  });

  it('[8.4] [8.3] that kills its process is found among the jobs of its batch', async (t) => {
    const directory = temporaryDirectory();
    const [journal, file, gate] = ['journal', 'marks', 'gate'].map((name) => join(directory, name));
    const first = new Program(t, poisoner, journal!, file!, gate!);
    let poison = '';
    const neighbours: string[] = [];
    for (let line = await first.line(); line !== undefined; line = await first.line()) {
      const [who, id] = line.split(' ') as [string, string];
      if (who === 'poison') poison = id;
      else neighbours.push(id);
    }
    assert.equal(await first.end(), 'SIGKILL', first.errors);
    assert.equal(neighbours.length, 80, first.errors);
    const child = await reopenUntilGivenUp(t, [journal!, '1'], poison, file!);
    await expectUncounted(child, neighbours);
    for (const [run, starts] of countMarks(`${file}.attempts`)) assert.equal(starts, 1, `attempt repeats: ${run}`);
    // A neighbour may run before two deaths that cannot be blamed on one job, and then once alone.
    for (const [line, starts] of countMarks(file!)) if (line !== 'poison') assert.ok(starts <= 3, `${line}: ${starts}`);
  });

  it('[8.4] that kills its process does not count for a long job beside it', async (t) => {
    const directory = temporaryDirectory();
    const [journal, file, gate] = ['journal', 'marks', 'gate'].map((name) => join(directory, name));
    const lastGate = join(directory, 'last gate');
    const first = new Program(t, service, journal!, '2');
    await first.says('open 0 0');
    const long = await put(first, 'markUntil', [file!, 'long', lastGate]);
    await eventually('the long job runs', () => marksIn(file!).length === 1);
    const poison = await put(first, 'killWhen', [file!, 'poison', gate!], 'put at once');
    await eventually('the poison runs', () => marksIn(file!).length === 2);
    const short = await put(first, 'mark', [file!, 'short']);
    writeFileSync(gate!, '');
    assert.equal(await first.end(), 'SIGKILL', first.errors);
    const child = await reopenUntilGivenUp(t, [journal!, '2'], poison, file!);
    writeFileSync(lastGate, '');
    await expectUncounted(child, [long, short]);
  });
});

/**
 * Opens the directory again and again, as a process supervisor does. Returns the process that
 * lives.
 */
async function reopenUntilGivenUp(t: TestContext, args: string[], poison: string, file: string): Promise<Program> {
  for (let deaths = 1; deaths <= mostStarts + 1; deaths++) {
    const child = new Program(t, service, ...args);
    child.tell(`result ${poison}`);
    let line = await child.line();
    if (line?.startsWith('open')) line = await child.line();
    if (line === undefined) {
      assert.equal(await child.end(), 'SIGKILL', child.errors);
      continue;
    }
    const starts = countMarks(file).get('poison')!;
    t.diagnostic(`${deaths} deaths, ${starts} starts of the poison`);
    assert.equal(line, 'failed JobInterruptedError');
    // A death that cannot be blamed on one job is counted for none, so there may be a few more
    // starts than counted ones.
    assert.ok(starts >= startsOfPoison && starts <= mostStarts, `${starts} starts of the poison`);
    return child;
  }
  throw new Error(`the poison was started ${countMarks(file).get('poison')} times, and goes on`);
}

/** Asserts that all of these jobs have a result and no counted interruption. */
async function expectUncounted(child: Program, ids: readonly string[]): Promise<void> {
  const counted: string[] = [];
  for (const id of ids) {
    child.tell(`result ${id}`);
    const result = await child.line();
    child.tell(`details ${id}`);
    const { interruptions } = JSON.parse((await child.line())!.slice('details '.length)) as JobDetails;
    if (interruptions > 0 || !result?.startsWith('result')) counted.push(`${result}, ${interruptions} interruptions`);
  }
  assert.deepEqual(counted, []);
  child.tell('close');
  await child.says('closed');
}

async function put(program: Program, name: string, args: string[], how = 'put'): Promise<string> {
  program.tell(`${how} marks ${name} ${args.map((arg) => JSON.stringify(arg).replaceAll(' ', '\\u0020')).join(' ')}`);
  return (await program.line())!.slice('put '.length);
}
