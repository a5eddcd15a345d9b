/** `callsheet put`: puts a job of a function that the owner of the directory has. */
import { CallsheetError } from '../../errors.js';
import type { PutOptions } from '../../runtime/queue.js';
import { callableOf } from '../callable.js';
import { CommandError, exitCodes } from '../exit.js';
import { keyed } from '../filters.js';
import { job as showJob } from '../look/job.js';
import type { Session } from '../session.js';

export interface PutFlags {
  readonly queue: string;
  readonly priority?: number;
  readonly begin?: Date | number;
  readonly unique?: string;
  readonly quota?: readonly string[];
  readonly limit?: number;
  readonly wait?: boolean;
  readonly timeout?: number;
}

export async function put(session: Session, name: string, given: readonly string[], flags: PutFlags): Promise<number> {
  const { callsheet, out } = session;
  if (!/^[^#]+#[^#]+$/.test(name))
    throw new CommandError(exitCodes.usage, `${JSON.stringify(name)} is no function: name one as module#function`);
  const args = given.map(argument);
  const { priority, begin, unique, quota, limit, wait = false, timeout } = flags;
  const options: PutOptions = {
    ...(priority === undefined ? {} : { priority }),
    ...(begin === undefined ? {} : { beginAfter: begin }),
    ...(unique === undefined ? {} : { unique }),
    ...(quota === undefined ? {} : { quotas: quota.map((text) => keyed(text, (name, key) => ({ name, key }))) }),
    ...(limit === undefined ? {} : { timeoutMs: limit }),
  };
  const { id } = await callsheet
    .queue(flags.queue)
    .put(callableOf(name)(...args), options)
    .catch(unknownFunction);
  if (wait) return showJob(session, id, { wait, ...(timeout === undefined ? {} : { timeout }) });
  if (out.isJson) out.json({ id });
  else out.line(id);
  return exitCodes.done;
}

function argument(text: string, index: number): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new CommandError(
      exitCodes.usage,
      `argument ${index + 1} is not JSON: ${text}; a text needs quotes, such as '${JSON.stringify(text)}'`,
    );
  }
}

function unknownFunction(error: unknown): never {
  const isUnknown = error instanceof CallsheetError && /^(?:UNKNOWN|EXPORT)_/.test(error.code);
  if (isUnknown && error.code !== 'UNKNOWN_QUEUE') throw new CommandError(exitCodes.notFound, error.message);
  throw error;
}
