/** Begins the commands that ask: their session is loaded when one is used. */
import type { AskOptions, Needs, Session } from './session.js';

export type Ask = (options: AskOptions, use: (session: Session) => Promise<number>, needs?: Needs) => Promise<void>;

/** `exit` gets the exit code. */
export const askWith =
  (exit: (code: number) => void): Ask =>
  async (options, use, needs) => {
    const { withSession } = await import('./session.js');
    exit(await withSession(options, use, needs));
  };
