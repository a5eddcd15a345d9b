/**
 * Jobs that append a line to a file at each of their starts. Each line is one write with O_APPEND,
 * so an observer outside can count them, whatever happened to the process.
 */
import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
import { type CompletedJobs, currentJob, type RetryQuestion } from 'callsheet';

const lookMs = 1;
/** A job that waits in vain fails after this time instead of hanging its thread. */
const patienceMs = 60_000;

export function mark(file: string, line: string): string {
  appendFileSync(file, `${line}\n`);
  return line;
}

/** Marks, and also appends the line with its attempt to a second file. */
function markAttempt(file: string, line: string): string {
  appendFileSync(`${file}.attempts`, `${line} ${currentJob().attempt}\n`);
  return mark(file, line);
}

/**
 * Marks its start, and its end once `gate` exists. It sleeps and never yields its thread meanwhile.
 */
export function markUntil(file: string, line: string, gate: string): string {
  mark(file, line);
  waitFor(gate);
  return mark(file, `${line} ended`);
}

/** Does the same and leaves its thread free. */
export async function markAwaiting(file: string, line: string, gate: string): Promise<string> {
  mark(file, line);
  const deadline = Date.now() + patienceMs;
  while (!existsSync(gate)) {
    if (Date.now() > deadline) throw new Error(`${gate} did not come`);
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
  return line;
}

/** Takes a few microseconds; given a gate, waits until the gate exists. */
export function passUntil(value: number, gate?: string): number {
  if (gate !== undefined) waitFor(gate);
  return value;
}

/**
 * Creates the file `own` and waits for `other`: two such jobs end only if they run at the same
 * time.
 */
export function meet(own: string, other: string): boolean {
  writeFileSync(own, '');
  waitFor(other);
  return true;
}

export function markFor(file: string, line: string, ms: number): string {
  markAttempt(file, line);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  return line;
}

/** Marks and returns `ballast` if it consists of the repeated line. */
export function markWith(file: string, line: string, ballast: Uint8Array): Uint8Array {
  markAttempt(file, line);
  if (!Buffer.alloc(ballast.length, line).equals(ballast)) throw new Error('these are not the arguments of this job');
  return ballast;
}

export function markParts(file: string, line: string, parts: CompletedJobs<string>): string[] {
  mark(file, line);
  return Array.from(parts, ({ result }) => result);
}

/** Marks and, if `kills`, ends its process at each run as `kill -9` does. */
export function markOrKill(file: string, line: string, kills: boolean): string {
  markAttempt(file, line);
  if (kills) killProcess();
  return line;
}

export function killWhen(file: string, line: string, gate: string): never {
  mark(file, line);
  waitFor(gate);
  return killProcess();
}

export function markOrExit(file: string, line: string, exits: boolean): string {
  mark(file, line);
  if (exits) process.exit(3);
  return line;
}

/** A policy that allows four interruptions, without delays. */
export const atOnce = ({ kind, job }: RetryQuestion): boolean => kind === 'interrupted' && job.interruptions <= 4;

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
