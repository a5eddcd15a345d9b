/**
 * A process that puts jobs until it is killed, and says what it was told:
 *
 *   open                      the runtime is open
 *   put KIND NAME ID          the put was acknowledged
 *   parts NAME COUNT          so many of the parts are completed
 *   done NAME                 the result is there
 *
 * Each job marks its start in the file, by its name; parts are NAME/0, NAME/1 …, a postprocess is NAME/end.
 *
 * Arguments: directory, file of marks, durability, a prefix for names, seed.
 */
import { type Level, open, parallel, serial } from 'callsheet';
import { randomFrom } from '../../harness/randomness.js';
import { allJobs, marks } from '../jobs/all.js';

const [directory, file, durability, prefix, seed] = process.argv.slice(2) as [string, string, Level, string, string];
const random = randomFrom(Number(seed));
const inFlight = 6;
const partCount = 4;

const callsheet = await open({ directory, durability, threads: 2, jobs: allJobs });
say('open');
let last = 0;
await Promise.all(Array.from({ length: inFlight }, putForEver));

async function putForEver(): Promise<never> {
  for (;;) {
    const kind = (['call', 'serial', 'parallel'] as const)[random(3)]!;
    const name = `${prefix}.${++last}`;
    const job = await callsheet.queue().put<unknown>(make(kind, name));
    say('put', kind, name, job.id);
    if (kind === 'serial') {
      for (let told = 0; told < partCount; ) {
        const { partsDone } = await job.details();
        if (partsDone > told) say('parts', name, partsDone);
        told = partsDone;
      }
    }
    await job.result();
    say('done', name);
  }
}

function make(kind: 'call' | 'serial' | 'parallel', name: string) {
  if (kind === 'call') return marks.markFor(file, name, random(4));
  const parts = Array.from({ length: partCount }, (_, index) => marks.markFor(file, `${name}/${index}`, random(4)));
  return (kind === 'serial' ? serial : parallel)(parts, { postprocess: marks.markParts.with(file, `${name}/end`) });
}

function say(...words: unknown[]): void {
  process.stdout.write(`${words.join(' ')}\n`);
}
