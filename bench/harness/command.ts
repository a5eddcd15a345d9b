/** A command with its processes: wall time, CPU time and memory of them all. Linux only. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

export interface CommandFigures {
  readonly wallMs: number;
  /** From the start to the first byte of standard output. */
  readonly firstMs: number;
  /** Of all processes that have ended, user and system. */
  readonly cpuMs: number;
  /** The most resident memory of all its processes together, as far as it was seen. */
  readonly mostBytes: number;
  readonly stdout: string;
}

export interface CommandOptions {
  readonly cwd: string;
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

const lookMs = 50;
const pageBytes = 4096;

/** Runs a command to its end. Rejects unless its exit code is 0. */
export async function runCommand(command: string, args: readonly string[], options: CommandOptions) {
  const { cwd, input = '', env = {} } = options;
  const cpuBefore = cpuOfChildren();
  const start = performance.now();
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  let firstMs = Number.NaN;
  const pieces: string[] = [];
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    if (pieces.length === 0) firstMs = performance.now() - start;
    pieces.push(piece);
  });
  let mostBytes = 0;
  const look = setInterval(() => {
    mostBytes = Math.max(mostBytes, residentBytes(child.pid!));
  }, lookMs);
  try {
    const [code, signal] = await once(child, 'close');
    if (code !== 0) throw new Error(`${command} ended with ${signal ?? `exit code ${code}`}`);
  } finally {
    clearInterval(look);
  }
  const wallMs = performance.now() - start;
  const figures: CommandFigures = {
    ...{ wallMs, firstMs, cpuMs: cpuOfChildren() - cpuBefore, mostBytes },
    stdout: pieces.join(''),
  };
  return figures;
}

/** The CPU time of the ended children of this process, and of theirs. */
function cpuOfChildren(): number {
  const fields = statOf('self');
  // In hundredths of a second.
  return (Number(fields[13]) + Number(fields[14])) * 10;
}

/** The resident memory of a process and of all below it. */
function residentBytes(pid: number): number {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
    const own = Number(statOf(pid)[21]) * pageBytes;
    return children.reduce((sum, child) => sum + residentBytes(Number(child)), own);
  } catch {
    // It has ended.
    return 0;
  }
}

/** The fields behind the name of a process, of `/proc/<pid>/stat`. */
function statOf(pid: number | 'self'): string[] {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}
