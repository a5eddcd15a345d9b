/**
 * The surroundings of a job whose handler runs in the thread of the test instead of a worker
 * thread.
 *
 * Each virtual thread has a board, so that cancelling and taking back are those of production.
 * Messages reach the coordinator by a call.
 */
import type { MessagePort } from 'node:worker_threads';
import type { PoolOwner } from '../coordinator/pool/pool-port.js';
import type { Id } from '../core/records.js';
import { Board } from '../protocol/board.js';
import type { ThreadMessage, WorkerSetup } from '../protocol/dispatch.js';
import type { WireModule } from '../protocol/messages.js';
import { ThreadContext } from '../worker/thread-context.js';
import type { Timers } from './virtual-clock.js';

/** A port on which nothing is ever sent. */
const noPort = { on: () => {}, unref: () => {} } as unknown as MessagePort;

export class VirtualThread extends ThreadContext {
  readonly #owner: PoolOwner;
  readonly #clock: Timers;
  readonly #running: () => Id;
  /** Number of questions of its jobs that are not answered yet. */
  waiting = 0;

  /** `running` returns the id of the running job, or an empty one. */
  constructor(
    owner: PoolOwner,
    exported: Readonly<Record<string, WireModule>>,
    { clock, ...setup }: Pick<WorkerSetup, 'modules' | 'payloadLimitBytes' | 'dispatcher'> & { readonly clock: Timers },
    running: () => Id,
  ) {
    super(new Board(undefined, clock.monotonic), noPort, exported, { ...setup, log: 'info' });
    this.#running = running;
    this.#owner = owner;
    this.#clock = clock;
  }

  override now(): number {
    return this.#clock.now();
  }

  override say(message: ThreadMessage): void {
    if (message[0] === 'log') return this.#owner.log(message[1], message[2], message[3]);
    if (message[0] === 'traced') return this.#owner.traced(message[1]);
    if (message[0] !== 'annotate') return;
    this.#owner.annotate(message[1], message[2], message[3]);
    this.#owner.turn();
  }

  override ask(message: (request: number) => ThreadMessage): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.waiting++;
      const reply = (error: Error | undefined, value: unknown) => {
        this.waiting--;
        if (error === undefined) resolve(value);
        else reject(error);
      };
      try {
        this.#ask(message(0), reply);
      } catch (error) {
        reply(error as Error, undefined);
      }
    });
  }

  /**
   * Returns `null` unless the answer comes at once: a later one would need this thread, which the
   * caller holds.
   */
  override askSync(message: (request: number) => ThreadMessage): unknown {
    let answer: unknown = null;
    this.#ask(message(0), (error, value) => {
      if (error !== undefined) throw error;
      answer = value;
    });
    return answer;
  }

  #ask(message: ThreadMessage, reply: (error: Error | undefined, value: unknown) => void): void {
    const answer = (value: unknown) => reply(undefined, value);
    switch (message[0]) {
      case 'ask':
        return this.#owner.ask(message[2], reply);
      case 'annotation':
        return this.#owner.waitForAnnotation(this.#running(), message[2], message[3], message[4], answer);
      case 'put':
        return this.#owner.putNow(message[2], message[3], reply);
      case 'buffers':
        return answer(this.#owner.handOver(message[2]));
      case 'outcome of':
        return this.#owner.waitForOutcome(this.#running(), message[2], reply);
    }
  }
}
