/**
 * SIGINT and SIGTERM as an `AbortSignal`, and their exit code.
 */
import { constants } from 'node:os';

export interface Interruption {
  /** Aborted by the first signal. Further ones have no effect: the program ends within seconds. */
  readonly signal: AbortSignal;
  /** 128 + the signal's number, as in shells; `undefined` without a signal. */
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
