/**
 * The puts that wait because their queue has a bound and is full. They are admitted in the order of
 * arrival.
 *
 * A put into several queues waits in the line of each, and is admitted when it is first in all. On
 * a store that processes share, each has a line of its own. There the decision itself looks for
 * room (`bounded`): a put that is refused stays first in its line, and is decided again in a later
 * turn.
 */
import { boundOf, isFull, isInVain, NoRoomError, queuesToFill } from '../../core/bounds.js';
import type { Command, Filling } from '../../core/commands.js';
import type { Id } from '../../core/records.js';
import type { Asked, Records } from '../../store/store.js';
import type { Context } from '../context.js';
import type { Caller } from './caller.js';

/** As `Context.decide`. `full` is called, in place of `reply`, if the command has to wait again. */
export type DecideBounded = (
  command: Command,
  then: Pick<Asked, 'gate'> & { readonly reply: NonNullable<Asked['reply']>; readonly full?: () => void },
) => void;

interface Waiting {
  readonly caller: Caller;
  readonly command: Command;
  readonly queues: readonly string[];
  /** Called when the put is admitted; on a shared store at each try. */
  readonly put: (decide: DecideBounded) => void;
  /** `true` while the store looks for room. */
  isAsked: boolean;
}

/** The most puts of a line that are decided together, on a shared store. */
const triedAtOnce = 64;

export class BoundedQueues {
  readonly #context: Pick<Context, 'store' | 'turn' | 'decide' | 'isClosing'>;
  /** Waiting puts by queue. */
  readonly #lines = new Map<string, Waiting[]>();

  constructor(context: Pick<Context, 'store' | 'turn' | 'decide' | 'isClosing'>) {
    this.#context = context;
  }

  isBounded(queue: string): boolean {
    return boundOf(this.#context.store.local, queue) > 0;
  }

  /**
   * Calls `put` when the command has room: at once, unless a queue that it fills is full or other
   * puts wait for it already. A put that will be refused never waits.
   */
  admit(caller: Caller, command: Command, put: Waiting['put']): void {
    const { store, turn, decide } = this.#context;
    if (!this.#mayWait(command)) return put(decide);
    const look = ({ view }: Records) => {
      const queues = queuesToFill(view, command).filter((queue) => boundOf(view, queue) > 0);
      return isInVain(view, command) ? none : queues.map((queue) => ({ queue, isFull: isFull(view, queue) }));
    };
    const tell = (_: unknown, found: readonly { readonly queue: string; readonly isFull: boolean }[] = none) => {
      const isKeptOut = found.some(({ queue, isFull }) => isFull || this.#lines.has(queue));
      if (found.length === 0 || (store.isExclusive && !isKeptOut)) return put(decide);
      this.#wait({ caller, command, queues: found.map(({ queue }) => queue), put, isAsked: false });
      if (!store.isExclusive) turn();
    };
    store.read(look, tell, 'decided');
  }

  /** `false` if no queue with a bound is filled, as far as no job must be looked at. */
  #mayWait(command: Command): boolean {
    switch (command.type) {
      case 'put':
      case 'putAgain':
        return this.isBounded(command.queue);
      case 'all':
        return command.commands.some((inner) => this.#mayWait(inner));
      default:
        return command.type === 'retry' || command.type === 'feed';
    }
  }

  #wait(waiting: Waiting): void {
    for (const queue of waiting.queues) {
      const line = this.#lines.get(queue);
      if (line === undefined) this.#lines.set(queue, [waiting]);
      else line.push(waiting);
    }
  }

  /** Drops the puts of a caller that is gone: none of them was acknowledged. */
  leave(caller: Caller): void {
    for (const [queue, line] of this.#lines) {
      const left = line.filter((waiting) => waiting.caller !== caller);
      if (left.length === 0) this.#lines.delete(queue);
      else this.#lines.set(queue, left);
    }
  }

  /** Returns how many puts wait for room in the queue. */
  count(queue: string): number {
    return this.#lines.get(queue)?.length ?? 0;
  }

  /**
   * Admits the puts for which there is room. `all` admits every put, so that it is refused when the
   * runtime closes.
   */
  letIn(all: boolean): void {
    const { isExclusive } = this.#context.store;
    if (all) this.#admitAll();
    else if (isExclusive) this.#admitInTurn();
    else for (const line of [...this.#lines.values()]) this.#tryLine(line);
  }

  /** A put that is decided at the moment is admitted once it is refused for lack of room. */
  #admitAll(): void {
    const waiting = [...this.#lines.values()].flat().filter(({ isAsked }) => !isAsked);
    for (const one of new Set(waiting)) this.#admit(one);
  }

  #admitInTurn(): void {
    let again = true;
    while (again) {
      again = false;
      for (const queue of this.#lines.keys()) {
        for (let first = this.#first(queue); first !== undefined && this.#hasTurn(first); first = this.#first(queue)) {
          this.#admit(first);
          // In another queue, a put behind it may have room now.
          again ||= first.queues.length > 1;
        }
      }
    }
  }

  #admit(waiting: Waiting): void {
    this.#leave(waiting);
    waiting.put(this.#context.decide);
  }

  #first(queue: string): Waiting | undefined {
    return this.#lines.get(queue)?.[0];
  }

  #isFirst(waiting: Waiting): boolean {
    return waiting.queues.every((queue) => this.#first(queue) === waiting);
  }

  #hasTurn(waiting: Waiting): boolean {
    let hasTurn = false;
    if (this.#isFirst(waiting))
      this.#look(waiting, (hasRoom) => {
        hasTurn = hasRoom;
      });
    return hasTurn;
  }

