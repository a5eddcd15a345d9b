/**
 * Buffers that reach a job as they are: moved to its thread, or shared with it, never copied. They
 * travel beside the packed messages, in the transfer list of the threads' own messages, and are
 * known by the job that they are for.
 */
import { types } from 'node:util';
import type { Id } from '../core/records.js';

export type HandedBuffer = ArrayBuffer | SharedArrayBuffer;

/** The buffers that jobs are given, by job; a payload names them by their place in the list. */
export type Handed = ReadonlyMap<Id, readonly HandedBuffer[]>;

/** A batch of messages with what travels beside it. */
export type WithBuffers = [batch: Uint8Array, handed: Handed];

const marked = new WeakSet<ArrayBuffer>();

/**
 * Marks a buffer to be moved to the job whose argument it is, rather than copied: after the put it
 * is empty here. Only for jobs with durability `memory`, which then start at most once. A
 * SharedArrayBuffer needs no mark.
 *
 * A put that is refused at once, for an argument or an option, leaves the buffer here; one that the
 * store refuses (an unknown queue or quota, a full disk, a runtime that is closed meanwhile) has
 * moved it by then, and what was in it is gone.
 *
 * @param value An ArrayBuffer, or a view that shows all of one.
 * @returns The same, to be put among the arguments.
 * @example await queue.put(images.blur(transfer(pixels)), { durability: 'memory' })
 */
export function transfer<T extends ArrayBuffer | ArrayBufferView>(value: T): T {
  const buffer: unknown = ArrayBuffer.isView(value) ? value.buffer : value;
  if (!types.isArrayBuffer(buffer)) throw new TypeError('transfer: an ArrayBuffer, or a view of one, is needed');
  if (value.byteLength < buffer.byteLength) {
    throw new RangeError(
      'transfer: the view shows a part of its buffer, all of which would be moved: mark that, transfer(view.buffer), if it is meant',
    );
  }
  marked.add(buffer);
  return value;
}

/** Whether it reaches a job as it is, or not at all. */
export function isHandedOver(buffer: ArrayBufferLike): boolean {
  return types.isSharedArrayBuffer(buffer) || marked.has(buffer as ArrayBuffer);
}

/** Those that leave the thread that posts them. */
export function transferListOf(handed: Handed): ArrayBuffer[] {
  return [...handed.values()].flat().filter((buffer) => types.isArrayBuffer(buffer)) as ArrayBuffer[];
}

/** Collects what the jobs of one put are given. */
export class HandedBuffers {
  /** Made when they are needed, which is hardly ever. */
  #byJob: Map<Id, HandedBuffer[]> | undefined;
  #moved: Set<HandedBuffer> | undefined;

  /** Gives the buffer's place in the job's list. */
  add(job: Id, buffer: HandedBuffer): number {
    this.#byJob ??= new Map();
    const there = this.#byJob.get(job) ?? [];
    this.#byJob.set(job, there);
    const known = there.indexOf(buffer);
    if (known >= 0) return known;
    if (types.isArrayBuffer(buffer)) {
      this.#moved ??= new Set();
      if (this.#moved.has(buffer)) throw new Error('it is moved to another job of the same put');
      this.#moved.add(buffer);
    }
    return there.push(buffer) - 1;
  }

  has(job: Id): boolean {
    return this.#byJob?.has(job) ?? false;
  }

  /**
   * The put is made: what is to be moved is empty for its caller from here on. Undefined: there is
   * nothing.
   */
  take(): Handed | undefined {
    if (this.#byJob === undefined) return undefined;
    for (const buffers of this.#byJob.values()) {
      for (const [index, buffer] of buffers.entries()) {
        if (types.isArrayBuffer(buffer))
          buffers[index] = structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
      }
    }
    return this.#byJob;
  }
}
