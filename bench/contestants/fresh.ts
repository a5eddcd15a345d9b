/**
 * Contestants that start a fresh process for each measurement.
 */
import type { Contestant, Measured } from '../harness/bench.js';
import { runProgram } from '../harness/program.js';
import type { FreshContestant, FreshWork } from '../programs/fresh.js';

export type { FreshContestant };

/** The work in the process. `jobMs` is the time that each job computes, if it is not trivial. */
export type Fresh = Pick<FreshWork, 'inFlight' | 'jobs' | 'warmUpJobs' | 'idleMs'> & { readonly jobMs?: number };

/** @param traced Also counts the functions that V8 optimises, in a second process. */
export function freshContestant(name: FreshContestant, { jobMs, ...fresh }: Fresh, traced = false): Contestant {
  return {
    name,
    synced: name === 'callsheet, full',
    open: async ({ threads, scratch, stepsPerMs }) => ({
      async measure(): Promise<Measured> {
        const steps = jobMs === undefined ? undefined : jobMs * stepsPerMs;
        const work = { contestant: name, directory: scratch.root, threads, ...fresh, ...(steps && { steps }) };
        const measured = await runProgram<Measured>('fresh', work);
        if (!traced) return measured;
        return { ...measured, figures: { ...measured.figures, optimised: await countOptimised(work) } };
      },
    }),
  };
}

async function countOptimised(work: FreshWork): Promise<number> {
  let count = 0;
  await runProgram('fresh', work, ['--trace-opt'], (line) => {
    if (/^\[completed compiling .*TURBOFAN\)/.test(line) && !line.includes('OSR')) count++;
  });
  return count;
}
