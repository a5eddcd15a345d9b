/**
 * Lists all bugs that the contract's tests must notice, and the lines of the contract without one.
 */
import { contractTags } from '../contract-tags.js';
import { agentsAndAnnotations } from './agents-and-annotations.js';
import { asking } from './asking.js';
import { clock } from './clock.js';
import { compositions } from './compositions.js';
import { dispatchers } from './dispatchers.js';
import { durability } from './durability.js';
import { face } from './face.js';
import { jobs } from './jobs.js';
import { limits } from './limits.js';
import { looking } from './looking.js';
import type { Mutant } from './mutant.js';
import { page } from './page.js';
import { postgres } from './postgres.js';
import { queuesAndQuotas } from './queues-and-quotas.js';
import { retrying } from './retrying.js';
import { schedules } from './schedules.js';
import { shared } from './shared.js';
import { sharing } from './sharing.js';
import { testKit } from './test-kit.js';
import { traces } from './traces.js';
import { waitsInThreads } from './waits.js';

export const allMutants: readonly Mutant[] = [
  ...jobs,
  ...queuesAndQuotas,
  ...agentsAndAnnotations,
  ...compositions,
  ...durability,
  ...looking,
  ...testKit,
  ...dispatchers,
  ...limits,
  ...asking,
  ...clock,
  ...shared,
  ...sharing,
  ...face,
  ...waitsInThreads,
  ...retrying,
  ...schedules,
  ...page,
  ...traces,
  ...postgres,
];

export const linesWithoutMutant: readonly string[] = contractTags.filter(
  (line) => !allMutants.some(({ tags }) => tags.includes(line)),
);
