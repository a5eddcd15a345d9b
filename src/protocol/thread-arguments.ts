/** Node options for the threads that callsheet starts. */

/**
 * Returns the `execArgv` of a new thread. By default a thread inherits the options of the process,
 * and many of these are not allowed if they are passed explicitly. If options are given, or if an
 * option of the process concerns only its entry file and would keep a thread from running its own
 * file, the options about finding, loading and showing modules are passed on, and no others.
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
