/** All bugs that the contract's tests must notice. */
import { asking } from './asking.js';
import { dispatchers } from './dispatchers.js';
import type { Mutant } from './mutant.js';
import { section2 } from './section-2.js';
import { section3and4 } from './section-3-4.js';
import { section5to10 } from './section-5-10.js';
import { section7 } from './section-7.js';

export const allMutants: readonly Mutant[] = [
  ...section2,
  ...section3and4,
  ...section5to10,
  ...section7,
  ...dispatchers,
  ...asking,
];
