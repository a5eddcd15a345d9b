/**
 * Annotations, as the holder of a handle has them: what is said about a job, live both ways.
 */

import { decodePayload } from '../codec/payload.js';
import type { Id } from '../core/records.js';
import { checkWait, encodeAnnotation } from '../definition/annotations.js';
import { checkAnnotationName } from '../definition/names.js';
import type { WaitOptions } from '../worker/context.js';
import type { Client } from './client.js';

/**
 * What is said about a job, by whoever holds its handle or by the job itself: seen at once on the
 * other side, and kept with the job.
 */
export class Annotations {
  readonly #client: Client;
  readonly #id: Id;

  /** @internal */
  constructor(client: Client, id: Id) {
    this.#client = client;
    this.#id = id;
  }

  /**
   * Says something about the job; seen at once wherever it is held, and kept with it. 64 KiB at
   * most.
   */
  async set(name: string, value: unknown): Promise<void> {
    const encoded = encodeAnnotation(name, value, this.#client.encoding().reference);
    await this.#client.do({ type: 'annotate', job: this.#id, name, value: encoded });
  }

  async delete(name: string): Promise<void> {
    checkAnnotationName(name);
    await this.#client.do({ type: 'annotate', job: this.#id, name, value: null });
  }

  /** What is said under this name now; undefined if nothing is. */
  async get(name: string): Promise<unknown> {
    return (await this.all())[name];
  }

  /** All that is said about the job now. */
  async all(): Promise<Readonly<Record<string, unknown>>> {
    const found = (await this.#client.ask({ type: 'annotations', job: this.#id })) as Record<string, Uint8Array>;
    const references = this.#client.references();
    const entries = Object.entries(found).map(([name, bytes]) => [name, decodePayload(bytes, references)] as const);
    return Object.assign(Object.create(null) as Record<string, unknown>, Object.fromEntries(entries));
  }

  /** Waits until something is said under this name; after `timeoutMs` gives the default. */
  async waitFor<Value = unknown>(name: string, options: WaitOptions<Value>): Promise<Value | undefined> {
    checkWait(name, options);
    const { timeoutMs, default: fallback } = options;
    const bytes = (await this.#client.link.request(['annotation', this.#id, name, timeoutMs])) as Uint8Array | null;
    return bytes === null ? fallback : (decodePayload(bytes, this.#client.references()) as Value);
  }
}
