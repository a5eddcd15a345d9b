/** `callsheet cancel`, `retry` and `fail`. */

import type { RetryOptions } from '../../runtime/retry.js';
import type { Runtime } from '../../runtime/runtime.js';
import type { Session } from '../session.js';
import { type Action, actOnChosen, type ChosenOptions } from './chosen.js';

export function cancel(session: Session, ids: readonly string[], options: ChosenOptions): Promise<number> {
  const { callsheet } = session;
  const action: Action = {
    verb: 'cancel',
    one: async (id) => {
      await callsheet.job(id).cancel();
      return {};
    },
    all: (filter, bulk) => callsheet.cancelAll(filter, bulk),
  };
  return actOnChosen(session, ids, action, options);
}

export interface RetryFlags extends ChosenOptions {
  readonly parts?: 'failed' | 'all';
  /** `false` for `--no-callbacks`. */
  readonly callbacks: boolean;
}

export function retry(session: Session, ids: readonly string[], flags: RetryFlags): Promise<number> {
  const { parts, callbacks, ...options } = flags;
  const how: Pick<RetryOptions, 'parts' | 'callbacks'> = {
    ...(parts === undefined ? {} : { parts }),
    callbacks: callbacks ? 'again' : 'none',
  };
  return actOnChosen(session, ids, retrying(session.callsheet, how), options);
}

const retrying = (callsheet: Runtime, how: Pick<RetryOptions, 'parts' | 'callbacks'>): Action => ({
  verb: 'retry',
  one: async (id) => ({ retriedBy: (await callsheet.retry(id, how)).id }),
  all: (filter, bulk) => callsheet.retryAll(filter, { ...how, ...bulk }),
});

export interface FailFlags {
  readonly message: string;
  readonly name: string;
}

export function fail(session: Session, ids: readonly string[], { message, name }: FailFlags): Promise<number> {
  const { callsheet } = session;
  // The stack of this command would say nothing about the job.
  const error = Object.assign(new Error(message), { name, stack: `${name}: ${message}` });
  const action: Action = {
    verb: 'fail',
    one: async (id) => {
      await callsheet.job(id).fail(error);
      return {};
    },
  };
  return actOnChosen(session, ids, action);
}
