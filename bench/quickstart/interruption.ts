/**
 * SIGINT and SIGTERM as an AbortSignal, and what a shell is told about them.
 */
import { constants } from 'node:os';

export interface Interruption {
  /** Aborted with the first signal; more of them change nothing, since what ends the program takes a few seconds at most. */
  readonly signal: AbortSignal;
  /** 128 + the signal's number, as shells have it; undefined as long as there was none. */
  readonly exitCode: number | undefined;
}

export function watchForInterruption(): Interruption {
  const controller = new AbortController();
  let exitCode: number | undefined;
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      exitCode ??= 128 + constants.signals[name];
      controller.abort();
    });
  }
  return {
    signal: controller.signal,
    get exitCode() {
      return exitCode;
    },
  };
}
