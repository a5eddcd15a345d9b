/**
 * Functions of job modules that are named in what a user gives: this build has them, or it is an
 * error that says so.
 */
import { isOwnPolicy } from '../core/policy.js';
import type { RetryDefaults } from '../core/records.js';
import { CallsheetError } from '../errors.js';
import type { ModuleSetup } from './dispatch.js';
import type { WireModule } from './messages.js';

/** What each registered module exports. */
export type KnownModules = Readonly<Record<string, WireModule>>;

/** The functions that `open` was given: what runs around jobs, and policies. */
export function checkGiven(
  { modules, retry = {} }: { modules: Readonly<Record<string, ModuleSetup>>; retry?: RetryDefaults | undefined },
  known: KnownModules,
): void {
  for (const [name, { setUp, tearDown }] of Object.entries(modules))
    for (const [where, hook] of Object.entries({ setUp, tearDown }))
      if (hook !== undefined) checkKnown(known, `${name}#${hook}`, `${where}.`);
  for (const [kind, policy] of Object.entries(retry)) checkPolicyKnown(known, policy, `retry.${kind}.`);
}

/** If the policy is a function, this build has it. */
export function checkPolicyKnown(modules: KnownModules, policy: string, where: string): void {
  if (isOwnPolicy(policy)) checkKnown(modules, policy, where);
}

/** This build has the function. */
export function checkKnown(modules: KnownModules, callable: string, where: string): void {
  const at = callable.indexOf('#');
  const [module, name] = [callable.slice(0, at), callable.slice(at + 1)];
  const of = where === '' ? '' : ` (${where.slice(0, -1)})`;
  const found = Object.hasOwn(modules, module) ? modules[module] : undefined;
  if (found === undefined) {
    throw new CallsheetError(
      'UNKNOWN_MODULE',
      `the module ${JSON.stringify(module)} was not given to open({ jobs })${of}`,
    );
  }
  if (found.functions.includes(name)) return;
  if (found.others.includes(name)) {
    throw new CallsheetError('EXPORT_NOT_CALLABLE', `${module} exports ${name}, but it is not a function${of}`);
  }
  throw new CallsheetError('UNKNOWN_EXPORT', `${module} exports no function named ${name}${of}`);
}
