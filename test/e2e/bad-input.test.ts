/** Wrong arguments: a clear error with a code, nothing stored, and the runtime goes on. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  CallsheetError,
  defineJobs,
  NotStorableError,
  open,
  type Part,
  parallel,
  type Runtime,
  serial,
} from 'callsheet';
import { temporaryDirectory } from '../harness/temporary.js';
import { allJobs, numbers } from './jobs/all.js';

const stranger = defineJobs<typeof import('./jobs/numbers.js')>(
  'stranger',
  new URL('./jobs/numbers.js', import.meta.url),
);
/** The callables of a module, without its types. */
const untyped = numbers as unknown as Record<string, (...args: unknown[]) => Part>;
const good = () => numbers.add(1, 2);

const cycle: { self?: unknown } = {};
cycle.self = cycle;

describe('a put', () => {
  const directory = temporaryDirectory();
  let callsheet: Runtime;
  let putWell = 0;
  before(async () => {
    callsheet = await open({ directory, jobs: allJobs, threads: 1 });
  });
  after(async () => {
    await callsheet.close();
    await using again = await open({ directory, jobs: allJobs, threads: 1 });
    assert.deepEqual(again.found, { jobs: putWell, unfinished: 0 }, 'nothing of what was refused is stored');
  });

  /**
   * Asserts that the job is refused, alone and among good ones, and that a good one works
   * afterwards.
   */
  async function refused(bad: unknown, expected: (error: CallsheetError, where: string) => void): Promise<void> {
    const job = bad as Part<number>;
    const queue = callsheet.queue();
    const attempts: [where: string, put: () => Promise<unknown>][] = [
      ['', () => queue.put(job)],
      ['jobs[1].', () => queue.putAll([good(), job, good()])],
    ];
    for (const [where, put] of attempts) {
      await assert.rejects(put(), (error: CallsheetError) => {
        expected(error, where);
        return true;
      });
    }
    assert.equal(await (await queue.put(good())).result(), 3);
    putWell++;
  }

  const withCode = (code: string, message: RegExp) => (error: CallsheetError) => {
    assert.ok(error instanceof CallsheetError, `${error}`);
    assert.equal(error.code, code);
    assert.match(error.message, message);
  };

  it('[3.4] of an unregistered module is refused with the name of the module', () =>
    refused(stranger.add(1, 2), withCode('UNKNOWN_MODULE', /"stranger"/)));

  it('[3.4] of a missing export is refused with the names of module and export', () =>
    refused(untyped.subtract!(1, 2), withCode('UNKNOWN_EXPORT', /numbers.*subtract/)));

  for (const name of ['constructor', 'toString', 'hasOwnProperty', '__proto__', 'valueOf', '']) {
    it(`[3.4] of ${JSON.stringify(name)}, which is not an own export, is refused with the name of the module`, () =>
      refused(untyped[name]!(), withCode('UNKNOWN_EXPORT', /numbers/)));
  }

  for (const name of ['notAFunction', 'noFunctionEither']) {
    it(`[3.4] of the export ${name}, which is not a function, is refused with that reason`, () =>
      refused(untyped[name]!(), withCode('EXPORT_NOT_CALLABLE', new RegExp(`numbers.*${name}.*not a function`))));
  }

  it('[3.4] is refused with the path of the bad part', async () => {
    await refused(
      parallel([good(), serial([good(), stranger.add(1, 2)])]),
      withCode('UNKNOWN_MODULE', /parts\[1\]\.parts\[1\]/),
    );
    await refused(parallel([good()], { postprocess: stranger.sum }), withCode('UNKNOWN_MODULE', /postprocess/));
  });

  const unstorable: [what: string, value: unknown, path: string][] = [
    ['a function', { items: [0, { run: () => 0 }] }, 'arguments[0].items[1].run'],
    ['a symbol', [Symbol('s')], 'arguments[0][0]'],
    ['an invalid date', { when: new Date(Number.NaN) }, 'arguments[0].when'],
    ['an instance of a class', { of: new (class Order {})() }, 'arguments[0].of'],
    ['an error', { error: new Error('no value') }, 'arguments[0].error'],
    ['a promise', Promise.resolve(1), 'arguments[0]'],
    ['a lone surrogate', { text: 'a\ud800b' }, 'arguments[0].text'],
    ['the key __proto__', { inner: JSON.parse('{"__proto__": 1}') }, 'arguments[0].inner'],
    ['a cycle', { cycle }, 'arguments[0].cycle.self'],
    ['a hole', { list: new Array(3) }, 'arguments[0].list'],
    ['shared memory', new SharedArrayBuffer(8), 'arguments[0]'],
  ];
  for (const [what, value, path] of unstorable) {
    it(`[3.4] with ${what} in its arguments is refused with the path of the value`, async () => {
      const at = (path: string) => (error: CallsheetError, where: string) => {
        assert.ok(error instanceof NotStorableError, `${error}`);
        assert.equal(error.code, 'ARGUMENT_NOT_STORABLE');
        assert.ok(error.path.startsWith(where + path), `${error.path}, not ${where}${path}`);
        assert.ok(error.message.includes(error.path), error.message);
      };
      await refused(numbers.echo(value), at(path));
      await refused(serial([numbers.echo(1), numbers.echo(value)]), at(`parts[1].${path}`));
    });
  }

  it('[3.4] with a bad argument of a postprocess is refused with the path of the argument', async () => {
    const postprocess = numbers.scaledSum.with(1, (() => 'mm') as unknown as string);
    await refused(parallel([numbers.add(1, 2)], { postprocess }), (error, where) => {
      assert.equal((error as NotStorableError).path, `${where}postprocess.arguments[1]`);
    });
  });

  it('[15.1] with more than 64 MiB of arguments is refused before anything is written', () =>
    refused(numbers.echo(new Uint8Array(64 * 1024 * 1024)), withCode('PAYLOAD_TOO_LARGE', /arguments/)));

  it('of a whole with parts that are not jobs throws a TypeError with the path of the part', () => {
    assert.throws(() => parallel([good(), 7 as never]), /parts\[1\]/);
    assert.throws(() => serial(good() as never), TypeError);
    assert.throws(() => parallel([good()], { postprocess: (() => 1) as never }), /postprocess/);
    assert.throws(() => parallel([good()], { postprocess: good() as never }), /postprocess/);
  });

  it('[3.4] into a missing queue is refused with the name of the queue', async () => {
    const nowhere = callsheet.queue('nowhere');
    for (const attempt of [() => nowhere.put(good()), () => nowhere.putAll([good(), good()])]) {
      await assert.rejects(attempt(), { name: 'UnknownQueueError', code: 'UNKNOWN_QUEUE', message: /"nowhere"/ });
    }
    await assert.rejects(callsheet.queue('__proto__').put(good()), { code: 'UNKNOWN_QUEUE' });
  });

  it('of an empty list succeeds and stores nothing', async () => {
    assert.deepEqual(await callsheet.queue().putAll([]), []);
  });

  for (const id of ['', 'nonsense', '01890a5d-ac96-774b-bcce-b302099a805', 7, undefined]) {
    it(`is not looked up by ${JSON.stringify(id)}, which is not an id`, () => {
      assert.throws(() => callsheet.job(id as string), { code: 'UNKNOWN_JOB' });
    });
  }
});
