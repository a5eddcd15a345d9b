/**
 * A runtime driven by commands, one a line, each answered by a line:
 *
 *    (on opening)                       open JOBS UNFINISHED, or: error CODE
 *    put MODULE EXPORT ARGUMENTS…       put ID
 *    put at once MODULE EXPORT …        put ID, with a policy that reruns the job at once
 *    parts SERIAL|PARALLEL COUNT FILE   put ID; the parts mark `part 0` …, the end `postprocess`
 *    result ID                          result JSON, or: failed NAME
 *    details ID                         details JSON
 *    close                              closed
 *
 * Arguments: the directory, the number of threads, and the names of the modules that this build has
 * (default: all of them).
 */
import { createInterface } from 'node:readline';
import { CallsheetError, JobFailedError, open, parallel, type Runtime, serial } from 'callsheet';
import { bad, marks, numbers } from '../jobs/all.js';

const [directory, threads = '2', names = 'marks,numbers,bad'] = process.argv.slice(2);
const modules = { numbers, marks, bad };
type Name = keyof typeof modules;

let callsheet: Runtime;
try {
  callsheet = await open({
    directory: directory!,
    threads: Number(threads),
    jobs: names.split(',').map((name) => modules[name as Name]),
  });
  const { jobs, unfinished } = callsheet.found;
  say('open', jobs, unfinished);
  const input = createInterface(process.stdin);
  for await (const line of input) {
    const [word, ...rest] = line.split(' ') as [string, ...string[]];
    if (word === 'close') break;
    void perform(word, rest).catch((error) => say('error', (error as CallsheetError).code ?? String(error)));
  }
  input.close();
  process.stdin.destroy();
  await callsheet.close();
  say('closed');
} catch (error) {
  say('error', error instanceof CallsheetError ? error.code : String(error));
}

async function perform(word: string, rest: readonly string[]): Promise<void> {
  switch (word) {
    case 'put': {
      const isAtOnce = rest[0] === 'at';
      const [module, name, ...args] = isAtOnce ? rest.slice(2) : rest;
      const options = isAtOnce ? { retry: marks.atOnce } : {};
      const callables = modules[module as Name] as unknown as Record<string, typeof numbers.echo>;
      const make = callables[name!]! as (...args: unknown[]) => ReturnType<typeof numbers.echo>;
      return say('put', (await callsheet.queue().put(make(...args.map((arg) => JSON.parse(arg))), options)).id);
    }
    case 'parts': {
      const [form, count, file] = rest;
      const parts = Array.from({ length: Number(count) }, (_, index) => marks.mark(file!, `part ${index}`));
      const postprocess = marks.markParts.with(file!, 'postprocess');
      const whole = form === 'serial' ? serial(parts, { postprocess }) : parallel(parts, { postprocess });
      return say('put', (await callsheet.queue().put(whole)).id);
    }
    case 'result':
      try {
        return say('result', JSON.stringify(await callsheet.job(rest[0]!).result()));
      } catch (error) {
        if (!(error instanceof JobFailedError)) throw error;
        return say('failed', error.failure.name);
      }
    case 'details':
      return say('details', JSON.stringify(await callsheet.job(rest[0]!).details()));
  }
}

/** Pipes are written synchronously, so a printed line reaches the reader whatever happens next. */
function say(...words: unknown[]): void {
  process.stdout.write(`${words.join(' ')}\n`);
}
