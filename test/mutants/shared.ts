/**
 * Planted bugs against what the contract says of more than one dispatcher, in what a shared
 * database needs of the coordinator and the core.
 */
import type { Mutant } from './mutant.js';

export const shared: readonly Mutant[] = [
  {
    bug: 'a claim does not look again whether its quotas have room',
    tags: ['4.1'],
    in: 'core/decide.ts#isClaimable',
    find: '&& state.hasRoom(job, now)',
    replace: '',
  },
  {
    bug: 'a claim does not look again whether its queue is paused',
    tags: ['3.6'],
    in: 'core/decide.ts#isClaimable',
    find: '!queueOf(state, job.queue)?.paused &&',
    replace: '',
  },
  {
    bug: 'a claim does not look again whether the job is still in line',
    tags: ['5.1'],
    in: 'core/decide.ts#isClaimable',
    find: 'job.queued &&',
    replace: '',
  },
  {
    bug: 'what is claimed and not committed yet takes no room',
    tags: ['5.1'],
    in: 'coordinator/claiming/claiming.ts#placeComing',
    find: 'if (this.#isOwn(job)) this.#place(batches, { job: id, callable: job.callable, agent: job.agent, free: false }, null); else',
    replace: 'if (!this.#isOwn(job))',
  },
  {
    bug: 'a queue that another created gets no agent',
    tags: ['5.2'],
    in: 'coordinator/coordinator.ts#changed',
    find: 'if (settings) this.#installAgents();',
    replace: '',
  },
  {
    bug: 'what is said elsewhere is not heard by who waits for it',
    tags: ['10.2'],
    in: 'coordinator/coordinator.ts#changed',
    find: 'for (const said of annotations)',
    replace: 'for (const said of annotations.slice(0, 0))',
  },
  {
    bug: 'starts of others do not use up a rate',
    tags: ['4.8'],
    in: 'core/state/state.ts#admitBucket',
    find: 'admitBucket({ queue, quota, bucket }: BucketRecord): void {',
    replace: 'admitBucket({ queue, quota, bucket }: BucketRecord): void { if (bucket !== undefined) return;',
  },
];
