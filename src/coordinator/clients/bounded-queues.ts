/**
 * Queues with a bound: what is put into a full one waits here, in the order of the puts, until
 * there is room.
 *
 * What is put into several queues at once waits in the line of each, and has its turn when it is
 * the first in all of them.
 */
import { boundOf, isFull, isInVain, queuesToFill } from '../../core/bounds.js';
import type { Command } from '../../core/commands.js';
import type { Store } from '../../store/store.js';

interface Waiting {
  readonly command: Command;
  readonly queues: readonly string[];
  /** To be called when its turn has come. */
  readonly put: () => void;
}

export class BoundedQueues {
  readonly #store: Store;
  /** Who waits, by queue. */
  readonly #lines = new Map<string, Waiting[]>();

  constructor(store: Store) {
    this.#store = store;
  }

  isBounded(queue: string): boolean {
    return boundOf(this.#store.state, queue) > 0;
  }

  /**
   * Whether a put has to wait: a queue is full, or others wait already. What is to be refused need
   * not wait for that.
   */
  keepsOut(command: Command): boolean {
    const { state } = this.#store;
    const keepsOut = (queue: string) => isFull(state, queue) || this.#lines.has(queue);
    return queuesToFill(state, command).some(keepsOut) && !isInVain(state, command);
  }

  /** Calls back when there is room. */
  wait(command: Command, put: () => void): void {
    const waiting = { command, queues: queuesToFill(this.#store.state, command), put };
    for (const queue of waiting.queues) {
      const line = this.#lines.get(queue);
      if (line === undefined) this.#lines.set(queue, [waiting]);
      else line.push(waiting);
    }
  }

  /** How many puts wait. */
  count(queue: string): number {
    return this.#lines.get(queue)?.length ?? 0;
  }

  /**
   * Lets in those for whom there is room by now; all of them, to be refused, where nothing is put
   * any more.
   */
  letIn(all: boolean): void {
    let again = true;
    while (again) {
      again = false;
      for (const queue of this.#lines.keys()) {
        for (let first = this.#first(queue); first && (all || this.#hasTurn(first)); first = this.#first(queue)) {
          this.#leave(first);
          first.put();
          // In another queue it may have stood before somebody for whom there is room.
          again ||= first.queues.length > 1;
        }
      }
    }
  }

  #first(queue: string): Waiting | undefined {
    return this.#lines.get(queue)?.[0];
  }

  /** What it is put as may have become live meanwhile, so that it needs no room any more. */
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
