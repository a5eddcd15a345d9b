/**
 * Jobs that are hard to stop, each in its own way. Each says that it has begun with an annotation.
 */
import { appendFileSync } from 'node:fs';
import { currentJob } from 'callsheet';

function begun(): void {
  currentJob().annotations.set('begun', true);
}

/** A loop that never looks up. */
export function loops(): never {
  begun();
  for (;;);
}

/** A loop that looks at the flag. */
export function loopsPolitely(): string {
  begun();
  while (!currentJob().cancelled);
  return 'stopped by itself';
}

/** Sleeps in shared memory that nobody will touch. */
export function sleeps(): string {
  begun();
  return Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

/** A regular expression that backtracks for longer than the sun will shine. */
export function backtracks(): boolean {
  begun();
  return /^(a+)+$/.test(`${'a'.repeat(60)}!`);
}

/** Waits for ever, and does not listen to its signal. */
export async function ignores(): Promise<never> {
  begun();
  return new Promise(() => {
    setInterval(() => {}, 1000);
  });
}

/** Listens to its signal. */
export async function listens(): Promise<string> {
  const { signal } = currentJob();
  begun();
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  return 'stopped by itself';
}

/** Short, and leaves a line. */
export function quick(file: string, line: string): string {
  appendFileSync(file, `${line}\n`);
  return line;
}

/** As short, but for one of them. */
export function quickOrLoops(file: string, line: string, looping: boolean): string {
  appendFileSync(file, `${line}\n`);
  if (looping) loops();
  return line;
}
