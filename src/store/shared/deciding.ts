/** Decides commands in a transaction, on the records that they need. */
import type { Command, Outside } from '../../core/commands.js';
import { type Decided, decide } from '../../core/decide.js';
import { type Claim, type ClaimRequests, claimAll } from '../claims.js';
import { lookAt } from '../look-at.js';
import type { Records } from '../store.js';
import { positionsAtOnce, type Rows, type Transaction } from './database.js';
import { oldestAtOnce, type PartialState } from './partial-state.js';
import { Lacks, type Want, wantKey } from './wants.js';

/** Loads the records that these commands are sure to need, and others, at once. */
export async function prefetch(
  view: PartialState,
  transaction: Transaction,
  commands: readonly Command[],
  others: readonly Want[] = [],
): Promise<void> {
  const plain = commands.map((command) => (command.type === 'bounded' ? command.command : command));
  const wants = [...plain.flatMap(wantsOf), ...others];
  const put = plain.reduce((sum, command) => sum + (command.type === 'put' ? command.jobs.length : 0), 0);
  if (put > 0) wants.push({ kind: 'positions', blocks: Math.ceil(put / positionsAtOnce) });
  await load(
    view,
    transaction,
    wants.filter((want) => want.kind !== 'job' || !view.has(want.id)),
  );
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
    await load(view, transaction, wants);
  }
}

export interface Claimed {
  readonly command: Claim;
  readonly decided: Decided;
}

/** Claims what the requests ask for. `isFull`: see `claimAll`. */
export async function claimOn(
  view: PartialState,
  transaction: Transaction,
  requests: ClaimRequests,
  outside: Outside,
): Promise<{ readonly claims: readonly Claimed[]; readonly isFull: boolean }> {
  for (;;) {
    const claims: Claimed[] = [];
    const mark = view.begin(outside.now);
    const claim = (command: Claim) => claims.push({ command, decided: decide(view, command, outside) });
    try {
      const isFull = claimAll(view, requests, outside.now, claim);
      return { claims, isFull };
    } catch (error) {
      view.rollback(mark);
      if (!(error instanceof Lacks)) throw error;
      await load(view, transaction, [error.want]);
    }
  }
}

/** Loads what the wants name into a view, and returns it. */
export async function load(view: PartialState, transaction: Transaction, wants: readonly Want[]): Promise<Rows> {
  const each = [...new Map(wants.map((want) => [wantKey(want), want])).values()];
  const rows = await transaction.load(each);
  view.fill(each, rows);
  return rows;
}

/** Runs a look. Returns its result, its error, or the records that it needs as a `want`. */
export function lookOn<T>(
  records: Records,
  look: (records: Records) => T,
): { readonly error?: Error; readonly seen?: T } | { readonly want: Want } {
  const found = lookAt(records, look);
  return found.error instanceof Lacks ? { want: found.error.want } : found;
}

function wantsOf(command: Command): Want[] {
  if (command.type === 'put') {
    const keyed = command.jobs.filter(({ options }) => options.unique !== undefined);
    return keyed.map(({ options }) => ({ kind: 'found', index: 'unique', key: `${command.queue}\n${options.unique}` }));
  }
  // Loaded before any command of the group completes a job, so that these are known to be older.
  if (command.type === 'forget') {
    const most = Math.min(oldestAtOnce, command.most ?? oldestAtOnce);
    const oldest = (['succeeded', 'failed'] as const).map((kept) => ({ kind: 'oldest', kept, most }) as const);
    return [{ kind: 'settings' }, ...oldest];
  }
  if (!('job' in command)) return [];
  return [{ kind: 'job', id: command.job }];
}
