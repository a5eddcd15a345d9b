/**
 * Retry policies by name, and which of them a job has.
 *
 *   default own errors are final; interrupted up to nine times forever interruptions without end;
 *   own errors are final never begun once at most, whatever happens {...} `retryErrors` as JSON:
 *   own errors too, up to a limit, with a growing delay; otherwise as default module#export an own
 *   policy: a function of a job module, which is asked each time
 *
 * What a job asked for and is refused with its outcome is an own error. Trouble of the store is no
 * question: the store waits it out.
 *
 * A job's own word goes before that of the agent that claimed it, that before its dispatcher's, and
 * that before callsheet's: `default` for jobs, `forever` for callbacks. What is not the job's own
 * word is looked up when it is needed, never copied into the job.
 */
import { agentDispatcher, defaultsKey, type JobRecord, type RetryDefaults, takesTurns } from './records.js';
import type { State } from './state/state.js';

/** Own errors are retried, up to a limit, after a delay that grows. */
export interface RetryErrors {
  /** How many times at most. */
  readonly limit: number;
  readonly initialMs: number;
  /** Each delay is this many times the one before. */
  readonly factor: number;
  readonly maxMs: number;
  /**
   * From 0 to 1: how much of the delay is left to chance, so that many do not come back at once.
   */
  readonly jitter: number;
  /** Only errors with one of these names, their own or of a class of theirs; empty: all. */
  readonly only: readonly string[];
}

/** The job's policy, where this agent has it, or is to have it. */
export function policyOf(state: State, job: JobRecord, agent: string = job.agent): string {
  if (job.policy !== '') return job.policy;
  const kind = takesTurns(job) ? 'callbacks' : 'jobs';
  const set = state.hasRetryDefaults ? retryDefault(state, agent, kind) : undefined;
  return set ?? (kind === 'callbacks' ? 'forever' : 'default');
}

/** Whether the policy is a function that has to be asked. */
export function isOwnPolicy(policy: string): boolean {
  return policy.includes('#') && !policy.startsWith('{');
}

/** Undefined: own errors are final. */
export function errorPolicy(policy: string): RetryErrors | undefined {
  if (!policy.startsWith('{')) return undefined;
  let found = parsed.get(policy);
  if (found === undefined) {
    found = JSON.parse(policy) as RetryErrors;
    if (parsed.size >= 1000) parsed.clear();
    parsed.set(policy, found);
  }
  return found;
}

const parsed = new Map<string, RetryErrors>();

function retryDefault(state: State, agent: string, kind: keyof RetryDefaults): string | undefined {
  for (const key of [agent, defaultsKey(agentDispatcher(agent))]) {
    const setting = state.setting(key);
    if (setting?.kind === 'agent' || setting?.kind === 'defaults') {
      const policy = setting.retry[kind];
      if (policy !== undefined) return policy;
    }
  }
  return undefined;
}
