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
import type { Records } from '../../store/store.js';
import type { Context } from '../context.js';
import { type Inquiries, type Inquiry, Pause } from '../inquiries.js';
import type { JobLog } from '../job-log.js';
import type { BoundedQueues, DecideBounded } from './bounded-queues.js';
import { Bulk } from './bulk-jobs.js';
import type { Caller } from './caller.js';
import { replyTo } from './replies.js';
import { retryFromWire } from './retries.js';

/** The most commands of a step. */
const mostAtOnce = 1024;
/** The cost of a command, in the steps of an inquiry that looks at a job. */
const commandCost = 128;

interface BulkContext extends Pick<Context, 'store' | 'decide' | 'isClosing' | 'post' | 'questions'> {
  readonly jobLog: Pick<JobLog, 'leaveOut' | 'takeIn'>;
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
    if (action !== null)
      return this.#context.store.survey((error, records) => {
        if (records === undefined) return caller.post(replyTo(request, error));
        const bulk = new Bulk({ records, questions: this.#context.questions }, action);
        caller.bulks.set(number, bulk);
        this.#step(caller, request, number, bulk);
      });
    const bulk = caller.bulks.get(number);
    // Only a restarted coordinator does not know the action.
    if (bulk === undefined) throw new CoordinatorDiedError('the bulk action ended when the coordinator died');
    this.#step(caller, request, number, bulk);
  }

  #step(caller: Caller, request: number, number: number, bulk: Bulk): void {
    const step = new Step(this.#context, caller, bulk);
    this.#context.inquiries.walk(step.run(), (error) => {
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
    const bulk = bulks.get(number);
    if (bulk === undefined) return;
    bulk.end();
    bulks.delete(number);
    const { action, done, refused } = bulk;
    if (done + refused === 0) return;
    const message = `${action.type}All: ${done} ${done === 1 ? 'job' : 'jobs'}`;
    this.#context.post(['log', 'info', message, refused === 0 ? '' : `${refused} were refused`]);
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
  #waitsForRoom = false;
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
      if (job instanceof Pause) {
        yield job;
        continue;
      }
      if (job !== undefined) {
        left--;
        this.#act(job);
        // The step ends with a put that waits for room, so that others have their turn.
        if (this.#waitsForRoom) return;
      }
      yield job === undefined ? 1 : commandCost;
    }
  }

  /** Calls `tell` when all commands of the step have their replies. */
  whenDone(tell: (result: BulkStep) => void): void {
    this.#tell = tell;
    this.#tellIfDone();
  }

  /** Has the command for a job decided, as soon as there is room in its queue. */
  #act(job: JobRecord): void {
    const { id } = job;
    const { action } = this.#bulk;
    this.#left++;
    switch (action.type) {
      case 'retry':
        return this.#retry(job, action);
      case 'cancel':
        this.#context.jobLog.leaveOut(id);
        return this.#decide(id, { type: 'cancel', job: id });
      case 'forget':
        return this.#decide(id, { type: 'forgetJob', job: id });
    }
  }

  #retry({ id, queue }: JobRecord, { options, parts, callbacks }: Extract<BulkAction, { type: 'retry' }>): void {
    const { store, bounded } = this.#context;
    const wire = { type: 'retry', job: id, options, parts, callbacks } as const;
    const tell = (error: Error | undefined, command?: Command) => {
      this.#waitsForRoom = false;
      if (command === undefined) return this.#note(id, error);
      this.#waitsForRoom = true;
      bounded.admit(this.#caller, command, (decide) => {
        this.#waitsForRoom = false;
        if (this.#bulk.isEnded) this.#note(id, new ClosedError('the bulk action was ended'));
        else this.#decide(id, command, decide);
      });
    };
    const { owner } = this.#caller;
    // Until the answer is there, which may be later.
    this.#waitsForRoom = bounded.isBounded(queue);
    store.read((records: Records) => retryFromWire(records, store.payload, owner, wire), tell, 'decided');
  }

  #decide(id: Id, command: Command, decide: DecideBounded = this.#context.decide): void {
    const full = () => {
      this.#waitsForRoom = true;
    };
    decide(command, { gate: levelGate('full'), reply: (error) => this.#note(id, error), full });
  }

  #note(id: Id, error: Error | undefined): void {
    this.#left--;
    if (error === undefined) {
      this.#done++;
      this.#bulk.done++;
    } else {
      this.#refused.push([id, errorToData(error)]);
      this.#bulk.refused++;
      this.#context.jobLog.takeIn(id);
    }
    this.#tellIfDone();
  }

  #tellIfDone(): void {
    if (this.#left === 0) this.#tell?.({ done: this.#done, refused: this.#refused, isOver: this.#isOver });
  }
}
