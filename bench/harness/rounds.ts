/**
 * Measures the contestants of a case in turns: A B C, A B C, … What the machine does meanwhile, it does to all of them; ratios are made
 * within a round.
 */
import type { Case, Contestant, Context, Entrant, Figure } from './bench.js';
import { type Row, reportFigures } from './report.js';
import { withinTime } from './time-limit.js';

/** One contestant's rounds so far. */
interface Turns {
  name: string;
  entrant: Entrant | undefined;
  readonly values: Record<string, number[]>;
  status: Row['status'];
  reason: string;
}

export interface RoundOptions {
  readonly figures: readonly Figure[];
  readonly rounds: number;
  /** For each measurement. */
  readonly limitMs: number;
  readonly context: Context;
  /** Why nothing that is measured here can be called durable; undefined where it can. */
  readonly unsynced: string | undefined;
}

export async function measureCase({ contestants }: Case, options: RoundOptions): Promise<Row[]> {
  const all: Turns[] = [];
  try {
    for (const contestant of contestants) all.push(await enter(contestant, options));
    for (let round = 0; round < options.rounds; round++) {
      for (const turns of all) await measureOnce(turns, options);
    }
  } finally {
    for (const turns of all) await attempt(turns, options, () => turns.entrant?.close?.());
  }
  const [first] = all;
  return all.map(({ name, values, status, reason }) => ({
    contestant: name,
    status,
    reason,
    figures:
      status === 'failed' ? {} : reportFigures(options.figures, values, isWhole(first) ? first.values : undefined),
  }));
}

async function enter(contestant: Contestant, options: RoundOptions): Promise<Turns> {
  const { context, unsynced } = options;
  const absent = await contestant.absent?.();
  const isVoid = contestant.synced ? unsynced : undefined;
  const status = absent !== undefined ? 'absent' : isVoid !== undefined ? 'void' : 'measured';
  const { name } = contestant;
  const turns: Turns = { name, entrant: undefined, values: {}, status, reason: absent ?? isVoid ?? '' };
  if (absent === undefined) {
    await attempt(turns, options, async () => {
      turns.entrant = await contestant.open(context);
      if (turns.entrant.detail !== undefined) turns.name = `${name} (${turns.entrant.detail})`;
    });
  }
  return turns;
}

async function measureOnce(turns: Turns, options: RoundOptions): Promise<void> {
  const { entrant, values } = turns;
  if (entrant === undefined || turns.status === 'failed') return;
  await attempt(turns, options, async () => {
    const measured = await entrant.measure();
    for (const [name, value] of Object.entries({ ...measured.figures, ...measured.journal })) {
      values[name] ??= [];
      values[name].push(value);
    }
    if (measured.void !== undefined) [turns.status, turns.reason] = ['void', measured.void];
  });
}

/** What one contestant cannot do does not keep the others from being measured. */
async function attempt(
  turns: Turns,
  { limitMs }: RoundOptions,
  work: () => Promise<unknown> | undefined,
): Promise<void> {
  try {
    await withinTime(Promise.resolve(work()), limitMs);
  } catch (error) {
    [turns.status, turns.reason] = ['failed', error instanceof Error ? (error.stack ?? error.message) : String(error)];
  }
}

/** Every round of it was measured. */
function isWhole(turns: Turns | undefined): turns is Turns {
  return turns !== undefined && (turns.status === 'measured' || turns.status === 'void');
}
