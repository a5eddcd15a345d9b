/** `callsheet history`: how far back the journal goes, and the state then. */
import { exitCodes } from '../exit.js';
import type { Session } from '../session.js';
import { age } from '../words.js';
import { status } from './status.js';

/** Without a time, says from when to when the journal goes. */
export async function history(session: Session, isTimeGiven: boolean): Promise<number> {
  if (isTimeGiven) return status(session);
  const { out, kept } = session;
  const [from, to] = [isoOf(kept!.from), isoOf(kept!.to)];
  if (out.isJson) out.json({ from, to });
  else if (from === undefined) out.line('the journal has no jobs yet');
  else {
    const now = new Date().toISOString();
    out.line(`the journal goes back to ${from} (${age(from, now)} ago)`);
    out.line(`its last change was at ${to} (${age(to, now)} ago)`);
    out.line('status, jobs, job, counts, explain, failures, traceback and schedules take --at, a time between them');
  }
  return exitCodes.done;
}

const isoOf = (time: number) => (time === 0 ? undefined : new Date(time).toISOString());