  /** Its unique key may have become live meanwhile; then it needs no room. */
  #look({ command }: Waiting, tell: (hasRoom: boolean) => void): void {
    const look = ({ view }: Records) => !queuesToFill(view, command).some((queue) => isFull(view, queue));
    // A put that cannot be looked at is decided, and refused there.
    const told = (error: Error | undefined, hasRoom = false) => tell(hasRoom || error !== undefined);
    this.#context.store.read(look, told, 'decided');
  }

  /** Looks for room, and then has the first puts decided. One group decides them in their order. */
  #tryLine(line: readonly Waiting[]): void {
    const [first] = line;
    if (first === undefined || line.some(({ isAsked }) => isAsked) || !this.#isFirst(first)) return;
    first.isAsked = true;
    this.#look(first, (hasRoom) => {
      first.isAsked = false;
      if (hasRoom) this.#tryAll(line);
    });
  }

  #tryAll(line: readonly Waiting[]): void {
    for (const waiting of line.slice(0, triedAtOnce)) {
      const isAlone = waiting.queues.length > 1;
      if (isAlone && !this.#isFirst(waiting)) return;
      this.#try(waiting);
      if (isAlone) return;
    }
  }

  #try(waiting: Waiting): void {
    const { decide, turn, isClosing } = this.#context;
    waiting.put((command, { gate, reply, full }) => {
      waiting.isAsked = true;
      const replyOrWait = (error: Error | undefined, same?: readonly Id[]) => {
        waiting.isAsked = false;
        const isFull = error instanceof NoRoomError;
        if (isFull) full?.();
        // A turn in which there may be room follows each commit, here or elsewhere.
        if (isFull && !isClosing()) return;
        this.#leave(waiting);
        if (isFull) waiting.put(decide);
        else reply(error, same);
        turn();
      };
      decide({ type: 'bounded', command: command as Filling }, { gate, reply: replyOrWait });
    });
    // It was refused without a decision.
    if (!waiting.isAsked) this.#leave(waiting);
  }

  /** Its caller may have left before. */
  #leave(waiting: Waiting): void {
    for (const queue of waiting.queues) {
      const line = this.#lines.get(queue);
      const place = line?.indexOf(waiting) ?? -1;
      if (place >= 0) line!.splice(place, 1);
      if (line?.length === 0) this.#lines.delete(queue);
    }
  }
}

const none: readonly never[] = [];
