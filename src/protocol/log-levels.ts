/** The lowest levels of logged lines that modules set for their jobs. */
import type { LogThreshold } from '../core/records.js';
import type { ModuleSetup } from './dispatch.js';

/** A level for all functions of a module, or levels by function, where `*` stands for the others. */
export type ModuleLog<Name extends string = string> = LogThreshold | LogByFunction<Name>;
type LogByFunction<Name extends string> = { readonly [name in Name | '*']?: LogThreshold };

/** Returns the level of a function: its own, else that of its module, else `fallback`. */
export function functionThreshold(
  modules: Readonly<Record<string, Pick<ModuleSetup, 'log'>>>,
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
export function thresholdsOf({ log }: Pick<ModuleSetup, 'log'>): readonly LogThreshold[] {
  if (log === undefined) return [];
  return typeof log === 'object' ? Object.values(log).filter((level) => level !== undefined) : [log];
}
