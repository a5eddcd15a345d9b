/**
 * The long form of the simulation: histories by the hundred thousand, on a thread for each
 * processor.
 *
 *   node dist/test/sim/run.js [COUNT [FIRST [THREADS]]]
 *
 * Prints a summary, and each seed that violated something. Exits with 1 if any did.
 */
import { availableParallelism } from 'node:os';
import { argv, stdout } from 'node:process';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { add, emptySum, liveAll, printed, type Sum } from './histories.js';

/** Seeds that a thread takes at once. */
const atOnce = 20;
const printEvery = 5000;

type Answer = { readonly sum: Sum } | { readonly violation: string };

if (isMainThread) await main();
else {
  // Failing disks make errors by the thousand, and a replay of a seed shows their stacks.
  Error.stackTraceLimit = 0;
  parentPort!.on('message', async (seed: number) => {
    const answer: Answer = await liveAll(seed, 1).then(
      (sum) => ({ sum }),
      (error: Error) => ({ violation: error.message }),
    );
    parentPort!.postMessage(answer);
  });
}

async function main(): Promise<void> {
  const [count = 100_000, first = 1, threads = availableParallelism()] = argv.slice(2).map(Number);
  const startedAt = performance.now();
  const all = emptySum();
  let violations = 0;
  let next = first;
  const seedsPerSecond = () => (all.seeds / ((performance.now() - startedAt) / 1000)).toFixed(1);
  const work = () =>
    new Promise<void>((resolve, reject) => {
      const worker = new Worker(new URL(import.meta.url)).on('error', reject);
      let out = 0;
      const give = () => {
        for (; out < atOnce && next < first + count; out++) worker.postMessage(next++);
        if (out === 0) resolve(void worker.terminate());
      };
      worker.on('message', (answer: Answer) => {
        out -= 1;
        if ('sum' in answer) add(all, answer.sum);
        else stdout.write(`VIOLATION ${++violations}: ${answer.violation}\n`);
        if (all.seeds % printEvery === 0) stdout.write(`${all.seeds} seeds, ${seedsPerSecond()} in a second\n`);
        give();
      });
      give();
    });
  await Promise.all(Array.from({ length: threads }, work));
  stdout.write(
    `seeds ${first} to ${first + count - 1}: ${printed(all)}\n${violations} violations; ${seedsPerSecond()} seeds in a second\n`,
  );
  if (violations > 0) process.exitCode = 1;
}
