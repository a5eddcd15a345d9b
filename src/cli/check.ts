/** `callsheet check`: finds what waits for functions that job modules do not have. */

import { decodeFailure } from '../codec/failure.js';
import { registrationOf } from '../definition/define-jobs.js';
import type { Agent } from '../runtime/dispatcher.js';
import type { Runtime } from '../runtime/open.js';
import { describeModule } from '../worker/modules.js';
import { CommandError, exitCodes } from './exit.js';
import { jobModules } from './job-modules.js';
import type { Session } from './session.js';
import { callableName, count, escaped, queueName } from './words.js';

/** A function that is missing. */
interface Finding {
  readonly callable: string;
  readonly queue: string;
  /** The jobs that are not over; 0 for a function of an agent. */
  readonly jobs: number;
  /** The agent that asks it. */
  readonly agent?: string;
}

/** Returns code 1 if a function is missing. */
export async function check({ callsheet, out }: Session, files: readonly string[]): Promise<number> {
  const known = await exportsOf(files);
  const findings = [...(await missingOfJobs(callsheet, known)), ...(await missingOfAgents(callsheet, known))];
  out.rows(
    findings,
    [
      { title: 'MISSING', of: ({ callable }) => callableName(callable), cut: true },
      { title: 'QUEUE', of: ({ queue }) => queueName(queue), cut: true },
      { title: 'JOBS', of: ({ jobs }) => (jobs === 0 ? '' : count(jobs)), right: true },
      { title: 'AGENT', of: ({ agent = '' }) => escaped(agent), cut: true },
    ],
    'these modules have all functions that are needed',
  );
  return findings.length === 0 ? exitCodes.done : exitCodes.failed;
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

async function missingOfJobs(callsheet: Runtime, known: ReadonlySet<string>): Promise<Finding[]> {
  const rows = await callsheet.monitor.counts({}, { by: ['callable', 'queue', 'outcome'] });
  return rows
    .filter(({ callable, outcome }) => outcome === 'none' && callable !== '' && !known.has(callable!))
    .map((row) => ({ callable: row.callable!, queue: row.queue!, jobs: row.count }));
}

async function missingOfAgents(callsheet: Runtime, known: ReadonlySet<string>): Promise<Finding[]> {
  const agents = (await callsheet.dispatchers()).flatMap((dispatcher) => dispatcher.agents);
  return agents.flatMap((agent) =>
    functionsOf(agent)
      .filter((callable) => !known.has(callable))
      .map((callable) => ({ callable, queue: agent.queue, jobs: 0, agent: agent.name })),
  );
}

function functionsOf({ filter, chooser, retry }: Agent): string[] {
  const policies = Object.values(retry).filter((policy) => typeof policy === 'string' && /^[^{#]+#/.test(policy));
  return [filter?.by, chooser, ...policies].filter((name) => typeof name === 'string') as string[];
}
