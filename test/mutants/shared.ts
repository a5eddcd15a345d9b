/**
 * Planted bugs against what the contract says of more than one dispatcher, in what a shared
 * database needs of the coordinator and the core.
 */
import type { Mutant } from './mutant.js';

export const shared: readonly Mutant[] = [
  {
    bug: 'a claim does not look again whether its quotas have room',
    tags: ['4.1'],
    file: 'core/decide.ts',
    find: '&&\n    state.hasRoom(job, now)\n',
    replace: '\n',
  },
  {
    bug: 'a claim does not look again whether its queue is paused',
    tags: ['3.6'],
    file: 'core/decide.ts',
    find: '    !queueOf(state, job.queue)?.paused &&\n',
    replace: '',
  },
  {
    bug: 'a claim does not look again whether the job is still in line',
    tags: ['5.1'],
    file: 'core/decide.ts',
    find: '    job.queued &&\n    isFor',
    replace: '    isFor',
  },
  {
    bug: 'what is claimed and not committed yet takes no room',
    tags: ['5.1'],
    file: 'coordinator/claiming/claiming.ts',
    find: 'if (this.#isOwn(job))\n        this.#place(batches, { job: id, callable: job.callable, agent: job.agent, free: false }, null);\n      else',
    replace: 'if (!this.#isOwn(job))',
  },
  {
    bug: 'a queue that another created gets no agent',
    tags: ['5.2'],
    file: 'coordinator/coordinator.ts',
    find: 'if (settings) this.#installAgents();',
    replace: '',
  },
  {
    bug: 'what is said elsewhere is not heard by who waits for it',
    tags: ['10.2'],
    file: 'coordinator/coordinator.ts',
    find: 'for (const said of annotations) ',
    replace: 'for (const said of annotations.slice(0, 0)) ',
  },
  {
    bug: 'starts of others do not use up a rate',
    tags: ['4.8'],
    file: 'core/state/state.ts',
    find: '  admitBucket({ queue, quota, bucket }: BucketRecord): void {\n',
    replace: '  admitBucket({ queue, quota, bucket }: BucketRecord): void {\n    if (bucket !== undefined) return;\n',
  },
];
