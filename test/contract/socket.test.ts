/**
 * Runs the contract's virtual tests again with a client of the dispatcher, through frames and
 * checks as between two processes. Only the files about calls that a client can make.
 */
import { describe } from 'node:test';
import { runAgain } from './again.js';

const files = [
  'annotations',
  'callbacks',
  'compositions',
  'full-job',
  'job-ends',
  'job-life',
  'maps',
  'monitor',
  'queue-bounds',
  'queues',
  'schedules',
].map((name) => `${name}.test.js`);
/** Parts of the names of tests that show nothing through a socket, and the reason. */
const leftOut: Readonly<Record<string, string>> = {
  'cost of': 'a figure of the runtime in one process',
  'lists jobs by parent, agent': 'the runtime is no dispatcher here',
  'are set before it resolves': 'the owner declares schedules',
  'without a key, ends': 'the map of a client ends a minute after the client',
};
const limitMs = 600_000;

describe('the contract through a socket', { timeout: limitMs }, () => {
  runAgain('socket', files, Object.keys(leftOut));
});
