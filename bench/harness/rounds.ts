/**
 * Measures the contestants of a case in turns: A B C, A B C, … What the machine does meanwhile, it does to all of them; ratios are made
 * within a round.
 */
import type { Case, Contestant, Context, Figure } from './bench.js';
import { type Row, reportFigures } from './report.js';

/** One contestant's rounds so far. */
interface Turns {
  readonly contestant: Contestant;
  readonly values: Record<string, number[]>;
  status: Row['status'];
  reason: string;
}

export interface RoundOptions {
  readonly figures: readonly Figure[];
  readonly rounds: number;
  readonly context: Context;
  /** Why nothing that is measured here can be called durable; undefined where it can. */
  readonly unsynced: string | undefined;
}

export async function measureCase({ contestants }: Case, options: RoundOptions): Promise<Row[]> {
  const records: Turns[] = [];
  for (const contestant of contestants) {
    const reason = await contestant.absent?.();
    records.push({
      contestant,
      values: {},
      status: reason === undefined ? 'measured' : 'absent',
      reason: reason ?? '',
    });
  }
  for (let round = 0; round < options.rounds; round++) {
    for (const record of records) await measureOnce(record, options);
  }
  const [first] = records;
  return records.map(({ contestant, values, status, reason }) => ({
    contestant: contestant.name,
    status,
    reason,
    figures:
      status === 'failed' ? {} : reportFigures(options.figures, values, isWhole(first) ? first.values : undefined),
  }));
}

async function measureOnce(record: Turns, { context, unsynced }: RoundOptions): Promise<void> {
  const { contestant, values } = record;
  if (record.status === 'absent' || record.status === 'failed') return;
  try {
    const measured = await contestant.measure(context);
    for (const [name, value] of Object.entries(measured.figures)) {
      values[name] ??= [];
      values[name].push(value);
    }
    const isVoid = measured.void ?? (contestant.synced ? unsynced : undefined);
    if (isVoid !== undefined) [record.status, record.reason] = ['void', isVoid];
  } catch (error) {
    [record.status, record.reason] = [
      'failed',
      error instanceof Error ? (error.stack ?? error.message) : String(error),
    ];
  }
}

/** Every round of it was measured. */
function isWhole(record: Turns | undefined): record is Turns {
  return record !== undefined && (record.status === 'measured' || record.status === 'void');
}
