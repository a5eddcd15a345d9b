/**
 * One worker thread, as the coordinator has it: the board they share, its port, and what it was
 * given.
 */
import { EventEmitter } from 'node:events';
import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { Piscina } from 'piscina';
import { Board, type RunReport, slotCount } from '../../protocol/board.js';
import type { ThreadLink, ThreadMessage, ToThread } from '../../protocol/dispatch.js';
import type { WireModule } from '../../protocol/messages.js';
import type { Run } from './pool-port.js';

export interface Batch {
  readonly thread: Thread;
  /** The one agent whose jobs it has; empty where they are callbacks, which need no place of it. */
  readonly agent: string;
  /** By slot. */
  readonly runs: Map<number, Run>;
  /** How long all of them take together, Infinity while that is unknown. */
  readonly expectedMs: number;
}

export class Thread {
  readonly id: number;
  /** The pool that it is of. */
  readonly piscina: Piscina;
  readonly board = new Board();
  readonly batches = new Set<Batch>();
  /**
   * Says `abort` when the thread is to end, with all that it has: one emitter for all its tasks,
   * since a signal for each costs more.
   */
  readonly ended = new EventEmitter<{ abort: [] }>();
  isEnded = false;
  /** What it ended of, where nobody had asked it to. */
  died: Error | undefined;
  /** The run that it was at when it was last looked after, and since when it has been at that. */
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
   * Notes the run that it is at now. True if it was at that when it was looked at before: whatever
   * runs at one moment may be short. A run that takes longer than was to be expected is `overdue`
   * from then on.
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

  get agents(): ReadonlySet<string> {
    return new Set(Array.from(this.batches, ({ agent }) => agent));
  }

  /** What the thread is to have before its first batch; undefined once it has it. */
  takeLink(modules: Readonly<Record<string, WireModule>>): ThreadLink | undefined {
    const port = this.#theirs;
    this.#theirs = undefined;
    return port === undefined ? undefined : { board: this.board.buffer, port, modules };
  }

  /** A slot for this run. Gives it, and the word to begin it with. */
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

  /** The batch and the run in this slot. */
  find(slot: number): { batch: Batch; run: Run } | undefined {
    for (const batch of this.batches) {
      const run = batch.runs.get(slot);
      if (run !== undefined) return { batch, run };
    }
    return undefined;
  }

  /** Says something; wakes the thread if it sleeps for an answer. */
  say(message: ToThread, transfer: readonly ArrayBuffer[] = none): void {
    this.#port.postMessage(message, transfer);
    this.board.ring();
  }

  /** What the thread has said over its port and nobody has heard yet. */
  *unheard(): IterableIterator<ThreadMessage> {
    for (;;) {
      const received = receiveMessageOnPort(this.#port) as { message: ThreadMessage } | undefined;
      if (received === undefined) return;
      yield received.message;
    }
  }

  /** The outcomes on the board since the last time. */
  reports(): readonly RunReport[] {
    return this.board.drain();
  }

  /** Ends the thread: Piscina does, for a task that is aborted. */
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
