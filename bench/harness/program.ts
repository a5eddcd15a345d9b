/**
 * Work in a process of its own, whose memory, or whose time on the processors, is not that of the benches.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Runs a program of `bench/programs/` with these arguments; gives the one message that it sends, when it has ended. */
export function runProgram<Result>(name: string, args: unknown, execArgv: readonly string[] = []): Promise<Result> {
  const file = fileURLToPath(new URL(`../programs/${name}.js`, import.meta.url));
  return new Promise((resolve, reject) => {
    // Standard output may be the report's.
    const stdio = ['ignore', 'ignore', 'inherit', 'ipc'] as const;
    const child = fork(file, [JSON.stringify(args)], { execArgv: [...execArgv], stdio: [...stdio] });
    const end = () => child.kill('SIGKILL');
    process.once('exit', end);
    let result: Result | undefined;
    child.on('message', (message) => {
      result = message as Result;
    });
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      process.off('exit', end);
      if (code === 0 && result !== undefined) resolve(result);
      else reject(new Error(`${name} ended with ${signal ?? `exit code ${code}`}`));
    });
  });
}

/** In a program: what it was given. */
export function programArguments<Args>(): Args {
  return JSON.parse(process.argv[2]!) as Args;
}

/** In a program: what it found. It ends when nothing is left to do. */
export function reportResult(result: unknown): void {
  process.send!(result, () => process.disconnect());
}
