/**
 * Work in a process of its own, whose memory, or whose time on the processors, is not that of the benches.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Runs a program of `bench/programs/` with these arguments; gives the one message that it sends, when it has ended. */
export async function runProgram<Result>(
  name: string,
  args: unknown,
  execArgv: readonly string[] = [],
): Promise<Result> {
  const child = startProgram(name, args, execArgv);
  let result: Result | undefined;
  child.on('message', (message) => {
    result = message as Result;
  });
  const [code, signal] = await once(child, 'exit');
  if (code !== 0 || result === undefined) throw new Error(`${name} ended with ${signal ?? `exit code ${code}`}`);
  return result;
}

const children = new Set<ChildProcess>();
const endChildren = () => {
  for (const child of children) child.kill('SIGKILL');
};

/** It ends with this process, at the latest. */
export function startProgram(name: string, args: unknown, execArgv: readonly string[] = []): ChildProcess {
  const file = fileURLToPath(new URL(`../programs/${name}.js`, import.meta.url));
  const child = fork(file, [JSON.stringify(args)], {
    execArgv: [...execArgv],
    // A figure may be NaN.
    serialization: 'advanced',
    // Standard output may be the report's.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  // Before what they have made is removed.
  if (children.size === 0) process.prependListener('exit', endChildren);
  children.add(child);
  child.once('exit', () => {
    children.delete(child);
    if (children.size === 0) process.off('exit', endChildren);
  });
  return child;
}

/** Nobody is there any more to tell it to. */
const exit = () => process.exit();

/** In a program: what it was given. It ends with who started it. */
export function programArguments<Args>(): Args {
  process.once('disconnect', exit);
  return JSON.parse(process.argv[2]!) as Args;
}

/** In a program: what it found. It ends when nothing is left to do. */
export function reportResult(result: unknown): void {
  process.off('disconnect', exit);
  process.send!(result, () => process.disconnect());
}
