/**
 * Opens each of its directories and prints the result, in a process of its own, since opening may
 * never end.
 */
import { CallsheetError } from '../../src/errors.js';
import { openJournal } from '../../src/journal/journal.js';
import { acquireLock } from '../../src/journal/lock.js';
import { Collector } from './reading.js';

async function openedAndClosed(directory: string): Promise<string> {
  const lock = await acquireLock(directory);
  try {
    await (await openJournal(directory, new Collector())).close();
    return 'opened';
  } finally {
    await lock.release();
  }
}

for (const directory of process.argv.slice(2)) {
  const outcome = await openedAndClosed(directory).catch((error: unknown) =>
    error instanceof CallsheetError ? error.code : String(error),
  );
  process.stdout.write(`${outcome}\n`);
}
