/** A worker thread, as the coordinator sees it: the shared board, its port, and its batches. */
import { EventEmitter } from 'node:events';
import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { Piscina } from 'piscina';
import { Board, slotCount } from '../../protocol/board.js';
import type { ThreadLink, ThreadLoad, ThreadMessage, ToThread } from '../../protocol/dispatch.js';
import type { WireModule } from '../../protocol/messages.js';
import type { Run } from './pool-port.js';

export interface Batch {
  readonly thread: Thread;
  /** The agent of all its jobs; empty for callbacks, which need no place of an agent. */
  readonly agent: string;
  /** By slot. */
  readonly runs: Map<number, Run>;
  /** The expected time of all its jobs together; `Infinity` if unknown. */
  readonly expectedMs: number;
}

export class Thread {
  readonly id: number;
  readonly piscina: Piscina;
  readonly board = new Board();
  readonly batches = new Set<Batch>();
  /**
   * Emits `abort` to end the thread with all its tasks. One emitter serves all tasks, since a
   * signal for each costs more.
   */
  readonly ended = new EventEmitter<{ abort: [] }>();
  isEnded = false;
  /** As it said last; `undefined` before the end of its first job. */
  load: ThreadLoad | undefined;
  /** The cause of an end that was not asked for. */
  died: Error | undefined;
  /** The run that it was at during the last look, and the time of the first look at that run. */
  #lookedAt: Run | undefined;
  #lookedSince = 0;
  overdue: Run | undefined;
  readonly #port: MessagePort;
  readonly #freeSlots = Array.from({ length: slotCount }, (_, slot) => slotCount - 1 - slot);
  #theirs: MessagePort | undefined;

  constructor(id: number, piscina: Piscina, onMessage: (message: ThreadMessage) => void) {
    this.id = id;
    this.piscina = piscina;
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.#theirs = port2;
    port1.on('message', onMessage);
    port1.unref();
  }

  /**
   * Notes the run that the thread is at now. Returns `true` if it is the same as at the last look;
   * a run seen once may be short. A run that takes longer than expected becomes `overdue`.
   */
  lookAt(run: Run | undefined): boolean {
    const now = performance.now();
    const isSame = run !== undefined && run === this.#lookedAt;
    if (!isSame) this.#lookedSince = now;
    else if (!Number.isFinite(run.expectedMs) || now - this.#lookedSince > 2 * run.expectedMs) this.overdue = run;
    this.#lookedAt = run;
    return isSame;
  }

  get freeSlots(): number {
    return this.#freeSlots.length;
  }

  get agents(): readonly string[] {
    const agents: string[] = [];
    for (const { agent } of this.batches) if (!agents.includes(agent)) agents.push(agent);
    return agents;
  }

  /** Returns the link that the first batch must bring; `undefined` for later batches. */
  takeLink(modules: Readonly<Record<string, WireModule>>): ThreadLink | undefined {
    const port = this.#theirs;
    this.#theirs = undefined;
    return port === undefined ? undefined : { board: this.board.buffer, port, modules };
  }

  /** Assigns a slot to a run. Returns the slot and the word with which the worker begins it. */
  assign(batch: Batch, run: Run): { readonly slot: number; readonly word: number } {
    const slot = this.#freeSlots.pop()!;
    batch.runs.set(slot, run);
    return { slot, word: this.board.assign(slot) };
  }

  free({ runs }: Batch, slot: number): void {
    if (this.overdue !== undefined && runs.get(slot) === this.overdue) this.overdue = undefined;
    runs.delete(slot);
    this.board.release(slot);
    this.#freeSlots.push(slot);
  }

  find(slot: number): { batch: Batch; run: Run } | undefined {
    for (const batch of this.batches) {
      const run = batch.runs.get(slot);
      if (run !== undefined) return { batch, run };
    }
    return undefined;
  }

  /** Sends a message, and wakes the thread if it sleeps for an answer. */
  say(message: ToThread, transfer: readonly ArrayBuffer[] = none): void {
    this.#port.postMessage(message, transfer);
    this.board.ring();
  }

  /** The messages in the thread's port that were not handled yet. */
  *unheard(): IterableIterator<ThreadMessage> {
    for (;;) {
      const received = receiveMessageOnPort(this.#port) as { message: ThreadMessage } | undefined;
      if (received === undefined) return;
      yield received.message;
    }
  }

  /** Ends the thread by aborting its tasks, on which Piscina terminates it. */
  end(): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.ended.emit('abort');
  }

  close(): void {
    this.#port.close();
  }
}

const none: readonly never[] = [];
