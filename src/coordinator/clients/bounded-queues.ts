/**
 * The puts that wait because their queue has a bound and is full. They are admitted in the order of
 * arrival.
 *
 * A put into several queues waits in the line of each, and is admitted when it is first in all. On
 * a store that processes share, each has a line of its own.
 */
import { boundOf, isFull, isInVain, queuesToFill } from '../../core/bounds.js';
import type { Command } from '../../core/commands.js';
import type { Records } from '../../store/store.js';
import type { Context } from '../context.js';
import type { Caller } from './caller.js';

interface Waiting {
  readonly caller: Caller;
  readonly command: Command;
  readonly queues: readonly string[];
  /** Called when the put is admitted. */
  readonly put: () => void;
  /** Whether there is room; `undefined` if that must be asked. */
  hasRoom: boolean | undefined;
  isAsked: boolean;
}

export class BoundedQueues {
  readonly #context: Pick<Context, 'store' | 'turn'>;
  /** Waiting puts by queue. */
  readonly #lines = new Map<string, Waiting[]>();

  constructor(context: Pick<Context, 'store' | 'turn'>) {
    this.#context = context;
  }

  isBounded(queue: string): boolean {
    return boundOf(this.#context.store.local, queue) > 0;
  }

  /**
   * Calls `put` when the command has room: at once, unless a queue that it fills is full or other
   * puts wait for it already. A put that will be refused never waits.
   */
  admit(caller: Caller, command: Command, put: () => void): void {
    if (!this.#mayWait(command)) return put();
    const { store, turn } = this.#context;
    const look = ({ view }: Records) => {
      const queues = queuesToFill(view, command).filter((queue) => boundOf(view, queue) > 0);
      return isInVain(view, command) ? none : queues.map((queue) => ({ queue, isFull: isFull(view, queue) }));
    };
    const tell = (_: unknown, found: readonly { readonly queue: string; readonly isFull: boolean }[] = none) => {
      const isKeptOut = found.some(({ queue, isFull }) => isFull || this.#lines.has(queue));
      // Other stores do not count puts that are not committed yet: the line admits one by one.
      if (found.length === 0 || (store.isExclusive && !isKeptOut)) return put();
      const queues = found.map(({ queue }) => queue);
      this.#wait({ caller, command, queues, put, hasRoom: undefined, isAsked: false });
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
    let again = true;
    while (again) {
      again = false;
      for (const queue of this.#lines.keys()) {
        for (let first = this.#first(queue); first && (all || this.#hasTurn(first)); first = this.#first(queue)) {
          this.#leave(first);
          first.put();
          // In another queue, a put behind it may have room now.
          again ||= first.queues.length > 1;
        }
      }
    }
  }

  #first(queue: string): Waiting | undefined {
    return this.#lines.get(queue)?.[0];
  }

  /** A put that asks for room has its turn when the answer is there. */
  #hasTurn(waiting: Waiting): boolean {
    const { command, queues } = waiting;
    if (!queues.every((queue) => this.#first(queue) === waiting)) return false;
    if (waiting.hasRoom === undefined && !waiting.isAsked) this.#ask(waiting, command);
    const { hasRoom = false } = waiting;
    waiting.hasRoom = undefined;
    return hasRoom;
  }

  /** Its unique key may have become live meanwhile; then it needs no room. */
  #ask(waiting: Waiting, command: Command): void {
    const { store, turn } = this.#context;
    let isLate = false;
    const look = ({ view }: Records) => !queuesToFill(view, command).some((queue) => isFull(view, queue));
    const tell = (error: Error | undefined, hasRoom = false) => {
      waiting.isAsked = false;
      // A put that cannot be looked at is decided, and refused there.
      waiting.hasRoom = hasRoom || error !== undefined || undefined;
      if (isLate && waiting.hasRoom) turn();
    };
    waiting.isAsked = true;
    store.read(look, tell, 'decided');
    isLate = true;
  }

  #leave(waiting: Waiting): void {
    for (const queue of waiting.queues) {
      const line = this.#lines.get(queue)!;
      if (line.length === 1) this.#lines.delete(queue);
      else if (line[0] === waiting) line.shift();
      else line.splice(line.indexOf(waiting), 1);
    }
  }
}

const none: readonly never[] = [];
