/**
 * The parts of the coordinator that others call.
 */
import type { Build } from './claiming/build.js';
import type { AnnotationWaiters } from './clients/annotation-waiters.js';
import type { BoundedQueues } from './clients/bounded-queues.js';
import type { Callers } from './clients/caller.js';
import type { DrainWaiters } from './clients/drain-waiters.js';
import type { EventFeed } from './clients/event-feed.js';
import type { MovedBuffers } from './clients/moved-buffers.js';
import type { Outcomes } from './clients/outcomes.js';
import type { AgentQuestions } from './questions/agent-questions.js';

export interface Parts {
  readonly callers: Callers;
  readonly build: Build;
  readonly outcomes: Outcomes;
  readonly annotations: AnnotationWaiters;
  readonly drainWaiters: DrainWaiters;
  readonly bounded: BoundedQueues;
  readonly feed: EventFeed;
  readonly movedBuffers: MovedBuffers;
  readonly agentQuestions: AgentQuestions;
}
