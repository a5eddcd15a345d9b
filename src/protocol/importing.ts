/** Failures of importing a job module: it takes too long, or has a syntax error. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { decodeFailure, errorFrom, type Failure } from '../codec/failure.js';
import { type CallsheetError, ModuleNotLoadableError } from '../errors.js';
import type { ModuleDescription, ModuleSetup } from './dispatch.js';
import type { WireModule } from './messages.js';

/**
 * Describes the registered modules, one after another.
 *
 * @throws {ModuleNotLoadableError} a module cannot be imported.
 */
export async function describeModules(
  setups: Readonly<Record<string, Pick<ModuleSetup, 'url'>>>,
  describe: (name: string) => Promise<ModuleDescription>,
): Promise<Record<string, WireModule>> {
  const modules: Record<string, WireModule> = {};
  for (const [name, { url }] of Object.entries(setups)) {
    const description = await describe(name);
    if ('failure' in description) throw notLoadable(name, url, decodeFailure(description.failure));
    modules[name] = description;
  }
  return modules;
}

function notLoadable(name: string, url: string, failure: Failure): CallsheetError {
  const hint =
    failure.code === 'ERR_UNKNOWN_FILE_EXTENSION'
      ? ` Node ${process.version} runs no TypeScript by itself: name the compiled file, or give a module that registers a loader: open({ execArgv: ['--import', './loader.js'] }).`
      : '';
  const message = `the module registered as ${JSON.stringify(name)} (${url}) cannot be imported: ${failure.message}${hint}`;
  return new ModuleNotLoadableError(message, { cause: errorFrom(failure) });
}

/** Rejects if the import takes longer than `importMs`: a top-level await may never end. */
export function withinTime<T>(importMs: number, imported: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      reject(new Error(tooLong(importMs)));
    }, importMs);
    imported.then(resolve, reject).finally(() => clearTimeout(late));
  });
}

const tooLong = (importMs: number) =>
  `its import did not end within ${importMs} ms (importMs): its top level, or that of a module it imports, loops or waits for something that never comes`;

/**
 * Adds the place of a syntax error, which is not in its stack. Node prints it only for a file that
 * it runs or checks, so `node --check` is run on the file.
 */
export function importError(error: unknown, url: string): unknown {
  if (!(error instanceof SyntaxError) || error.stack?.startsWith('SyntaxError') !== true) return error;
  const shown = shownByNode(url);
  if (shown !== undefined) error.stack = shown;
  return error;
}

const checkMs = 5_000;

function shownByNode(url: string): string | undefined {
  try {
    const { stderr } = spawnSync(process.execPath, ['--check', fileURLToPath(url)], {
      encoding: 'utf8',
      timeout: checkMs,
    });
    const end = stderr.indexOf('\n\nNode.js v');
    return stderr.includes('SyntaxError') ? stderr.slice(0, end < 0 ? undefined : end) : undefined;
  } catch {
    return undefined;
  }
}
