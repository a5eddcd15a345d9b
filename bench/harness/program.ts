/**
 * Work in a process with memory and CPU time of its own.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/**
 * Runs a program of `bench/programs/`. Returns its one message when it has ended.
 *
 * @param onLine Gets each line of its standard output, which is not read by default.
 */
export async function runProgram<Result>(
  name: string,
  args: unknown,
  execArgv: readonly string[] = [],
  onLine?: (line: string) => void,
): Promise<Result> {
  const child = startProgram(name, args, execArgv, onLine === undefined ? 'ignore' : 'pipe');
  if (onLine !== undefined) createInterface({ input: child.stdout! }).on('line', onLine);
  let result: Result | undefined;
  child.on('message', (message) => {
    result = message as Result;
  });
  const [code, signal] = await once(child, 'close');
  if (code !== 0 || result === undefined) throw new Error(`${name} ended with ${signal ?? `exit code ${code}`}`);
  return result;
}

const children = new Set<ChildProcess>();
const endChildren = () => {
  for (const child of children) child.kill('SIGKILL');
};

/** Starts a program, which ends with this process at the latest. */
export function startProgram(
  name: string,
  args: unknown,
  execArgv: readonly string[] = [],
  output: 'ignore' | 'pipe' = 'ignore',
): ChildProcess {
  const file = fileURLToPath(new URL(`../programs/${name}.js`, import.meta.url));
  const child = fork(file, [JSON.stringify(args)], {
    execArgv: [...execArgv],
    // A figure may be NaN, which JSON does not keep.
    serialization: 'advanced',
    // Standard output may hold the report.
    stdio: ['ignore', output, 'inherit', 'ipc'],
  });
  // Programs end before their files are removed.
  if (children.size === 0) process.prependListener('exit', endChildren);
  children.add(child);
  child.once('exit', () => {
    children.delete(child);
    if (children.size === 0) process.off('exit', endChildren);
  });
  return child;
}

/** The parent process is gone, so no result can be sent. */
const exit = () => process.exit();

/** Returns the arguments of this program, which from here on ends with its parent process. */
export function programArguments<Args>(): Args {
  process.once('disconnect', exit);
  return JSON.parse(process.argv[2]!) as Args;
}

/** Sends the result of this program, which ends when it has no more work. */
export function reportResult(result: unknown): void {
  process.off('disconnect', exit);
  process.send!(result, () => process.disconnect());
}
