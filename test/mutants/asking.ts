/**
 * Planted bugs against own policies (section 8) and functions that filter and choose (section 5).
 */
import type { Mutant } from './mutant.js';

const own: readonly Mutant[] = [
  {
    bug: 'what a policy keeps is dropped',
    tags: ['8.1'],
    in: 'core/retry.ts#answered',
    find: 'row.asked = { ...asked, data };',
    replace: 'row.asked = { ...asked };',
  },
  {
    bug: 'an own policy is not asked when its job is interrupted',
    tags: ['8.1'],
    in: 'core/retry.ts#interrupted',
    find: 'if (isOwnPolicy(policy)) return ask(decision, job, policy, cause, failure, suspicion);',
    replace: '',
  },
  {
    bug: 'an own policy is not asked when nothing can be stored',
    tags: ['8.1'],
    in: 'core/retry.ts#failed',
    find: 'if (isOwnPolicy(name)) return ask(',
    replace: "if (isOwnPolicy(name) && question === 'jobError') return ask(",
  },
  {
    bug: 'a job that waits for its policy gives up its quotas’ places',
    tags: ['4.6'],
    in: 'core/job.ts#holdForPolicy',
    find: "row.stage = 'policy';",
    replace: "row.stage = 'policy'; row.places = none;",
  },
  {
    bug: 'a retry at once keeps the time at which its policy was to be asked again',
    tags: ['8.1'],
    in: 'core/job.ts#putBack',
    find: 'row.dueAt = 0;',
    replace: '',
  },
  {
    bug: 'nobody asks again after a crash',
    tags: ['8.1'],
    in: 'core/dispatcher.ts#recoverAll',
    find: "if (job.stage === 'policy') askAgain(decision, job); else if",
    replace: 'if',
  },
  {
    bug: 'a policy that gives no answer means no',
    tags: ['8.5'],
    in: 'coordinator/questions/policy-questions.ts#ask',
    find: "decide({ type: 'unanswered', job: id, fence, problem: said.problem });",
    replace: "decide({ type: 'answered', job: id, fence, answer: { type: 'no' } });",
  },
  {
    bug: 'a policy without an answer is asked again as soon each time',
    tags: ['8.5'],
    in: 'core/retry.ts#unanswered',
    find: 'delayMs(noAnswer, asked.misses, decision.random())',
    replace: 'delayMs(noAnswer, 0, 1)',
  },
  {
    bug: 'a policy may answer a delay that is none',
    tags: ['8.5'],
    in: 'worker/questions.ts#policyAnswer',
    find: "if (typeof afterMs !== 'number' || !(afterMs >= 0) || afterMs > Number.MAX_SAFE_INTEGER / 4)",
    replace: "if (typeof afterMs !== 'number')",
  },
  {
    bug: 'a policy that this build lacks is asked for ever',
    tags: ['8.5'],
    in: 'coordinator/questions/policy-questions.ts#ask',
    find: "decide({ type: 'unanswered', job: id, fence, problem: 'this build has no such function' });",
    replace: '',
  },
  {
    bug: 'the runtime’s default goes before the agent’s',
    tags: ['8.3'],
    in: 'core/policy.ts#retryDefault',
    find: '[agent, defaultsKey(agentDispatcher(agent))]',
    replace: '[defaultsKey(agentDispatcher(agent)), agent]',
  },
  {
    bug: 'callbacks have the default of jobs',
    tags: ['8.3'],
    in: 'core/policy.ts#policyOf',
    find: "const kind = takesTurns(job) ? 'callbacks' : 'jobs';",
    replace: "const kind = takesTurns(job) ? 'jobs' : 'jobs';",
  },
  {
    bug: 'a default of never to retry is not known when the job is claimed',
    tags: ['8.3'],
    in: 'core/job.ts#start',
    find: 'const policy = policyOf(state, job, agent);',
    replace: 'const { policy } = job;',
  },
];

const filters: readonly Mutant[] = [
  {
    bug: 'a job that a filter refuses is claimed',
    tags: ['5.2'],
    in: 'coordinator/questions/agent-questions.ts#known',
    find: 'return (lane) => lane.verdicts.includes(yes) && takes(lane);',
    replace: 'return (lane) => (lane.verdicts.includes(yes) || lane.verdicts !== "") && takes(lane);',
  },
  {
    bug: 'a filter is asked again about jobs that it has told of',
    tags: ['5.2'],
    in: 'coordinator/questions/agent-questions.ts#askFilter',
    find: 'takes(lane) && !lane.verdicts.includes(any);',
    replace: "takes(lane) && !lane.verdicts.includes(token(sign, '+'));",
  },
  {
    bug: 'what a filter said of a job outlives its change',
    tags: ['5.2'],
    in: 'core/state/lanes.ts#add',
    find: "add(job: Queued, gates: readonly string[], verdicts = ''): void {",
    replace: "add(job: Queued, gates: readonly string[], verdicts = this.#last?.verdicts ?? ''): void {",
  },
  {
    bug: 'the first jobs in line are not told in their order',
    tags: ['5.2'],
    in: 'core/state/lanes.ts#firstMany',
    find: '(a, b) => goesBefore(a.job, b.job), ignorePosition',
    replace: '(a, b) => goesBefore(b.job, a.job), ignorePosition',
  },
  {
    bug: 'a chooser is not asked again when its agent’s jobs are others',
    tags: ['5.2'],
    in: 'coordinator/questions/agent-questions.ts#about',
    find: 'ids(state.running(keyOf(agent)))',
    replace: "''",
  },
  {
    bug: 'a chooser sees all that wait',
    tags: ['5.2'],
    in: 'coordinator/questions/agent-questions.ts#windowJobs',
    find: 'const windowJobs = 100;',
    replace: 'const windowJobs = 10_000;',
  },
  {
    bug: 'one job that a filter cannot tell of keeps all others of its question',
    tags: ['5.10'],
    in: 'worker/questions.ts#askFilter',
    find: "verdicts.push('!'); problem = textOf(error);",
    replace: 'throw error;',
  },
  {
    bug: 'a job about which a filter never answers keeps all others waiting',
    tags: ['5.10'],
    in: 'coordinator/questions/agent-questions.ts#askFilter',
    find: 'judge.most = 1;',
    replace: '',
  },
  {
    bug: 'a filter that has failed is never asked again',
    tags: ['5.10'],
    in: 'coordinator/questions/agent-questions.ts#askFilter',
    find: 'judge.erred.size > 0 && judge.againAt <= time',
    replace: 'judge.erred.size < 0',
  },
  {
    bug: 'what is wrong with an agent is not shown',
    tags: ['5.10'],
    in: 'coordinator/questions/agent-questions.ts#missed',
    find: 'judge.problem = { message, since: problem?.since ?? now() };',
    replace: 'void [message, problem];',
  },
];

export const asking: readonly Mutant[] = [...own, ...filters];
