/**
 * The parts of a bench: figures, cases, contestants.
 */
import type { Scratch } from './scratch.js';

/** The size of a measurement: real, or small enough for a test of a second. */
export type Size = 'full' | 'small';

export interface Bench {
  readonly name: string;
  /** The measured thing, in one line. */
  readonly title: string;
  /** The figures of each measurement, in the order of the table's columns. */
  readonly figures: readonly Figure[];
  /** The default number of rounds. Default 5. */
  readonly rounds?: number;
  /** Milliseconds that one measurement may take. Default: three minutes. */
  readonly limitMs?: number;
  /** `true` if it runs only by name, as it takes much time and memory. */
  readonly onDemand?: boolean;
  cases(size: Size): readonly Case[];
}

export interface Figure {
  readonly name: string;
  readonly unit: string;
  /** `true` if figures are also shown as multiples of the first contestant's. */
  readonly compared?: boolean;
  /** `true` if the table shows only the median. */
  readonly brief?: boolean;
}

/** Contestants with the same work. The others are compared with the first. */
export interface Case {
  readonly name: string;
  readonly contestants: readonly Contestant[];
}

export interface Contestant {
  readonly name: string;
  /** Returns why it cannot take part, such as a missing package; `undefined` if it can. */
  readonly absent?: () => Promise<string | undefined>;
  /** `true` if it acknowledges data on the disk, which needs a disk with real syncs. */
  readonly synced?: boolean;
  /** Opens the contestant in its own process for all rounds, warm if it is measured warm. */
  open(context: Context): Promise<Entrant>;
}

/** An open contestant. */
export interface Entrant {
  /** A fact that only its server knows, such as its sync setting, for the table. */
  readonly detail?: string | undefined;
  measure(): Promise<Measured>;
  close?(): Promise<unknown>;
}

export interface Context {
  readonly threads: number;
  readonly scratch: Scratch;
  /** Steps of `spin` in a millisecond on this machine: all contestants get the same work. */
  readonly stepsPerMs: number;
}

export interface Measured {
  /** The values by the figures' names. */
  readonly figures: Readonly<Record<string, number>>;
  /** The work of its journal meanwhile, if it has one. */
  readonly journal?: { readonly frames: number; readonly syncs: number } | undefined;
  /** The reason why the values are void. */
  readonly void?: string | undefined;
}
