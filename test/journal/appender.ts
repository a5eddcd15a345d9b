/**
 * A process that appends numbered transactions to the journal of a directory until it is killed.
 * After each sync it prints how many transactions are acknowledged. The test that reads these lines
 * outlives it.
 */
import { openJournal } from '../../src/journal/journal.js';
import { appendAll, Collector, entry, filled } from './reading.js';

const collector = new Collector();
const journal = await openJournal(process.argv[2]!, collector, { segmentBytes: 64 * 1024, reserveBytes: 0 });
let next = collector.transactions.length;
for (;;) {
  for (let i = 0; i < 1 + (next % 5); i++) {
    const noise = filled(2, (next * 577) % 3000, next);
    journal.beginFrame(noise.bytes.length + 100);
    appendAll(journal, [entry(1, String(next)), noise]);
    next += 1;
  }
  await journal.sync();
  process.stdout.write(`${next}\n`);
}
