/**
 * Measures the contestants of a case in turns: A B C, A B C, … Other work of the machine affects
 * all of them, and ratios are taken within a round.
 */
import type { Contestant, Entrant, Figure } from './bench.js';
import { type Row, reportFigures } from './report.js';

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
  readonly open: (contestant: Contestant) => Promise<Entrant>;
  /** The reason why no figure here is durable; `undefined` if syncs are real. */
  readonly unsynced: string | undefined;
}

export async function measureInTurns(contestants: readonly Contestant[], options: RoundOptions): Promise<Row[]> {
  const all: Turns[] = [];
  try {
    for (const contestant of contestants) all.push(await enter(contestant, options));
    for (let round = 0; round < options.rounds; round++) {
      for (const turns of all) await unlessFailed(turns, measureOnce);
    }
  } finally {
    for (const turns of all) await unlessFailed(turns, async ({ entrant }) => entrant?.close?.());
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

async function enter(contestant: Contestant, { open, unsynced }: RoundOptions): Promise<Turns> {
  const { name, synced } = contestant;
  const turns: Turns = { name, entrant: undefined, values: {}, status: 'measured', reason: '' };
  await unlessFailed(turns, async () => {
    const absent = await contestant.absent?.();
    if (absent !== undefined) [turns.status, turns.reason] = ['absent', absent];
    else {
      if (synced && unsynced !== undefined) [turns.status, turns.reason] = ['void', unsynced];
      turns.entrant = await open(contestant);
      if (turns.entrant.detail !== undefined) turns.name = `${name} (${turns.entrant.detail})`;
    }
  });
  return turns;
}

async function measureOnce(turns: Turns): Promise<void> {
  const { entrant, values } = turns;
  if (entrant === undefined) return;
  const measured = await entrant.measure();
  for (const [name, value] of Object.entries({ ...measured.figures, ...measured.journal })) {
    values[name] ??= [];
    values[name].push(value);
  }
  if (measured.void !== undefined) [turns.status, turns.reason] = ['void', measured.void];
}

/** Keeps the failure of one contestant from stopping the others. A failed one is closed. */
async function unlessFailed(turns: Turns, work: (turns: Turns) => Promise<unknown>): Promise<void> {
  if (turns.status === 'failed') return;
  try {
    await work(turns);
  } catch (error) {
    [turns.status, turns.reason] = ['failed', error instanceof Error ? (error.stack ?? error.message) : String(error)];
  }
}

/** Returns whether every round of it was measured. */
function isWhole(turns: Turns | undefined): turns is Turns {
  return turns !== undefined && (turns.status === 'measured' || turns.status === 'void');
}
