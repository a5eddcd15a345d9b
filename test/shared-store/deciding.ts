/** Decides commands in a transaction, on the records that they need. */
import type { Command, Outside } from '../../src/core/commands.js';
import { type Decided, decide } from '../../src/core/decide.js';
import type { Transaction } from './database.js';
import { Lacks, type Want } from './lacks.js';
import { oldestAtOnce, type PartialState } from './partial-state.js';

/** Loads the records that these commands are sure to need, and others, at once. */
export async function prefetch(
  view: PartialState,
  transaction: Transaction,
  commands: readonly Command[],
  others: readonly Want[] = [],
): Promise<void> {
  await fill(view, transaction, [...commands.flatMap(wantsOf), ...others]);
}

/** Decides a command, and loads the records that it lacks. Returns the error of a refusal. */
export async function decideOn(
  view: PartialState,
  transaction: Transaction,
  command: Command,
  outside: Outside,
): Promise<Decided | Error> {
  for (;;) {
    try {
      return decide(view, command, outside);
    } catch (error) {
      if (!(error instanceof Lacks)) return error as Error;
    }
    const wants = view.scout(outside.now, () => decide(view, command, outside));
    await fill(view, transaction, wants);
  }
}

async function fill(view: PartialState, transaction: Transaction, wants: readonly Want[]): Promise<void> {
  view.fill(wants, await transaction.load(wants));
}

function wantsOf(command: Command): Want[] {
  if (command.type === 'put') {
    const keyed = command.jobs.filter(({ options }) => options.unique !== undefined);
    return keyed.map(({ options }) => ({ kind: 'found', index: 'unique', key: `${command.queue}\n${options.unique}` }));
  }
  // Loaded before any command of the group completes a job, so that these are known to be older.
  if (command.type === 'forget')
    return (['succeeded', 'failed'] as const).map((kept) => ({ kind: 'oldest', kept, most: oldestAtOnce }));
  if (!('job' in command)) return [];
  return [{ kind: 'job', id: command.job }];
}
