/**
 * Node's options for the threads that callsheet starts.
 */

/**
 * Given none, threads inherit the process's own; many of those cannot be given. Where one of them
 * is of the file that the process runs, and so keeps a thread from its own, only those are passed
 * on that say how modules are found, loaded and shown.
 */
export function threadArguments(execArgv: readonly string[]): { execArgv?: string[] } {
  if (execArgv.length === 0 && !process.execArgv.some(isOfEntry)) return {};
  return { execArgv: [...passedOn(process.execArgv), ...execArgv] };
}

const isOfEntry = (option: string) => option === '--input-type' || option.startsWith('--input-type=');

function passedOn(execArgv: readonly string[]): string[] {
  const found: string[] = [];
  for (let index = 0; index < execArgv.length; index++) {
    const [name, value] = execArgv[index]!.split('=', 2);
    if (!valuedOptions.has(name!) && !plainOptions.has(name!)) continue;
    found.push(execArgv[index]!);
    if (valuedOptions.has(name!) && value === undefined && index + 1 < execArgv.length) found.push(execArgv[++index]!);
  }
  return found;
}

const valuedOptions = new Set([
  '--import',
  '--require',
  '-r',
  '--loader',
  '--experimental-loader',
  '--conditions',
  '-C',
  '--disable-warning',
]);

const plainOptions = new Set([
  '--enable-source-maps',
  '--experimental-strip-types',
  '--no-experimental-strip-types',
  '--experimental-transform-types',
  '--preserve-symlinks',
  '--no-warnings',
]);
