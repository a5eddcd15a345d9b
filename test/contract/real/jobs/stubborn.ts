/** Jobs that are hard to stop, each in its own way. Each sets the annotation `begun` first. */
import { appendFileSync } from 'node:fs';
import { currentJob } from 'callsheet';

function begun(): void {
  currentJob().annotations.set('begun', true);
}

export function loops(): never {
  begun();
  for (;;);
}

export function loopsPolitely(): string {
  begun();
  while (!currentJob().cancelled);
  return 'stopped by itself';
}

/** Sleeps on shared memory that never changes. */
export function sleeps(): string {
  begun();
  return Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

/** Runs a regular expression that backtracks practically for ever. */
export function backtracks(): boolean {
  begun();
  return /^(a+)+$/.test(`${'a'.repeat(60)}!`);
}

/** Waits for ever and ignores its signal. */
export async function ignores(): Promise<never> {
  begun();
  return new Promise(() => {
    setInterval(() => {}, 1000);
  });
}

export async function listens(): Promise<string> {
  const { signal } = currentJob();
  begun();
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  return 'stopped by itself';
}

export function quick(file: string, line: string): string {
  appendFileSync(file, `${line}\n`);
  return line;
}

export function quickOrLoops(file: string, line: string, looping: boolean): string {
  appendFileSync(file, `${line}\n`);
  if (looping) loops();
  return line;
}
