/** Checks that this build has the functions of job modules that a user named. */
import { isOwnPolicy } from '../core/policy.js';
import type { RetryDefaults } from '../core/records.js';
import { ExportNotCallableError, UnknownExportError, UnknownModuleError } from '../errors.js';
import type { ModuleSetup } from './dispatch.js';
import type { WireModule } from './messages.js';

/** The exports of each registered module; undefined if other processes have the modules. */
export type KnownModules = Readonly<Record<string, WireModule>> | undefined;

/** Checks the functions named in `open`: hooks and default retry policies. */
export function checkGiven(
  { modules, retry = {} }: { modules: Readonly<Record<string, ModuleSetup>>; retry?: RetryDefaults | undefined },
  known: KnownModules,
): void {
  for (const [name, { setUp, tearDown }] of Object.entries(modules))
    for (const [where, hook] of Object.entries({ setUp, tearDown }))
      if (hook !== undefined) checkKnown(known, `${name}#${hook}`, `${where}.`);
  for (const [kind, policy] of Object.entries(retry)) checkPolicyKnown(known, policy, `retry.${kind}.`);
}

/** Checks a retry policy, if it is a function of a job module. */
export function checkPolicyKnown(modules: KnownModules, policy: string, where: string): void {
  if (isOwnPolicy(policy)) checkKnown(modules, policy, where);
}

/**
 * Throws if this build lacks the function. `where` is the path of the option, with a dot at its
 * end.
 */
export function checkKnown(modules: KnownModules, callable: string, where: string): void {
  if (modules === undefined) return;
  const at = callable.indexOf('#');
  const [module, name] = [callable.slice(0, at), callable.slice(at + 1)];
  const of = where === '' ? '' : ` (${where.slice(0, -1)})`;
  const found = Object.hasOwn(modules, module) ? modules[module] : undefined;
  if (found === undefined) {
    throw new UnknownModuleError(`the module ${JSON.stringify(module)} was not given to open({ jobs })${of}`);
  }
  if (found.functions.includes(name)) return;
  if (found.others.includes(name)) {
    throw new ExportNotCallableError(`${module} exports ${name}, but it is not a function${of}`);
  }
  throw new UnknownExportError(`${module} exports no function named ${name}${of}`);
}
