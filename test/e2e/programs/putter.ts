/**
 * Puts jobs until it is killed, and prints each fact that the runtime has acknowledged:
 *
 *    open                  the runtime is open
 *    put KIND NAME ID      the put was acknowledged
 *    parts NAME COUNT      COUNT of the parts are completed
 *    failed NAME MESSAGE   the job failed; `done NAME` follows
 *    done NAME             the outcome was delivered
 *
 * Each job marks its start in the file by its name. Parts are NAME/0, NAME/1 …; a postprocess is
 * NAME/end. A line on standard input makes it close.
 *
 * Arguments: directory, file of marks, durability, threads, bytes of ballast for each call, a
 * prefix for names, seed.
 */
import { type Level, open, parallel, retryNever, serial } from 'callsheet';
import { randomFrom } from '../../harness/randomness.js';
import { allJobs, marks } from '../jobs/all.js';

const [directory, file, durability, threads, ballast, prefix, seed] = process.argv.slice(2) as string[];
const random = randomFrom(Number(seed));
const inFlight = 12;
const partCount = 4;
const everything = { ageMs: Number.MAX_SAFE_INTEGER, count: Number.MAX_SAFE_INTEGER, bytes: Number.MAX_SAFE_INTEGER };

const callsheet = await open({
  directory: directory!,
  durability: durability as Level,
  threads: Number(threads),
  jobs: allJobs,
  retention: everything,
});
say('open');
let last = 0;
let closing: Promise<unknown> | undefined;
process.stdin.once('data', () => {
  closing = callsheet.close({ graceMs: 2 });
});
await Promise.all(Array.from({ length: inFlight }, () => putForEver().catch(unlessClosing)));
process.stdin.destroy();

async function putForEver(): Promise<never> {
  for (;;) {
    const kind = (['call', 'never', 'serial', 'parallel'] as const)[random(4)]!;
    const name = `${prefix}.${++last}`;
    const retry = kind === 'never' ? { retry: retryNever } : {};
    const job = await callsheet.queue().put<unknown>(make(kind, name), retry);
    say('put', kind, name, job.id);
    if (kind === 'serial') {
      for (let told = 0; told < partCount; ) {
        const { partsDone } = await job.details();
        if (partsDone > told) say('parts', name, partsDone);
        told = partsDone;
      }
    }
    const failure = await job.failure();
    if (failure !== undefined) say('failed', name, failure.message);
    say('done', name);
  }
}

function make(kind: 'call' | 'never' | 'serial' | 'parallel', name: string) {
  if (kind === 'call') return marks.markWith(file!, name, Buffer.alloc(Number(ballast), name));
  if (kind === 'never') return marks.markFor(file!, name, random(4));
  const parts = Array.from({ length: partCount }, (_, index) => marks.markFor(file!, `${name}/${index}`, random(4)));
  return (kind === 'serial' ? serial : parallel)(parts, { postprocess: marks.markParts.with(file!, `${name}/end`) });
}

function unlessClosing(error: Error): void {
  if (closing === undefined) throw error;
}

/** Pipes are written synchronously, so a printed line reaches the reader whatever happens next. */
function say(...words: unknown[]): void {
  process.stdout.write(`${words.join(' ')}\n`);
}
