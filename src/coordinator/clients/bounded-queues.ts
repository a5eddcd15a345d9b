/**
 * The puts that wait because their queue has a bound and is full. They are admitted in the order of
 * arrival.
 *
 * A put into several queues waits in the line of each, and is admitted when it is first in all.
 */
import { boundOf, isFull, isInVain, queuesToFill } from '../../core/bounds.js';
import type { Command } from '../../core/commands.js';
import type { Store } from '../../store/store.js';
import type { Caller } from './caller.js';

interface Waiting {
  readonly caller: Caller;
  readonly command: Command;
  readonly queues: readonly string[];
  /** Called when the put is admitted. */
  readonly put: () => void;
}

export class BoundedQueues {
  readonly #store: Store;
  /** Waiting puts by queue. */
  readonly #lines = new Map<string, Waiting[]>();

  constructor(store: Store) {
    this.#store = store;
  }

  isBounded(queue: string): boolean {
    return boundOf(this.#store.state, queue) > 0;
  }

  /**
   * Returns `true` if a put must wait: a queue is full, or other puts wait already. A put that will
   * be refused never waits.
   */
  keepsOut(command: Command): boolean {
    const { state } = this.#store;
    const keepsOut = (queue: string) => isFull(state, queue) || this.#lines.has(queue);
    return queuesToFill(state, command).some(keepsOut) && !isInVain(state, command);
  }

  /** Calls `put` when there is room. */
  wait(caller: Caller, command: Command, put: () => void): void {
    const waiting = { caller, command, queues: queuesToFill(this.#store.state, command), put };
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

  /** Its unique key may have become live meanwhile; then it needs no room. */
  #hasTurn({ command, queues }: Waiting): boolean {
    const { state } = this.#store;
    if (queuesToFill(state, command).some((queue) => isFull(state, queue))) return false;
    return queues.every((queue) => this.#first(queue)?.command === command);
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
