/** Planted bugs against section 11 of the contract. */
import type { Mutant } from './mutant.js';

export const section11: readonly Mutant[] = [
  {
    bug: 'what this build cannot run is not counted at open',
    tags: ['11.4'],
    file: 'coordinator/coordinator.ts',
    find: 'if (this.#presence !== undefined) this.#build.tellOpened();',
    replace: '',
  },
  {
    bug: 'a drain waits for what this build cannot run',
    tags: ['11.4'],
    file: 'coordinator/build.ts',
    find: 'if (job.queued) return this.knows(job.callable);',
    replace: 'if (job.queued) return true;',
  },
  {
    bug: 'a callback that this build does not have is called',
    tags: ['11.4'],
    file: 'coordinator/runs.ts',
    find: ' && this.#ports.build.knows(job.callable)',
    replace: '',
  },
  {
    bug: 'who waits for a result that cannot come from here hears nothing',
    tags: ['11.4'],
    file: 'coordinator/outcomes.ts',
    find: 'return this.#build.tellAwaited(job);',
    replace: 'return;',
  },
];
