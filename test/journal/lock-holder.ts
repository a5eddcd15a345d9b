/**
 * A process that tries to take the lock of a directory, prints the result, and holds the lock until
 * its input ends.
 */
import { acquireLock } from '../../src/journal/lock.js';

const directory = process.argv[2]!;
process.stdout.write('ready\n');
process.stdin.once('data', () => {
  acquireLock(directory).then(
    (lock) => process.stdout.write(`won ${lock.epoch}\n`),
    (error) => process.stdout.write(`${error.code} ${error.message}\n`),
  );
});
process.stdin.on('end', () => process.exit(0));
