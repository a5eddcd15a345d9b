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

/** What it is asked to do, one after the other. */
export type Request = 'open' | 'measure' | 'close';

/** Its answers; a failure is a stack. */
export type Answer =
  | { readonly opened: Pick<Entrant, 'detail'> }
  | { readonly measured: Measured }
  | { readonly closed: true }
  | { readonly failed: string };

type Expected<Key extends string> = Extract<Answer, { readonly [key in Key]: unknown }>;

/**
 * Its process is gone when it is closed, or when anything is rejected.
 *
 * @param limitMs For each answer; who does not answer is killed.
 */
export async function openApart(apart: Apart, limitMs: number): Promise<Entrant> {
  const child = startProgram('contestant', apart);
  const exited = once(child, 'exit');
  const answerTo = async (request: Request): Promise<Answer> => {
    // Where it cannot be sent any more, that is not what has to be said.
    child.send(request, () => {});
    const died = exited.then(([code, signal]) => {
      throw new Error(`its process ended with ${signal ?? `exit code ${code}`}`);
    });
    const [answer] = await withinTime(Promise.race([once(child, 'message'), died]), limitMs);
    return answer;
  };
  const kill = async () => {
    child.kill('SIGKILL');
    await exited;
  };
  const close = async () => {
    try {
      await answerTo('close');
      child.disconnect();
      await withinTime(exited, limitMs);
    } finally {
      await kill();
    }
  };
  const ask = async <Key extends string>(request: Request): Promise<Expected<Key>> => {
    const answer = await answerTo(request).catch(async (error) => {
      await kill();
      throw error;
    });
    if (!('failed' in answer)) return answer as Expected<Key>;
    // It still answers: what it keeps elsewhere, such as on a server, can be removed.
    await close().catch(() => {});
    throw Object.assign(new Error('it failed'), { stack: answer.failed });
  };
  const { opened } = await ask<'opened'>('open');
  return {
    ...opened,
    measure: async () => (await ask<'measured'>('measure')).measured,
    close,
  };
}
