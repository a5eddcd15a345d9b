/**
 * Node's options for the threads that import job modules.
 */

/** Given none, threads inherit the process's own; many of those cannot be given. */
export function threadArguments(execArgv: readonly string[]): { execArgv?: string[] } {
  return execArgv.length === 0 ? {} : { execArgv: [...loadersOf(process.execArgv), ...execArgv] };
}

/** Of Node's options, those that say how modules are found and loaded: a thread that is given options of its own still needs them. */
function loadersOf(execArgv: readonly string[]): string[] {
  const found: string[] = [];
  for (let index = 0; index < execArgv.length; index++) {
    const [name, value] = execArgv[index]!.split('=', 2);
    if (!loaderOptions.has(name!)) continue;
    found.push(execArgv[index]!);
    if (value === undefined && index + 1 < execArgv.length) found.push(execArgv[++index]!);
  }
  return found;
}

const loaderOptions = new Set([
  '--import',
  '--require',
  '-r',
  '--loader',
  '--experimental-loader',
  '--conditions',
  '-C',
]);
