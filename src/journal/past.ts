/**
 * Reads a journal as it was at a time, from the generations that are kept. Modifies nothing, and
 * needs no lock.
 *
 * The journal knows no times: its reader tells the time of each entry. The state of a time is that
 * after the last transaction before the first one with a later time. It can be read from any
 * generation whose snapshot was finished by then, because a snapshot holds changes up to its end.
 */
import * as path from 'node:path';
import { type Disk, machineDisk } from './disk.js';
import { type ChosenGeneration, wholeGenerations } from './generation.js';
import { type Replay, readGeneration } from './recovery.js';
import { type Survey, surveyJournal } from './survey.js';

/** A replay that tells times. */
export interface TimedReplay extends Replay {
  /** The latest time in the last entry, in milliseconds since the epoch; 0 for none. */
  readonly time: number;
}

/** From when to when a journal goes; 0 if it has no times. */
export interface PastTimes {
  /** The earliest time whose state can be read. */
  readonly from: number;
  readonly to: number;
}

/**
 * Replays the journal up to a time into `replay`, or all of it from where it begins if it begins
 * later. `timed` makes readers that only find the times.
 *
 * Throws what opening throws, but a missing payload is no reason.
 */
export function readPast(
  directory: string,
  at: number,
  replay: Replay,
  timed: () => TimedReplay,
  disk: Disk = machineDisk,
): PastTimes {
  const absolute = path.resolve(directory);
  const survey = surveyJournal(disk, absolute);
  let chosen: { readonly generation: ChosenGeneration; readonly lsn: number } | undefined;
  let times: PastTimes = { from: 0, to: 0 };
  for (const generation of wholeGenerations(disk, absolute, survey)) {
    const scan = new Scan(generation, at, timed());
    readGeneration(disk, absolute, scan, survey, generation);
    if (scan.reaches) chosen ??= { generation, lsn: scan.lsn };
    times = { from: scan.from, to: Math.max(times.to, scan.to) };
  }
  if (chosen !== undefined) replayUpTo(disk, absolute, survey, chosen, replay);
  return times;
}

function replayUpTo(
  disk: Disk,
  directory: string,
  survey: Survey,
  { generation, lsn }: { readonly generation: ChosenGeneration; readonly lsn: number },
  replay: Replay,
): void {
  const cut: Replay = {
    segment: (segment) => replay.segment(segment),
    entry: (entry, at, of) => {
      if (of <= lsn) replay.entry(entry, at, of);
    },
  };
  readGeneration(disk, directory, cut, survey, generation);
}

/** Finds the last transaction of a generation before a later time. */
class Scan implements Replay {
  /** The LSN of that transaction. */
  lsn: number;
  /** The time from which the generation tells, and the last one in it. */
  from = 0;
  to = 0;
  readonly #timed: TimedReplay;
  readonly #at: number;
  readonly #startLsn: number;
  readonly #endLsn: number;
  readonly #isWholeLog: boolean;
  #current: number;
  #isPast = false;

  constructor({ generation }: ChosenGeneration, at: number, timed: TimedReplay) {
    this.#timed = timed;
    this.#at = at;
    this.#startLsn = generation.startLsn;
    this.#endLsn = generation.endLsn;
    this.#isWholeLog = generation.snapshot === undefined;
    this.lsn = generation.startLsn;
    this.#current = generation.startLsn;
  }

  /** Whether the snapshot was finished by then. */
  get reaches(): boolean {
    return this.lsn >= this.#endLsn;
  }

  segment(segment: number): void {
    this.#timed.segment(segment);
  }

  entry(...entry: Parameters<Replay['entry']>): void {
    const lsn = entry[2];
    this.#timed.entry(...entry);
    const { time } = this.#timed;
    if (lsn !== this.#current && !this.#isPast) this.lsn = this.#current;
    this.#current = lsn;
    if (lsn > this.#startLsn && time > this.#at) this.#isPast = true;
    this.to = Math.max(this.to, time);
    if (this.#isWholeLog) this.from ||= time;
    else if (lsn <= this.#endLsn) this.from = Math.max(this.from, time);
  }

  end(): undefined {
    if (!this.#isPast) this.lsn = this.#current;
    return undefined;
  }
}
