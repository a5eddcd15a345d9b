/**
 * Prints the digests of files: of its arguments one after another, or without any of those in
 * standard input, 64 at a time on Piscina's threads.
 */
import { createInterface } from 'node:readline';
import { Piscina } from 'piscina';
import digest from '../jobs/digest.js';

const inFlight = 64;

const files = process.argv.slice(2);
if (files.length > 0) for (const file of files) console.log(digest(file));
else await digestInThreads(Number(process.env.THREADS));

async function digestInThreads(threads: number): Promise<void> {
  const filename = new URL('../jobs/digest.js', import.meta.url).href;
  const pool = new Piscina({ filename, minThreads: threads, maxThreads: threads });
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const work = async () => {
    for (let next = await lines.next(); !next.done; next = await lines.next()) console.log(await pool.run(next.value));
  };
  await Promise.all(Array.from({ length: inFlight }, work));
  await pool.destroy();
}
