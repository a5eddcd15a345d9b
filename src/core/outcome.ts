/** Outcomes of calls, as a job takes them on. */
import type { Outside } from './commands.js';
import { isFrame } from './frame.js';
import type { JobRecord, Payload } from './records.js';

/** The outcome of a job is one, too: another job may take it on. */
export type Outcome = Pick<JobRecord, 'outcome' | 'result' | 'errorNames'>;

/** The failure of a call, with the names by which failures are grouped. */
export interface Failed extends Outcome {
  readonly outcome: 'failure';
  readonly result: Payload;
}

/** Limits of the names that a record keeps, and of the texts of names that are kept once. */
const most = { names: 3, length: 128, kept: 1000 };

export const successOf = (result: Payload): Outcome => ({ outcome: 'value', result, errorNames: '' });

export const listOf = (result: Payload | null): Outcome => ({ outcome: 'list', result, errorNames: '' });

/** `names` are those of the error and of its classes, the error first, and the place. */
export const failureOf = (result: Payload, names: readonly string[]): Failed => ({
  outcome: 'failure',
  result,
  errorNames: keptOnce(
    [...names.filter((name) => !isFrame(name)).slice(0, most.names), ...names.filter(isFrame).slice(0, 1)]
      .map((name) => name.slice(0, most.length).replaceAll('\n', ' '))
      .join('\n'),
  ),
});

/** The failure of one of callsheet's own errors. */
export const ownFailure = (outside: Pick<Outside, 'failure'>, error: Error): Failed =>
  failureOf(outside.failure(error), [error.name, 'CallsheetError', 'Error']);

/** The failure in question of a job whose policy is asked. */
export const failureIn = ({ result, errorNames }: JobRecord): Failed => ({
  outcome: 'failure',
  result: result!,
  errorNames,
});

const texts = new Map<string, string>();

/** Returns a text that all failures of these names share, in all states of a process. */
export function keptOnce(names: string): string {
  const there = texts.get(names);
  if (there !== undefined) return there;
  if (texts.size >= most.kept) texts.clear();
  texts.set(names, names);
  return names;
}
