/**
 * Retry policies by name, and the policy of a job.
 *
 *   default        own errors are final; up to nine interruptions
 *   forever        own errors are final; interruptions without limit
 *   never          begins once at most
 *   {...}          `retryErrors` as JSON: retries own errors up to a limit, after growing delays;
 *                  interruptions as for default
 *   module#export  an own policy: a function of a job module, asked each time
 *
 * A command of a job that is refused with its outcome is an own error. A failure of the store is
 * not: the store waits until it is over.
 *
 * A job's own policy comes first, then that of the agent that claimed it, then its dispatcher's,
 * then callsheet's: `default` for jobs, `forever` for callbacks. All but the first are looked up
 * when they are needed, never copied into the job.
 */
import { agentDispatcher, defaultsKey, type JobRecord, type RetryDefaults, takesTurns } from './records.js';
import type { SettingsView } from './state/view.js';

/** Retries own errors up to a limit, after delays that grow. */
export interface RetryErrors {
  /** The most retries. */
  readonly limit: number;
  readonly initialMs: number;
  /** The factor from each delay to the next. */
  readonly factor: number;
  readonly maxMs: number;
  /** The random part of a delay, from 0 to 1, so that many jobs do not return at once. */
  readonly jitter: number;
  /** The names of errors to retry, or of their classes; empty for all. */
  readonly only: readonly string[];
}

/** Returns the job's policy under `agent`, which has claimed it or is about to. */
export function policyOf(view: SettingsView, job: JobRecord, agent: string = job.agent): string {
  if (job.policy !== '') return job.policy;
  const kind = takesTurns(job) ? 'callbacks' : 'jobs';
  const set = view.hasRetryDefaults ? retryDefault(view, agent, kind) : undefined;
  return set ?? (kind === 'callbacks' ? 'forever' : 'default');
}

/** `true` if the policy is a function of a job module. */
export function isOwnPolicy(policy: string): boolean {
  return policy.includes('#') && !policy.startsWith('{');
}

/** Returns undefined if own errors are final. */
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

function retryDefault(view: SettingsView, agent: string, kind: keyof RetryDefaults): string | undefined {
  for (const key of [agent, defaultsKey(agentDispatcher(agent))]) {
    const setting = view.setting(key);
    if (setting?.kind === 'agent' || setting?.kind === 'defaults') {
      const policy = setting.retry[kind];
      if (policy !== undefined) return policy;
    }
  }
  return undefined;
}
