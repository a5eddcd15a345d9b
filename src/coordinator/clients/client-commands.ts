/**
 * The commands of clients: their puts, and all others.
 *
 * A run of puts is decided as one command, which costs less for each job. A put into a full queue
 * waits.
 */
import { type Command, levelGate } from '../../core/commands.js';
import type { Id, Level } from '../../core/records.js';
import type { View } from '../../core/state/view.js';
import { ClosedError } from '../../errors.js';
import { commandFromPacked, commandFromWire, type Put } from '../../protocol/commands.js';
import type { PackedPuts, Puts } from '../../protocol/message-runs.js';
import type { WireCommand } from '../../protocol/messages.js';
import type { Records } from '../../store/store.js';
import type { Runs } from '../claiming/runs.js';
import type { Closing } from '../closing.js';
import type { Context } from '../context.js';
import type { Inquiries } from '../inquiries.js';
import type { JobLog } from '../job-log.js';
import type { Parts } from '../parts.js';
import type { RecentTimes } from '../recent-times.js';
import type { Schedules } from '../schedules.js';
import type { Statistics } from '../statistics/statistics.js';
import type { DecideBounded } from './bounded-queues.js';
import type { Caller } from './caller.js';
import { requireJob } from './remembered.js';
import { replyTo } from './replies.js';
import { changeFromWire, retryFromWire } from './retries.js';

/** The context of the clients' side. */
export interface ClientsContext extends Context, Parts {
  readonly runs: Runs;
  readonly closing: Closing;
  readonly inquiries: Inquiries;
  readonly statistics: Statistics;
  readonly schedules: Schedules;
  readonly jobLog: JobLog;
  /** Installs this dispatcher's agent in a queue that may be new. */
  readonly installAgent: (queue: string) => void;
  /** Why this runtime claims nothing; `undefined` if it claims. */
  readonly claimsNot: () => 'closing' | 'inactive' | undefined;
  /** See `ExplainingContext`. */
  readonly othersClaim: (view: View) => boolean;
  readonly turns: RecentTimes;
  readonly openedAt: number;
}

type WirePuts = Extract<WireCommand, { type: 'put' | 'all' }>;

export class ClientCommands {
  readonly #context: ClientsContext;

  constructor(context: ClientsContext) {
    this.#context = context;
  }

  /** Puts one job each, with one command: all are stored, or none. */
  put(caller: Caller, message: Puts | PackedPuts): void {
    const [, first] = message;
    const command = this.#putFrom(caller, message);
    try {
      this.#admit(caller, first, command);
    } catch (error) {
      this.#refuse(caller, first, command, error as Error);
    }
  }

