/** The public annotations of a job. */

import { decodePayload } from '../codec/payload.js';
import type { Id } from '../core/records.js';
import { checkWait, encodeAnnotation } from '../definition/annotations.js';
import { checkAnnotationName } from '../definition/names.js';
import type { WaitOptions } from '../worker/context.js';
import type { Client } from './client.js';

/**
 * The annotations of a job: named values that the job and the holders of its handles can write.
 * They are visible at once on both sides, and stored with the job.
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
   * Sets an annotation: visible at once to the job and to all its handles, and stored with the job.
   * At most 64 KiB.
   */
  async set(name: string, value: unknown): Promise<void> {
    const encoded = encodeAnnotation(name, value, this.#client.encoding().reference);
    await this.#client.do({ type: 'annotate', job: this.#id, name, value: encoded });
  }

  async delete(name: string): Promise<void> {
    checkAnnotationName(name);
    await this.#client.do({ type: 'annotate', job: this.#id, name, value: null });
  }

  /** Returns the value of an annotation; `undefined` if it is not set. */
  async get(name: string): Promise<unknown> {
    return (await this.all())[name];
  }

  /** Returns all annotations of the job, by name. */
  async all(): Promise<Readonly<Record<string, unknown>>> {
    const found = (await this.#client.ask({ type: 'annotations', job: this.#id })) as Record<string, Uint8Array>;
    return decodeAnnotations(found, this.#client);
  }

  /**
   * Waits until the annotation is set, and returns its value; after `timeoutMs` milliseconds, the
   * default.
   */
  async waitFor<Value = unknown>(name: string, options: WaitOptions<Value>): Promise<Value | undefined> {
    checkWait(name, options);
    const { timeoutMs, default: fallback } = options;
    const bytes = (await this.#client.link.request(['annotation', this.#id, name, timeoutMs])) as Uint8Array | null;
    return bytes === null ? fallback : (decodePayload(bytes, this.#client.references()) as Value);
  }
}

/** Decodes annotations, in an object without a prototype: any text may be a name. */
export function decodeAnnotations(
  found: Readonly<Record<string, Uint8Array>>,
  client: Client,
): Readonly<Record<string, unknown>> {
  const references = client.references();
  const entries = Object.entries(found).map(([name, bytes]) => [name, decodePayload(bytes, references)] as const);
  return Object.assign(Object.create(null) as Record<string, unknown>, Object.fromEntries(entries));
}
