/**
 * The parts of the coordinator that others call.
 */
import type { Event } from '../core/events.js';
import type { RunSpan } from '../protocol/run-span.js';
import type { Build } from './claiming/build.js';
import type { AnnotationWaiters } from './clients/annotation-waiters.js';
import type { BoundedQueues } from './clients/bounded-queues.js';
import type { Callers } from './clients/caller.js';
import type { DrainWaiters } from './clients/drain-waiters.js';
import type { Feed } from './clients/feed.js';
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
  readonly feed: Feed<Event>;
  /** The ended runs, for a tracer in this process. */
  readonly runFeed: Feed<RunSpan>;
  readonly movedBuffers: MovedBuffers;
  readonly agentQuestions: AgentQuestions;
}