  #putFrom({ owner }: Caller, message: Puts | PackedPuts): Put {
    const { payload } = this.#context.store;
    if (message[0] === 'plainPuts') return commandFromPacked(message, { owner, payload });
    const [, , queue, level, jobs, again = false] = message;
    const wire = { type: 'put', queue, jobs, ...(again && { again }) } as const;
    return commandFromWire(wire, { owner, level, payload }) as Put;
  }

  #admit(caller: Caller, first: number, command: Put): void {
    const { bounded } = this.#context;
    const { jobs, queue } = command;
    if (jobs.length > 1 && bounded.isBounded(queue)) {
      for (const [index, job] of jobs.entries()) this.#admit(caller, first + index, { ...command, jobs: [job] });
      return;
    }
    bounded.admit(caller, command, (decide) => this.#put(caller, first, command, decide));
  }

  #put(caller: Caller, first: number, command: Put, decide: DecideBounded): void {
    const { isClosing } = this.#context;
    const { jobs, level, again = false } = command;
    if (isClosing()) return this.#refuse(caller, first, command, new ClosedError('the runtime is closing'));
    const expect = () => {
      for (let index = 0; index < jobs.length; index++) caller.puts.set(jobs[index]!.id, first + index);
    };
    // The job of a repeated put may end at any moment: no outcome may come before the reply.
    if (!again) expect();
    const reply = (error: Error | undefined, same?: readonly Id[]) => {
      if (error !== undefined) this.#refuse(caller, first, command, error);
      else if (same === undefined) {
        if (again) expect();
        caller.post(['done', first, jobs.length]);
        if (again) for (const { id } of jobs) this.#context.outcomes.catchUp(id);
      } else {
        const { id } = jobs[0]!;
        caller.puts.delete(id);
        caller.hands.hold(id, id, same);
        caller.post(['answer', first, same]);
      }
    };
    const full = () => {
      for (const { id } of jobs) caller.puts.delete(id);
    };
    decide(command, { gate: levelGate(level), reply, full });
  }

  /** Answers each put with the error. */
  #refuse(caller: Caller, first: number, { jobs }: Put, error: Error): void {
    this.#context.movedBuffers.drop(jobs);
    for (const [index, { id }] of jobs.entries()) {
      caller.puts.delete(id);
      caller.post(replyTo(first + index, error));
    }
  }

  /** Decides any other command, and answers when its gate opens. */
  do(caller: Caller, request: number, level: Level, wire: WireCommand): void {
    const { store, bounded } = this.#context;
    const { owner } = caller;
    const admit = (command: Command, level: Level) =>
      bounded.admit(caller, command, (decide) => this.#do(caller, request, level, wire, command, decide));
    if (wire.type !== 'retry' && wire.type !== 'change')
      return admit(commandFromWire(wire, { owner, level, payload: store.payload }), level);
    const look = (records: Records) => {
      if (wire.type === 'change') return { command: changeFromWire(records, store.payload, wire), level };
      const command = retryFromWire(records, store.payload, owner, wire);
      // A copy is as durable as its job, whatever the client puts.
      return { command, level: requireJob(records.view, wire.job).level };
    };
    const tell = (error: Error | undefined, made?: { readonly command: Command; readonly level: Level }) => {
      if (made === undefined) return caller.post(replyTo(request, error));
      admit(made.command, made.level);
    };
    store.read(look, tell, 'decided');
  }

  #do(caller: Caller, request: number, level: Level, wire: WireCommand, command: Command, decide: DecideBounded): void {
    const { runs, isClosing } = this.#context;
    if (isClosing()) return caller.post(replyTo(request, new ClosedError('the runtime is closing')));
    // A job that a thread has not begun still counts as queued: it can be removed and changed.
    if (wire.type === 'remove' || wire.type === 'change' || wire.type === 'fail') runs.takeBack(wire.job);
    const reply = (error: Error | undefined, same?: readonly Id[]) => {
      if (error !== undefined) this.#context.movedBuffers.dropRefused(command);
      else if (wire.type === 'put' || wire.type === 'all') hold(caller, wire, same);
      caller.post(same === undefined ? replyTo(request, error) : ['answer', request, same]);
    };
    decide(command, { gate: levelGate(level), reply });
    this.#follow(wire);
  }

  /** Carries out the consequences of a command outside the state. */
  #follow(wire: WireCommand): void {
    const { runs, annotations, installAgent } = this.#context;
    if (wire.type === 'createQueue') installAgent(wire.name);
    else if (wire.type === 'setAgent' || wire.type === 'removeAgent') runs.claiming.agentsChanged(wire.queue);
    else if (wire.type === 'removeQueue') runs.claiming.agentsChanged(wire.name);
    else if (wire.type === 'annotate' && wire.value !== null) annotations.resolve(wire.job, wire.name, wire.value);
  }
}

/** The client gets a handle of each job, and no outcome unless it asks. */
function hold({ hands }: Caller, wire: WirePuts, same: readonly Id[] | undefined): void {
  const puts = wire.type === 'all' ? wire.commands : [wire];
  const [first, last] = [puts[0], puts.at(-1)];
  if (first?.type !== 'put' || last?.type !== 'put' || first.jobs.length === 0) return;
  hands.hold(first.jobs[0]![0], last.jobs.at(-1)![0], same);
}
