/** The lowest levels of logged lines that modules set for their jobs. */
import type { LogThreshold } from '../core/records.js';

/** A level for all functions of a module, or one for each; `*` stands for the other functions. */
export type ModuleLog<Name extends string = string> = LogThreshold | LogByFunction<Name>;
type LogByFunction<Name extends string> = { readonly [name in Name | '*']?: LogThreshold };

interface LoggedModule {
  readonly log?: ModuleLog;
}

/** Returns the level of a function: its own, else that of its module, else `fallback`. */
export function functionThreshold(
  modules: Readonly<Record<string, LoggedModule>>,
  callable: string,
  fallback: LogThreshold,
): LogThreshold {
  const at = callable.indexOf('#');
  const log = modules[callable.slice(0, at)]?.log;
  if (typeof log !== 'object') return log ?? fallback;
  const name = callable.slice(at + 1);
  return (Object.hasOwn(log, name) ? log[name] : log['*']) ?? fallback;
}

/** Returns all levels that a module sets. */
export function thresholdsOf({ log }: LoggedModule): readonly LogThreshold[] {
  if (log === undefined) return [];
  return typeof log === 'object' ? Object.values(log).filter((level) => level !== undefined) : [log];
}
