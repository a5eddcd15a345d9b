/**
 * Planted bugs against the lines of the contract about several dispatchers, in the parts of the
 * coordinator and the core that serve a shared database.
 */
import type { Mutant } from './mutant.js';

export const shared: readonly Mutant[] = [
  {
    bug: 'a claim does not check again whether its quotas have room',
    tags: ['4.1'],
    in: 'core/decide.ts#isClaimable',
    find: '&& state.hasRoom(job, now, lent)',
    replace: '',
  },
  {
    bug: 'a claim does not check again whether its queue is paused',
    tags: ['3.6'],
    in: 'core/decide.ts#isClaimable',
    find: '!queueOf(state, job.queue)?.paused &&',
    replace: '',
  },
  {
    bug: 'a claim does not check again whether the job is in line',
    tags: ['5.1'],
    in: 'core/decide.ts#isClaimable',
    find: 'job.queued &&',
    replace: '',
  },
  {
    bug: 'a claim that was refused is made again, for ever',
    tags: ['5.4'],
    tests: ['contract/two-dispatchers.test.ts'],
    in: 'store/claims.ts#claimAll',
    find: 'if (after?.queued && after.stage === stage) break;',
    replace: '',
  },
  {
    bug: 'a whole that is claimed for its postprocess at once is taken for refused',
    tags: ['7.1'],
    in: 'store/claims.ts#claimAll',
    find: 'after?.queued && after.stage === stage',
    replace: 'after?.queued',
  },
  {
    bug: 'a claim in flight takes no room',
    tags: ['5.1'],
    in: 'coordinator/claiming/claiming.ts#placeComing',
    find: 'if (this.#isOwn(job)) this.#place(view, batches, { job: id, callable: job.callable, agent: job.agent, free: false }, null); else',
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
    bug: 'a decision that depends on a late answer waits for some other turn',
    tags: ['2.9'],
    in: 'coordinator/coordinator.ts#decide',
    find: 'if (!this.#commits) this.turn();',
    replace: '',
  },
  {
    bug: 'a process forgets jobs of which another has a handle',
    tags: ['2.12'],
    tests: ['contract/two-dispatchers.test.ts'],
    in: 'core/retention.ts#isHeld',
    find: 'id >= from',
    replace: 'id < from',
  },
  {
    bug: 'a wait for a job that another process has forgotten never ends',
    tags: ['2.12'],
    tests: ['contract/two-dispatchers.test.ts'],
    in: 'store/shared/shared-store.ts#lookAround',
    find: 'if (gone.length > 0) this.#owner.gone(gone);',
    replace: '',
  },
  {
    bug: 'an annotation set elsewhere is not delivered to a waiting client',
    tags: ['10.2'],
    in: 'coordinator/coordinator.ts#changed',
    find: 'for (const one of annotations)',
    replace: 'for (const one of annotations.slice(0, 0))',
  },
  {
    bug: 'starts by other dispatchers do not use up a rate',
    tags: ['4.8'],
    in: 'core/state/state.ts#admitBucket',
    find: 'admitBucket({ queue, quota, bucket }: BucketRecord): void {',
    replace: 'admitBucket({ queue, quota, bucket }: BucketRecord): void { if (bucket !== undefined) return;',
  },
  {
    bug: 'a dispatcher that no later process can be is kept for ever',
    tags: ['5.1'],
    in: 'core/dispatcher.ts#forgetPassed',
    find: '.slice(0, forgottenAtOnce)',
    replace: '.slice(0, 0)',
  },
  {
    bug: 'a dispatcher is forgotten with the agents of its next process',
    tags: ['5.1'],
    in: 'core/dispatcher.ts#forgetPassed',
    find: 'isPassing === true &&',
    replace: '',
  },
  {
    bug: 'a process without a dispatcher is inactive, whoever claims',
    tags: ['11.3'],
    in: 'coordinator/clients/explaining.ts#inLine',
    find: "code === 'inactive' && othersClaim(this.#view) ? elsewhere :",
    replace: '',
  },
  {
    bug: 'a schedule that another has just set is not known',
    tags: ['19.1'],
    tests: ['postgres/reads.test.ts'],
    in: 'coordinator/schedules.ts#do',
    find: 'const there = requireSchedule(records.view, command.name);',
    replace: 'const there = requireSchedule(store.local, command.name);',
  },
];
