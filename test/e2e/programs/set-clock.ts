/**
 * Sets its own wall clock while it works, by the file `CLOCK_FILE` of `clock-of-a-file.ts`, and
 * prints a line for each thing that still happened in time. Argument: directory.
 */
import { writeFileSync } from 'node:fs';
import { open } from 'callsheet';
import { numbers } from '../jobs/all.js';

const hourMs = 3_600_000;
const yearMs = 365 * 24 * hourMs;
const setClock = (byMs: number) => writeFileSync(process.env.CLOCK_FILE!, String(byMs));

const callsheet = await open({ directory: process.argv[2]!, jobs: [numbers], threads: 1 });
const queue = callsheet.queue();
await queue.setQuota('api', { size: 10, rate: { count: 1, periodMs: 1500 } });
const paused = await callsheet.createQueue('paused');
await paused.pause();
const waiting = await paused.put(numbers.add(1, 1), { beginByMs: hourMs });
const done = await queue.put(numbers.add(1, 2), { quotas: ['api'] });
await done.result();
const delayed = await queue.put(numbers.add(1, 3), { beginAfter: 1500 });
const limited = await queue.put(numbers.add(1, 4), { quotas: ['api'] });
const dated = await queue.put(numbers.add(1, 5), { beginAfter: new Date(Date.now() + hourMs) });

setClock(-hourMs);
say('delayed', await delayed.result());
say('limited', await limited.result());
setClock(10 * yearMs);
say('dated', await dated.result());
say('waiting', await waiting.status());
say('done', await callsheet.job(done.id).result());
await callsheet.close();

function say(...words: unknown[]): void {
  process.stdout.write(`${words.join(' ')}\n`);
}
