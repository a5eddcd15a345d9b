/** The job modules that are named on the command line. */
import { existsSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { defineJobs, isJobModule, type JobModule } from '../definition/define-jobs.js';
import { CommandError, exitCodes } from './exit.js';

/**
 * Returns the modules of `[name=]file` arguments.
 *
 * A file that exports values of `defineJobs` gives these. Any other file is a job module itself,
 * under the given name, or that of the file without its endings.
 */
export async function jobModules(files: readonly string[]): Promise<JobModule[]> {
  return (await Promise.all(files.map(modulesOf))).flat();
}

async function modulesOf(text: string): Promise<JobModule[]> {
  const [, name, path = ''] = /^(?:([^=/\\]*)=)?(.*)$/s.exec(text)!;
  const url = fileUrl(path);
  if (name !== undefined) return [defineJobs(name, url)];
  const exported = await importFile(url, path);
  const defined = Object.values(exported).flat().filter(isJobModule);
  return defined.length > 0 ? [...new Set(defined)] : [defineJobs(nameOf(path), url)];
}

/** The name of a job module that is given by its file. */
export const nameOf = (path: string) => basename(path).replace(/\..*$/s, '');

/** Returns the URL of a file that must exist. */
export function fileUrl(path: string): URL {
  const file = resolve(path);
  if (path === '' || !existsSync(file))
    throw new CommandError(exitCodes.configuration, `there is no file ${JSON.stringify(file)}`);
  return pathToFileURL(file);
}

async function importFile(url: URL, path: string): Promise<Record<string, unknown>> {
  try {
    return (await import(url.href)) as Record<string, unknown>;
  } catch (error) {
    const stack = String((error as Error | undefined)?.stack ?? error);
    throw new CommandError(exitCodes.configuration, `${path} cannot be imported: ${stack}`);
  }
}
