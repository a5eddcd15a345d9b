/**
 * What clients want to have decided: their puts, and every other command.
 *
 * Puts of one job each that come one after another are decided as one, which costs each less. What
 * is put into a full queue waits.
 */
import { type Gate, levelGate } from '../../core/commands.js';
import type { Id } from '../../core/records.js';
import { ClosedError } from '../../errors.js';
import { commandFromWire } from '../../protocol/commands.js';
import { isPlain } from '../../protocol/message-runs.js';
import type { ClientMessage, WireCommand } from '../../protocol/messages.js';
import type { Runs } from '../claiming/runs.js';
import type { Closing } from '../closing.js';
import type { Context } from '../context.js';
import type { Parts } from '../parts.js';
import { replyTo } from './replies.js';

/** What the clients' side uses, beside the context. */
export interface ClientsContext extends Context, Parts {
  readonly runs: Runs;
  readonly closing: Closing;
  /** Installs this dispatcher's agent in a queue that may be new. */
  readonly installAgent: (queue: string) => void;
}

export type Put = Extract<ClientMessage, ['put', ...unknown[]]>;
type WirePuts = Extract<WireCommand, { type: 'put' | 'all' }>;

export class ClientCommands {
  readonly #context: ClientsContext;

  constructor(context: ClientsContext) {
    this.#context = context;
  }

  /**
   * Puts of one job each, decided as one: several only where all of them can be put or none.
   * `admitted`: they have waited for their room.
   */
  put(puts: readonly Put[], admitted = false): void {
    const { store, post, dispatcher, outcomes, bounded, isClosing } = this.#context;
    const [, first, queue, level] = puts[0]!;
    if (isClosing()) return this.#refuse(puts, new ClosedError('the runtime is closing'));
    if (puts.length > 1 && bounded.isBounded(queue)) {
      for (const put of puts) this.put([put]);
      return;
    }
    const jobs = puts.map(([, , , , job]) => job);
    const wire = { type: 'put', queue, owner: dispatcher, level, jobs } as const;
    const command = commandFromWire(wire, store.payload);
    if (!admitted && bounded.keepsOut(command)) return bounded.wait(command, () => this.put(puts, true));
    for (const [, request, , , [id]] of puts) outcomes.watch(id, request);
    const reply = (error: Error | undefined, same?: readonly Id[]) => {
      if (error !== undefined) this.#refuse(puts, error);
      else if (same === undefined) post(['done', first, puts.length]);
      else {
        const [id] = jobs[0]!;
        outcomes.unwatch(id);
        outcomes.heldHandles.hold(id, id, same);
        post(['answer', first, same]);
      }
    };
    store.transact([{ command, gate: levelGate(level), reply }]);
  }

  #refuse(puts: readonly Put[], error: Error): void {
    const { post, outcomes, movedBuffers } = this.#context;
    for (const [, request, , , job] of puts) {
      outcomes.unwatch(job[0]);
      movedBuffers.drop([job]);
      post(replyTo(request, error));
    }
  }

  /** Any command, of which only the end is told. `admitted`: it has waited for its room. */
  do(request: number, gate: Gate, wire: WireCommand, admitted = false): void {
    const { store, post, runs, bounded, isClosing, dispatcher } = this.#context;
    if (isClosing()) return post(replyTo(request, new ClosedError('the runtime is closing')));
    const command = commandFromWire(owned(wire, dispatcher), store.payload);
    if (!admitted && bounded.keepsOut(command)) return bounded.wait(command, () => this.do(request, gate, wire, true));
    // A job that is with a thread and has not begun is still in the queue, for whoever takes it out
    // or changes it.
    if (wire.type === 'remove' || wire.type === 'change' || wire.type === 'fail') runs.takeBack(wire.job);
    const reply = (error: Error | undefined, same?: readonly Id[]) => {
      if (error !== undefined) this.#context.movedBuffers.dropRefused(wire);
      else if (wire.type === 'put' || wire.type === 'all') this.#hold(wire, same);
      post(same === undefined ? replyTo(request, error) : ['answer', request, same]);
    };
    store.transact([{ command, gate, reply }]);
    this.#follow(wire);
  }

  /** What else there is to do where a command was decided. */
  #follow(wire: WireCommand): void {
    const { runs, annotations, installAgent } = this.#context;
    if (wire.type === 'createQueue') installAgent(wire.name);
    else if (wire.type === 'setAgent' || wire.type === 'removeAgent') runs.claiming.agentsChanged(wire.queue);
    else if (wire.type === 'removeQueue') runs.claiming.agentsChanged(wire.name);
    else if (wire.type === 'annotate' && wire.value !== null) annotations.tell(wire.job, wire.name, wire.value);
  }

  /** The client has a handle of each, and no more than that. */
  #hold(wire: WirePuts, same: readonly Id[] | undefined): void {
    const puts = wire.type === 'all' ? wire.commands : [wire];
    const [first, last] = [puts[0], puts.at(-1)];
    if (first?.type !== 'put' || last?.type !== 'put' || first.jobs.length === 0) return;
    this.#context.outcomes.heldHandles.hold(first.jobs[0]![0], last.jobs.at(-1)![0], same);
  }
}

/** So many puts are decided as one. */
const longestRun = 64;

/**
 * Where the puts end that begin here and can be put as one: plain ones, one after another, into the
 * same queue.
 */
export function endOfRun(messages: readonly ClientMessage[], from: number): number {
  const [, first, queue, level, job] = messages[from] as Put;
  let at = from + 1;
  if (!isPlain(job)) return at;
  for (; at < messages.length && at < from + longestRun; at++) {
    const next = messages[at]!;
    const follows = next[0] === 'put' && next[1] === first + at - from && next[2] === queue && next[3] === level;
    if (!follows || !isPlain(next[4])) break;
  }
  return at;
}

/** Whoever sends a put, this dispatcher puts. */
function owned<C extends WireCommand>(wire: C, owner: Id): C {
  if (wire.type === 'put') return { ...wire, owner };
  return wire.type === 'all' ? { ...wire, commands: wire.commands.map((inner) => owned(inner, owner)) } : wire;
}
