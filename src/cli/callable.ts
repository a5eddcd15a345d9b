/** Functions of job modules by their names, as the owner of the directory knows them. */
import type { Callable } from '../definition/callable.js';
import { makeCallable } from '../definition/job-call.js';

/** Returns the function `module#export`, which is not checked here. */
export const callableOf = (callable: string): Callable<unknown[], unknown> =>
  makeCallable({ callable, given: [], capture: undefined });
