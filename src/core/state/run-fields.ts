/**
 * The fields that a job gets with its first claim, or with its end. All jobs that wait for their
 * first claim share `noRun`.
 */
import type { JobRecord, OutcomeKind, Payload } from '../records.js';

/**
 * A class, since its fields exist before they hold numbers. V8 then stores the number object of a
 * time as it is, and 0 as a small integer. In a field that never held anything but numbers, it
 * allocates a box for each value, even for 0.
 */
export class RunFields {
  fence: number;
  claimed: boolean;
  begun: boolean;
  agent: string;
  attempts: number;
  outcome: OutcomeKind;
  errorNames: string;
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
    this.errorNames = from.errorNames;
    this.firstStartAt = from.firstStartAt;
    this.lastStartAt = from.lastStartAt;
    this.endAt = from.endAt;
    this.completedAt = from.completedAt;
    this.result = from.result;
  }
}

/** Must not be written to. */
export const noRun: Readonly<RunFields> = new RunFields({
  fence: 0,
  claimed: false,
  begun: false,
  agent: '',
  attempts: 0,
  outcome: 'none',
  errorNames: '',
  firstStartAt: 0,
  lastStartAt: 0,
  endAt: 0,
  completedAt: 0,
  result: null,
});

let lastFirstClaim: Readonly<RunFields> = noRun;

/** Returns the fields of a job in its first claim, if it is not known to have begun. */
export function firstClaimBy(agent: string): Readonly<RunFields> {
  if (lastFirstClaim.agent !== agent) lastFirstClaim = new RunFields({ ...noRun, fence: 1, claimed: true, agent });
  return lastFirstClaim;
}

/** Returns the fields of a record's run. They must not be written to. */
export function runFieldsOf(record: JobRecord): Readonly<RunFields> {
  const { fence, agent, attempts, outcome, firstStartAt, result } = record;
  // A claimed job has a fence; a job that began or ended has one of the others. No further field is
  // set without one of these.
  const isNew =
    fence === 0 && agent === '' && attempts === 0 && outcome === 'none' && firstStartAt === 0 && result === null;
  return isNew ? noRun : new RunFields(record);
}
