/** All bugs that the contract's tests must notice, and the lines of the contract for which there is none. */
import { contractTags } from '../contract-tags.js';
import { asking } from './asking.js';
import { clock } from './clock.js';
import { dispatchers } from './dispatchers.js';
import { face } from './face.js';
import { limits } from './limits.js';
import type { Mutant } from './mutant.js';
import { section2 } from './section-2.js';
import { section3and4 } from './section-3-4.js';
import { section5to10 } from './section-5-10.js';
import { section7 } from './section-7.js';
import { section9 } from './section-9.js';
import { section11 } from './section-11.js';
import { section12 } from './section-12.js';
import { shared } from './shared.js';
import { waitsInThreads } from './waits.js';

export const allMutants: readonly Mutant[] = [
  ...section2,
  ...section3and4,
  ...section5to10,
  ...section7,
  ...section9,
  ...section11,
  ...section12,
  ...dispatchers,
  ...limits,
  ...asking,
  ...clock,
  ...shared,
  ...face,
  ...waitsInThreads,
];

export const linesWithoutMutant: readonly string[] = contractTags.filter(
  (line) => !allMutants.some(({ tags }) => tags.includes(line)),
);
