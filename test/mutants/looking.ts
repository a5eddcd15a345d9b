/** Planted bugs against section 11 of the contract. */
import type { Mutant } from './mutant.js';

export const looking: readonly Mutant[] = [
  {
    bug: 'jobs that this build cannot run are not counted at open',
    tags: ['11.4'],
    in: 'coordinator/coordinator.ts#open',
    find: 'if (this.#presence !== undefined) this.#parts.build.logOpened();',
    replace: '',
  },
  {
    bug: 'a drain waits for jobs that this build cannot run',
    tags: ['11.4'],
    in: 'coordinator/claiming/build.ts#goesOn',
    find: 'if (job.queued) return this.knows(job.callable) &&',
    replace: 'if (job.queued) return',
  },
  {
    bug: 'a drain waits for a job whose quota place a job of another build holds',
    tags: ['11.4'],
    in: 'coordinator/claiming/build.ts#goesOn',
    find: '&& !isHeldBack(state, job)',
    replace: '',
  },
  {
    bug: 'a callback that this build does not have is called',
    tags: ['11.4'],
    in: 'coordinator/claiming/runs.ts#makeReady',
    find: '&& this.#context.build.knows(job.callable)',
    replace: '',
  },
  {
    bug: 'no warning is logged for a caller that waits for a job this build cannot run',
    tags: ['11.4'],
    in: 'coordinator/clients/outcomes.ts#waitFor',
    find: 'return this.#build.logAwaited(job);',
    replace: 'return;',
  },
  {
    bug: 'a failure that a caller waits for is logged as a warning',
    tags: ['11.1'],
    in: 'runtime/link.ts#Link.isAwaited',
    find: 'return this.#puts.get(detail.put)?.isAwaited === true;',
    replace: 'return false;',
  },
  {
    bug: 'a failure that no caller waits for is not logged as a warning',
    tags: ['11.1'],
    in: 'coordinator/job-log.ts#ended',
    find: "this.#write(this.#isSeen(job) ? 'info' : 'warn', 'a job failed'",
    replace: "this.#write('info', 'a job failed'",
  },
  {
    bug: 'a result that is lost at commit is not logged',
    tags: ['11.1'],
    in: 'core/retry.ts#couldNotCommit',
    find: "decision.effects.push({ type: 'log', gate: 'decided', level: 'error', message, job: job.id });",
    replace: 'void message;',
  },
  {
    bug: 'a failed callback is logged without its error',
    tags: ['11.1'],
    in: 'coordinator/job-log.ts#log',
    find: "job.outcome === 'failure' ? job.result : null",
    replace: 'null',
  },
  {
    bug: 'the log has no limit',
    tags: ['11.1'],
    in: 'coordinator/job-log.ts#write',
    find: 'if (this.#left === 0) {',
    replace: 'if (this.#left < 0) {',
  },
  {
    bug: 'a log level set by a module is ignored',
    tags: ['11.1'],
    tests: ['e2e/logs.test.ts'],
    in: 'worker/thread-context.ts#logLevelOf',
    find: "return modules[callable.slice(0, callable.indexOf('#'))]?.log ?? log;",
    replace: 'return log;',
  },
];
