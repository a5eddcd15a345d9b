/**
 * Which jobs are claimed: the one definition, which every store applies to the records that it has.
 *
 * The coordinator asks by requests, one for each agent with room. A store takes the jobs of a
 * request in the order of its line (contract 3.2), each by the command `claim`, in the same commit
 * as the decisions before it. A store that processes share may pass over jobs that another process
 * is about to claim, and then takes the next ones.
 */
import type { Command } from '../core/commands.js';
import type { AgentRecord, JobRecord } from '../core/records.js';
import type { Lane } from '../core/state/lanes.js';
import type { View } from '../core/state/view.js';

export type Claim = Extract<Command, { type: 'claim' }>;

/** The wish of an agent for jobs. */
export interface ClaimRequest {
  readonly agent: AgentRecord;
  /** The most jobs that take a thread. It is a bound: `place` may refuse earlier. */
  readonly most: number;
  /** `true` if the agent takes the jobs of a lane. */
  readonly takes: (lane: Lane) => boolean;
  /** Finds the next job in another order than that of the line. */
  readonly next?: (() => JobRecord | undefined) | undefined;
  /** Returns the claim of a job; `undefined` if no thread has room, which ends the request. */
  readonly place: (job: JobRecord) => Claim | undefined;
}

/**
 * Makes requests from records. Like a look, it must be pure in them: a store may call it again,
 * with more records or after a conflict, and later than `Store.claim`.
 */
export type ClaimRequests = (view: View) => Iterable<ClaimRequest>;

/**
 * Claims the jobs that the requests ask for. `claim` decides a claim on the same records. Returns
 * `true` if each request ended at a job for which no thread has room.
 */
export function claimAll(view: View, requests: ClaimRequests, now: number, claim: (command: Claim) => void): boolean {
  let isFull = true;
  for (const request of requests(view)) {
    let endsFull = false;
    for (let left = request.most; ; ) {
      const job = nextFor(view, request, now);
      if (job === undefined) break;
      const command = left === 0 && takesThread(job) ? undefined : request.place(job);
      if (command === undefined) {
        endsFull = true;
        break;
      }
      if (takesThread(job)) left--;
      const { stage } = job;
      claim(command);
      const after = view.job(job.id);
      // Refused, as to a dispatcher that was declared dead: it would come again and again.
      if (after?.queued && after.stage === stage) break;
    }
    isFull &&= endsFull;
  }
  return isFull;
}

/** Returns the next job that an agent claims as soon as there is room for it. */
export function nextFor(
  view: View,
  { agent, takes, next }: Pick<ClaimRequest, 'agent' | 'takes' | 'next'>,
  now: number,
): JobRecord | undefined {
  return next === undefined ? view.firstQueued(agent.queue, takes, now) : next();
}

/** `false` for a composition that only puts its parts. */
export const takesThread = ({ stage }: JobRecord) => stage === 'call';
