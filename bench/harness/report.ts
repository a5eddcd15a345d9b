/**
 * The results of a run of the benches, as `--json` writes them.
 */
import type { Figure, Size } from './bench.js';
import type { Machine } from './machine.js';
import { type Spread, spread } from './statistics.js';

export interface Report {
  readonly machine: Machine;
  readonly at: string;
  readonly size: Size;
  readonly threads: number;
  readonly fileSystem: string;
  readonly benches: readonly BenchReport[];
}

export interface BenchReport {
  readonly name: string;
  readonly title: string;
  readonly rounds: number;
  /** The median time of an append's fdatasync, right before and right after the bench. */
  readonly syncMs: readonly [before: number, after: number];
  readonly cases: readonly CaseReport[];
}

export interface CaseReport {
  readonly name: string;
  readonly rows: readonly Row[];
}

export interface Row {
  readonly contestant: string;
  readonly status: 'measured' | 'absent' | 'void' | 'failed';
  /** The reason why it is not measured; empty if it is. */
  readonly reason: string;
  readonly figures: Readonly<Record<string, FigureReport>>;
}

export interface FigureReport extends Spread {
  readonly unit: string;
  /** `true` if the table shows only the median. */
  readonly brief: boolean;
  /** The values of all rounds. */
  readonly values: readonly number[];
  /** The values as multiples of the first contestant's in the same round. */
  readonly ratio?: Spread;
}

/** Summarizes values; `first` holds those of the first contestant, by figure and round. */
export function reportFigures(
  figures: readonly Figure[],
  values: Readonly<Record<string, readonly number[]>>,
  first: Readonly<Record<string, readonly number[]>> | undefined,
): Record<string, FigureReport> {
  const reports: Record<string, FigureReport> = {};
  for (const { name, unit, compared, brief = false } of figures) {
    const measured = values[name];
    if (measured === undefined) continue;
    const others = compared ? first?.[name] : undefined;
    const ratio = others && { ratio: spread(measured.map((value, round) => value / others[round]!)) };
    reports[name] = { unit, brief, values: measured, ...spread(measured), ...ratio };
  }
  return reports;
}
