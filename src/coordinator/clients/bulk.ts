/**
 * Bulk actions: a command for each job that fits a filter, in the slices of a walk over the jobs.
 *
 * A client asks for one step after another. A step ends after a number of commands, and is answered
 * when they are durable, so that no more than these are ever on their way. A crash loses the walk,
 * and no committed command: the same action again goes on with the jobs that are left.
 */

import type { Command } from '../../core/commands.js';
import { levelGate } from '../../core/commands.js';
import type { Id, JobRecord } from '../../core/records.js';
import { ClosedError, CoordinatorDiedError } from '../../errors.js';
import { errorToData } from '../../protocol/error-data.js';
import type { BulkStep } from '../../protocol/messages.js';
import type { BulkAction } from '../../protocol/monitor.js';
import type { Context } from '../context.js';
import type { Inquiries, Inquiry } from '../inquiries.js';
import type { BoundedQueues } from './bounded-queues.js';
import { Bulk } from './bulk-jobs.js';
import type { Caller } from './caller.js';
import { replyTo } from './replies.js';
import { retryFromWire } from './retries.js';

/** The most commands of a step. */
const mostAtOnce = 1024;
/** The cost of a command, in the steps of an inquiry that looks at a job. */
const commandCost = 128;

interface BulkContext extends Pick<Context, 'store' | 'turn' | 'isClosing'> {
  readonly bounded: BoundedQueues;
  readonly inquiries: Inquiries;
}

/** The bulk actions of all clients. */
export class Bulks {
  readonly #context: BulkContext;

  constructor(context: BulkContext) {
    this.#context = context;
  }

  /** Takes the first step of an action, or the next step of the action with this number. */
  step(caller: Caller, request: number, number: number, action: BulkAction | null): void {
    const { inquiries, store } = this.#context;
    if (action !== null) caller.bulks.set(number, new Bulk(store, action));
    const bulk = caller.bulks.get(number);
    // Only a restarted coordinator does not know the action.
    if (bulk === undefined) throw new CoordinatorDiedError('the bulk action ended when the coordinator died');
    const step = new Step(this.#context, caller, bulk);
    inquiries.ask(step.run(), (error) => {
      if (error !== undefined) caller.post(replyTo(request, error));
      else
        step.whenDone((result) => {
          if (result.isOver) this.end(caller, number);
          caller.post(['answer', request, result]);
        });
    });
  }

  /** Ends an action. The commands that are on their way go on. */
  end({ bulks }: Caller, number: number): void {
    bulks.get(number)?.end();
    bulks.delete(number);
  }

  leave(caller: Caller): void {
    for (const number of [...caller.bulks.keys()]) this.end(caller, number);
  }
}

/** Some commands of a bulk action. */
class Step {
  readonly #context: BulkContext;
  readonly #caller: Caller;
  readonly #bulk: Bulk;
  readonly #refused: [Id, ReturnType<typeof errorToData>][] = [];
  #done = 0;
  /** Commands without a reply. */
  #left = 0;
  #isOver = false;
  #tell: ((result: BulkStep) => void) | undefined;

  constructor(context: BulkContext, caller: Caller, bulk: Bulk) {
    this.#context = context;
    this.#caller = caller;
    this.#bulk = bulk;
  }

  *run(): Inquiry<void> {
    const { isClosing } = this.#context;
    for (let left = mostAtOnce; left > 0 && !this.#bulk.isEnded; ) {
      if (isClosing()) throw new ClosedError('the runtime is closing');
      const { value: job, done } = this.#bulk.jobs.next();
      if (done) {
        this.#isOver = true;
        return;
      }
      if (job !== undefined) {
        left--;
        // The step ends with a put that waits for room, so that others have their turn.
        if (!this.#act(job)) return;
      }
      yield job === undefined ? 1 : commandCost;
    }
  }

  /** Calls `tell` when all commands of the step have their replies. */
  whenDone(tell: (result: BulkStep) => void): void {
    this.#tell = tell;
    this.#tellIfDone();
  }

  /** Has the command for a job decided. Returns `false` if it must wait for room in its queue. */
  #act(job: JobRecord): boolean {
    const { bounded } = this.#context;
    const { id } = job;
    this.#left++;
    let command: Command;
    try {
      command = this.#commandFor(job);
    } catch (error) {
      this.#note(id, error as Error);
      return true;
    }
    if (!bounded.keepsOut(command)) {
      this.#decide(id, command);
      return true;
    }
    bounded.wait(this.#caller, command, () => {
      if (this.#bulk.isEnded) this.#note(id, new ClosedError('the bulk action was ended'));
      else this.#decide(id, command);
    });
    return false;
  }

  #commandFor({ id }: JobRecord): Command {
    const { store } = this.#context;
    const { action } = this.#bulk;
    switch (action.type) {
      case 'retry': {
        const { options, parts, callbacks } = action;
        return retryFromWire(store, this.#caller.owner, { type: 'retry', job: id, options, parts, callbacks });
      }
      case 'cancel':
        return { type: 'cancel', job: id };
      case 'forget':
        return { type: 'forgetJob', job: id };
    }
  }

  #decide(id: Id, command: Command): void {
    const { store, turn } = this.#context;
    store.transact([{ command, gate: levelGate('full'), reply: (error) => this.#note(id, error) }]);
    turn();
  }

  #note(id: Id, error: Error | undefined): void {
    this.#left--;
    if (error === undefined) this.#done++;
    else this.#refused.push([id, errorToData(error)]);
    this.#tellIfDone();
  }

  #tellIfDone(): void {
    if (this.#left === 0) this.#tell?.({ done: this.#done, refused: this.#refused, isOver: this.#isOver });
  }
}
