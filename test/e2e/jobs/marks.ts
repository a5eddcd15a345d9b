/**
 * Jobs that leave a line for each of their starts, appended in one write (O_APPEND): whoever looks
 * from outside counts them, whatever happened to the process.
 */
import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
import { type CompletedJobs, currentJob, type RetryQuestion } from 'callsheet';

const lookMs = 1;
/** A job that waits for what never comes is to fail, not to hang its thread. */
const patienceMs = 60_000;

export function mark(file: string, line: string): string {
  appendFileSync(file, `${line}\n`);
  return line;
}

/** Marks, with its attempt in a file beside. */
function markAttempt(file: string, line: string): string {
  appendFileSync(`${file}.attempts`, `${line} ${currentJob().attempt}\n`);
  return mark(file, line);
}

/**
 * Marks its start, and its end once the other file is there. It sleeps meanwhile, and leaves its
 * thread no turn.
 */
export function markUntil(file: string, line: string, gate: string): string {
  mark(file, line);
  waitFor(gate);
  return mark(file, `${line} ended`);
}

/** The same, leaving its thread free. */
export async function markAwaiting(file: string, line: string, gate: string): Promise<string> {
  mark(file, line);
  const deadline = Date.now() + patienceMs;
  while (!existsSync(gate)) {
    if (Date.now() > deadline) throw new Error(`${gate} did not come`);
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
  return line;
}

/** Takes a few microseconds, or, given a gate, as long as that is closed. */
export function passUntil(value: number, gate?: string): number {
  if (gate !== undefined) waitFor(gate);
  return value;
}

/**
 * Says that it is here and waits for the other: two of these end only if they run at the same time.
 */
export function meet(own: string, other: string): boolean {
  writeFileSync(own, '');
  waitFor(other);
  return true;
}

/** Marks, and keeps its thread busy for so long. */
export function markFor(file: string, line: string, ms: number): string {
  markAttempt(file, line);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  return line;
}

/** Marks; and gives back what it got, if that is what it was made of: the line, again and again. */
export function markWith(file: string, line: string, ballast: Uint8Array): Uint8Array {
  markAttempt(file, line);
  if (!Buffer.alloc(ballast.length, line).equals(ballast)) throw new Error('these are not the arguments of this job');
  return ballast;
}

export function markParts(file: string, line: string, parts: CompletedJobs<string>): string[] {
  mark(file, line);
  return Array.from(parts, ({ result }) => result);
}

/** Marks; and ends its process as `kill -9` does, if it is told to, each time that it runs. */
export function markOrKill(file: string, line: string, kills: boolean): string {
  markAttempt(file, line);
  if (kills) killProcess();
  return line;
}

/** Marks, and kills its process once the other file is there. */
export function killWhen(file: string, line: string, gate: string): never {
  mark(file, line);
  waitFor(gate);
  return killProcess();
}

/** Marks; and ends its thread, if it is told to, each time that it runs. */
export function markOrExit(file: string, line: string, exits: boolean): string {
  mark(file, line);
  if (exits) process.exit(3);
  return line;
}

/** A policy that forgives as much as the default, and never waits. */
export const atOnce = ({ kind, job }: RetryQuestion): boolean => kind === 'interrupted' && job.interruptions <= 9;

function waitFor(file: string): void {
  const asleep = new Int32Array(new SharedArrayBuffer(4));
  const deadline = Date.now() + patienceMs;
  while (!existsSync(file)) {
    if (Date.now() > deadline) throw new Error(`${file} did not come`);
    Atomics.wait(asleep, 0, 0, lookMs);
  }
}

function killProcess(): never {
  process.kill(process.pid, 'SIGKILL');
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}
