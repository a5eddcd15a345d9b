/**
 * A contestant in a process of its own: as it would be used, with nothing else in its threads, its heap, or its compiled code.
 */
import { once } from 'node:events';
import type { Entrant, Measured, Size } from './bench.js';
import { startProgram } from './program.js';
import { withinTime } from './time-limit.js';

/** Which contestant it is, and its context: what `programs/contestant.ts` is told. */
export interface Apart {
  readonly bench: string;
  readonly size: Size;
  readonly case: string;
  readonly contestant: string;
  readonly threads: number;
  readonly stepsPerMs: number;
  /** Where its scratch directory is made. */
  readonly directory: string;
}

/** What it is asked to do once it is open. */
export type Request = 'measure' | 'close';

/** Its answers: to having been started, first. */
export type Answer =
  | { readonly opened: Pick<Entrant, 'detail'> }
  | { readonly measured: Measured }
  | { readonly closed: true }
  | { readonly failed: string };

/**
 * Its process is gone when it is closed, or when anything is rejected.
 *
 * @param limitMs For each answer.
 */
export async function openApart(apart: Apart, limitMs: number): Promise<Entrant> {
  const child = startProgram('contestant', apart);
  const exited = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`its process ended with ${signal ?? `exit code ${code}`}`);
  });
  // It may, once it is closed.
  exited.catch(() => {});
  const answer = async (): Promise<Answer> => {
    try {
      const [message] = await withinTime(Promise.race([once(child, 'message'), exited]), limitMs);
      if ('failed' in message) throw new Error(message.failed);
      return message;
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
  };
  const ask = (request: Request) => {
    // Where it cannot be sent any more, that is not what has to be said.
    child.send(request, () => {});
    return answer();
  };
  const { opened } = (await answer()) as Extract<Answer, { opened: unknown }>;
  return {
    ...opened,
    measure: async () => ((await ask('measure')) as Extract<Answer, { measured: unknown }>).measured,
    async close() {
      await ask('close');
      child.disconnect();
    },
  };
}
