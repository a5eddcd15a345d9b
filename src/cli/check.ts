/** `callsheet check`: finds what needs functions that job modules do not have. */

import { decodeFailure } from '../codec/failure.js';
import { registrationOf } from '../definition/define-jobs.js';
import type { FunctionUse, NeededFunction } from '../protocol/monitor.js';
import { describeModule } from '../worker/modules.js';
import { CommandError, exitCodes } from './exit.js';
import { jobModules } from './job-modules.js';
import type { Session } from './session.js';
import { callableName, count, escaped, queueName } from './words.js';

/** Returns code 1 if a function is missing. */
export async function check({ callsheet, out }: Session, files: readonly string[]): Promise<number> {
  const known = await exportsOf(files);
  const findings = (await callsheet.monitor.functions()).filter(({ callable }) => !known.has(callable));
  out.rows(
    findings,
    [
      { title: 'MISSING', of: ({ callable }) => callableName(callable), cut: true },
      { title: 'QUEUE', of: ({ queue }) => queueName(queue), cut: true },
      { title: 'JOBS', of: ({ jobs }) => (jobs === 0 ? '' : count(jobs)), right: true },
      { title: 'NEEDED', of: neededAs, cut: true },
    ],
    'these modules have all functions that are needed',
  );
  return findings.length === 0 ? exitCodes.done : exitCodes.failed;
}

const uses: Readonly<Record<FunctionUse, string>> = {
  call: 'to run',
  retry: 'as retry policy',
  filter: 'as filter',
  choose: 'as chooser',
};

function neededAs({ use, agent, schedule }: NeededFunction): string {
  if (agent !== undefined) return `${uses[use]} of agent ${escaped(agent)}`;
  return schedule === undefined ? uses[use] : `${uses[use]} by schedule ${escaped(schedule)}`;
}

/** Returns the functions of the modules in these files, as `module#export`. */
async function exportsOf(files: readonly string[]): Promise<ReadonlySet<string>> {
  const known = new Set<string>();
  for (const module of await jobModules(files)) {
    const { name, ...source } = registrationOf(module, 'jobs');
    const found = await describeModule(source);
    if ('failure' in found)
      throw new CommandError(exitCodes.configuration, `${name}: ${decodeFailure(found.failure).message}`);
    for (const one of found.functions) known.add(`${name}#${one}`);
  }
  return known;
}
