/**
 * What a bench is made of: figures, cases, contestants.
 */
import type { Scratch } from './scratch.js';

/** How much is measured: in earnest, or so little that a test can do it in a second. */
export type Size = 'full' | 'small';

export interface Bench {
  readonly name: string;
  /** One line: what is measured. */
  readonly title: string;
  /** What each measurement gives, in the order of the table's columns. */
  readonly figures: readonly Figure[];
  /** How often each is measured where nobody says: 5 by default. */
  readonly rounds?: number;
  /** How long one measurement may take, in milliseconds: three minutes by default. */
  readonly limitMs?: number;
  /** It is run only where it is named: it takes long, and much. */
  readonly onDemand?: boolean;
  cases(size: Size): readonly Case[];
}

export interface Figure {
  readonly name: string;
  readonly unit: string;
  /** Whether each contestant's figure is shown as a multiple of the first contestant's, too. */
  readonly compared?: boolean;
  /** The table shows the median alone. */
  readonly brief?: boolean;
}

/** Contestants that do the same thing; the first is the one that the others are compared with. */
export interface Case {
  readonly name: string;
  readonly contestants: readonly Contestant[];
}

export interface Contestant {
  readonly name: string;
  /** Why it cannot take part here, such as a peer that is not installed; undefined if it can. */
  readonly absent?: () => Promise<string | undefined>;
  /** It answers for data on the disk: its figures are void on a disk whose sync is none. */
  readonly synced?: boolean;
  /**
   * Opens what is to be measured, warm where that is to be measured warm, in a process of its own. It stays open until all rounds are
   * over.
   */
  open(context: Context): Promise<Entrant>;
}

/** A contestant that is ready. */
export interface Entrant {
  /** What only its server could tell, such as how that syncs; the table has it behind the name. */
  readonly detail?: string | undefined;
  measure(): Promise<Measured>;
  close?(): Promise<unknown>;
}

export interface Context {
  readonly threads: number;
  readonly scratch: Scratch;
  /** How far `spin` gets in a millisecond on this machine: all contestants are given the same work. */
  readonly stepsPerMs: number;
}

export interface Measured {
  /** By the figure's name. */
  readonly figures: Readonly<Record<string, number>>;
  /** What its journal did meanwhile, where it has one. */
  readonly journal?: { readonly frames: number; readonly syncs: number } | undefined;
  /** Why they are worth nothing. */
  readonly void?: string | undefined;
}
