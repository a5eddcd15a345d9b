/**
 * A contestant in a process of its own, with no other work in its threads, heap or compiled code.
 */
import { once } from 'node:events';
import type { Entrant, Measured, Size } from './bench.js';
import { startProgram } from './program.js';
import { withinTime } from './time-limit.js';

/** The contestant and its context, as sent to `programs/contestant.ts`. */
export interface Apart {
  readonly bench: string;
  readonly size: Size;
  readonly case: string;
  readonly contestant: string;
  readonly threads: number;
  readonly stepsPerMs: number;
  /** The parent of its scratch directory. */
  readonly directory: string;
}

/** The requests to the process, one after the other. */
export type Request = 'open' | 'measure' | 'close';

/** The answers of the process. A failure is a stack. */
export type Answer =
  | { readonly opened: Pick<Entrant, 'detail'> }
  | { readonly measured: Measured }
  | { readonly closed: true }
  | { readonly failed: string };

type Expected<Key extends string> = Extract<Answer, { readonly [key in Key]: unknown }>;

/**
 * Opens a contestant in its own process, which is gone after `close` and after any rejection.
 *
 * @param limitMs The limit for each answer; a process that does not answer is killed.
 */
export async function openApart(apart: Apart, limitMs: number): Promise<Entrant> {
  const child = startProgram('contestant', apart);
  const exited = once(child, 'exit');
  const answerTo = async (request: Request): Promise<Answer> => {
    // A failure to send is not reported: the end of the process is the cause.
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
    // It still answers, so it can remove its data elsewhere, such as on a server.
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
