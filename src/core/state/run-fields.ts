/**
 * What a job's record has once it was claimed, or has ended: one object beside the job, which all
 * jobs share that wait for their first claim.
 */
import type { JobRecord, OutcomeKind, Payload } from '../records.js';

/**
 * A class, whose fields are there before they are numbers: V8 then keeps a time as it finds it, and
 * 0 for nothing. In a field that was never anything else it makes a box for each.
 */
export class RunFields {
  fence: number;
  claimed: boolean;
  begun: boolean;
  agent: string;
  attempts: number;
  outcome: OutcomeKind;
  firstStartAt: number;
  lastStartAt: number;
  endAt: number;
  completedAt: number;
  result: Payload | null;

  constructor(from: Readonly<RunFields>) {
    this.fence = from.fence;
    this.claimed = from.claimed;
    this.begun = from.begun;
    this.agent = from.agent;
    this.attempts = from.attempts;
    this.outcome = from.outcome;
    this.firstStartAt = from.firstStartAt;
    this.lastStartAt = from.lastStartAt;
    this.endAt = from.endAt;
    this.completedAt = from.completedAt;
    this.result = from.result;
  }
}

/** Never written to. */
export const noRun: Readonly<RunFields> = new RunFields({
  fence: 0,
  claimed: false,
  begun: false,
  agent: '',
  attempts: 0,
  outcome: 'none',
  firstStartAt: 0,
  lastStartAt: 0,
  endAt: 0,
  completedAt: 0,
  result: null,
});

/** A record's run, which is not to be written to. */
export function runFieldsOf(record: JobRecord): Readonly<RunFields> {
  const { fence, agent, attempts, outcome, firstStartAt, result } = record;
  // Whatever was claimed has a fence, whatever began or ended counted that: nothing of the rest is
  // there without one of these.
  const isNew =
    fence === 0 && agent === '' && attempts === 0 && outcome === 'none' && firstStartAt === 0 && result === null;
  return isNew ? noRun : new RunFields(record);
}
