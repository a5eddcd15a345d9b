/**
 * Runs the contract's virtual tests again with their records in a database that other processes
 * could share: decided in transactions, on partial views. With `CALLSHEET_TEST_STORE=postgres` that
 * database is PostgreSQL.
 */
import { readdirSync } from 'node:fs';
import { describe } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runAgain } from './again.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const store = process.env.CALLSHEET_TEST_STORE ?? 'shared';
/** Parts of the names of tests that show nothing on a shared database, and the reason. */
const leftOut: Readonly<Record<string, string>> = {
  'keeps the cost of a part constant': 'it takes 20 s here; `shared-store/rows-read` counts what a decision reads',
  'interrupts at once a job that waits': 'here another dispatcher may begin the job that it waits for',
};
/**
 * Tests of handlers that ask without `await`. The threads of the kit are that of the test, so the
 * answer of PostgreSQL cannot come while a handler waits for it. A database in memory is foreseen;
 * see `shared-store/kits.ts`.
 */
const askedSync: readonly string[] = [
  'puts, annotates and reads without await in a synchronous handler',
  'sets and reads annotations of any job by its handle',
  'passes a handle in an annotation',
  'reads the status, times, arguments and annotations of parts',
  'reads and awaits any job by its id',
  'with the failure of its postprocess, after its policy is asked',
  'lets the postprocess read a long list lazily',
  'apply to parts, postprocesses and callbacks too',
  'counts the retry of a tick as a job of its schedule',
  'shows the postprocess the arguments, times',
  'is an event, and known to the job that runs',
  'delays each tick by less than its limit',
  'runs it now, whatever it does otherwise',
  'fills in ticks that have no job, in order',
  'tells callbacks and parts of a job its tick',
];
/** Files that open stores of their own, or count timers: a dispatcher adds some here. */
const ownStores = ['shared', 'socket', 'two-dispatchers', 'dispatcher-processes', 'waits-and-signals'].map(
  (name) => `${name}.test.js`,
);
const limitMs = 600_000;

describe('the contract over a shared database', { timeout: limitMs }, () => {
  const files = readdirSync(here).filter((file) => file.endsWith('.test.js') && !ownStores.includes(file));
  runAgain(store, files, [...Object.keys(leftOut), ...(store === 'shared' ? [] : askedSync)]);
});
