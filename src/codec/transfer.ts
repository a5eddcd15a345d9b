/**
 * Buffers that reach a job without a copy: moved to its thread, or shared with it. They travel
 * beside the packed messages, in the transfer list of the threads' own messages, and are found by
 * the id of their job.
 */
import { types } from 'node:util';
import type { Id } from '../core/records.js';
import { invalidOption } from '../errors.js';

export type HandedBuffer = ArrayBuffer | SharedArrayBuffer;

/** The buffers of each job. A payload names them by their place in the list. */
export type Handed = ReadonlyMap<Id, readonly HandedBuffer[]>;

/** A batch of messages with the buffers that travel beside it. */
export type WithBuffers = [batch: Uint8Array, handed: Handed];

const marked = new WeakSet<ArrayBuffer>();

/**
 * Marks a buffer to be moved, not copied, to the job that has it among its arguments. After the put
 * the buffer is empty here. Only for jobs with durability `memory`, which then start at most once.
 * A SharedArrayBuffer needs no mark.
 *
 * A put that is refused at once, for an argument or an option, leaves the buffer here. A put that
 * the store refuses (an unknown queue or quota, a full disk, a runtime closed meanwhile) has moved
 * the buffer already, and its content is lost.
 *
 * @param value An ArrayBuffer, or a view of a whole one.
 * @returns The same value, to be put among the arguments.
 * @example await queue.put(images.blur(transfer(pixels)), { durability: 'memory' })
 */
export function transfer<T extends ArrayBuffer | ArrayBufferView>(value: T): T {
  const buffer: unknown = ArrayBuffer.isView(value) ? value.buffer : value;
  if (!types.isArrayBuffer(buffer)) throw invalidOption('value', 'must be an ArrayBuffer or a view of one', value);
  if (value.byteLength < buffer.byteLength) {
    throw invalidOption(
      'value',
      'must show its whole buffer, which is moved as one: mark the buffer itself, with transfer(view.buffer)',
      value,
      RangeError,
    );
  }
  marked.add(buffer);
  return value;
}

/** Returns `true` for a buffer that reaches a job without a copy, or not at all. */
export function isHandedOver(buffer: ArrayBufferLike): boolean {
  return types.isSharedArrayBuffer(buffer) || marked.has(buffer as ArrayBuffer);
}

/** The buffers that leave the thread that posts them. */
export function transferListOf(handed: Handed): ArrayBuffer[] {
  return [...handed.values()].flat().filter((buffer) => types.isArrayBuffer(buffer)) as ArrayBuffer[];
}

/** Collects the buffers of the jobs of one put. */
export class HandedBuffers {
  /** Made on first use, since few puts have buffers. */
  #byJob: Map<Id, HandedBuffer[]> | undefined;
  #moved: Set<HandedBuffer> | undefined;

  /** Returns the buffer's place in the job's list. */
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

  /** Ends the put: its moved buffers are empty here from now on. Undefined if it has no buffers. */
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
